"""Ranking within groups of slices."""

import json

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from core.errors import EvaluationError
from core.evaluation.intervals import percentile_interval, resample
from core.evaluation.statistics import ranking_statistic
from core.evaluation.subgroups import measure_subgroups, name_thirds


def scored(n=600):
    """Return labels, scores, patients and groups of n slices of 30 patients."""
    rng = np.random.default_rng(4)
    y_true = (rng.random(n) < 0.3).astype(int)
    y_score = np.round(1 / (1 + np.exp(-(y_true + rng.normal(0, 1, n)))), 3)
    patients = np.array([f"p{k % 30}" for k in range(n)])
    return y_true, y_score, patients, rng.choice(["base", "middle", "vertex", ""], n)


def test_each_group_is_measured_separately():
    """Counts and AUROC are those of the group's slices; slices of unknown group are ignored."""
    y_true, y_score, patients, groups = scored()
    found = measure_subgroups(y_true, y_score, patients, groups, n_resamples=50)
    assert ["base", "middle", "vertex"] == [record["group"] for record in found]
    for record in found:
        members = groups == record["group"]
        assert members.sum() == record["n"]
        assert y_true[members].sum() == record["positives"]
        assert len(set(patients[members])) == record["n_patients"]
        assert roc_auc_score(y_true[members], y_score[members]) == pytest.approx(record["auroc"]["value"])


def test_intervals_resample_the_patients_of_the_group():
    """The interval is from a bootstrap over the patients with slices in the group."""
    y_true, y_score, patients, groups = scored()
    groups = np.where(np.char.startswith(patients, "p1"), "some", "others")
    record = measure_subgroups(y_true, y_score, patients, groups, order=["some"], n_resamples=200, seed=3)[0]
    members = groups == "some"
    resampled = resample(
        [ranking_statistic(y_true[members], y_score[members], patients[members])],
        11,
        n_resamples=200,
        seed=3,
    )
    assert 11 == record["n_patients"]
    assert percentile_interval(resampled["auroc"], n_groups=11).to_list() == record["auroc"]["interval"]


def test_missing_figures_have_a_reason():
    """With one class, no slices or too few patients, value or interval are null with a reason."""
    y_true, y_score = [0, 0, 1, 0, 1, 0], [0.1, 0.2, 0.9, 0.4, 0.5, 0.3]
    patients, groups = ["a", "b", "c", "d", "a", "b"], ["one", "one", "two", "two", "two", "two"]
    one, none, two = measure_subgroups(y_true, y_score, patients, groups, order=["one", "none", "two"])
    assert (2, 0, None, None) == (one["n"], one["positives"], one["auroc"]["value"], one["auroc"]["interval"])
    assert "both classes" in one["auroc"]["reason"]
    assert (0, 0, 0, None) == (none["n"], none["n_patients"], none["positives"], none["auroc"]["value"])
    assert "both classes" in none["auroc"]["reason"]
    assert (4, 1.0, None) == (two["n"], two["auroc"]["value"], two["auroc"]["interval"])
    few = measure_subgroups([0, 1, 1], [0.4, 0.2, 0.6], ["a", "a", "b"], ["x", "x", "x"])[0]["auroc"]
    assert 0.5 == few["value"]
    assert "at least 3 patients; there are 2" in few["reason"]


def test_unknown_patients_are_counted_as_slices():
    """If patients are unknown, slices are resampled, and the number of patients is null."""
    y_true, y_score, _, groups = scored(200)
    record = measure_subgroups(y_true, y_score, None, groups, order=["base"], n_resamples=50)[0]
    assert record["n_patients"] is None
    assert record["auroc"]["interval"] is not None
    few = measure_subgroups([0, 1], [0.4, 0.6], None, ["x", "x"])[0]
    assert "slices; there are 2" in few["auroc"]["reason"]


def test_records_are_plain_json():
    """Records hold only JSON types, even if groups and labels are arrays."""
    y_true, y_score, patients, groups = scored(200)
    found = measure_subgroups(
        y_true, y_score, patients, groups, order=np.array(["base", "nowhere"]), n_resamples=20
    )
    assert found == json.loads(json.dumps(found, allow_nan=False))
    assert [str, str] == [type(record["group"]) for record in found]


def test_bad_arguments_are_named():
    """Different lengths and scores of NaN are refused."""
    with pytest.raises(EvaluationError, match="the same length"):
        measure_subgroups([0, 1], [0.1, 0.2], ["a", "b"], ["x"])
    with pytest.raises(EvaluationError, match="the same length"):
        measure_subgroups([0, 1], [0.1, 0.2], ["a"], ["x", "x"])
    with pytest.raises(EvaluationError):
        measure_subgroups([0, 1], [0.1, float("nan")], ["a", "b"], ["x", "x"])


def test_thirds_of_many_values():
    """Each third holds a third of the known values; unknown values do not change the limits."""
    values = np.r_[np.arange(300.0), np.full(50, np.nan)]
    found = name_thirds(values)
    assert [100, 100, 100, 50] == [int((found == name).sum()) for name in ("low", "middle", "high", "")]
    assert ("low", "high") == (found[0], found[299])
    assert ["", ""] == name_thirds([np.nan, np.nan]).tolist()
    assert 1 == len(set(name_thirds([2.0, 2.0, 2.0])))
