"""The table of metrics."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from core.evaluation.measures import MEASURES, list_keys, list_measures


def test_every_row_can_be_computed() -> None:
    """A rate has a function of counts; any other metric has a function of scores and a statistic."""
    for key, one in MEASURES.items():
        assert key == one.key
        assert (one.kind == "rate") == (one.of_counts is not None)
        assert (one.kind != "rate") == (one.of_scores is not None) == (one.statistic is not None)


def test_labels_and_titles_are_unique() -> None:
    """No two metrics have the same label or the same title."""
    assert len(MEASURES) == len({one.label for one in MEASURES.values()})
    assert len(MEASURES) == len({one.title for one in MEASURES.values()})


def test_every_metric_is_listed_under_its_kind() -> None:
    """The lists of the three kinds hold each metric once."""
    listed = [one.key for kind in ("rate", "ranking", "calibration") for one in list_measures(kind)]
    assert sorted(MEASURES) == sorted(listed)
    assert tuple(MEASURES) == list_keys()


def test_values_are_those_of_scikit_learn() -> None:
    """The functions of the table give scikit-learn's values."""
    rng = np.random.default_rng(0)
    y_true = rng.integers(0, 2, 200)
    y_score = np.clip(0.3 * y_true + 0.7 * rng.random(200), 0, 1)
    y_pred = y_score >= 0.5
    counts = [np.array(((y_true == real) & (y_pred == called)).sum()) for real in (0, 1) for called in (0, 1)]
    found = MEASURES["balanced_accuracy"].of_counts(*counts)
    assert pytest.approx(balanced_accuracy_score(y_true, y_pred)) == float(found)
    assert pytest.approx(roc_auc_score(y_true, y_score)) == MEASURES["auroc"].of_scores(y_true, y_score)
    assert pytest.approx(brier_score_loss(y_true, y_score)) == MEASURES["brier"].of_scores(y_true, y_score)
