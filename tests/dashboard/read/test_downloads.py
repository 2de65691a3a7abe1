"""The downloads of Read a scan."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pydicom
import pytest

from core.cli.app import main
from core.errors import ScanError
from core.reading import OUTCOMES
from core.reading.reader import Reader
from core.reports.exports import make_csv, make_dicom_capture, make_dicom_report, make_json, make_pdf
from core.reports.pdf_parts import COLORS
from core.reports.signs import ON_BLACK, SIGNS
from core.scans import read_scan
from dashboard.read.downloads import report_refusals, report_scans
from dashboard.readings.reading import Reading, read_group, read_whole
from dashboard.readings.uploads import Upload
from dashboard.shared.palette import DARK, LIGHT, OUTCOME_SIGNS
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import render_file

REFUSED = Reading("no.png", False, refusal=ScanError("The file is empty", code="empty"))


@pytest.fixture
def reading(models: Path):
    """Return a tiny experiment and the reading of one picture."""
    experiment = write_tiny_experiment(models)
    return experiment, read_whole(
        [Reader(experiment)], read_scan(render_file(0.9), "=1.png"), Reading("=1.png")
    )


@pytest.mark.parametrize("named", [False, True])
def test_file_names_are_in_downloads_only_if_chosen(reading, named: bool) -> None:
    """PDF, CSV and JSON show either "Scan 1" and its hash or the file name, also for refused files."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    experiment, read = reading
    (report,), refusals = report_scans([read], named=named), report_refusals([REFUSED], named=named)
    (page,) = pypdf.PdfReader(io.BytesIO(make_pdf([experiment], [report]))).pages
    texts = [page.extract_text()]
    texts += [make([experiment], [report.findings], refusals).decode() for make in (make_csv, make_json)]
    scan = "=1.png" if named else f"Scan 1 ({read.findings.sha256[:12]})"
    refused = "no.png" if named else "File 1 (refused)"
    assert [True] * 3 == [scan in text for text in texts]
    assert [False, True, True] == [refused in text for text in texts]
    assert named == any(".png" in text for text in texts)


def test_a_chosen_scan_keeps_its_place_in_the_worklist(reading) -> None:
    """The second scan of two is "Scan 2" whether it is reported alone or with the first."""
    _, read = reading
    _, second = report_scans([read, replace(read)], named=False)
    assert second.findings[0].source.startswith("Scan 2 (")


def test_the_command_and_the_page_write_the_same(reading, tmp_path: Path, capsys) -> None:
    """CSV and JSON of the same two files are equal in every byte; the PDF in its words and pictures."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    experiment, _ = reading
    files = [Upload(f"{gray}.png", render_file(gray)) for gray in (0.9, 0.3)]
    for upload in files:
        (tmp_path / upload.name).write_bytes(upload.data)
    targets = [tmp_path / f"a.{kind}" for kind in ("csv", "json", "pdf")]
    with pytest.raises(SystemExit):
        main(
            ["predict", *(str(tmp_path / upload.name) for upload in files)]
            + [part for target in targets for part in ("--write", str(target))]
        )
    readers = [Reader(experiment)]
    read = [one for upload in files for one in read_group(readers, [upload])]
    reports = report_scans(read, named=False)
    scans = [report.findings for report in reports]
    assert make_csv([experiment], scans, []) == targets[0].read_bytes()
    assert make_json([experiment], scans, []) == targets[1].read_bytes()
    documents = [
        pypdf.PdfReader(io.BytesIO(pdf)) for pdf in (make_pdf([experiment], reports), targets[2].read_bytes())
    ]
    words = [
        re.sub(r"\d\d:\d\d UTC", "", "".join(page.extract_text() for page in d.pages)) for d in documents
    ]
    pictures = [[image.data for page in d.pages for image in page.images] for d in documents]
    assert words[0] == words[1]
    assert pictures[0] == pictures[1]


def test_reports_have_the_colors_of_the_light_theme() -> None:
    """Each color of a report equals that of its meaning in the light theme, on black in the dark one."""
    assert {name: getattr(LIGHT, name) for name in COLORS} == COLORS
    assert {name: getattr(DARK, name) for name in ON_BLACK} == ON_BLACK


def test_reports_and_pages_give_an_outcome_one_color() -> None:
    """Each outcome, and "incomplete", has the same color on paper and on the pages."""
    assert {name: sign.color for name, sign in OUTCOME_SIGNS.items()} == {
        name: sign.color for name, sign in SIGNS.items()
    }
    assert {*OUTCOMES, "incomplete"} == set(SIGNS)


def test_the_pdf_is_the_report_of_the_chosen_scans(reading) -> None:
    """One scan is one page with slice and heat maps; two scans are two pages and one on the networks."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    experiment, read = reading
    one, two = (
        pypdf.PdfReader(io.BytesIO(make_pdf([experiment], report_scans([read] * n, named=True))))
        for n in (1, 2)
    )
    assert (1, 3) == (len(one.pages), len(two.pages))
    assert 4 == len(one.pages[0].images)  # slice, bar and heat maps
    assert "=1.png" in one.pages[0].extract_text()


