"""Comparison of two models, checked against statsmodels, a jackknife and published figures."""

import json

import numpy as np
import pytest
import sklearn.metrics as reference
from statsmodels.stats.contingency_tables import mcnemar as statsmodels_mcnemar

from core.errors import EvaluationError
from core.evaluation.comparison import compare_models, delong, disagreement_table, mcnemar
from core.evaluation.intervals import Bootstrap, resample
from core.evaluation.measures import list_keys
from core.evaluation.statistics import ranking_statistic
from tests.core.evaluation.paired import difference


def two_models(n=240, seed=0, decimals=9, n_patients=None):
    """Return labels, two correlated scores and patients; with `n_patients`, slices of a patient correlate."""
    rng = np.random.default_rng(seed)
    patients = np.arange(n) // (n // n_patients) if n_patients else np.arange(n)
    of_patient = rng.normal(size=patients.max() + 1)[patients] if n_patients else 0
    y_true = (rng.normal(size=n) + of_patient > 0.7).astype(int)
    common = rng.normal(size=n) + of_patient
    first, second = (common + 1.2 * y_true + rng.normal(size=n) for _ in range(2))
    return (
        y_true,
        *(np.round(1 / (1 + np.exp(-s)), decimals) for s in (first, second - 0.4 * y_true)),
        patients,
    )


def test_mcnemar_equals_statsmodels():
    """Counts and exact p-value are those of statsmodels on the 2x2 table of right calls."""
    y_true, first, second, _ = two_models()
    one, other = first >= 0.5, second >= 0.5
    table = [[np.sum(((one == y_true) == a) & ((other == y_true) == b)) for b in (1, 0)] for a in (1, 0)]
    found = mcnemar(y_true, one, other)
    assert (table[0][1], table[1][0]) == (found.only_first_right, found.only_second_right)
    assert pytest.approx(statsmodels_mcnemar(table, exact=True).pvalue) == found.p_value


def test_mcnemar_on_agrestis_ratings():
    """Agresti's approval ratings of the prime minister: 150 against 86 changes of opinion, p < 0.0001."""
    first = np.repeat([1, 1, 0, 0], [794, 150, 86, 570])
    second = np.repeat([1, 0, 1, 0], [794, 150, 86, 570])
    found = mcnemar(np.ones(1600, int), first, second)
    assert (150, 86) == (found.only_first_right, found.only_second_right)
    assert pytest.approx(3.7e-5, rel=0.02) == found.p_value


def test_mcnemar_without_any_difference():
    """Two models that are right on the same rows have p-value 1."""
    assert 1.0 == mcnemar([0, 1], [0, 1], [0, 1]).p_value


def test_disagreement_adds_up():
    """Each row is counted once, by its class and its pair of calls."""
    y_true, first, second, _ = two_models()
    one, other = first >= 0.5, second >= 0.5
    table = disagreement_table(y_true, one, other)
    assert y_true.sum() == sum(table["positives"].values())
    assert y_true.size == sum(sum(row.values()) for row in table.values())
    assert np.sum(one & ~other & (y_true == 0)) == table["negatives"]["only_first"]


@pytest.mark.parametrize("decimals", [9, 1])
def test_delong_equals_the_jackknife(decimals):
    """DeLong's variance is the jackknife's over positives and negatives, with and without ties."""
    y_true, first, second, _ = two_models(80, decimals=decimals)

    def gap(rows):
        areas = [reference.roc_auc_score(y_true[rows], score[rows]) for score in (first, second)]
        return areas[0] - areas[1]

    variance = 0.0
    for label in (0, 1):
        members = np.flatnonzero(y_true == label)
        without = [gap(np.delete(np.arange(80), row)) for row in members]
        variance += (len(members) - 1) * np.var(without)
    found = delong(y_true, first, second)
    assert pytest.approx(gap(np.arange(80))) == found.difference
    assert pytest.approx(np.sqrt(variance)) == found.standard_error
    assert pytest.approx(found.difference / np.sqrt(variance)) == found.z
    assert pytest.approx(2 * 1.959964 * found.standard_error, rel=1e-6) == np.diff(found.interval)[0]


def test_delong_equals_its_definition():
    """The standard error equals the published formula over all pairs of a positive and a negative."""
    y_true, first, second, _ = two_models(60, decimals=1)
    components = []
    for score in (first, second):
        pairs = score[y_true == 1][:, None] - score[y_true == 0][None]
        components.append((pairs > 0) + 0.5 * (pairs == 0))
    of_positives, of_negatives = ([c.mean(axis=axis) for c in components] for axis in (1, 0))
    covariance = np.cov(of_positives) / y_true.sum() + np.cov(of_negatives) / (60 - y_true.sum())
    contrast = np.array([1, -1])
    expected = np.sqrt(contrast @ covariance @ contrast)
    assert pytest.approx(expected) == delong(y_true, first, second).standard_error


def test_delong_by_patients_of_one_slice_is_delong():
    """Obuchowski's variance with one row per group is DeLong's."""
    y_true, first, second, rows = two_models()
    assert delong(y_true, first, second) == delong(y_true, first, second, groups=rows)


