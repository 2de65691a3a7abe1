"""The command validate."""

from __future__ import annotations

import csv
import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from core.cli import validate
from core.cli.app import main
from core.datasets import Dataset, read_slice
from core.experiments import Experiment
from core.scans import intake
from core.scans.decoding import decode_file
from core.scans.scan import Piece
from core.validation import list_validations, make_record, open_validation, run
from tests.builders import write_tiny_validation
from tests.core.validation.sets import Heads
from tests.manifest_files import write_lines
from tests.scan_files import render_hu, write_dicom


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A manifest of two sources: 22 positive and 22 negative slices, and one without a label."""
    folder = tmp_path / "Two Hospitals"
    heads = Heads(folder).add(22, 1).add(22, 0).add(1, None)
    with (folder / "manifest.csv").open("w", newline="") as stream:
        rows = csv.writer(stream)
        rows.writerow(["file", "source", "patient", "hemorrhage", "vendor"])
        for number, row in enumerate(heads.rows):
            label = {1: "present", 0: "absent", None: "unknown"}[row["slice_label"]]
            rows.writerow([row["file"], ("north", "south")[number % 2], str(number // 4), label, "GE"])
    return folder / "manifest.csv"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers in place of readings."""

    def answer(_: Any, __: Any, file: str) -> dict[str, Any]:
        probability = 0.9 - int(file.split("/")[-1].removesuffix(".png")) / 60
        found = {"pytorch": probability, "keras": probability, "familiarity": None}
        return {"outcome": "read", "gate": "warn", "reasons": "Odd.", "brain_visible": 1, **found}

    monkeypatch.setattr(run, "_read_file", answer)


def call(capsys: pytest.CaptureFixture[str], *words: str | Path) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of a call."""
    with pytest.raises(SystemExit) as left:
        main(list(map(str, words)))
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_home_and_there_stand_side_by_side(
    tiny: Experiment, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Figures for there and home, groups, and the gate's reasons are printed; the folder gives the name."""
    with manifest.open("a") as stream:
        stream.write("gone.png,north,1,present,GE\n")
    code, out, err = call(capsys, "validate", "tiny", manifest, "--resamples", "20")
    assert 0 == code
    assert "Left out: manifest.csv, line 47: " in err
    lines = out.splitlines()
    assert "tiny on two-hospitals: value [95 % interval], there and at home" == lines[0]
    assert "44 labeled slices, 22 positive; left out: 0 known files, 0 near-copies, 1 unreadable, " in out
    assert "Of 45 slices, the gate reads 0, warns of 45 and refuses 0" in lines
    assert "     45  warn    Odd." in lines
    header = next(line for line in lines if line.startswith("per slice"))
    assert ["PyTorch,", "there", "PyTorch,", "home", "Keras,", "there", "Keras,", "home"] == header.split()[
        2:
    ]
    assert any(line.startswith("source south") for line in lines)
    assert any(line.startswith("vendor GE") for line in lines)
    assert f"Stored with the experiment: {tiny.folder / 'validations' / 'two-hospitals'}" == lines[-1]
    assert not any(word in out for word in (".png", "manifest.csv"))


