"""The command `train` says what it uses of a manifest before it starts."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.cli.app import main
from tests.manifest_files import write_two_sources


def test_a_manifest_is_described_before_the_training(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counts, unknown patients and the first faulty lines are printed, then the error that ends it."""
    path = write_two_sources(tmp_path, n_patients=2)
    text = path.read_text().replace("present", "absent") + "".join(
        f"gone{n}.png,north,1,,GE\n" for n in range(7)
    )
    path.write_text(text)
    with pytest.raises(SystemExit):
        main(["train", "--dataset", str(path), "--name", "mine", "--epochs", "1"])
    errors = capsys.readouterr().err
    assert "16 slices to train on: 0 with an intracranial hemorrhage, 16 without. Left out: 0 whose" in errors
    assert "The patients of 4 of 16 slices are unknown" in errors
    assert 5 == errors.count("the file does not exist")
    assert "... and 2 more lines" in errors
    assert "All slice labels are equal" in errors
    assert not (models / "mine").exists()


def test_another_finding_can_be_trained(
    models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The slices of the chosen finding are described; without a label of it the training ends."""
    path = write_two_sources(tmp_path, n_patients=2)
    with pytest.raises(SystemExit):
        main(["train", "--dataset", str(path), "--name", "mine", "--finding", "ischemia"])
    errors = capsys.readouterr().err
    assert "0 slices to train on: 0 with an ischemic lesion, 0 without" in errors
    assert "The manifest has no label of ischemia" in errors
    assert not (models / "mine").exists()
