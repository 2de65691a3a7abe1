"""Tests of core.cases: what is counted here is what the record counts, and filters keep what they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.cases import cases
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from tests.builders import write_tiny_experiment


@pytest.fixture(scope="module")
def experiment(tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """A tiny experiment with review bands."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def record(experiment: Experiment) -> dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]]:
    """Its record; few resamples, as intervals do not matter here."""
    found: dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]] = evaluate_experiment(
        experiment, n_resamples=20
    )
    return found


def _judge(experiment: Experiment, rule: str = "youden", *, set_aside: bool = False) -> pd.DataFrame:
    listed = cases.list_cases(experiment.slices(), experiment.calibrated_predictions())
    cuts = {name: experiment.threshold(name, "slice", rule) for name in experiment.frameworks}
    bands = {name: experiment.review_band(name, threshold=cut) for name, cut in cuts.items()}
    return cases.judge(listed, cuts, bands, set_aside=set_aside)


@pytest.mark.parametrize("rule", ["youden", "sensitivity_90", "specificity_90", "f1"])
@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_each_cell_has_as_many_cases_as_the_record_says(
    experiment: Experiment, record, framework: str, rule: str
) -> None:
    """The cases with an outcome are as many as the cell of the record's confusion matrix says."""
    counts = cases.count_outcomes(_judge(experiment, rule), framework)
    point = record["models"][framework]["slice"]["operating_points"][rule]
    assert point["confusion"] == {cell: counts[cell] for cell in ("tn", "fp", "fn", "tp")}
    assert 0 == counts["indeterminate_positive"] + counts["indeterminate_negative"]


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_each_cell_counts_as_the_record_with_review_set_aside(
    experiment: Experiment, record, framework: str
) -> None:
    """With the review band set aside all six cells are the record's, and the band holds some."""
    counts = cases.count_outcomes(_judge(experiment, set_aside=True), framework)
    assert record["models"][framework]["slice"]["review"]["counts"] == counts
    assert counts["indeterminate_positive"] + counts["indeterminate_negative"] > 0


def test_agreement_counts_as_the_record(experiment: Experiment, record) -> None:
    """Among the positive cases, who calls them so is counted as in the record's comparison."""
    found = _judge(experiment)
    positive = found[found["label"] == 1]["agreement"].value_counts()
    assert record["comparison"]["slice"]["disagreement"]["positives"] == {
        name: int(positive.get(name, 0)) for name in cases.AGREEMENTS
    }


@pytest.mark.parametrize("outcome", ["tp", "fn", "fp", "tn"])
def test_patients_of_a_cell_are_as_many_as_the_record_says(
    experiment: Experiment, record, outcome: str
) -> None:
    """The patients with an outcome are as many as the cell of the record's matrix of patients says."""
    cut = experiment.threshold("keras", "patient")
    listed = cases.list_cases(experiment.slices(), experiment.calibrated_predictions())
    found = cases.find_patients(listed, "keras", cut, None, outcome)
    assert record["models"]["keras"]["patient"]["confusion"][outcome] == len(found)


def test_a_case_is_a_test_row_in_the_order_of_the_data_set(experiment: Experiment) -> None:
    """Each test row is one case; its `row` leads to the slice with its file and labels."""
    listed = cases.list_cases(experiment.slices(), experiment.predictions())
    slices = experiment.slices()
    assert int((experiment.predictions()["part"] == "test").sum()) == len(listed)
    assert listed["row"].is_monotonic_increasing
    assert slices["file"].iloc[listed["row"]].tolist() == listed["file"].tolist()
    assert slices["folder_label"].iloc[listed["row"]].tolist() == listed["folder_label"].tolist()


def _two() -> pd.DataFrame:
    """Four cases of two networks, to be followed by hand."""
    return pd.DataFrame(
        {
            "row": [0, 1, 2, 3], "sha256": ["a", "b", "c", "d"], "label": [1, 1, 0, 0], "fold": [0, 0, 1, 1],
            "patient": ["7", "7", "8", "9"], "pytorch": [0.9, 0.2, 0.6, 0.1], "keras": [0.8, 0.7, 0.4, 0.1],
        }
    )  # fmt: skip


def _judged() -> pd.DataFrame:
    return cases.judge(_two(), {"pytorch": 0.5, "keras": 0.5}, {"pytorch": (0.4, 0.7), "keras": None})


