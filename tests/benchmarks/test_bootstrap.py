"""The vectorised bootstrap over patients beside a plain loop over scikit-learn and statsmodels."""

from time import perf_counter

import numpy as np
import pandas as pd
import sklearn.metrics as reference
import statsmodels.api as sm

from core.evaluation.calibration import calibration_statistic, logit
from core.evaluation.intervals import (
    bootstrap_weights,
    encode_groups,
    resample,
)
from core.evaluation.measures import list_keys
from core.evaluation.operating_points import operating_points_of
from core.evaluation.points import rate_statistic
from core.evaluation.recalibration import fit_calibrations, recalibrate
from core.evaluation.statistics import ranking_statistic
from core.evaluation.summary import from_predictions
from core.evaluation.utility import THRESHOLDS, net_benefit_statistic

N_PATIENTS, N_SLICES, THRESHOLD = 82, 2501, 0.4
N_RESAMPLES, N_PLAIN = 10_000, 20
N_RESAMPLES_QUICK, N_PLAIN_QUICK = 200, 2


def study():
    """As many slices, patients and positives as the data set has."""
    rng = np.random.default_rng(0)
    patients = np.sort(np.append(rng.integers(0, N_PATIENTS, N_SLICES - N_PATIENTS), np.arange(N_PATIENTS)))
    y_true = ((patients < 36) & (rng.random(N_SLICES) < 0.3)).astype(int)
    return y_true, 1 / (1 + np.exp(-rng.normal(1.5 * y_true - 1))), patients


def plain_point(y_true, y_score, weights, threshold):
    """The nine rates of one resample at a threshold, by scikit-learn."""
    called, w = y_score >= threshold, {"sample_weight": weights}
    ratios = reference.class_likelihood_ratios(y_true, called, **w)
    return [
        reference.accuracy_score(y_true, called, **w),
        reference.balanced_accuracy_score(y_true, called, **w),
        reference.precision_score(y_true, called, **w),
        reference.precision_score(y_true, called, pos_label=0, **w),
        reference.recall_score(y_true, called, **w),
        reference.recall_score(y_true, called, pos_label=0, **w),
        reference.f1_score(y_true, called, **w),
        ratios[0],
        ratios[1],
    ]


def plain_ranking(y_true, y_score, weights):
    """AUROC and average precision of one resample, by scikit-learn."""
    return [
        reference.roc_auc_score(y_true, y_score, sample_weight=weights),
        reference.average_precision_score(y_true, y_score, sample_weight=weights),
    ]


def plain_calibration(y_true, y_score, weights):
    """Brier score, calibration error, slope and intercept of one resample."""
    x, binomial = logit(y_score), sm.families.Binomial()
    gaps = np.bincount(np.minimum(y_score * 10, 9).astype(int), weights * (y_score - y_true), 10)
    free = sm.GLM(y_true, sm.add_constant(x), family=binomial, freq_weights=weights).fit()
    held = sm.GLM(y_true, np.ones((x.size, 1)), family=binomial, freq_weights=weights, offset=x).fit()
    return [
        reference.brier_score_loss(y_true, y_score, sample_weight=weights),
        np.abs(gaps).sum() / weights.sum(),
        free.params[1],
        held.params[0],
    ]


def plain_benefit(y_true, y_score, weights):
    """The decision curve of one resample."""
    called = y_score[:, None] >= THRESHOLDS
    gain = weights @ (called & (y_true[:, None] == 1)) - (
        weights @ (called & (y_true[:, None] == 0))
    ) * THRESHOLDS / (1 - THRESHOLDS)
    return gain / weights.sum()


def plain_resample(y_true, y_score, weights):
    """The figures of one resample of one level of one model: rates, ranking, calibration, decision curve."""
    return [
        *plain_point(y_true, y_score, weights, THRESHOLD),
        *plain_ranking(y_true, y_score, weights),
        *plain_calibration(y_true, y_score, weights),
        *plain_benefit(y_true, y_score, weights),
    ]


