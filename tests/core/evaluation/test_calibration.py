"""Calibration figures, against scikit-learn, statsmodels and scipy."""

import numpy as np
import pytest
import scipy.optimize
import sklearn.calibration
import sklearn.metrics as reference
import statsmodels.api as sm

from core.errors import EvaluationError
from core.evaluation.calibration import (
    Recalibration,
    brier,
    calibration_error,
    calibration_line,
    calibration_statistic,
    cross_fit_recalibration,
    fit_recalibration,
    logit,
    reliability_diagram,
)
from core.evaluation.intervals import bootstrap_weights, clopper_pearson, encode_groups


def overconfident(n=3000, seed=0):
    """Return labels and overconfident probabilities: logits doubled and shifted by one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 1, n)
    y_true = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    return y_true, 1 / (1 + np.exp(-(2 * x + 1)))


def test_brier_equals_sklearn():
    """The Brier score is scikit-learn's."""
    assert pytest.approx(reference.brier_score_loss(*overconfident())) == brier(*overconfident())


def test_calibration_error_equals_a_plain_loop():
    """ECE is the mean over ten bins, weighted by size, of the gap between share and mean probability."""
    y_true, y_prob = overconfident()
    expected = 0.0
    for k in range(10):
        inside = (y_prob >= k / 10) & (y_prob < (k + 1) / 10)
        expected += inside.mean() * abs(y_true[inside].mean() - y_prob[inside].mean())
    assert pytest.approx(expected) == calibration_error(y_true, y_prob)


def test_calibration_error_of_the_ends():
    """Probabilities 0 and 1 belong to the first and the last bin."""
    assert 0.0 == calibration_error([0, 1], [0.0, 1.0])
    assert 1.0 == calibration_error([1, 0], [0.0, 1.0])


def test_line_equals_statsmodels():
    """Slope and both intercepts are those of binomial GLMs on the logit."""
    y_true, y_prob = overconfident()
    x = logit(y_prob)
    binomial = sm.families.Binomial()
    both = sm.GLM(y_true, sm.add_constant(x), family=binomial).fit().params
    fixed = sm.GLM(y_true, np.ones((x.size, 1)), family=binomial, offset=x).fit().params
    line = calibration_line(y_true, y_prob)
    assert pytest.approx([*both, *fixed], abs=1e-6) == [line.joint_intercept, line.slope, line.intercept]
    assert pytest.approx(0.5, abs=0.06) == line.slope


@pytest.mark.parametrize(
    ("y_true", "y_prob", "words"),
    [
        ([0, 0], [0.1, 0.2], "both classes"),
        ([0, 1], [0.4, 0.4], "all probabilities are equal"),
        ([0, 1], [0.2, 0.4], "separate"),
        ([0, 1], [0.2, 1.4], "between 0 and 1"),
        ([0, 1], [0.2, np.nan], "NaN"),
        ([], [], "at least one"),
    ],
)
def test_a_missing_line_is_an_error(y_true, y_prob, words):
    """One class, equal or separating probabilities, or no rows raise an error with the reason."""
    with pytest.raises(EvaluationError, match=words):
        calibration_line(y_true, y_prob)


@pytest.mark.parametrize(("bins", "strategy"), [("width", "uniform"), ("count", "quantile")])
def test_reliability_equals_sklearn(bins, strategy):
    """Points are those of scikit-learn's calibration_curve; intervals are exact; all rows are counted."""
    y_true, y_prob = overconfident()
    diagram = reliability_diagram(y_true, y_prob, bins=bins)
    observed, mean = sklearn.calibration.calibration_curve(y_true, y_prob, n_bins=10, strategy=strategy)
    np.testing.assert_allclose(observed, diagram.observed)
    np.testing.assert_allclose(mean, diagram.mean_probability)
    assert (3000, y_true.sum()) == (diagram.counts.sum(), diagram.positives.sum())
    low, high = clopper_pearson(diagram.positives, diagram.counts)
    np.testing.assert_array_equal([low, high], [diagram.low, diagram.high])
    assert np.all((diagram.edges[:, 0] <= mean) & (mean <= diagram.edges[:, 1]))


def test_empty_bins_are_omitted():
    """Only bins with slices are points, with their edges."""
    diagram = reliability_diagram([0, 1], [0.05, 0.95])
    np.testing.assert_allclose([[0.0, 0.1], [0.9, 1.0]], diagram.edges)


def test_a_probability_on_an_edge_belongs_above():
    """With two bins, 0.5 is in the upper one, for the diagram and the calibration error."""
    diagram = reliability_diagram([0, 1], [0.2, 0.5], n_bins=2)
    assert [1, 1] == diagram.counts.tolist()
    assert pytest.approx((0.2 + 0.5) / 2) == calibration_error([0, 1], [0.2, 0.5], n_bins=2)


def test_equal_probabilities_make_one_bin():
    """Equal probabilities in bins by count give one bin."""
    diagram = reliability_diagram([0, 1, 1], [0.5] * 3, bins="count")
    assert ([3], [2]) == (diagram.counts.tolist(), diagram.positives.tolist())


