"""Fixtures for the tests of the model card."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.evaluation.conditions import HEAD_REGIONS
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.model_card.facts import Facts, gather_facts
from tests.builders import write_tiny_experiment
from tests.recall import recall_evaluations

N_RESAMPLES = 50


@pytest.fixture(scope="package", autouse=True)
def evaluate_once() -> Iterator[None]:
    """Evaluate the same predictions once for all tests."""
    with recall_evaluations():
        yield


@pytest.fixture
def facts(models: Path) -> Facts:
    """Facts of a calibrated tiny experiment: slice labels, patients kept apart, no optional tables."""
    return gather_facts(write_tiny_experiment(models, calibrated=True), N_RESAMPLES)


@pytest.fixture
def measured(models: Path) -> Facts:
    """Facts of the same experiment with robustness, properties and the gate measured."""
    return gather_facts(add_tables(write_tiny_experiment(models, calibrated=True)), N_RESAMPLES)


@pytest.fixture
def nameless(models: Path) -> Experiment:
    """An experiment, split at random, whose patients are unknown."""
    slices = write_tiny_experiment(models, "source").slices()
    table = slices.drop(columns=[name for name in slices if name.startswith("fold_")]).assign(patient="")
    with warnings.catch_warnings():
        # The builder looks for thresholds of patients, and finds one patient.
        warnings.simplefilter("ignore", RuntimeWarning)
        return write_tiny_experiment(models, "nameless", split="random", table=table)


def add_tables(experiment: Experiment, n: int = 96) -> Experiment:
    """Return the experiment with made-up tables of robustness (n slices), properties (one unplaced), gate."""
    rows = [",".join(OPTIONAL_TABLES["robustness.csv"])]
    for framework in experiment.frameworks:
        for change, amount, area in (("none", 0.0, 0.9), ("noise", 0.1, 0.71), ("scale", 0.9, "")):
            rows.append(f"{change},{amount},{framework},slice,{n},{area},0.5")
    places = [",".join(OPTIONAL_TABLES["properties.csv"])]
    for index, file in enumerate(experiment.slices()["file"]):
        level = HEAD_REGIONS[index % 3] if index else ""
        places.append(f"{file},{0.3 + index / 1000},{index / 100 if index else ''},{level}")
    gate = [
        ",".join(OPTIONAL_TABLES["gate.csv"]),
        "development,Heads and cats.,head_ct,200,190,9,1,2",
        "development,Heads and cats.,other,20,1,3,16,1",
    ]
    tables = {"robustness.csv": rows, "properties.csv": places, "gate.csv": gate}
    return add_files(experiment, {path: ("\n".join(lines) + "\n").encode() for path, lines in tables.items()})


def cells(text: str, first: str) -> list[str]:
    """The cells of the first row of a table in `text` whose first cell is `first`."""
    for line in text.splitlines():
        found = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        if found and found[0] == first:
            return found
    raise AssertionError(f"no row {first!r}")
