"""Resampling of patients, percentile intervals and exact intervals."""

import numpy as np
import pytest
import scipy.stats
from statsmodels.stats.proportion import proportion_confint

from core.errors import EvaluationError
from core.evaluation.intervals import (
    Bootstrap,
    bootstrap_weights,
    clopper_pearson,
    percentile_band,
    percentile_interval,
    resample,
)
from core.evaluation.points import rate_statistic
from core.evaluation.statistics import ranking_statistic

N_PATIENTS = 12


def study(decimals, n_patients=N_PATIENTS):
    """Return slices of patients of different sizes, with rounded scores, so that some or most are tied."""
    rng = np.random.default_rng(11)
    patients = np.repeat([f"p{i}" for i in range(n_patients)], rng.integers(8, 30, n_patients))
    y_true = (rng.random(patients.size) < 0.3).astype(int)
    y_score = np.round(1 / (1 + np.exp(-rng.normal(1.2 * y_true - 1))), decimals)
    return y_true, y_score, patients


def test_weights_are_samples_with_replacement():
    """Each row sums to the number of patients, and the mean weight of every patient is one."""
    weights = np.concatenate(list(bootstrap_weights(20, 3000, seed=1)))
    assert (3000, 20) == weights.shape
    assert {20.0} == set(weights.sum(axis=1))
    np.testing.assert_allclose(np.ones(20), weights.mean(axis=0), atol=0.08)
    np.testing.assert_allclose(np.full(20, 0.95), weights.var(axis=0), atol=0.12)


def test_same_seed_same_resamples():
    """The seed determines the resamples; a longer run starts with those of a shorter one."""
    y_true, y_score, patients = study(9)
    statistic = ranking_statistic(y_true, y_score, patients)
    short, long, other = (
        resample([statistic], N_PATIENTS, n_resamples=n, seed=seed)["auroc"]
        for n, seed in ((600, 0), (1300, 0), (600, 1))
    )
    np.testing.assert_array_equal(short, long[:600])
    assert not np.array_equal(short, other)


def test_agrees_with_scipy_when_slices_are_the_unit():
    """Over slices, the interval of accuracy is that of scipy.stats.bootstrap, up to resampling noise."""
    y_true, y_score, _ = study(9)
    units = np.arange(y_true.size)
    values = resample([rate_statistic(y_true, y_score, 0.4, units)], y_true.size, n_resamples=4000)[
        "accuracy"
    ]
    found = percentile_interval(values, n_groups=y_true.size)
    right = (y_true == (y_score >= 0.4)).astype(float)
    expected = scipy.stats.bootstrap(
        (right,), np.mean, n_resamples=4000, method="percentile", rng=0
    ).confidence_interval
    assert pytest.approx([expected.low, expected.high], abs=0.01) == found.to_list()


def test_correlated_slices_widen_the_interval():
    """With identical slices of each patient, the interval over patients is wider than that over slices."""
    rng = np.random.default_rng(0)
    right = np.repeat(rng.random(30) < 0.7, 20).astype(int)
    patients = np.repeat(np.arange(30), 20)
    widths = []
    for groups in (patients, np.arange(600)):
        statistic = rate_statistic(right, np.ones(600), 0.5, groups)
        values = resample([statistic], len(np.unique(groups)), n_resamples=2000)["accuracy"]
        low, high = percentile_interval(values, n_groups=30).to_list()
        widths.append(high - low)
    assert pytest.approx(np.sqrt(20), rel=0.1) == widths[0] / widths[1]


def test_percentiles_are_numpys():
    """The interval is the 2.5th to 97.5th percentile; up to 5 % undefined resamples are ignored."""
    values = np.random.default_rng(2).random(1000)
    values[:50] = np.nan
    expected = np.nanquantile(values, [0.025, 0.975]).tolist()
    assert expected == percentile_interval(values, n_groups=10).to_list()


@pytest.mark.parametrize(
    ("values", "n_groups", "reason"),
    [
        (np.linspace(0, 1, 100), 2, "at least 3 patients; there are 2"),
        (np.append(np.linspace(0, 1, 94), [np.nan] * 6), 10, "undefined in 6 of 100 resamples"),
        (np.ones(100), 10, "the same value in every resample"),
        ([], 10, "undefined in 0 of 0 resamples"),
    ],
)
def test_a_missing_interval_has_a_reason(values, n_groups, reason):
    """With too few patients, too many undefined resamples or no spread, there is a reason instead."""
    found = percentile_interval(values, n_groups=n_groups)
    assert found.to_list() is None
    assert reason in found.reason


def test_no_groups_or_no_resamples_are_refused():
    """At least one group and one resample are needed."""
    for n_groups, n_resamples in ((0, 10), (10, 0)):
        with pytest.raises(EvaluationError, match="needs groups and resamples"):
            resample([], n_groups, n_resamples=n_resamples)


def test_clopper_pearson_equals_statsmodels():
    """The exact interval is that of statsmodels for every outcome, and NaN for no trials."""
    for n in (1, 7, 40):
        successes = np.arange(n + 1)
        low, high = clopper_pearson(successes, n)
        expected = proportion_confint(successes, n, method="beta")
        np.testing.assert_allclose(expected[0], low, atol=1e-12)
        np.testing.assert_allclose(expected[1], high, atol=1e-12)
    assert np.isnan(clopper_pearson([0], [0])).all()


def test_a_band_is_an_interval_at_each_point():
    """A band is the interval at each point, and NaN where there is none."""
    values = np.random.default_rng(0).random((200, 3)) * [1, 10, 0]
    low, high = percentile_band(values, n_groups=5)
    expected = percentile_interval(values[:, 1], n_groups=5).to_list()
    assert expected == [low[1], high[1]]
    assert [False, False, True] == np.isnan(low).tolist()


def test_a_bootstrap_equals_resample():
    """Its values are those of `resample` with the same groups, number and seed, at every call."""
    y_true, y_score, patients = study(9)
    statistic = ranking_statistic(y_true, y_score, patients)
    expected = resample([statistic], N_PATIENTS, n_resamples=300, seed=5)["auroc"]
    bootstrap = Bootstrap.over(patients, y_true.size, n_resamples=300, seed=5)
    for _ in range(2):
        np.testing.assert_array_equal(expected, bootstrap.run(statistic)["auroc"])
    assert (N_PATIENTS, "patients") == (bootstrap.n_groups, bootstrap.unit)


def test_a_bootstrap_of_very_many_groups_does_not_cache():
    """Too many weights to cache are sampled again each time, with the same result."""
    rows = np.arange(5000)
    bootstrap = Bootstrap.over(None, 5000, n_resamples=900)
    statistic = rate_statistic(rows % 2, rows % 3 / 2, 0.5, bootstrap.codes)
    first, again = (bootstrap.run(statistic)["accuracy"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert "slices" == bootstrap.unit
    assert "_cached_weights" not in vars(bootstrap)


@pytest.mark.parametrize("value", [None, np.nan])
def test_a_figure_without_a_value_has_its_reason(value):
    """A value that is None or NaN is null, even with resampled values."""
    bootstrap = Bootstrap.over(["a", "b", "c"], 3)
    expected = {"value": None, "interval": None, "reason": "why"}
    assert expected == bootstrap.figure(value, np.linspace(0, 1, 50), "why")


def test_a_bootstrap_without_rows():
    """Without rows there are no resampled values, and a value has no interval."""
    bootstrap = Bootstrap.over(None, 0)
    assert {} == bootstrap.run(rate_statistic([], [], 0.5, []))
    assert "nothing to resample" in bootstrap.figure(0.5, None)["reason"]
