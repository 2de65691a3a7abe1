"""The command features."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.app import main
from core.datasets.dataset import index_dataset
from core.experiments import Experiment, find_experiment
from core.measurements.feature_space import find_neighbours
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import write_tiny_experiment


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """A folder with a small set of phantoms."""
    write_phantom_dataset(tmp_path / "set", n_patients=10, slices_per_patient=4, size=64)
    return tmp_path / "set"


@pytest.fixture
def experiment(models: Path, phantoms: Path) -> Experiment:
    """An experiment on the phantoms."""
    dataset = index_dataset(phantoms)
    return write_tiny_experiment(models, table=dataset.table, fingerprint=dataset.fingerprint, folds=1)


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_table_is_stored(
    experiment: Experiment, phantoms: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The table is in the experiment afterwards, also the second time, and its counts are printed."""
    n_tested = int((experiment.slices()["fold_0"] == "test").sum())
    for _ in range(2):
        code, out, _ = call(capsys, "features", "tiny", "--dataset", phantoms)
        assert 0 == code
        assert f"tiny: found neighbors of {n_tested} test slices; mapped 40 slices" in out
        assert "Stored with the experiment: features.csv" in out
        assert len(find_experiment("tiny").features()) == 40


def test_json_names_files(
    experiment: Experiment,
    phantoms: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """features/1 and nothing else on standard output, rows as names of files; the set is found."""
    monkeypatch.setenv("STROKE_CT_DATA", str(phantoms))
    code, out, _ = call(capsys, "features", "tiny", "--json")
    record = json.loads(out)
    assert (0, ["schema", "experiment", "slices"]) == (code, list(record))
    assert ("features/1", "tiny", 40) == (record["schema"], record["experiment"], len(record["slices"]))
    table, files = find_experiment("tiny").features(), list(experiment.slices()["file"])
    for row, told in enumerate(record["slices"]):
        assert ["file", "x", "y", "neighbours", "copies"] == list(told)
        assert files[row] == told["file"]
        expected = [
            {"file": files[other], "similarity": share} for other, share in find_neighbours(table, row)
        ]
        assert expected == told["neighbours"]


def test_another_or_no_data_set_changes_nothing(
    models: Path, phantoms: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A set of another experiment, and none at all, are errors in words; nothing is stored."""
    write_tiny_experiment(models)
    code, _, err = call(capsys, "features", "tiny", "--dataset", phantoms)
    assert (1, True) == (code, "The data set is not the one" in err)
    monkeypatch.setattr("core.datasets.dataset.find_dataset", lambda: None)
    code, _, err = call(capsys, "features", "tiny")
    assert (1, True) == (code, "--dataset" in err)
    assert find_experiment("tiny").features() is None
