"""The command robustness."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.cli.app import main
from core.datasets.dataset import index_dataset
from core.experiments import Experiment, find_experiment
from core.measurements import robustness
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import write_tiny_experiment


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """A folder with a small set of phantoms."""
    write_phantom_dataset(tmp_path / "set", n_patients=10, slices_per_patient=6, size=64)
    return tmp_path / "set"


@pytest.fixture
def experiment(models: Path, phantoms: Path, monkeypatch: pytest.MonkeyPatch) -> Experiment:
    """An experiment on the phantoms, whose measuring is replaced by a table."""
    dataset = index_dataset(phantoms)

    def measure(experiment: Experiment, dataset: Any, n_slices: int | None, on_progress: Any) -> pd.DataFrame:
        rows = [
            (name, amount, framework, "slice", 60, area, 0.5)
            for framework in experiment.frameworks
            for name, amount, area in (("none", 0.0, 0.875), ("scale", 0.9, np.nan))
        ]
        columns = ["perturbation", "amount", "framework", "level", "n", "auroc", "average_precision"]
        return pd.DataFrame(rows, columns=columns)

    monkeypatch.setattr(robustness, "measure_robustness", measure)
    return write_tiny_experiment(models, table=dataset.table, fingerprint=dataset.fingerprint)


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_both_tables_are_stored(
    experiment: Experiment, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tables are in the experiment afterwards, also the second time, and the figures are printed."""
    assert experiment.robustness() is None
    for _ in range(2):
        code, out, _ = call(capsys, "robustness", "tiny", "--dataset", phantoms)
        assert 0 == code
        assert "unchanged  0.875           0.875" in out
        assert "scale 0.9  -               -" in out
        assert "Regions of the 60 slices: 20 base, 20 middle, 20 vertex" in out
        stored = find_experiment("tiny")
        figures, properties = stored.robustness(), stored.properties()
        assert figures is not None
        assert properties is not None
        assert (4, 60) == (len(figures), len(properties))
        assert ["none", "scale", "none", "scale"] == list(figures["perturbation"])
        assert {"base", "middle", "vertex"} == set(properties["level"])


def test_json_holds_both_tables(
    experiment: Experiment,
    phantoms: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """robustness/1 and nothing else on standard output; what is not estimable is null; the set is found."""
    monkeypatch.setenv("STROKE_CT_DATA", str(phantoms))
    code, out, _ = call(capsys, "robustness", "tiny", "--json")
    record = json.loads(out)
    assert (0, ["schema", "experiment", "robustness", "properties"]) == (code, list(record))
    assert ("robustness/1", "tiny") == (record["schema"], record["experiment"])
    expected = {"perturbation": "scale", "amount": 0.9, "framework": "pytorch", "level": "slice", "n": 60}
    assert {**expected, "auroc": None, "average_precision": 0.5} == record["robustness"][1]
    assert ["file", "brightness", "position", "level", "brain_visible"] == list(record["properties"][0])
    assert 60 == len(record["properties"])


def test_another_data_set_changes_nothing(
    models: Path, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A data set that the experiment was not trained on is an error, and nothing is stored."""
    write_tiny_experiment(models)
    code, _, err = call(capsys, "robustness", "tiny", "--dataset", phantoms)
    assert 1 == code
    assert "The data set is not the one" in err
    assert find_experiment("tiny").properties() is None


def test_a_missing_data_set_and_experiment_are_named(
    models: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a data set the remedy names the option; an unknown experiment is wrong usage."""
    write_tiny_experiment(models)
    monkeypatch.setattr("core.datasets.dataset.find_dataset", lambda: None)
    code, _, err = call(capsys, "robustness", "tiny")
    assert 1 == code
    assert "--dataset" in err
    code, _, err = call(capsys, "robustness", "nothing")
    assert 2 == code
    assert 'no experiment "nothing"' in err
