"""Figures that depend on an operating point."""

import json

import numpy as np
import pytest

from core.errors import EvaluationError
from core.evaluation.intervals import Bootstrap, resample
from core.evaluation.measures import list_keys, measures_at
from core.evaluation.metrics import predictive_values
from core.evaluation.points import measure_point, rate_statistic


@pytest.fixture
def study():
    """Return labels, scores and patients of 600 slices, and their bootstrap."""
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(40), 15)
    y_true = (rng.random(600) < 0.3).astype(int)
    return y_true, rng.beta(2 + 2 * y_true, 4), patients, Bootstrap.over(patients, 600, n_resamples=300)


def test_figures_are_those_of_all_rows(study):
    """Values are the rates at the threshold; intervals come from resampling them."""
    y_true, y_score, patients, bootstrap = study
    found = measure_point(y_true, y_score, 0.4, bootstrap, band=(0.3, 0.5))[0]
    assert measures_at(y_true, y_score, 0.4) == {name: found[name]["value"] for name in list_keys("rate")}
    resampled = resample([rate_statistic(y_true, y_score, 0.4, patients)], 40, n_resamples=300)
    for name in list_keys("rate"):
        np.testing.assert_allclose(np.quantile(resampled[name], [0.025, 0.975]), found[name]["interval"])
    json.dumps(found, allow_nan=False)


def test_review_excludes_the_band(study):
    """Figures of the decided rows are those of the rows outside the band."""
    y_true, y_score, patients, bootstrap = study
    found = measure_point(y_true, y_score, 0.4, bootstrap, band=(0.3, 0.5))[0]["review"]
    inside = (y_score > 0.3) & (y_score < 0.5)
    assert (0.3, 0.5) == (found["low"], found["high"])
    assert pytest.approx(inside.mean()) == found["share"]["value"]
    assert found["share"]["interval"][0] < inside.mean() < found["share"]["interval"][1]
    assert np.sum(inside & (y_true == 1)) == found["counts"]["indeterminate_positive"]
    assert np.sum(inside & (y_true == 0)) == found["counts"]["indeterminate_negative"]
    expected = measures_at(y_true[~inside], y_score[~inside], 0.4)
    assert expected == {name: found[name]["value"] for name in list_keys("rate")}
    decided = rate_statistic(y_true[~inside], y_score[~inside], 0.4, patients[~inside])
    resampled = resample([decided], 40, n_resamples=300)
    np.testing.assert_allclose(np.quantile(resampled["recall"], [0.025, 0.975]), found["recall"]["interval"])


def test_predictive_values_at_stated_prevalences(study):
    """They follow Bayes' theorem; at the prevalence of the rows they are precision and NPV of the table."""
    y_true, y_score, _, bootstrap = study
    found = measure_point(y_true, y_score, 0.4, bootstrap, prevalences=(0.01, 0.9))[0]
    own, share = measures_at(y_true, y_score, 0.4), y_true.mean()
    assert [0.01, share, 0.9] == [at["prevalence"] for at in found["predictive_values"]]
    for at in found["predictive_values"]:
        ppv, npv = predictive_values(own["recall"], own["specificity"], at["prevalence"])
        assert pytest.approx([float(ppv), float(npv)]) == [at["ppv"]["value"], at["npv"]["value"]]
        assert at["ppv"]["interval"][0] < at["ppv"]["value"] < at["ppv"]["interval"][1]
    assert pytest.approx(own["precision"]) == found["predictive_values"][1]["ppv"]["value"]


def test_without_a_band_review_says_so(study):
    """Without a band, "review" holds only the reason."""
    y_true, y_score, _, bootstrap = study
    assert ["reason"] == list(measure_point(y_true, y_score, 0.4, bootstrap)[0]["review"])


def test_all_rows_in_the_band_leave_nothing_to_count(study):
    """If all rows are in the band, each rate of the decided rows is null with a reason."""
    y_true, y_score, _, bootstrap = study
    found = measure_point(y_true, y_score, 0.4, bootstrap, band=(-1.0, 2.0))[0]["review"]
    assert 1.0 == found["share"]["value"]
    expected = {"value": None, "interval": None, "reason": "there is nothing to count"}
    assert all(expected == found[name] for name in list_keys("rate"))


def test_no_positives_leave_predictive_values_undefined():
    """Without positives, sensitivity and all predictive values at stated prevalences are null."""
    bootstrap = Bootstrap.over(np.arange(20), 20, n_resamples=50)
    found = measure_point([0] * 20, np.linspace(0, 1, 20), 0.5, bootstrap)[0]
    assert [0.05, 0.3] == [at["prevalence"] for at in found["predictive_values"]]
    for at in found["predictive_values"]:
        assert (None, "there are no positives") == (at["ppv"]["value"], at["npv"]["reason"])


def test_no_rows():
    """Without rows, counts are zero and every figure is null with a reason."""
    found = measure_point([], [], 0.5, Bootstrap.over(None, 0), band=(0.4, 0.6))[0]
    assert {0} == set(found["confusion"].values()) == set(found["review"]["counts"].values())
    assert "nothing" in found["review"]["share"]["reason"]
    json.dumps(found, allow_nan=False)


def test_a_threshold_of_nan_is_refused(study):
    """A threshold of NaN is refused."""
    with pytest.raises(EvaluationError, match="threshold"):
        measure_point(study[0], study[1], np.nan, study[3])[0]
