"""Figures in groups of slices and on changed slices, as the completed record holds them."""

import json

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.conditions import (
    BRIGHTNESS,
    HEAD_LEVELS,
    complete_record,
    group_slices,
    list_columns,
    robustness_of,
    subgroups_of,
)
from core.evaluation.subgroups import subgroups
from core.evaluation.summary import evaluate_experiment
from core.experiments import add_files
from tests.builders import write_tiny_experiment

COLUMNS = ["perturbation", "amount", "framework", "level", "n", "auroc", "average_precision"]


def properties_of(experiment):
    """Places from base to vertex, but for the first slice, whose place and brightness are unknown."""
    files = experiment.predictions().query("part == 'test'")["file"]
    place = np.linspace(0, 1, len(files))
    level = np.asarray(HEAD_LEVELS)[np.minimum((3 * place).astype(int), 2)]
    level[0], place[0] = "", np.nan
    return pd.DataFrame({"file": files, "brightness": place, "position": place, "level": level})


def robustness_rows(experiment):
    """An older table, without intervals: one change on slices, and nothing on patients."""
    rows = [
        (change, amount, name, "slice", 96, area, 0.5)
        for name in experiment.frameworks
        for change, amount, area in (("none", 0.0, 0.8), ("noise", 0.1, np.nan))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def stored(experiment, **tables):
    """The experiment with these optional tables."""
    return add_files(
        experiment, {f"{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}
    )


@pytest.fixture
def plain(models):
    """A calibrated experiment without optional tables."""
    return write_tiny_experiment(models, calibrated=True)


@pytest.fixture
def measured(plain):
    """The same with both tables."""
    return stored(plain, properties=properties_of(plain), robustness=robustness_rows(plain))


def test_the_record_is_completed_and_otherwise_the_same(measured):
    """Each LEVEL gains the two parts, all else stays, and JSON can hold it."""
    record = evaluate_experiment(measured, n_resamples=50)
    before = json.dumps(record)
    found = complete_record(record, measured)
    assert before == json.dumps(record)
    assert list(record) == list(found)
    for name, levels in record["models"].items():
        for level, known in levels.items():
            own = found["models"][name][level]
            assert {"subgroups", "robustness"} == set(own) - set(known)
            assert known == {key: own[key] for key in known}
            assert robustness_of(measured)[name][level] == own["robustness"]
    assert found == json.loads(json.dumps(found, allow_nan=False))


def test_groups_are_resampled_as_the_record_is(measured):
    """GROUPs are those of core.evaluation.subgroups on calibrated test slices, resampled as the record."""
    found = complete_record(evaluate_experiment(measured, n_resamples=70, seed=3), measured)
    table = measured.calibrated_predictions().query("part == 'test'")
    level = measured.properties()["level"]
    for name in measured.frameworks:
        expected = subgroups(
            table["label"], table[name], table["patient"], level, order=HEAD_LEVELS, n_resamples=70, seed=3
        )
        assert expected == found["models"][name]["slice"]["subgroups"]["level"]
        groups = found["models"][name]["slice"]["subgroups"]["brightness"]
        assert list(BRIGHTNESS) == [group["group"] for group in groups]
        assert len(table) - 1 == sum(group["n"] for group in groups)
        assert "belong to a slice" in found["models"][name]["patient"]["subgroups"]["reason"]


def test_slices_find_their_group_by_name(plain):
    """In any order of the table, and "" for a slice that the table lacks."""
    table = properties_of(plain)
    shuffled = table.sample(frac=1, random_state=1)
    files = pd.Series([*table["file"][:0:-1], "not/there.png"])
    names, order = group_slices(files, shuffled)["level"]
    assert HEAD_LEVELS == order
    assert [*table["level"][:0:-1], ""] == names.tolist()
    assert [*["bright"] * 32, ""] == [
        group_slices(files, shuffled)["brightness"][0][i] for i in (*range(32), -1)
    ]


def test_a_slice_of_two_groups_is_refused(plain):
    """A table of properties that names a slice twice is a named error."""
    table = properties_of(plain)
    twice = stored(plain, properties=pd.concat([table, table.tail(2)]))
    with pytest.raises(EvaluationError, match="names a slice twice") as caught:
        subgroups_of(twice)
    assert "2 rows too many" == caught.value.found


def test_an_older_table_has_no_intervals(measured):
    """Figures without interval columns say that none was measured; an empty cell that there is no figure."""
    found = robustness_of(measured)["keras"]
    assert {"reason": "nothing was measured per patient"} == found["patient"]
    unchanged, noise = found["slice"]["conditions"]
    assert {"value": 0.8, "interval": None, "reason": "no interval was measured"} == unchanged["auroc"]
    assert {"value": None, "interval": None, "reason": "it could not be estimated"} == noise["auroc"]
    assert ("noise", 0.1, 96) == tuple(noise[key] for key in ("perturbation", "amount", "n"))


@pytest.mark.parametrize(
    "figure",
    [
        {"value": 0.8, "interval": [0.7, 0.9]},
        {"value": 0.8, "interval": None, "reason": "an interval needs at least 3 patients; there are 2"},
        {"value": None, "interval": None, "reason": "one class, only"},
    ],
)
def test_figures_survive_the_table(plain, figure):
    """What is written as columns is read as the same FIGURE, with interval or reason."""
    rows = [
        {"perturbation": "none", "amount": 0, "framework": name, "level": "slice", "n": 5,
         **list_columns("auroc", figure), **list_columns("average_precision", figure)}
        for name in plain.frameworks
    ]  # fmt: skip
    experiment = stored(plain, robustness=pd.DataFrame(rows))
    (condition,) = robustness_of(experiment)["pytorch"]["slice"]["conditions"]
    assert [figure, figure] == [condition["auroc"], condition["average_precision"]]


def test_what_was_not_measured_has_a_reason(plain):
    """Without the tables each part of each level says so, and which command measures it."""
    for found in (subgroups_of(plain), robustness_of(plain)):
        for name in plain.frameworks:
            assert ["slice", "patient"] == list(found[name])
            for part in found[name].values():
                assert ["reason"] == list(part)
                assert "python -m core robustness tiny" in part["reason"]
