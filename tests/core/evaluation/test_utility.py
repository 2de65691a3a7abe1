"""Decision curves, checked against their definition."""

import numpy as np
import pytest

from core.errors import EvaluationError
from core.evaluation.intervals import percentile_band, resample
from core.evaluation.metrics import confusion_at
from core.evaluation.utility import THRESHOLDS, decision_curve, net_benefit_statistic


def scored(n=900):
    """Return perfectly calibrated data: labels sampled from their probabilities."""
    rng = np.random.default_rng(8)
    y_prob = np.round(rng.beta(1, 4, n), 2)
    return (rng.random(n) < y_prob).astype(int), y_prob


def test_net_benefit_equals_its_definition():
    """It is true positives minus weighted false positives, for the model and for acting on all."""
    y_true, y_prob = scored()
    curve = decision_curve(y_true, y_prob)
    for k in range(0, 99, 7):
        t = THRESHOLDS[k]
        table = confusion_at(y_true, y_prob, t)
        assert pytest.approx((table.tp - table.fp * t / (1 - t)) / 900) == curve.net_benefit[k]
        everyone = confusion_at(y_true, np.ones(900), t)
        assert pytest.approx((everyone.tp - everyone.fp * t / (1 - t)) / 900) == curve.act_on_all[k]


def test_published_example():
    """As in Vickers and Elkin, 18 TP and 30 FP of 100 rows at 20 % give 0.105."""
    y_true = np.repeat([1, 1, 0, 0], [18, 2, 30, 50])
    y_prob = np.repeat([0.5, 0.1, 0.5, 0.1], [18, 2, 30, 50])
    assert pytest.approx([0.105]) == decision_curve(y_true, y_prob, [0.2]).net_benefit


def test_a_calibrated_model_is_never_worse_than_all_or_none():
    """Calibrated probabilities are at least as good as both simple rules, up to noise."""
    y_true, y_prob = scored()
    curve = decision_curve(y_true, y_prob)
    best = np.maximum(curve.act_on_all, 0)
    assert np.all(curve.net_benefit[:50] >= best[:50] - 0.01)
    worse = decision_curve(y_true, 1 - y_prob)
    assert np.mean(worse.net_benefit < best) > 0.7


def test_bands_hold_the_curve():
    """The pointwise bands from resampled patients contain the curve."""
    y_true, y_prob = scored()
    patients = np.arange(900) // 30
    resampled = resample([net_benefit_statistic(y_true, y_prob, patients, [0.1, 0.4])], 30, n_resamples=400)
    curve = decision_curve(y_true, y_prob, [0.1, 0.4])
    low, high = percentile_band(resampled["net_benefit"], n_groups=30)
    assert np.all((low < curve.net_benefit) & (curve.net_benefit < high))


def test_weights_repeat_patients():
    """A patient of weight two counts as much as its slices repeated."""
    y_true, y_prob = scored(60)
    patients = np.arange(60) // 20
    found = net_benefit_statistic(y_true, y_prob, patients, [0.2])(np.array([[2, 0, 1]], np.float32))
    again = np.r_[0:20, 0:20, 40:60]
    assert (
        pytest.approx(decision_curve(y_true[again], y_prob[again], [0.2]).net_benefit)
        == found["net_benefit"][0]
    )


@pytest.mark.parametrize("thresholds", [[0.0], [1.0], [np.nan], [[0.5]]])
def test_impossible_thresholds_are_refused(thresholds):
    """Thresholds outside (0, 1) are refused; at 1, the weight would be infinite."""
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        decision_curve([0, 1], [0.1, 0.9], thresholds)


def test_scores_outside_0_and_1_are_refused():
    """A decision curve of logits is refused: it would be meaningless."""
    with pytest.raises(EvaluationError, match="between 0 and 1"):
        decision_curve([0, 1], [-1.0, 3.0])