def test_delong_by_patients_agrees_with_the_bootstrap():
    """With correlated slices, Obuchowski's standard error is that of a bootstrap over patients."""
    y_true, first, second, patients = two_models(2400, n_patients=120)
    second = np.where(patients % 2, second, 1 - second)  # each patient favors one model throughout
    by_patient = delong(y_true, first, second, groups=patients)
    gap = difference(ranking_statistic(y_true, first, patients), ranking_statistic(y_true, second, patients))
    expected = resample([gap], 120, n_resamples=3000)["auroc"].std()
    assert pytest.approx(expected, rel=0.1) == by_patient.standard_error
    assert by_patient.standard_error > 1.5 * delong(y_true, first, second).standard_error


@pytest.mark.parametrize(
    ("y_true", "first", "second", "words"),
    [
        ([0, 0], [0.1, 0.2], [0.2, 0.3], "both classes"),
        ([0, 0, 1], [0.1, 0.2, 0.3], [0.2, 0.3, 0.1], "at least two independent positives and two negatives"),
        ([0, 0, 1, 1], [0.1, 0.3, 0.2, 0.4], [0.2, 0.6, 0.4, 0.8], "same ranking"),
        ([0, 1], [0.1, np.nan], [0.2, 0.3], "NaN"),
    ],
)
def test_a_missing_delong_test_is_an_error(y_true, first, second, words):
    """One class, a single positive, equal rankings and NaN raise an error with the reason."""
    with pytest.raises(EvaluationError, match=words):
        delong(y_true, first, second)


def test_the_comparison_holds_all_parts():
    """Differences are those of the figures, each within its interval; the result is plain JSON."""
    y_true, first, second, patients = two_models(600, n_patients=30)
    bootstrap = Bootstrap.over(patients, 600, n_resamples=400)
    found = compare_models(y_true, first, second, (0.5, 0.4), bootstrap)
    expected = reference.roc_auc_score(y_true, first) - reference.roc_auc_score(y_true, second)
    assert pytest.approx(expected) == found["differences"]["auroc"]["value"]
    expected = reference.recall_score(y_true, first >= 0.5) - reference.recall_score(y_true, second >= 0.4)
    assert pytest.approx(expected) == found["differences"]["recall"]["value"]
    assert set(list_keys("rate", "ranking")) == set(found["differences"])
    for figure in found["differences"].values():
        assert figure["interval"][0] < figure["value"] < figure["interval"][1]
    assert vars(mcnemar(y_true, first >= 0.5, second >= 0.4)) == found["mcnemar"]
    assert delong(y_true, first, second, groups=patients).p_value == found["delong_by_patient"]["p_value"]
    assert found == json.loads(json.dumps(found, allow_nan=False))


def test_differences_are_paired():
    """The interval of a difference is that of differences on the same resamples; given ones are used."""
    y_true, first, second, patients = two_models(600, n_patients=30)
    bootstrap = Bootstrap.over(patients, 600, n_resamples=400)
    found = compare_models(y_true, first, second, (0.5, 0.4), bootstrap)["differences"]["auroc"]
    gap = difference(ranking_statistic(y_true, first, patients), ranking_statistic(y_true, second, patients))
    expected = np.quantile(resample([gap], 30, n_resamples=400)["auroc"], [0.025, 0.975])
    np.testing.assert_allclose(expected, found["interval"])
    known = [dict.fromkeys(list_keys("rate", "ranking"), np.arange(400.0))] * 2
    again = compare_models(y_true, first, second, (0.5, 0.4), bootstrap, resampled=known)
    assert "same value in every resample" in again["differences"]["auroc"]["reason"]


def test_a_model_against_itself():
    """The difference is zero without an interval, and DeLong says why there is no test."""
    y_true, first, _, patients = two_models(600, n_patients=30)
    bootstrap = Bootstrap.over(patients, 600, n_resamples=50)
    found = compare_models(y_true, first, first, (0.5, 0.5), bootstrap)
    assert 0.0 == found["differences"]["auroc"]["value"]
    assert found["differences"]["auroc"]["interval"] is None
    assert found["delong"]["p_value"] is None
    assert "same ranking" in found["delong"]["reason"]


def test_a_comparison_without_positives():
    """Figures that need positives are null with a reason; so is the test by patients, if unknown."""
    rng = np.random.default_rng(0)
    bootstrap = Bootstrap.over(None, 50, n_resamples=100)
    found = compare_models([0] * 50, rng.random(50), rng.random(50), (0.5, 0.5), bootstrap)
    assert found["differences"]["specificity"]["interval"] is not None
    for figure in ("recall", "auroc", "average_precision"):
        assert found["differences"][figure]["value"] is None
        assert found["differences"][figure]["reason"]
    assert {"p_value": None, "reason": "patients are unknown"} == found["delong_by_patient"]
    json.dumps(found, allow_nan=False)


def test_without_an_operating_point_rankings_are_compared():
    """If a model has no threshold, decisions are not compared, but AUROC is."""
    y_true, first, second, patients = two_models(600, n_patients=30)
    bootstrap = Bootstrap.over(patients, 600, n_resamples=50)
    found = compare_models(y_true, first, second, (0.5, None), bootstrap)
    reason = "no operating point was chosen for this level"
    assert {"reason": reason} == found["mcnemar"] == found["disagreement"]
    assert reason == found["differences"]["accuracy"]["reason"]
    assert found["differences"]["auroc"]["interval"] is not None


def test_an_empty_comparison_is_refused():
    """A comparison without rows is refused."""
    with pytest.raises(EvaluationError, match="at least one row"):
        compare_models([], [], [], (0.5, 0.5), Bootstrap.over(None, 0))
