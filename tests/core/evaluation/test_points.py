"""What depends on an operating point."""

import json

import numpy as np
import pytest

from core.errors import EvaluationError
from core.evaluation.intervals import Bootstrap, resample
from core.evaluation.measures import list_keys, measures_at
from core.evaluation.metrics import predictive_values
from core.evaluation.points import point_and_draws, rate_statistic


@pytest.fixture
def study():
    """Labels, scores and patients of 600 slices, and their bootstrap."""
    rng = np.random.default_rng(5)
    patients = np.repeat(np.arange(40), 15)
    y_true = (rng.random(600) < 0.3).astype(int)
    return y_true, rng.beta(2 + 2 * y_true, 4), patients, Bootstrap.over(patients, 600, n_resamples=300)


def test_figures_are_those_of_all_rows(study):
    """Values are the measures at the threshold, intervals those of resampling them."""
    y_true, y_score, patients, bootstrap = study
    found = point_and_draws(y_true, y_score, 0.4, bootstrap, band=(0.3, 0.5))[0]
    assert measures_at(y_true, y_score, 0.4) == {name: found[name]["value"] for name in list_keys("rate")}
    drawn = resample([rate_statistic(y_true, y_score, 0.4, patients)], 40, n_resamples=300)
    for name in list_keys("rate"):
        np.testing.assert_allclose(np.quantile(drawn[name], [0.025, 0.975]), found[name]["interval"])
    json.dumps(found, allow_nan=False)


def test_review_leaves_the_band_out(study):
    """Among the decided, values and intervals are those of the rows outside the band alone."""
    y_true, y_score, patients, bootstrap = study
    found = point_and_draws(y_true, y_score, 0.4, bootstrap, band=(0.3, 0.5))[0]["review"]
    inside = (y_score > 0.3) & (y_score < 0.5)
    assert (0.3, 0.5) == (found["low"], found["high"])
    assert pytest.approx(inside.mean()) == found["share"]["value"]
    assert found["share"]["interval"][0] < inside.mean() < found["share"]["interval"][1]
    assert np.sum(inside & (y_true == 1)) == found["counts"]["indeterminate_positive"]
    assert np.sum(inside & (y_true == 0)) == found["counts"]["indeterminate_negative"]
    expected = measures_at(y_true[~inside], y_score[~inside], 0.4)
    assert expected == {name: found[name]["value"] for name in list_keys("rate")}
    decided = rate_statistic(y_true[~inside], y_score[~inside], 0.4, patients[~inside])
    drawn = resample([decided], 40, n_resamples=300)
    np.testing.assert_allclose(np.quantile(drawn["recall"], [0.025, 0.975]), found["recall"]["interval"])


def test_predictive_values_stand_at_stated_prevalences(study):
    """At each stated prevalence Bayes' theorem, at the rows' own the precision and npv of the table."""
    y_true, y_score, _, bootstrap = study
    found = point_and_draws(y_true, y_score, 0.4, bootstrap, prevalences=(0.01, 0.9))[0]
    own, share = measures_at(y_true, y_score, 0.4), y_true.mean()
    assert [0.01, share, 0.9] == [at["prevalence"] for at in found["predictive_values"]]
    for at in found["predictive_values"]:
        ppv, npv = predictive_values(own["recall"], own["specificity"], at["prevalence"])
        assert pytest.approx([float(ppv), float(npv)]) == [at["ppv"]["value"], at["npv"]["value"]]
        assert at["ppv"]["interval"][0] < at["ppv"]["value"] < at["ppv"]["interval"][1]
    assert pytest.approx(own["precision"]) == found["predictive_values"][1]["ppv"]["value"]


def test_without_a_band_review_says_so(study):
    """No band: its part is the reason alone."""
    y_true, y_score, _, bootstrap = study
    assert ["reason"] == list(point_and_draws(y_true, y_score, 0.4, bootstrap)[0]["review"])


def test_all_rows_in_the_band_leave_nothing_to_count(study):
    """A band over everything decides nothing: each measure among the decided is null with its reason."""
    y_true, y_score, _, bootstrap = study
    found = point_and_draws(y_true, y_score, 0.4, bootstrap, band=(-1.0, 2.0))[0]["review"]
    assert 1.0 == found["share"]["value"]
    expected = {"value": None, "interval": None, "reason": "there is nothing to count"}
    assert all(expected == found[name] for name in list_keys("rate"))


def test_no_positives_leave_predictive_values_undefined():
    """Without positives sensitivity is unknown, and with it every predictive value at a stated prevalence."""
    bootstrap = Bootstrap.over(np.arange(20), 20, n_resamples=50)
    found = point_and_draws([0] * 20, np.linspace(0, 1, 20), 0.5, bootstrap)[0]
    assert [0.05, 0.3] == [at["prevalence"] for at in found["predictive_values"]]
    for at in found["predictive_values"]:
        assert (None, "there are no positives") == (at["ppv"]["value"], at["npv"]["reason"])


def test_nothing_at_all_is_counted_as_nothing():
    """No rows: counts of zero, and every figure null with a reason."""
    found = point_and_draws([], [], 0.5, Bootstrap.over(None, 0), band=(0.4, 0.6))[0]
    assert {0} == set(found["confusion"].values()) == set(found["review"]["counts"].values())
    assert "nothing" in found["review"]["share"]["reason"]
    json.dumps(found, allow_nan=False)


def test_a_threshold_of_nan_is_refused(study):
    """NaN is no operating point."""
    with pytest.raises(EvaluationError, match="threshold"):
        point_and_draws(study[0], study[1], np.nan, study[3])[0]