def test_the_csv_escapes_formulas_and_names_refusals(reading) -> None:
    """A name that begins with "=" gets an apostrophe; a refused file has its row."""
    experiment, read = reading
    text = make_csv([experiment], [read.parts], report_refusals([REFUSED], named=True)).decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert ("'=1.png", "no.png") == (first["file"], second["file"])
    assert "The file is empty" in second["refused"]


def test_the_json_is_that_of_predict(reading) -> None:
    """The JSON has the schema predict/2, with the scan's slice and the refusal's code."""
    experiment, read = reading
    record = json.loads(make_json([experiment], [read.parts], report_refusals([REFUSED], named=True)))
    assert ("predict/2", "tiny") == (record["schema"], record["experiment"])
    probability = read.findings.slices[0].models["keras"].probability
    assert probability == record["scans"][0]["slices"][0]["findings"]["hemorrhage"]["keras"]["probability"]
    assert [("no.png", "empty")] == [(refused["source"], refused["code"]) for refused in record["refused"]]


def test_the_dicom_report_holds_the_pdf_without_the_file_name(reading) -> None:
    """The encapsulated document is the scan's report, with its hash and without its file name."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    experiment, read = reading
    data = make_dicom_report([experiment], *report_scans([read], named=True))
    dataset = pydicom.dcmread(io.BytesIO(data))
    pdf = dataset.EncapsulatedDocument[: dataset.EncapsulatedDocumentLength]
    (page,) = pypdf.PdfReader(io.BytesIO(pdf)).pages
    assert b"=1.png" not in data
    assert "1.png" not in page.extract_text()
    assert read.findings.sha256[:16] in page.extract_text()


def test_the_dicom_capture_has_a_frame_for_each_slice(reading) -> None:
    """The frame shows the slice next to both heat maps; the file name is nowhere in the object."""
    experiment, read = reading
    data = make_dicom_capture([experiment], *report_scans([read], named=True))
    dataset = pydicom.dcmread(io.BytesIO(data))
    height, width = read.pictures[0].shape
    assert (1, 3 * width) == (dataset.NumberOfFrames, dataset.Columns)
    assert dataset.Rows > height
    assert b"1.png" not in data


@pytest.mark.parametrize("synthetic", [False, True])
def test_dicom_tells_whether_the_scan_is_synthetic(reading, synthetic: bool) -> None:
    """Burned In Annotation is NO only for a synthetic scan."""
    experiment, read = reading
    read = replace(read, synthetic=synthetic)
    for data in (
        make_dicom_report([experiment], *report_scans([read], named=True)),
        make_dicom_capture([experiment], *report_scans([read], named=True)),
    ):
        burned_in = pydicom.dcmread(io.BytesIO(data)).BurnedInAnnotation
        assert ("NO" if synthetic else "YES") == burned_in
