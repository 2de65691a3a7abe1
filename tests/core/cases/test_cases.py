"""Cases are counted as in the record, and filters select the right ones."""

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
    """Return a tiny experiment with review bands."""
    return write_tiny_experiment(tmp_path_factory.mktemp("models"), calibrated=True)


@pytest.fixture(scope="module")
def record(experiment: Experiment) -> dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]]:
    """Return its record, with few resamples because intervals do not matter here."""
    found: dict[str, dict[str, dict[str, dict[str, dict[str, int]]]]] = evaluate_experiment(
        experiment, n_resamples=20
    )
    return found


def _judge(experiment: Experiment, rule: str = "youden", *, set_aside: bool = False) -> pd.DataFrame:
    listed = cases.list_cases(experiment.slices(), experiment.calibrated_predictions())
    cuts = {name: experiment.threshold(name, "slice", rule) for name in experiment.frameworks}
    bands = {name: experiment.review_band(name, threshold=cut) for name, cut in cuts.items()}
    return cases.add_decisions(listed, cuts, bands, set_aside=set_aside)


@pytest.mark.parametrize("rule", ["youden", "sensitivity_90", "specificity_90", "f1"])
@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_outcomes_count_as_the_confusion_matrix(
    experiment: Experiment, record, framework: str, rule: str
) -> None:
    """The number of cases with an outcome equals the cell of the record's confusion matrix."""
    counts = cases.count_outcomes(_judge(experiment, rule), framework)
    point = record["models"][framework]["slice"]["operating_points"][rule]
    assert point["confusion"] == {cell: counts[cell] for cell in ("tn", "fp", "fn", "tp")}
    assert 0 == counts["indeterminate_positive"] + counts["indeterminate_negative"]


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_outcomes_count_as_the_record_with_review_set_aside(
    experiment: Experiment, record, framework: str
) -> None:
    """With the review band set aside, all six counts equal the record's, and the band is not empty."""
    counts = cases.count_outcomes(_judge(experiment, set_aside=True), framework)
    assert record["models"][framework]["slice"]["review"]["counts"] == counts
    assert counts["indeterminate_positive"] + counts["indeterminate_negative"] > 0


def test_agreement_counts_as_the_record(experiment: Experiment, record) -> None:
    """Agreement on positive cases is counted as in the record's comparison."""
    found = _judge(experiment)
    positive = found[found["label"] == 1]["agreement"].value_counts()
    assert record["comparison"]["slice"]["disagreement"]["positives"] == {
        name: int(positive.get(name, 0)) for name in cases.AGREEMENTS
    }


@pytest.mark.parametrize("outcome", ["tp", "fn", "fp", "tn"])
def test_patients_count_as_the_confusion_matrix(experiment: Experiment, record, outcome: str) -> None:
    """The number of patients with an outcome equals the cell of the record's patient matrix."""
    cut = experiment.threshold("keras", "patient")
    listed = cases.list_cases(experiment.slices(), experiment.calibrated_predictions())
    found = cases.find_patients(listed, "keras", cut, None, outcome)
    assert record["models"]["keras"]["patient"]["confusion"][outcome] == len(found)


def test_a_case_is_a_test_row_in_the_order_of_the_data_set(experiment: Experiment) -> None:
    """Each test row is one case; its `row` is the position of the slice with its file and labels."""
    listed = cases.list_cases(experiment.slices(), experiment.predictions())
    slices = experiment.slices()
    assert int((experiment.predictions()["part"] == "test").sum()) == len(listed)
    assert listed["row"].is_monotonic_increasing
    assert slices["file"].iloc[listed["row"]].tolist() == listed["file"].tolist()
    assert slices["folder_label"].iloc[listed["row"]].tolist() == listed["folder_label"].tolist()


def _two() -> pd.DataFrame:
    """Return four cases of two networks, with outcomes that can be checked by hand."""
    return pd.DataFrame(
        {
            "row": [0, 1, 2, 3], "sha256": ["a", "b", "c", "d"], "label": [1, 1, 0, 0], "fold": [0, 0, 1, 1],
            "patient": ["7", "7", "8", "9"], "pytorch": [0.9, 0.2, 0.6, 0.1], "keras": [0.8, 0.7, 0.4, 0.1],
        }
    )  # fmt: skip


def _judged() -> pd.DataFrame:
    return cases.add_decisions(_two(), {"pytorch": 0.5, "keras": 0.5}, {"pytorch": (0.4, 0.7), "keras": None})


def test_outcomes_and_agreement_by_hand() -> None:
    """A case at or above the threshold is called positive; agreement says by which networks."""
    found = _judged()
    assert ["tp", "fn", "fp", "tn"] == found["pytorch_outcome"].tolist()
    assert ["tp", "tp", "tn", "tn"] == found["keras_outcome"].tolist()
    assert ["both", "only_second", "only_first", "neither"] == found["agreement"].tolist()
    at = cases.add_decisions(_two(), {"pytorch": 0.6, "keras": 0.5}, {"pytorch": None, "keras": None})
    assert "fp" == at["pytorch_outcome"][2]


def test_only_cases_in_the_band_are_set_aside() -> None:
    """A case in its network's band is indeterminate; a network without a band decides all cases."""
    bands = {"pytorch": (0.1, 0.7), "keras": None}
    found = cases.add_decisions(_two(), {"pytorch": 0.5, "keras": 0.5}, bands, set_aside=True)
    assert ["tp", "indeterminate_positive", "indeterminate_negative", "tn"] == found[
        "pytorch_outcome"
    ].tolist()
    assert ["tp", "tp", "tn", "tn"] == found["keras_outcome"].tolist()


def test_loss_distance_and_difference() -> None:
    """Loss is the mean -ln of the label's probability, distance the smallest distance of logits."""
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
    """Each sort order puts the cases of its name first."""
    assert rows == cases.sort_cases(_judged(), by)["row"].tolist()


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
def test_filters(name: str, values: list[str], rows: list[int]) -> None:
    """A filter matches cases with any of its values; a range includes its ends."""
    found = _judged()
    tags = {"a": ("artefact",), "b": ("other",)}
    assert rows == found[cases.match_filter(found, name, values, tags)]["row"].tolist()


def test_combined_filters() -> None:
    """A case must match all filters; without filters, all cases match."""
    one, other = np.array([True, True, False]), np.array([False, True, True])
    assert [False, True, False] == cases.combine_masks(3, [one, other]).tolist()
    assert [True, True, True] == cases.combine_masks(3, []).tolist()


def test_rows_are_written_and_read_back() -> None:
    """Runs of rows are read back unchanged."""
    rows = [0, 1, 2, 7, 9, 10]
    assert ["0-2", "7", "9-10"] == cases.format_rows(rows)
    assert rows == cases.parse_rows(cases.format_rows(rows), 11)


@pytest.mark.parametrize("text", ["11", "5-3", "-1", "x", "0-999999999", ""])
def test_invalid_rows_are_refused(text: str) -> None:
    """Text that is not a run, and rows outside the data set, raise an error."""
    with pytest.raises(ValueError, match=r"."):
        cases.parse_rows([text], 11)


def test_a_single_network_has_no_agreement(tmp_path: Path) -> None:
    """With one framework, there is no agreement column."""
    experiment = write_tiny_experiment(tmp_path, frameworks=("keras",))
    found = _judge(experiment)
    assert "agreement" not in found.columns
    assert 0.0 == found["difference"].max()