def test_notes_are_about_the_validation(
    tiny: Experiment, manifest: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Notes that matter for a training only are no notes here; that no patient is known is one."""
    _, _, err = call(capsys, "validate", "tiny", manifest, "--resamples", "20")
    assert "Note: " not in err
    text = manifest.read_text(encoding="utf-8")
    manifest.write_text(text.replace(",patient,", ",study,"), encoding="utf-8")
    _, _, err = call(capsys, "validate", "tiny", manifest, "--resamples", "20", "--replace")
    notes = [line for line in err.splitlines() if "Note: " in line]
    assert "Note: Patients are unknown: the manifest names none. Slices count as independent" in notes[0]
    assert not any("training" in note for note in notes)


def test_json_is_the_record(tiny: Experiment, manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json, validate/1 and nothing else, equal to the record of the stored validation."""
    words = ["--name", "mine", "--json", "--resamples", "20"]
    code, out, _ = call(capsys, "validate", "tiny", manifest, *words)
    assert 0 == code
    assert make_record(tiny, open_validation(tiny, "mine"), n_resamples=20) == json.loads(out)


def test_a_dicom_file_is_decoded_once(
    tiny: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Indexing and reading share one decoding of each file."""
    rows = [f"{number}.dcm,{('absent', 'present')[number % 2]}" for number in range(20)]
    for number in range(20):
        (tmp_path / f"{number}.dcm").write_bytes(write_dicom(render_hu(number)))
    path = write_lines(tmp_path / "set.csv", "file,hemorrhage", *rows)
    decoded: list[str] = []

    def decode(data: bytes, source: str) -> Piece:
        decoded.append(source)
        return decode_file(data, source)

    def answer(_: Any, dataset: Dataset, file: str) -> dict[str, Any]:
        assert "hu" == read_slice(dataset, file).unit
        found = {"pytorch": 0.5, "keras": 0.5, "familiarity": None}
        return {"outcome": "read", "gate": "read", "reasons": "", "brain_visible": 1, **found}

    monkeypatch.setattr(intake, "decode_file", decode)
    monkeypatch.setattr(run, "_read_file", answer)
    assert 0 == call(capsys, "validate", "tiny", path, "--resamples", "20")[0]
    assert sorted(f"{number}.dcm" for number in range(20)) == sorted(decoded)


def test_wrong_calls_store_nothing(
    tiny: Experiment, manifest: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Unknown experiments and places are wrong usage; bad and taken names and absent parts are errors."""
    assert 2 == call(capsys, "validate", "other", manifest)[0]
    assert 2 == call(capsys, "validate", "tiny", tmp_path / "nowhere")[0]
    code, _, err = call(capsys, "validate", "tiny", manifest, "--name", "../x")
    assert (1, True) == (code, err.startswith("Error: The validation's name must have at most 80"))
    code, _, err = call(capsys, "validate", "tiny", manifest, "--part", "kept")
    assert (1, True) == (code, 'Error: No slice of this data set is of the part "kept"' in err)
    assert [] == list_validations(tiny)
    write_tiny_validation(tiny, "two-hospitals")
    code, _, err = call(capsys, "validate", "tiny", manifest)
    assert (1, True) == (code, "or replace it (in a terminal: --replace)" in err)


def test_ctrl_c_stops_between_chunks(
    tiny: Experiment, manifest: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After Ctrl-C the chunk is finished, and the error says how to continue."""
    plain, interrupted = run._read_file, []

    def interrupt(*words: Any) -> dict[str, Any]:
        if not interrupted:
            interrupted.append(1)
            os.kill(os.getpid(), signal.SIGINT)
        return plain(*words)

    monkeypatch.setattr(run, "_read_file", interrupt)
    before = signal.getsignal(signal.SIGINT)
    code, _, err = call(capsys, "validate", "tiny", manifest)
    assert 1 == code
    assert 'The validation "two-hospitals" was stopped (32 of 45 slices were read)' in err
    assert before is signal.getsignal(signal.SIGINT)
    assert [] == list_validations(tiny)


@pytest.mark.parametrize(
    ("path", "name"),
    [("CQ500 (part 2)/manifest.csv", "cq500-part-2"), ("Ålesund.csv", "lesund"), ("___.csv", "validation")],
)
def test_the_default_name_comes_from_the_data(path: str, name: str) -> None:
    """The folder's or manifest's name, in the letters that a validation's name may have."""
    assert name == validate._name_after(Path("/data") / path)


def test_only_what_is_kept_aside_is_read(
    tiny: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With --kept, the validation is of the kept part; another part beside it is wrong usage."""
    folder = tmp_path / "set"
    heads = Heads(folder).add(22, 1).add(22, 0).add(10, 0)
    words = {1: "present", 0: "absent"}
    lines = [
        f"{row['file']},north,{number},{words[row['slice_label']]},{'kept' if number < 44 else ''}"
        for number, row in enumerate(heads.rows)
    ]
    manifest = write_lines(folder / "set.csv", "file,source,patient,hemorrhage,part", *lines)
    code, _, err = call(capsys, "validate", "tiny", manifest, "--kept")
    assert 0 == code, err
    validation = open_validation(tiny, "set")
    assert ("kept", 44) == (validation.details["part"], len(validation.predictions()))
    assert 2 == call(capsys, "validate", "tiny", manifest, "--kept", "--part", "other")[0]
