"""Use, data, labels and partitions."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.datasets.kaggle import KNOWN_DATASET
from core.experiments import Experiment
from core.model_card import origin
from core.model_card.facts import Facts, gather_facts
from tests.builders import write_tiny_experiment
from tests.core.model_card.conftest import cells


def test_an_honest_task_needs_no_warning(facts: Facts) -> None:
    """Slice labels with patients kept apart need no warning."""
    assert [] == origin.list_warnings(facts)


@pytest.mark.parametrize(
    ("split", "labels", "words"),
    [
        ("random", "slice", ["These results are inflated by leakage"]),
        ("patient", "folder", ["The label is the folder's"]),
        ("random", "folder", ["These results are inflated by leakage", "The label is the folder's"]),
    ],
)
def test_leakage_and_folder_labels_bring_warnings(
    models: Path, split: str, labels: str, words: list[str]
) -> None:
    """Shared patients and folder labels each bring a warning."""
    facts = gather_facts(write_tiny_experiment(models, split=split, labels=labels), 10)
    warnings = origin.list_warnings(facts)
    assert words == [warning.split("**")[1].split(",")[0].rstrip(".") for warning in warnings]
    if split == "random":
        assert f"{100 * (facts.shared or 0):.1f} %" in warnings[0]
    if labels == "folder":
        # Half of the slices of a "Stroke" patient are positive in the tiny experiment.
        assert "Only 50.0 % of the slices in the folder Stroke" in warnings[-1]


def test_unknown_patients_bring_a_warning(nameless: Experiment) -> None:
    """If patients are unknown, the card says that leakage cannot be ruled out."""
    facts = gather_facts(nameless, 10)
    assert "Leakage cannot be ruled out" in origin.list_warnings(facts)[0]
    assert "unknown" in cells(origin.describe_partitions(facts), "1")
    assert "do not show how well the networks read new patients" in origin.describe_overview(facts)


def test_the_conclusion_follows_from_the_interval(facts: Facts) -> None:
    """Better than chance is said only if the interval of AUROC is above one half."""
    levels = {name: facts.record["models"][name]["slice"] for name in facts.titles}
    levels["pytorch"]["auroc"] = {"value": 0.7, "interval": [0.51, 0.9]}
    levels["keras"]["auroc"] = {"value": 0.7, "interval": [0.49, 0.9]}
    text = origin.describe_overview(facts)
    assert "PyTorch can separate, better than chance, positive from negative slices" in text
    assert "It is not shown that Keras can separate" in text
    levels["keras"]["auroc"] = {"value": None, "interval": None, "reason": "one class"}
    assert "It is unknown whether Keras can" in origin.describe_overview(facts)


def test_counts_are_those_of_the_tables(facts: Facts) -> None:
    """Slices, positives and patients of each part are counted from the slices."""
    text = origin.describe_partitions(facts)
    rows = [line for line in text.splitlines() if line.startswith("| 1 | test")]
    tested = facts.slices[facts.slices["fold_0"] == "test"]
    patients = tested.groupby("patient")["label"].max()
    numbers = [len(tested), tested["label"].sum(), len(patients), patients.sum()]
    assert [f"| 1 | test | {' | '.join(map(str, numbers))} |"] == rows
    assert 3 * 3 + 2 == len([line for line in text.splitlines() if line.startswith("|")])


def test_labels_are_crossed(facts: Facts) -> None:
    """The table of folder against slice labels holds every slice once."""
    text = origin.describe_labels(facts)
    negative, positive = cells(text, "negative folder"), cells(text, "positive folder")
    assert ["negative folder", "48", "0"] == negative
    assert ["positive folder", "24", "24"] == positive


def test_nothing_is_claimed_of_the_users_own_data(facts: Facts) -> None:
    """Source, license and readers of any data set except the published one are not recorded."""
    text = origin.describe_data(facts)
    assert "not recorded" == cells(text, "license")[1] == cells(text, "source")[1]
    assert facts.card["dataset"]["fingerprint"] in text
    assert "PhysioNet" not in text
    assert "is not recorded" in origin.describe_labels(facts)
    assert "ischemic" not in origin.describe_use(facts)


def test_the_published_set_is_described(models: Path) -> None:
    """Of the published set the origin, the unclear license and the lack of ischemic stroke are described."""
    facts = gather_facts(write_tiny_experiment(models, fingerprint=KNOWN_DATASET["fingerprint"]), 10)
    text = origin.describe_data(facts)
    assert "unclear" in cells(text, "license")[1]
    assert KNOWN_DATASET["url"] in text
    assert "- Ischemic stroke: the data contain none" in origin.describe_use(facts)
    assert "radiologists" in origin.describe_labels(facts)
    assert "core download" in origin.describe_availability(facts)


def test_the_sources_of_a_manifest_are_named(facts: Facts) -> None:
    """Titles, terms and counts of sources, what was left out, and what silence means stand in the card."""
    silence = {"hemorrhage": {"means": "presumed absent", "reason": "reports name bleedings"}}
    source = {"name": "A", "title": "A hospital", "terms": "free", "n_slices": 40, "n_positive": 8}
    facts.card["dataset"] |= {
        "sources": [source | {"silence": silence}],
        "left_out": {"kept part": 7},
        "n_unknown_patients": 3,
    }
    data = origin.describe_data(facts)
    assert ["A hospital", "40", "8", "free"] == cells(data, "A hospital")
    assert "Not used: 7 slices (kept part)" in data
    assert "The patients of 3 slices are unknown" in data
    assert "class folders" not in data
    labels = origin.describe_labels(facts)
    assert (
        "where the label of hemorrhage is empty, the finding is presumed absent: reports name bleedings"
        in labels
    )
    assert "as the manifest gives it" in labels
    assert "gaps in the file numbers" not in labels
