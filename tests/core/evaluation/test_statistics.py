"""Metrics of weighted patients, checked against a plain loop with scikit-learn."""

import numpy as np
import pytest
import sklearn.metrics as reference

from core.evaluation.intervals import bootstrap_weights, encode_groups, resample
from core.evaluation.points import rate_statistic
from core.evaluation.statistics import ranking_statistic
from tests.core.evaluation.paired import difference

N_PATIENTS = 12


def plain_loop(y_true, y_score, threshold, weights, codes):
    """Return every metric of every resample, computed by scikit-learn with sample_weight."""
    rows = []
    for counts in weights:
        w, called = counts[codes], y_score >= threshold
        options = {"sample_weight": w, "zero_division": np.nan}
        ratios = reference.class_likelihood_ratios(y_true, called, sample_weight=w)
        rows.append(
            {
                "accuracy": reference.accuracy_score(y_true, called, sample_weight=w),
                "balanced_accuracy": reference.balanced_accuracy_score(y_true, called, sample_weight=w),
                "npv": reference.precision_score(y_true, called, pos_label=0, **options),
                "precision": reference.precision_score(y_true, called, **options),
                "recall": reference.recall_score(y_true, called, **options),
                "specificity": reference.recall_score(y_true, called, pos_label=0, **options),
                "f1": reference.f1_score(y_true, called, **options),
                "likelihood_ratio_positive": ratios[0],
                "likelihood_ratio_negative": ratios[1],
                "auroc": reference.roc_auc_score(y_true, y_score, sample_weight=w),
                "average_precision": reference.average_precision_score(y_true, y_score, sample_weight=w),
            }
        )
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def study(decimals, n_patients=N_PATIENTS):
    """Return slices of patients of different sizes, with rounded scores, so that some or most are tied."""
    rng = np.random.default_rng(11)
    patients = np.repeat([f"p{i}" for i in range(n_patients)], rng.integers(8, 30, n_patients))
    y_true = (rng.random(patients.size) < 0.3).astype(int)
    y_score = np.round(1 / (1 + np.exp(-rng.normal(1.2 * y_true - 1))), decimals)
    return y_true, y_score, patients


@pytest.mark.parametrize("decimals", [9, 2, 1])
def test_equals_a_plain_loop_with_sklearn(decimals):
    """All eleven metrics of 100 resamples agree with the loop, with few, many and mostly tied scores."""
    y_true, y_score, patients = study(decimals)
    statistics = [
        rate_statistic(y_true, y_score, 0.4, patients),
        ranking_statistic(y_true, y_score, patients),
    ]
    found = resample(statistics, N_PATIENTS, n_resamples=100, seed=7)
    weights = np.concatenate(list(bootstrap_weights(N_PATIENTS, 100, seed=7)))
    expected = plain_loop(y_true, y_score, 0.4, weights, encode_groups(patients)[0])
    assert expected.keys() == found.keys()
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values, atol=2e-6, err_msg=name)


def test_weight_two_equals_repeated_rows():
    """Weight 2 for a patient gives the same metrics as repeating its slices."""
    y_true, y_score, patients = study(1)
    twice = np.repeat(np.arange(y_true.size), np.where(patients == "p3", 2, 1))
    weights = np.where(np.unique(patients) == "p3", 2, 1)[None].astype(np.float32)
    found = ranking_statistic(y_true, y_score, patients)(weights)
    assert pytest.approx(reference.roc_auc_score(y_true[twice], y_score[twice])) == found["auroc"][0]


def test_resamples_of_one_class_have_no_value():
    """Resamples without positives or without negatives give NaN."""
    y_true, y_score, patients = [0, 0, 1, 1], [0.1, 0.2, 0.3, 0.4], ["a", "a", "b", "b"]
    weights = np.array([[2, 0], [0, 2], [1, 1]], np.float32)
    ranking = ranking_statistic(y_true, y_score, patients)(weights)
    np.testing.assert_array_equal([np.nan, np.nan, 1.0], ranking["auroc"])
    np.testing.assert_array_equal([np.nan, np.nan, 1.0], ranking["average_precision"])
    at_threshold = rate_statistic(y_true, y_score, 0.25, patients)(weights)
    np.testing.assert_array_equal([np.nan, 1.0, 1.0], at_threshold["recall"])
    np.testing.assert_array_equal([1.0, np.nan, 1.0], at_threshold["specificity"])


def test_difference_is_paired():
    """Two statistics use the same weights: a model minus itself is zero in every resample."""
    y_true, y_score, patients = study(9)
    one = ranking_statistic(y_true, y_score, patients)
    other = ranking_statistic(y_true, y_score**2 * np.where(y_true, 1, 0.9), patients)
    same = resample([difference(one, one)], N_PATIENTS, n_resamples=50)
    np.testing.assert_array_equal(np.zeros(50), same["auroc"])
    found = resample([difference(one, other)], N_PATIENTS, n_resamples=50)["auroc"]
    expected = (
        resample([one], N_PATIENTS, n_resamples=50)["auroc"]
        - resample([other], N_PATIENTS, n_resamples=50)["auroc"]
    )
    np.testing.assert_array_equal(expected, found)
    assert found.std() > 0
