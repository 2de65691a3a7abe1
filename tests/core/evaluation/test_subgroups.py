"""Ranking within groups of slices."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import EvaluationError
from core.evaluation.intervals import percentile_interval, resample
from core.evaluation.statistics import ranking_statistic
from core.evaluation.subgroups import subgroups, thirds


def scored(n=600):
    """Labels, scores, patients and groups of n slices of 30 patients."""
    rng = np.random.default_rng(4)
    y_true = (rng.random(n) < 0.3).astype(int)
    y_score = np.round(1 / (1 + np.exp(-(y_true + rng.normal(0, 1, n)))), 3)
    patients = np.array([f"p{k % 30}" for k in range(n)])
    return y_true, y_score, patients, rng.choice(["base", "middle", "vertex", ""], n)


def test_each_group_is_measured_alone():
    """Counts and AUROC are those of the group's slices; slices of unknown group are left out."""
    y_true, y_score, patients, groups = scored()
    found = subgroups(y_true, y_score, patients, groups, n_resamples=50)
    assert ["base", "middle", "vertex"] == [record["group"] for record in found]
    for record in found:
        members = groups == record["group"]
        assert members.sum() == record["n"]
        assert y_true[members].sum() == record["positives"]
        assert len(set(patients[members])) == record["n_patients"]
        assert roc_auc_score(y_true[members], y_score[members]) == pytest.approx(record["auroc"]["value"])


def test_intervals_resample_the_patients_of_the_group():
    """The interval is that of the bootstrap over the patients that have slices in the group."""
    y_true, y_score, patients, groups = scored()
    groups = np.where(np.char.startswith(patients, "p1"), "some", "others")
    record = subgroups(y_true, y_score, patients, groups, order=["some"], n_resamples=200, seed=3)[0]
    members = groups == "some"
    drawn = resample(
        [ranking_statistic(y_true[members], y_score[members], patients[members])],
        11,
        n_resamples=200,
        seed=3,
    )
    assert 11 == record["n_patients"]
    assert percentile_interval(drawn["auroc"], n_groups=11).to_list() == record["auroc"]["interval"]


def test_what_cannot_be_estimated_says_why():
    """One class only, no slice, and too few patients: no figure, or no interval, with the reason."""
    y_true, y_score = [0, 0, 1, 0, 1, 0], [0.1, 0.2, 0.9, 0.4, 0.5, 0.3]
    patients, groups = ["a", "b", "c", "d", "a", "b"], ["one", "one", "two", "two", "two", "two"]
    one, none, two = subgroups(y_true, y_score, patients, groups, order=["one", "none", "two"])
    assert (2, 0, None, None) == (one["n"], one["positives"], one["auroc"]["value"], one["auroc"]["interval"])
    assert "both classes" in one["auroc"]["reason"]
    assert (0, 0, 0, None) == (none["n"], none["n_patients"], none["positives"], none["auroc"]["value"])
    assert "both classes" in none["auroc"]["reason"]
    assert (4, 1.0, None) == (two["n"], two["auroc"]["value"], two["auroc"]["interval"])
    few = subgroups([0, 1, 1], [0.4, 0.2, 0.6], ["a", "a", "b"], ["x", "x", "x"])[0]["auroc"]
    assert 0.5 == few["value"]
    assert "at least 3 patients; there are 2" in few["reason"]


def test_unknown_patients_are_counted_as_slices():
    """Without patients every slice is resampled on its own, and no number of patients is given."""
    y_true, y_score, _, groups = scored(200)
    record = subgroups(y_true, y_score, None, groups, order=["base"], n_resamples=50)[0]
    assert record["n_patients"] is None
    assert record["auroc"]["interval"] is not None
    few = subgroups([0, 1], [0.4, 0.6], None, ["x", "x"])[0]
    assert "slices; there are 2" in few["auroc"]["reason"]


def test_records_are_plain_json():
    """Nothing but JSON types, also when groups and labels came as arrays."""
    y_true, y_score, patients, groups = scored(200)
    found = subgroups(y_true, y_score, patients, groups, order=np.array(["base", "nowhere"]), n_resamples=20)
    assert found == json.loads(json.dumps(found, allow_nan=False))
    assert [str, str] == [type(record["group"]) for record in found]


def test_bad_arguments_are_named():
    """Different lengths and scores that are no numbers raise."""
    with pytest.raises(EvaluationError, match="one length"):
        subgroups([0, 1], [0.1, 0.2], ["a", "b"], ["x"])
    with pytest.raises(EvaluationError, match="one length"):
        subgroups([0, 1], [0.1, 0.2], ["a"], ["x", "x"])
    with pytest.raises(EvaluationError):
        subgroups([0, 1], [0.1, float("nan")], ["a", "b"], ["x", "x"])


def test_thirds_of_many_values():
    """A third of the known values each; the limits come from the known values alone."""
    values = np.r_[np.arange(300.0), np.full(50, np.nan)]
    found = thirds(values)
    assert [100, 100, 100, 50] == [int((found == name).sum()) for name in ("low", "middle", "high", "")]
    assert ("low", "high") == (found[0], found[299])
    assert ["", ""] == thirds([np.nan, np.nan]).tolist()
    assert 1 == len(set(thirds([2.0, 2.0, 2.0])))
