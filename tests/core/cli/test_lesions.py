"""The commands localise and shortcut."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from core.cli.app import main
from core.experiments import Experiment, find_experiment
from tests.core.measurements.lesion_sets import write_ischemia, write_made_set


@pytest.fixture
def made(models: Path, tmp_path: Path) -> Path:
    """The manifest of made hospitals; the experiment "tiny" learned from it."""
    dataset = write_made_set(tmp_path / "made")
    write_ischemia(models, dataset)
    return dataset.manifest


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_hits_are_told_and_stored(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """localise prints shares with intervals and chance, and stores the table."""
    code, out, err = call(capsys, "localise", "tiny", made)
    assert (0, "") == (code, err)
    assert "strongest place in or beside the lesion" in out
    assert "Stored with the experiment: localisation.csv" in out
    assert {"made-c"} == set(find_experiment("tiny").localisation()["source"])


def test_controls_are_told_and_stored(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """shortcut prints the comparisons and how many say that the hospital is known, and stores the table."""
    code, out, err = call(capsys, "shortcut", "tiny", made)
    assert (0, "") == (code, err)
    assert "Against other sources, lesion covered: " in out
    assert "Stored with the experiment: shortcut.csv" in out
    controls = set(find_experiment("tiny").shortcut()["control"])
    assert {"uncovered", "covered", "away", "sensitivity", "false alarms"} <= controls


@pytest.mark.parametrize(("command", "key"), [("localise", "localisation"), ("shortcut", "shortcut")])
def test_json_is_the_stored_table(
    made: Path, capsys: pytest.CaptureFixture[str], command: str, key: str
) -> None:
    """One JSON object with a row for each of the table, null for what cannot be estimated."""
    code, out, _ = call(capsys, command, "tiny", made, "--json")
    record = json.loads(out)
    stored = getattr(find_experiment("tiny"), key)()
    assert (0, f"{key}/1", "tiny") == (code, record["schema"], record["experiment"])
    assert list(stored.columns) == list(record[key][0])
    values = [float("nan") if row["value"] is None else row["value"] for row in record[key]]
    assert values == pytest.approx(stored["value"].to_list(), nan_ok=True)


def test_a_set_without_outlines_is_an_error(
    tiny: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without outlines of the finding there is nothing to measure."""
    manifest = write_made_set(tmp_path / "made").manifest
    lines = manifest.read_text(encoding="utf-8").splitlines()
    kept = [line for line in lines if "made-a" in line or line.startswith("file")]
    manifest.write_text("\n".join(kept) + "\n", encoding="utf-8")
    code, _, err = call(capsys, "localise", "tiny", manifest)
    assert 1 == code
    assert "No slice with hemorrhage has an outline" in err
