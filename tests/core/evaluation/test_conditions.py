"""Figures in groups of slices and on perturbed slices, in the completed record."""

import json

import numpy as np
import pandas as pd
import pytest

from core.errors import EvaluationError
from core.evaluation.conditions import (
    BRIGHTNESS,
    HEAD_REGIONS,
    complete_record,
    group_slices,
    list_columns,
    robustness_of,
    subgroups_of,
)
from core.evaluation.subgroups import measure_subgroups
from core.evaluation.summary import evaluate_experiment
from core.experiments import add_files
from tests.builders import write_tiny_experiment

COLUMNS = ["perturbation", "amount", "framework", "level", "n", "auroc", "average_precision"]


def properties_of(experiment):
    """Return properties from base to vertex; position and brightness of the first slice are unknown."""
    files = experiment.predictions().query("part == 'test'")["file"]
    place = np.linspace(0, 1, len(files))
    level = np.asarray(HEAD_REGIONS)[np.minimum((3 * place).astype(int), 2)]
    level[0], place[0] = "", np.nan
    return pd.DataFrame({"file": files, "brightness": place, "position": place, "level": level})


def robustness_rows(experiment):
    """Return an older table, without intervals: one perturbation of slices, nothing for patients."""
    rows = [
        (change, amount, name, "slice", 96, area, 0.5)
        for name in experiment.frameworks
        for change, amount, area in (("none", 0.0, 0.8), ("noise", 0.1, np.nan))
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def stored(experiment, **tables):
    """Return the experiment with these optional tables."""
    return add_files(
        experiment, {f"{name}.csv": table.to_csv(index=False).encode() for name, table in tables.items()}
    )


@pytest.fixture
def plain(models):
    """Return a calibrated experiment without optional tables."""
    return write_tiny_experiment(models, calibrated=True)


@pytest.fixture
def measured(plain):
    """Return the same experiment with both tables."""
    return stored(plain, properties=properties_of(plain), robustness=robustness_rows(plain))


def test_the_record_is_completed_and_otherwise_unchanged(measured):
    """Each LEVEL gets the two parts, all else is unchanged, and the result is plain JSON."""
    record = evaluate_experiment(measured, n_resamples=50)
    before = json.dumps(record)
    found = complete_record(record, measured)
    assert before == json.dumps(record)
    assert [*record, "by_source"] == list(found)
    for name, levels in record["models"].items():
        for level, known in levels.items():
            own = found["models"][name][level]
            assert {"subgroups", "robustness"} == set(own) - set(known)
            assert known == {key: own[key] for key in known}
            assert robustness_of(measured)[name][level] == own["robustness"]
    assert found == json.loads(json.dumps(found, allow_nan=False))


def test_groups_are_resampled_as_the_record_is(measured):
    """GROUPs are those of calibrated test slices, with the record's number of resamples and seed."""
    found = complete_record(evaluate_experiment(measured, n_resamples=70, seed=3), measured)
    table = measured.calibrated_predictions().query("part == 'test'")
    level = measured.properties()["level"]
    for name in measured.frameworks:
        expected = measure_subgroups(
            table["label"], table[name], table["patient"], level, order=HEAD_REGIONS, n_resamples=70, seed=3
        )
        assert expected == found["models"][name]["slice"]["subgroups"]["level"]
        groups = found["models"][name]["slice"]["subgroups"]["brightness"]
        assert list(BRIGHTNESS) == [group["group"] for group in groups]
        assert len(table) - 1 == sum(group["n"] for group in groups)
        assert "belong to a slice" in found["models"][name]["patient"]["subgroups"]["reason"]


def test_slices_find_their_group_by_name(plain):
    """Groups are found in any order of the table; a slice that is not in it has the group ""."""
    table = properties_of(plain)
    shuffled = table.sample(frac=1, random_state=1)
    files = pd.Series([*table["file"][:0:-1], "not/there.png"])
    names, order = group_slices(files, shuffled)["level"]
    assert HEAD_REGIONS == order
    assert [*table["level"][:0:-1], ""] == names.tolist()
    assert [*["bright"] * 32, ""] == [
        group_slices(files, shuffled)["brightness"][0][i] for i in (*range(32), -1)
    ]


def test_a_repeated_slice_is_refused(plain):
    """A table of properties that names a slice twice is refused."""
    table = properties_of(plain)
    twice = stored(plain, properties=pd.concat([table, table.tail(2)]))
    with pytest.raises(EvaluationError, match="names a slice twice") as caught:
        subgroups_of(twice)
    assert "2 repeated rows" == caught.value.found


def test_an_older_table_has_no_intervals(measured):
    """Without interval columns, the reason says that none was measured; an empty cell has no figure."""
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
def test_figures_are_read_back_unchanged(plain, figure):
    """A FIGURE written as columns is read back with its interval or reason."""
    rows = [
        {"perturbation": "none", "amount": 0, "framework": name, "level": "slice", "n": 5,
         **list_columns("auroc", figure), **list_columns("average_precision", figure)}
        for name in plain.frameworks
    ]  # fmt: skip
    experiment = stored(plain, robustness=pd.DataFrame(rows))
    (condition,) = robustness_of(experiment)["pytorch"]["slice"]["conditions"]
    assert [figure, figure] == [condition["auroc"], condition["average_precision"]]


def test_missing_tables_have_a_reason(plain):
    """Without the tables, each part of each level names the command that measures it."""
    for found in (subgroups_of(plain), robustness_of(plain)):
        for name in plain.frameworks:
            assert ["slice", "patient"] == list(found[name])
            for part in found[name].values():
                assert ["reason"] == list(part)
                assert "stroke-ct robustness tiny" in part["reason"]
