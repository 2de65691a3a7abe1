"""The command thresholds with slices of other sources."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest

from core.experiments import find_experiment
from core.validation import list_validations, run
from tests.builders import write_tiny_experiment
from tests.core.cli.test_validate import call
from tests.core.validation.sets import Heads


@pytest.fixture
def ministry(tmp_path: Path) -> Path:
    """A manifest of slices without the finding: thirty of the development part, ten kept aside."""
    folder = tmp_path / "ministry"
    heads = Heads(folder).add(40, 0)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "source", "patient", "hemorrhage", "part"])
        for number, row in enumerate(heads.rows):
            rows.writerow([row["file"], "ministry", str(number), "absent", "" if number < 30 else "kept"])
    return folder / "manifest.csv"


def test_slices_of_another_source_take_part_without_a_validation(
    models: Path, ministry: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The development part is read by the served networks, and stored as thresholds.csv."""
    write_tiny_experiment(models, n_patients=36, calibrated=True, sources=("east", "west"))

    def answer(_: Any, __: Any, file: str, **more: Any) -> dict[str, Any]:
        found = {"pytorch": 0.2, "keras": 0.3, "familiarity": None, "position_mm": None}
        return {"outcome": "read", "gate": "read", "reasons": "", "brain_visible": 1, **found}

    monkeypatch.setattr(run, "_read_file", answer)
    code, out, err = call(capsys, "thresholds", "tiny", "--also", ministry)
    assert 0 == code, err
    assert "ministry 30 (0)" in out
    found = find_experiment("tiny")
    stored = found.threshold_slices()
    assert (30, {""}) == (len(stored), set(stored["part"]))
    assert ["ministry"] == [one["name"] for one in found.card["threshold_slices"]["sources"]]
    assert [] == list_validations(found)
    assert not list((found.folder / "validations").glob("*/"))