@pytest.mark.parametrize("options", [{"bins": "size"}, {"n_bins": 0}])
def test_unknown_bins_are_refused(options):
    """An unknown kind of bins, or fewer than one bin, is refused."""
    with pytest.raises(EvaluationError, match="bins must be"):
        reliability_diagram([0, 1], [0.1, 0.9], **options)


@pytest.mark.parametrize("with_intercept", [False, True])
def test_recalibration_minimises_the_log_loss(with_intercept):
    """Temperature, or slope and intercept, are those of a general minimiser of log loss."""
    y_true, y_prob = overconfident()
    fitted = fit_recalibration(y_true, y_prob, with_intercept=with_intercept)

    def loss(parameters):
        return reference.log_loss(y_true, Recalibration(*parameters).apply(y_prob))

    start = [1.0, 0.0] if with_intercept else [1.0]
    expected = scipy.optimize.minimize(
        loss, start, method="Nelder-Mead", options={"xatol": 1e-7, "fatol": 1e-12}
    )
    found = [fitted.slope, fitted.intercept] if with_intercept else [fitted.slope]
    np.testing.assert_allclose(expected.x, found, atol=1e-4)
    assert pytest.approx(1 / fitted.slope) == fitted.temperature


def test_recalibration_preserves_ranking_and_corrects_the_line():
    """AUROC is unchanged, the line has slope 1 and intercept 0, and the calibration error is lower."""
    y_true, y_prob = overconfident()
    after = fit_recalibration(y_true, y_prob, with_intercept=True).apply(y_prob)
    assert reference.roc_auc_score(y_true, y_prob) == reference.roc_auc_score(y_true, after)
    line = calibration_line(y_true, after)
    assert pytest.approx([1, 0, 0], abs=1e-5) == [line.slope, line.joint_intercept, line.intercept]
    assert calibration_error(y_true, after) < 0.05 < calibration_error(y_true, y_prob)


def test_saturated_probabilities_stay_finite():
    """Probabilities of exactly 0 and 1 are recalibrated to values between."""
    after = Recalibration(slope=0.5).apply([0.0, 1.0])
    assert 0 < after[0] < 0.01
    assert 0.99 < after[1] < 1


@pytest.mark.parametrize(
    ("y_true", "y_prob", "words"),
    [
        ([1, 1], [0.1, 0.2], "both classes"),
        ([0, 1], [0.2, 0.8], "separate"),
        ([0, 1, 1, 0, 1], [0.9, 0.1, 0.2, 0.8, 0.7], "fewer positives"),
    ],
)
def test_a_missing_recalibration_is_an_error(y_true, y_prob, words):
    """One class, perfect separation, or reversed probabilities raise an error with the reason."""
    with pytest.raises(EvaluationError, match=words):
        fit_recalibration(y_true, y_prob)


def test_cross_fitting_uses_the_other_folds_only():
    """A fold's recalibration is fitted on the others; changing its own labels does not change it."""
    y_true, y_prob = overconfident(900)
    folds = np.arange(900) % 3
    calibrated, fitted = cross_fit_recalibration(y_true, y_prob, folds)
    assert fit_recalibration(y_true[folds != 1], y_prob[folds != 1]) == fitted[1]
    np.testing.assert_array_equal(fitted[1].apply(y_prob[folds == 1]), calibrated[folds == 1])
    flipped = np.where((folds == 1) & (np.arange(900) < 200), 1 - y_true, y_true)
    again, _ = cross_fit_recalibration(flipped, y_prob, folds)
    np.testing.assert_array_equal(calibrated[folds == 1], again[folds == 1])
    assert not np.array_equal(calibrated[folds == 0], again[folds == 0])


def test_cross_fitting_one_fold_is_refused():
    """Cross-fitting needs at least two folds."""
    with pytest.raises(EvaluationError, match="at least two folds"):
        cross_fit_recalibration([0, 1], [0.1, 0.9], [0, 0])


def test_statistic_equals_the_figures_of_each_resample():
    """In every resample the four figures are those of slices repeated by their weights."""
    y_true, y_prob = overconfident(600)
    patients = np.arange(600) // 30
    weights = next(bootstrap_weights(20, 12))
    found = calibration_statistic(y_true, y_prob, patients)(weights)
    for row, resample in enumerate(weights):
        again = np.repeat(np.arange(600), resample[encode_groups(patients)[0]].astype(int))
        line = calibration_line(y_true[again], y_prob[again])
        expected = {
            "brier": brier(y_true[again], y_prob[again]),
            "calibration_error": calibration_error(y_true[again], y_prob[again]),
            "calibration_slope": line.slope,
            "calibration_intercept": line.intercept,
        }
        assert pytest.approx(expected, abs=1e-4) == {name: values[row] for name, values in found.items()}


def test_a_resample_without_a_line_has_the_other_figures():
    """A resample with one class has a Brier score but no slope."""
    statistic = calibration_statistic([0, 0, 0, 1], [0.1, 0.4, 0.3, 0.2], [0, 0, 1, 1])
    found = statistic(np.array([[2, 0]], np.float32))
    assert pytest.approx((0.01 + 0.16) / 2) == found["brier"][0]
    assert np.isnan(found["calibration_slope"][0])
