"""Files written by `python -m core predict`: names, kinds and contents."""

from __future__ import annotations

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from PIL import Image

from core.cli.app import main
from core.experiments import Experiment
from core.frameworks import FRAMEWORKS
from core.reading.outcome import OVERRIDE_NOTE
from core.reports import describe_flags
from core.validation import count_flags
from tests.builders import render_head, write_tiny_validation
from tests.scan_files import write_series

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")


@pytest.fixture
def predict(tiny: Experiment, capsys: pytest.CaptureFixture[str]) -> Any:
    """Run `predict` in this process; gives exit code, standard output and standard error."""

    def run_predict(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["predict", *map(str, arguments)])
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return run_predict


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder with two pictures and a broken one, all named after a patient."""
    folder = tmp_path / "JANE DOE"
    folder.mkdir()
    for name, gray in (("JANE 1.png", 0.3), ("JANE 2.png", 0.8)):
        Image.fromarray(np.rint(255 * render_head(gray)).astype(np.uint8)).save(folder / name)
    (folder / "JANE 3.jpg").write_bytes(b"\xff\xd8\xff\xe0 no picture")
    return folder


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """A folder with a series of four slices."""
    folder = tmp_path / "JANE"
    folder.mkdir()
    for number, data in enumerate(write_series(4, PatientID="DOE", PatientName="JANE^DOE")):
        (folder / f"{number}.dcm").write_bytes(data)
    return folder


def rows_of(path: Path) -> list[dict[str, str]]:
    """The rows of a CSV file."""
    return list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"), newline="")))


def test_every_kind_is_written_beside_what_is_printed(predict, files: Path, tmp_path: Path) -> None:
    """CSV, JSON and PDF of two pictures; what is printed is as without --write, and no part file is left."""
    out = tmp_path / "out"
    out.mkdir()
    bare = predict(files, "--json")
    targets = [out / name for name in ("a.csv", "a.json", "A.PDF")]
    written = predict(files, "--json", *(part for path in targets for part in ("--write", path)))
    assert bare == written
    assert {"a.csv", "a.json", "A.PDF"} == set(os.listdir(out))
    assert ["1", "1", ""] == [row["slice"] for row in rows_of(targets[0])]
    record, printed = json.loads(targets[1].read_text()), json.loads(written[1])
    assert [scan["slices"] for scan in printed["scans"]] == [scan["slices"] for scan in record["scans"]]
    assert 3 == len(pypdf.PdfReader(targets[2]).pages)


@pytest.mark.parametrize("keep", [False, True])
def test_names_of_files_are_written_only_when_wished(
    predict, files: Path, tmp_path: Path, keep: bool
) -> None:
    """Without --keep-names scans are "Scan 1" and so on, each with its hash, the refused is "File 1"."""
    targets = [tmp_path / name for name in ("a.csv", "a.json", "a.pdf")]
    options = ["--keep-names"] if keep else []
    predict(files, *options, *(part for path in targets for part in ("--write", path)))
    words = "".join(page.extract_text() for page in pypdf.PdfReader(targets[2]).pages)
    texts = [targets[0].read_text(), targets[1].read_text(), words]
    assert [keep] * 3 == ["JANE" in text for text in texts]
    scans = json.loads(texts[1])["scans"]
    if not keep:
        expected = [f"Scan {place} ({scan['sha256'][:12]})" for place, scan in enumerate(scans, start=1)]
        assert expected == [scan["source"] for scan in scans]
        assert [*expected, "File 1 (refused)"] == [row["file"] for row in rows_of(targets[0])]


def test_a_study_is_written_as_dicom(predict, study: Path, tmp_path: Path) -> None:
    """The report in DICOM is a PDF of the study, the capture has a frame for each slice; neither a name."""
    report, capture = tmp_path / "a.dcm", tmp_path / "b.dcm"
    assert 0 == predict(study, "--write", report, "--write-capture", capture, "--keep-names")[0]
    document = pydicom.dcmread(report)
    pdf = document.EncapsulatedDocument[: document.EncapsulatedDocumentLength]
    first, second, *_ = (page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)
    assert "The score of a study is" in first
    assert "Slice 1, " in second
    frames = pydicom.dcmread(capture)
    assert (4, 3 * 512) == (frames.NumberOfFrames, frames.Columns)
    assert (4, frames.Rows, frames.Columns, 3) == frames.pixel_array.shape
    assert not any(b"JANE" in path.read_bytes() for path in (report, capture))


def test_the_table_ends_with_the_conclusion_on_a_study(predict, study: Path) -> None:
    """Outcome, scores and reasons are those of the JSON; pictures of one slice have no such line."""
    (scan,) = json.loads(predict(study, "--json")[1])["scans"]
    lines = predict(study)[1].splitlines()
    (line,) = (line for line in lines if line.startswith("Study ("))
    verdict, conclusion = scan["verdict"]["hemorrhage"], scan["conclusion"]["hemorrhage"]
    pytorch, keras = (
        f"score {one['score']:.3f} (threshold {one['threshold']:.3f})" for one in map(verdict.get, FRAMEWORKS)
    )
    n = verdict["keras"]["n_counted"]
    assert f"): {conclusion['words']}. Both networks agree. " in line
    assert f" PyTorch {pytorch}; Keras {keras}; {n} of 4 slices counted." in line
    assert (True, []) == (conclusion["agree"], conclusion["reasons"])
    assert [] != scan["incomplete"]
    assert len(scan["incomplete"]) == sum(line.startswith("Study incomplete (") for line in lines)
    assert "Study (" not in predict(study / "0.dcm")[1]


def test_the_text_says_why_a_scan_is_not_judged(predict, tmp_path: Path) -> None:
    """Two photographs are read anyway: their reason stands below the table, once for both."""
    for name, gray in (("cat.png", 60), ("dog.png", 70)):
        Image.fromarray((gray + 2 * np.mgrid[:64, :64][0]).astype(np.uint8)).save(tmp_path / name)
    lines = predict(tmp_path, "--override-gate")[1].splitlines()
    assert 2 == sum(line.endswith("  Not judged") for line in lines)
    assert f"Reason (cat.png and 1 more): {OVERRIDE_NOTE}" in lines


def test_the_text_says_how_often_flags_were_right_elsewhere(predict, tiny: Experiment, study: Path) -> None:
    """The last line is the sentence of the reports, if there is a validation."""
    assert "from elsewhere" not in predict(study)[1]
    write_tiny_validation(tiny)
    assert describe_flags(count_flags(tiny), "hemorrhage") == predict(study)[1].splitlines()[-1]


@pytest.mark.parametrize("option", ["--write", "--write-capture"])
def test_a_dicom_object_holds_one_scan(predict, files: Path, tmp_path: Path, option: str) -> None:
    """Two scans are refused by name, and nothing is written."""
    code, _, err = predict(files, option, tmp_path / "a.dcm")
    assert (1, False) == (code, (tmp_path / "a.dcm").exists())
    assert "Error: A DICOM file can contain only one scan, but more than one was read" in err


def test_a_file_that_is_there_stays_unless_forced(predict, files: Path, tmp_path: Path) -> None:
    """An existing file is wrong usage, found before any reading; --force replaces it."""
    target = tmp_path / "a.csv"
    target.write_text("mine")
    code, out, err = predict(files, "--write", target)
    assert (2, "", "mine") == (code, out, target.read_text())
    assert "a.csv exists already; --force overwrites it" in err
    assert 1 == predict(files, "--write", target, "--force")[0]
    assert 3 == len(rows_of(target))


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--write", "a.txt"], "a.txt must end in .csv, .json, .pdf or .dcm"),
        (["--write", "nowhere/a.csv"], "the folder of a.csv does not exist"),
        (["--write-capture", "a.png"], "give another .dcm file than for --write"),
        (["--write", "a.dcm", "--write-capture", "a.dcm"], "give another .dcm file than for --write"),
    ],
)
def test_what_cannot_be_written_is_wrong_usage(
    predict, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], told: str
) -> None:
    """An unknown suffix, a missing folder, and a capture that is not a DICOM file of its own are refused."""
    monkeypatch.chdir(tmp_path)
    code, out, err = predict(files, *options)
    assert (2, "") == (code, out)
    assert told in err


def test_a_report_of_nothing_is_not_written(predict, files: Path, tmp_path: Path) -> None:
    """If every file was refused, the worklist says so, and there is no PDF."""
    table, report = tmp_path / "a.csv", tmp_path / "a.pdf"
    code, _, err = predict(files / "JANE 3.jpg", "--write", table, "--write", report)
    assert (1, ["File 1 (refused)"], False) == (code, [r["file"] for r in rows_of(table)], report.exists())
    assert "Error: a.pdf was not written: no scan was read" in err


def test_a_report_in_a_pdf_shows_the_strongest_slices_only(predict, study: Path, tmp_path: Path) -> None:
    """Pictures of at most four slices, each without and with two heat maps, and the color bar."""
    predict(study, "--write", tmp_path / "a.pdf")
    pages = pypdf.PdfReader(tmp_path / "a.pdf").pages
    assert 0 == len(pages[0].images)
    assert 3 < len(pages[1].images) <= 4 * (1 + len(FRAMEWORKS)) + 1


def test_no_other_experiment_reads_for_the_default(
    tiny: Experiment, predict: Any, files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the default experiment nothing is read: the error names it and those to choose from."""
    monkeypatch.delenv("STROKE_CT_EXPERIMENT")
    code, out, err = predict(files, "--json")
    assert (1, "") == (code, out)
    assert 'The default experiment "hemorrhage-by-patient" is missing (found: tiny)' in err
    assert 1 == predict(files, "--json", "--experiment", "tiny")[0]
