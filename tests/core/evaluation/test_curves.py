"""ROC and precision-recall curves, checked against scikit-learn and the decision rule."""

import numpy as np
import pytest
import sklearn.metrics as reference

from core.errors import EvaluationError
from core.evaluation.curves import auroc, average_precision, pr_curve, roc_curve
from core.evaluation.measures import measures_at


@pytest.fixture(params=["distinct", "tied"])
def scored(request):
    """Return 1,000 labels and scores: all different, or rounded so that many are tied."""
    rng = np.random.default_rng(5)
    y_true = (rng.random(1000) < 0.15).astype(int)
    y_score = 1 / (1 + np.exp(-rng.normal(1.5 * y_true - 1)))
    return y_true, y_score if request.param == "distinct" else np.round(y_score, 2)


def test_areas_equal_sklearn(scored):
    """AUROC and average precision are scikit-learn's, alone and on the curves."""
    expected = [reference.roc_auc_score(*scored), reference.average_precision_score(*scored)]
    assert pytest.approx(expected, abs=1e-12) == [auroc(*scored), average_precision(*scored)]
    assert pytest.approx(expected, abs=1e-12) == [
        roc_curve(*scored).auroc,
        pr_curve(*scored).average_precision,
    ]


def test_omitted_points_do_not_change_the_areas(scored):
    """There are fewer points than distinct scores, and the areas stay the same."""
    roc, pr = roc_curve(*scored), pr_curve(*scored)
    for curve in (roc, pr):
        assert len(np.unique(scored[1])) > len(curve.thresholds)
    area = np.sum(
        np.diff(roc.false_positive_rate) * (roc.true_positive_rate[1:] + roc.true_positive_rate[:-1])
    )
    assert pytest.approx(roc.auroc, abs=1e-12) == area / 2
    assert pytest.approx(pr.average_precision, abs=1e-12) == np.sum(np.diff(pr.recall) * pr.precision[1:])


def test_each_point_is_the_decision_rule_at_its_threshold(scored):
    """A point's rates are those of score >= its threshold; thresholds descend from infinity."""
    roc, pr = roc_curve(*scored), pr_curve(*scored)
    for curve in (roc, pr):
        assert np.isinf(curve.thresholds[0])
        assert np.all(np.diff(curve.thresholds) < 0)
    for k in range(1, len(roc.thresholds), 7):
        found = measures_at(*scored, roc.thresholds[k])
        assert pytest.approx(found["recall"]) == roc.true_positive_rate[k]
        assert pytest.approx(1 - found["specificity"]) == roc.false_positive_rate[k]
    for k in range(1, len(pr.thresholds), 7):
        found = measures_at(*scored, pr.thresholds[k])
        assert pytest.approx([found["recall"], found["precision"]]) == [pr.recall[k], pr.precision[k]]


def test_ends_of_the_curves(scored):
    """ROC runs from (0, 0) to (1, 1), precision-recall from recall 0 to 1, equal lengths throughout."""
    roc, pr = roc_curve(*scored), pr_curve(*scored)
    assert [0, 0, 1, 1] == [
        roc.false_positive_rate[0],
        roc.true_positive_rate[0],
        roc.false_positive_rate[-1],
        roc.true_positive_rate[-1],
    ]
    assert [0, 1, 1] == [pr.recall[0], pr.precision[0], pr.recall[-1]]
    assert len(pr.thresholds) == len(pr.recall) == len(pr.precision)
    assert len(roc.thresholds) == len(roc.true_positive_rate) == len(roc.false_positive_rate)


@pytest.mark.parametrize("function", [auroc, average_precision, roc_curve, pr_curve])
@pytest.mark.parametrize("y_true", [[0, 0, 0], [1, 1, 1], []])
def test_one_class_is_refused(function, y_true):
    """A curve of one class, or without rows, is refused."""
    with pytest.raises(EvaluationError, match="needs both classes"):
        function(y_true, np.linspace(0, 1, len(y_true)))


def test_equal_scores_are_chance():
    """If all scores are equal, AUROC is 0.5 and average precision the share of positives."""
    y_true = [0, 0, 0, 1]
    assert [0.5, 0.25] == [auroc(y_true, [0.3] * 4), average_precision(y_true, [0.3] * 4)]
