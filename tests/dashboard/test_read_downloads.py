"""What Read a scan gives to take along."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import numpy as np
import pytest

from core.errors import ScanError
from core.prediction import Reader
from core.scans import read_scan
from dashboard.read_downloads import make_csv, make_json, make_pdf
from dashboard.readings import Reading
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import draw_file

REFUSED = Reading("no.png", False, refusal=ScanError("The file is empty", code="empty"))


@pytest.fixture
def reading(models: Path):
    """A tiny experiment, and a picture that its networks have read."""
    experiment = write_tiny_experiment(models)
    findings = Reader(experiment).read(read_scan(draw_file(0.9), "=1.png"))
    pictures = np.stack([(finding.frame * 255).astype("uint8") for finding in findings.slices])
    return experiment, Reading("=1.png", False, findings=findings, pictures=pictures)


def test_the_pdf_is_the_report_of_the_chosen_scans(reading) -> None:
    """One scan is one page with both heat maps and the slice; two scans are two, and one on the networks."""
    pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")
    experiment, read = reading
    one, two = (pypdf.PdfReader(io.BytesIO(make_pdf(experiment, [read] * n))) for n in (1, 2))
    assert (1, 3) == (len(one.pages), len(two.pages))
    assert 3 == len(one.pages[0].images)  # slice, bar, and the heat maps, equal here
    assert "=1.png" in one.pages[0].extract_text()


def test_the_csv_escapes_formulas_and_names_refusals(reading) -> None:
    """A name that begins with "=" gets an apostrophe; a refused file has its row."""
    experiment, read = reading
    text = make_csv(experiment, [read], [REFUSED]).decode("utf-8-sig")
    first, second = csv.DictReader(io.StringIO(text, newline=""))
    assert ("'=1.png", "no.png") == (first["file"], second["file"])
    assert "The file is empty" in second["refused"]


def test_the_json_is_that_of_predict(reading) -> None:
    """Form predict/1 with the scan's slice and the refusal's code."""
    experiment, read = reading
    record = json.loads(make_json(experiment, [read], [REFUSED]))
    assert ("predict/1", "tiny") == (record["schema"], record["experiment"])
    probability = read.findings.slices[0].models["keras"].probability
    assert probability == record["scans"][0]["slices"][0]["keras"]["probability"]
    assert [("no.png", "empty")] == [(refused["source"], refused["code"]) for refused in record["refused"]]