def test_outcomes_and_agreement_by_hand() -> None:
    """A case at or above the threshold is called positive; agreement names who does."""
    found = _judged()
    assert ["tp", "fn", "fp", "tn"] == found["pytorch_outcome"].tolist()
    assert ["tp", "tp", "tn", "tn"] == found["keras_outcome"].tolist()
    assert ["both", "only_second", "only_first", "neither"] == found["agreement"].tolist()
    at = cases.judge(_two(), {"pytorch": 0.6, "keras": 0.5}, {"pytorch": None, "keras": None})
    assert "fp" == at["pytorch_outcome"][2]


def test_set_aside_takes_only_what_lies_in_the_band() -> None:
    """A case in its network's band is indeterminate by its label; a network without a band decides all."""
    bands = {"pytorch": (0.1, 0.7), "keras": None}
    found = cases.judge(_two(), {"pytorch": 0.5, "keras": 0.5}, bands, set_aside=True)
    assert ["tp", "indeterminate_positive", "indeterminate_negative", "tn"] == found[
        "pytorch_outcome"
    ].tolist()
    assert ["tp", "tp", "tn", "tn"] == found["keras_outcome"].tolist()


def test_how_wrong_how_uncertain_how_different() -> None:
    """Loss is the mean -ln of the label's probability, distance the smallest on the logit, in odds."""
    found = _judged()
    assert np.allclose(found["loss"][0], -(np.log(0.9) + np.log(0.8)) / 2)
    assert np.allclose(found["distance"][2], np.log(0.6 / 0.4))
    assert np.allclose(found["difference"], [0.1, 0.5, 0.2, 0.0])
    assert np.allclose(found["highest"], [0.9, 0.7, 0.6, 0.1])


@pytest.mark.parametrize(
    ("by", "rows"),
    [
        ("wrong", [1, 2, 0, 3]),
        ("uncertain", [2, 1, 0, 3]),
        ("differ", [1, 2, 0, 3]),
        ("probable", [0, 1, 2, 3]),
        ("order", [0, 1, 2, 3]),
    ],
)
def test_sorts(by: str, rows: list[int]) -> None:
    """Each sort puts first what its name says."""
    assert rows == cases.sort(_judged(), by)["row"].tolist()


@pytest.mark.parametrize(
    ("name", "values", "rows"),
    [
        ("label", ["1"], [0, 1]),
        ("patient", ["8", "9"], [2, 3]),
        ("fold", ["1"], [2, 3]),
        ("agreement", ["both", "neither"], [0, 3]),
        ("pytorch_outcome", ["fn", "fp"], [1, 2]),
        ("review", ["pytorch"], [2]),
        ("keras_range", ["0.4", "0.7"], [1, 2]),
        ("rows", ["1-2"], [1, 2]),
        ("tag", ["artefact"], [0]),
        ("tag", [cases.UNTAGGED, "artefact"], [0, 2, 3]),
    ],
)
def test_each_filter_keeps_what_it_says(name: str, values: list[str], rows: list[int]) -> None:
    """A filter keeps the cases that have any of its values; the ends of a range are in it."""
    found = _judged()
    tags = {"a": ("artefact",), "b": ("other",)}
    assert rows == found[cases.match(found, name, values, tags)]["row"].tolist()


def test_filters_together_keep_what_each_keeps() -> None:
    """All filters must keep a case; without any, all are kept."""
    one, other = np.array([True, True, False]), np.array([False, True, True])
    assert [False, True, False] == cases.keep_all(3, [one, other]).tolist()
    assert [True, True, True] == cases.keep_all(3, []).tolist()


def test_rows_are_written_and_read_back() -> None:
    """Runs of rows come back as they went."""
    rows = [0, 1, 2, 7, 9, 10]
    assert ["0-2", "7", "9-10"] == cases.write_rows(rows)
    assert rows == cases.read_rows(cases.write_rows(rows), 11)


@pytest.mark.parametrize("text", ["11", "5-3", "-1", "x", "0-999999999", ""])
def test_rows_of_another_set_are_refused(text: str) -> None:
    """A run that is none, or that leaves the data set, is an error and not a list of rows."""
    with pytest.raises(ValueError, match=r"."):
        cases.read_rows([text], 11)


def test_a_single_network_has_no_agreement(tmp_path: Path) -> None:
    """With one framework everything but the agreement is there."""
    experiment = write_tiny_experiment(tmp_path, frameworks=("keras",))
    found = _judge(experiment)
    assert "agreement" not in found.columns
    assert 0.0 == found["difference"].max()
