"""One level of one network, and figures that cannot be estimated."""

import json

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.calibration import cross_fit_recalibration
from core.evaluation.intervals import Bootstrap
from core.evaluation.levels import Rows, make_empty_level, measure_level, select_rows
from core.evaluation.measures import list_keys
from core.evaluation.utility import decision_curve
from tests.builders import sum_odds


def measure(y_true, y_score, groups, threshold=0.5, n_resamples=200):
    """Return the level of these scores, not recalibrated, with one rule."""
    positive, scores = np.asarray(y_true) == 1, np.asarray(y_score, float)
    rows = Rows(positive, scores, scores, groups, scores)
    bootstrap = Bootstrap.over(groups, positive.size, n_resamples=n_resamples)
    level, _ = measure_level(rows, {"youden": threshold}, "youden", bootstrap)
    json.dumps(level, allow_nan=False)
    return level


def table(n_patients=30, folds=3, seed=0):
    """Return test rows, 6 slices a patient."""
    rng = np.random.default_rng(seed)
    patient = np.repeat(np.arange(n_patients), 6)
    label = ((patient % 2 == 0) & (rng.random(patient.size) < 0.6)).astype(int)
    score = 1 / (1 + np.exp(-rng.normal(2 * label - 1, 1.5)))
    columns = {"patient": patient.astype(str), "label": label, "fold": patient // 2 % folds, "keras": score}
    return pd.DataFrame(columns)


def test_two_patients_have_values_without_intervals():
    """With fewer than three patients, there are values, but intervals are null with a reason."""
    found = measure([0, 1, 0, 1], [0.1, 0.9, 0.2, 0.3], np.array(["a", "a", "b", "b"]))
    reason = "an interval needs at least 3 patients; there are 2"
    assert {"value": 0.75, "interval": None, "reason": reason} == found["accuracy"]
    for figure in ("auroc", "average_precision", "brier", "calibration_error"):
        assert found[figure]["value"] is not None
        assert (None, reason) == (found[figure]["interval"], found[figure]["reason"])
    assert {None} == {*found["decision_curve"]["low"], *found["decision_curve"]["high"]}


def test_one_class_has_no_ranking():
    """With negatives only, specificity and Brier score have values, other figures a reason."""
    rng = np.random.default_rng(0)
    found = measure([0] * 60, rng.random(60), np.repeat(np.arange(6), 10))
    assert found["specificity"]["interval"] is not None
    assert found["brier"]["interval"] is not None
    for figure in ("recall", "f1", "balanced_accuracy", "likelihood_ratio_negative"):
        assert {"value": None, "interval": None, "reason": "there are no positives"} == found[figure]
    for figure in ("auroc", "average_precision", "calibration_slope", "calibration_intercept"):
        assert found[figure]["value"] is None
        assert "needs both classes" in found[figure]["reason"]


def test_equal_scores_have_no_calibration_line():
    """If all scores are equal, AUROC is 0.5; its interval and the calibration line are missing."""
    found = measure([0, 1] * 30, [0.3] * 60, np.repeat(np.arange(6), 10))
    assert 0.5 == found["auroc"]["value"]
    assert found["auroc"]["interval"] is None
    assert found["calibration_slope"]["value"] is None
    assert "are equal" in found["calibration_slope"]["reason"]


def test_one_positive_patient_has_no_interval_of_recall():
    """If a third of the resamples lacks the only positive patient, there is no interval."""
    y_true = [0] * 45 + [0, 1, 1, 0, 1]
    scores = np.random.default_rng(0).random(50)
    found = measure(y_true, scores, np.repeat(np.arange(10), 5), n_resamples=500)
    assert found["auroc"]["value"] is not None
    assert found["auroc"]["interval"] is None
    assert "of 500 resamples" in found["auroc"]["reason"]
    assert found["accuracy"]["interval"] is not None


def test_a_perfect_score_has_no_interval():
    """If all calls are right in every resample, the value is 1 without an interval."""
    y_true = np.tile([0, 1], 20)
    found = measure(y_true, y_true * 0.8 + 0.1, np.repeat(np.arange(10), 4))
    assert 1.0 == found["auroc"]["value"]
    assert found["auroc"]["interval"] is None
    assert "uncertainty is unknown" in found["auroc"]["reason"]
    assert "separate" in found["calibration_slope"]["reason"]


def test_scores_outside_0_and_1_have_no_calibration():
    """Scores above 1 are ranked; calibration figures and decision curve are null with a reason."""
    rng = np.random.default_rng(1)
    y_true = rng.integers(0, 2, 60)
    found = measure(y_true, y_true + rng.normal(size=60), np.repeat(np.arange(12), 5))
    assert found["auroc"]["interval"] is not None
    for figure in list_keys("calibration"):
        assert "between 0 and 1" in found[figure]["reason"]
    assert "between 0 and 1" in found["decision_curve"]["reason"]


def test_slices_are_measured_on_their_score():
    """A slice's probability is its calibrated score; its raw score is available too."""
    raw = table()
    rows = select_rows(raw, raw.assign(keras=raw["keras"] / 2), "keras", "slice")
    np.testing.assert_array_equal(raw["keras"], rows.raw)
    np.testing.assert_array_equal(raw["keras"] / 2, rows.score)
    assert rows.score is rows.probability
    assert "no calibration" in rows.fits["reason"]


def test_patients_are_recalibrated_across_folds():
    """A patient's score is not changed; its probability is fitted on the patients of the other folds."""
    raw = table()
    rows = select_rows(raw, raw, "keras", "patient")
    by_patient = raw.groupby("patient").agg({"label": "max", "fold": "first", "keras": sum_odds})
    expected, _ = cross_fit_recalibration(
        by_patient["label"], by_patient["keras"], by_patient["fold"], with_intercept=True
    )
    np.testing.assert_allclose(by_patient["keras"], rows.score)
    np.testing.assert_allclose(expected, rows.probability)
    assert [0, 1, 2] == [fit["fold"] for fit in rows.fits["folds"]]
    level, _ = measure_level(rows, {}, "youden", Bootstrap.over(rows.groups, 30, n_resamples=50))
    benefit = decision_curve(rows.y_true, rows.probability).net_benefit
    np.testing.assert_allclose(benefit, level["decision_curve"]["net_benefit"])
    assert level["calibration"]["after"]["brier"] == level["brier"]


@pytest.mark.parametrize("folds", ["one", "mixed"])
def test_patients_without_other_folds_have_no_probability(folds):
    """With one fold, or patients in several folds, calibration figures are null."""
    raw = table()
    raw["fold"] = 0 if folds == "one" else np.arange(len(raw)) % 3
    rows = select_rows(raw, raw, "keras", "patient")
    level, _ = measure_level(rows, {"youden": 0.5}, "youden", Bootstrap.over(rows.groups, 30, n_resamples=50))
    word = "at least two folds" if folds == "one" else "one fold only"
    for part in (level["calibration"]["after"], level["decision_curve"], level["brier"]):
        assert word in part["reason"]
    assert level["auroc"]["interval"] is not None
    assert level["calibration"]["before"]["brier"]["value"] is not None
    assert [] == level["calibration"]["reliability"]["after"]


def test_unknown_patients_have_no_patient_level():
    """If patients are unknown, level "patient" is refused."""
    raw = table().assign(patient="")
    with pytest.raises(EvaluationError, match="patients are unknown"):
        select_rows(raw, raw, "keras", "patient")


def test_an_empty_level_has_every_key():
    """A level without figures has the keys of a measured one, and the reason."""
    rows = table()
    measured = measure(rows["label"], rows["keras"], rows["patient"].to_numpy())
    found = make_empty_level("because")
    assert {*measured, "reason"} == set(found)
    assert all({"value": None, "interval": None, "reason": "because"} == found[name] for name in list_keys())
