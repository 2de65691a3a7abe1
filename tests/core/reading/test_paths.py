"""Files and folders, read one after the other."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.experiments import Experiment
from core.reading.findings import Findings, Refusal
from core.reading.paths import group_refusals, list_files, read_paths
from core.reading.reader import Reader
from tests.builders import render_head
from tests.scan_files import render_hu, write_dicom


def write_picture(path: Path, gray: float) -> Path:
    """A picture file of 64 x 64 pixels: a head of this mean gray."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.rint(255 * render_head(gray)).astype(np.uint8)).save(path)
    return path


def read_all(experiment: Experiment, paths: list[Path], **options) -> list[Findings | Refusal]:
    """The findings of one experiment on each scan, and the refusals."""
    outcomes = read_paths(paths, [Reader(experiment)], **options)
    return [outcome if isinstance(outcome, Refusal) else outcome[0] for outcome in outcomes]


def test_a_folder_is_walked_in_natural_order(tmp_path: Path) -> None:
    """Files are named by their path below the folder, sorted by number; hidden ones are skipped."""
    top = tmp_path / "in"
    for name in ("b/10.png", "b/2.png", "a.png", "b/.hidden.png", ".git/c.png", "note.txt"):
        write_picture(top / name, 0.4) if name.endswith("png") else (top / name).write_text("")
    (top / "empty").mkdir()
    single = write_picture(tmp_path / "x" / "single.png", 0.4)
    listed = list_files([top, single])
    assert ["a.png", "b/2.png", "b/10.png", "note.txt", "single.png"] == [source for _, source in listed]
    assert listed[1][0] == top / "b" / "2.png"


def test_bad_files_are_named_and_the_others_read(tiny: Experiment, tmp_path: Path) -> None:
    """A file that is not a scan gives a code and a reason, in its place; progress counts every file."""
    write_picture(tmp_path / "in" / "1.png", 0.8)
    (tmp_path / "in" / "2.png").write_bytes(b"")
    write_picture(tmp_path / "in" / "3.png", 0.25)
    steps: list[tuple[int, int]] = []
    paths = [tmp_path / "in", tmp_path / "gone.png"]
    outcomes = read_all(tiny, paths, on_file=lambda *step: steps.append(step))
    assert ["1.png", "2.png", "3.png", "gone.png"] == [outcome.source for outcome in outcomes]
    assert [Findings, Refusal, Findings, Refusal] == [type(outcome) for outcome in outcomes]
    assert ["empty", "unreadable"] == [outcome.code for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [(1, 4), (2, 4), (3, 4), (4, 4)] == steps
    digest = hashlib.sha256((tmp_path / "in" / "1.png").read_bytes()).hexdigest()
    assert isinstance(outcomes[0], Findings)
    assert digest == outcomes[0].sha256


def test_refusals_for_one_reason_stand_together() -> None:
    """Files with the same code and message become three names and a count; others stay alone."""
    refused = [Refusal(f"{number}.txt", "empty", "Nothing") for number in range(1_005)]
    alone = Refusal("x", "empty", "Something else")
    names = "0.txt, 1.txt, 2.txt and 1,002 more"
    assert [Refusal(names, "empty", "Nothing"), alone] == group_refusals([*refused[:9], alone, *refused[9:]])
    assert refused[:1] == group_refusals(refused[:1])


def test_a_medium_from_a_hospital_is_read(tiny: Experiment, tmp_path: Path) -> None:
    """Beside slices nothing is said of an index, texts, programs, leftovers; reports are refused by name."""
    series = {f"IMAGES/{number}": write_dicom(render_hu(number, 128), z=5.0 * number) for number in range(4)}
    others = {
        "DICOMDIR": write_dicom(PixelData=None, DirectoryRecordSequence=[]),
        "IMAGES/INDEX": write_dicom(PixelData=None, DirectoryRecordSequence=[]),
        "README.TXT": b"Insert the medium", "AUTORUN.INF": b"[autorun]", "VIEWER.EXE": b"MZ" + bytes(900),
        "IMAGES/Thumbs.db": bytes(900), "IMAGES/note": b"\0\5\x16\7" + bytes(90),
        **{f"REPORT/{kind}": write_dicom(Modality=kind, PixelData=None) for kind in ("SR", "PR", "KO")},
    }  # fmt: skip
    medium = tmp_path / "medium"
    for name, data in (series | others).items():
        (medium / name).parent.mkdir(parents=True, exist_ok=True)
        (medium / name).write_bytes(data)
    outcomes = read_all(tiny, [medium], override_gate=True)
    (findings,) = [outcome for outcome in outcomes if isinstance(outcome, Findings)]
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert 4 == len(findings.slices)
    assert ["REPORT/KO", "REPORT/PR", "REPORT/SR"] == sorted(refusal.source for refusal in refused)
    assert {"no_pixels"} == {refusal.code for refusal in refused}
    for name in series:
        (medium / name).unlink()
    alone = [outcome.source for outcome in read_all(tiny, [medium])]
    assert sorted(others) == sorted(alone)


@pytest.mark.slow
def test_three_good_files_among_ten_thousand_are_read(tiny: Experiment, tmp_path: Path) -> None:
    """The three are read, the others refused for a few reasons."""
    folder = tmp_path / "folder"
    folder.mkdir()
    for number in range(10_000):
        (folder / f"{number}.bin").write_bytes(b"" if number % 2 else b"%d" % number)
    for number in (7, 5_000, 9_999):
        write_picture(folder / f"{number}.png", 0.4).rename(folder / f"{number}.bin")
    outcomes = read_all(tiny, [folder])
    read = [outcome.source for outcome in outcomes if isinstance(outcome, Findings)]
    assert ["7.bin", "5000.bin", "9999.bin"] == read
    refused = group_refusals(outcome for outcome in outcomes if isinstance(outcome, Refusal))
    assert ["0.bin, 2.bin, 4.bin and 4,996 more", "1.bin, 3.bin, 5.bin and 4,995 more"] == sorted(
        one.source for one in refused
    )


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no named pipes in folders")
def test_a_pipe_is_refused_at_once(tiny: Experiment, tmp_path: Path) -> None:
    """A pipe among the files does not block the reader."""
    os.mkfifo(tmp_path / "pipe.png")
    (outcome,) = read_all(tiny, [tmp_path / "pipe.png"])
    assert isinstance(outcome, Refusal)
    assert "not_an_image" == outcome.code


@pytest.mark.skipif(os.name == "nt", reason="names are UTF-16 there")
def test_a_name_that_is_no_text_can_be_shown(tiny: Experiment, tmp_path: Path) -> None:
    """Bytes of a name that are not UTF-8 are replaced, so that printing it cannot fail."""
    os.mkdir(tmp_path / "in")
    path = os.path.join(os.fsencode(tmp_path / "in"), b"\xff.png")
    with open(path, "wb") as stream:
        stream.write(b"x")
    (outcome,) = read_all(tiny, [tmp_path / "in"])
    assert "?.png" == outcome.source