def test_vectorised_bootstrap_against_a_plain_loop(quick, record_property, capsys):
    """Per resample, the vectorised bootstrap is at least 20 times as fast as the loop, and says the same."""
    y_true, y_score, patients = study()
    n_resamples, n_plain = (N_RESAMPLES_QUICK, N_PLAIN_QUICK) if quick else (N_RESAMPLES, N_PLAIN)

    start = perf_counter()
    statistics = [
        rate_statistic(y_true, y_score, THRESHOLD, patients),
        ranking_statistic(y_true, y_score, patients),
        calibration_statistic(y_true, y_score, patients),
        net_benefit_statistic(y_true, y_score, patients),
    ]
    found = resample(statistics, N_PATIENTS, n_resamples=n_resamples)
    vectorised_s = (perf_counter() - start) / n_resamples

    codes, _ = encode_groups(patients)
    first = next(bootstrap_weights(N_PATIENTS, n_plain))
    start = perf_counter()
    expected = [plain_resample(y_true, y_score, drawn[codes]) for drawn in first]
    plain_s = (perf_counter() - start) / n_plain

    columns = [np.reshape(values[:n_plain], (n_plain, -1)) for values in found.values()]
    np.testing.assert_allclose(np.concatenate(columns, axis=1), expected, atol=1e-4)
    ratio = plain_s / vectorised_s
    record_property("ratio", ratio)
    with capsys.disabled():
        print(
            f"\nbootstrap of {N_SLICES:,} slices, per resample: plain {plain_s * 1e3:.2f} ms, "
            f"vectorised {vectorised_s * 1e3:.4f} ms, ratio {ratio:.0f}"
            f" ({n_resamples:,} resamples in {vectorised_s * n_resamples:.2f} s)"
        )
    assert quick or ratio >= 20


def predictions():
    """Test and validation rows of the study in five folds, scored by two frameworks."""
    y_true, y_score, patients = study()
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"patient": patients.astype(str), "label": y_true, "fold": patients % 5})
    table["pytorch"] = y_score
    table["keras"] = 1 / (1 + np.exp(-logit(y_score) - rng.normal(0, 0.5, N_SLICES)))
    return pd.concat([table.assign(part="test"), table.assign(part="validation")], ignore_index=True)


def test_the_whole_record_against_a_plain_loop(quick, record_property, capsys):
    """The whole record of two models, slices and patients, takes a hundredth of the loop over slices at most.

    The loop is that of one resample of both models' slices: rates at four operating points, ranking and
    calibration before and after, decision curve; patients, review bands and comparison come on top.
    """
    n_resamples = N_RESAMPLES_QUICK if quick else N_RESAMPLES
    table = predictions()
    calibrations = fit_calibrations(table, ("pytorch", "keras"))
    calibrated = recalibrate(table, calibrations)
    points = operating_points_of(calibrated, ("pytorch", "keras"))

    options = {"calibrations": calibrations}
    from_predictions(table, ("pytorch", "keras"), points, **options, n_resamples=10)  # loads the libraries
    start = perf_counter()
    record = from_predictions(table, ("pytorch", "keras"), points, **options, n_resamples=n_resamples)
    whole_s = perf_counter() - start
    slices = [model["slice"] for model in record["models"].values()]
    assert all(level[name]["interval"] for level in slices for name in list_keys())

    raw, test = (part[part["part"] == "test"] for part in (table, calibrated))
    codes, _ = encode_groups(test["patient"])
    weights = next(bootstrap_weights(N_PATIENTS, 1))[0][codes]
    y_true = test["label"].to_numpy()
    start = perf_counter()
    for framework in ("pytorch", "keras"):
        before, after = raw[framework].to_numpy(), test[framework].to_numpy()
        for threshold in points[framework]["slice"].values():
            plain_point(y_true, after, weights, threshold)
        for scores in (before, after):
            plain_ranking(y_true, scores, weights)
            plain_calibration(y_true, scores, weights)
        plain_benefit(y_true, after, weights)
    plain_s = (perf_counter() - start) * n_resamples

    ratio = plain_s / whole_s
    record_property("ratio", ratio)
    with capsys.disabled():
        print(
            f"\nwhole record with {n_resamples:,} resamples: plain {plain_s:.0f} s (of slices alone), "
            f"vectorised {whole_s:.2f} s, ratio {ratio:.0f}"
        )
    assert quick or ratio >= 100
