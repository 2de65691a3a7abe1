"""`python -m core predict` on files full of identifiers: its output, its files and the rest of the disk."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from core.experiments import Experiment
from core.reading.findings import Findings
from core.reading.reader import Reader
from core.reports import exports
from core.reports.pdf import ScanReport
from core.scans import read_study
from tests.canary_files import (
    FILE_NAME,
    find_canaries,
    pack,
    save_planted,
    write_dicom_files,
    write_pictures,
    write_volumes,
)
from tests.scan_files import render_dataset, render_hu, save

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

ROOT = Path(__file__).parents[2]
_PLACES = (
    "HOME",
    "TMPDIR",
    "TEMP",
    "TMP",
    "XDG_CACHE_HOME",
    "XDG_CONFIG_HOME",
    "XDG_DATA_HOME",
    "XDG_STATE_HOME",
)


class Machine:
    """A private machine for a command: home, caches and temporary files are below one folder."""

    def __init__(self, place: Path, models: Path) -> None:
        self.place, self.given = place, place / f"in {FILE_NAME}"
        self.given.mkdir(parents=True)
        (place / "out").mkdir()
        folders = {name: place / name.lower() for name in _PLACES}
        for folder in folders.values():
            folder.mkdir()
        self.env = os.environ | {name: str(folder) for name, folder in folders.items()}
        self.env |= {"PYTHONPATH": str(ROOT), "STROKE_CT_MODELS": str(models), "PYTHONDONTWRITEBYTECODE": "1"}

    def hand_in(self, files: dict[str, bytes]) -> None:
        """Put files into the folder that is read; each file name holds the name of a patient."""
        for name, data in files.items():
            (self.given / f"{FILE_NAME} {name}").write_bytes(data)

    def predict(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the command with its logs at their loudest."""
        program = "import logging; logging.basicConfig(level=0); from core.cli.app import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, "predict", str(self.given), *options],
            cwd=self.place / "out", env=self.env, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip

    def appeared(self) -> set[str]:
        """Return all files below this machine's folder except the input."""
        files = (path for path in self.place.rglob("*") if path.is_file())
        return {path.relative_to(self.place).as_posix() for path in files if self.given not in path.parents}


@pytest.fixture
def machine(tiny: Experiment, tmp_path: Path) -> Machine:
    """A machine whose only experiment is the tiny one."""
    return Machine(tmp_path / "machine", tiny.folder.parent)


def without_sources(record: Any) -> Any:
    """Return a record of predict/2 without the values under "source"."""
    if isinstance(record, dict):
        return {key: without_sources(value) for key, value in record.items() if key != "source"}
    return [without_sources(value) for value in record] if isinstance(record, list) else record


def read_pdf(data: bytes) -> bytes:
    """Return a PDF with everything in it unpacked: words, streams and metadata."""
    document = pypdf.PdfReader(io.BytesIO(data))
    parts = [
        repr(document.metadata),
        repr(document.trailer),
        *(page.extract_text() for page in document.pages),
    ]
    for number in range(1, len(document.xref[0]) + 1):
        found = document.get_object(number)
        parts.append(repr(found))
        if hasattr(found, "get_data"):
            parts.append(found.get_data().decode("latin-1"))
    return data + "\n".join(parts).encode("utf-8", "surrogateescape")


def test_what_is_printed_and_written_holds_no_identifier(machine: Machine) -> None:
    """JSON, logs, CSV and PDF hold no text of a file; its name is under "source" alone."""
    files = {**write_dicom_files(), **write_volumes(), **write_pictures()}
    machine.hand_in(files | {"all.zip": pack(files, folder="x")})
    done = machine.predict(
        "--json", "--override-gate", "--write", "a.csv", "--write", "a.json", "--write", "a.pdf"
    )  # fmt: skip
    record = json.loads(done.stdout)
    assert (16, 30) == (len(record["scans"]), len(record["refused"]))
    assert FILE_NAME in done.stdout
    assert [] == find_canaries(done.stdout + done.stderr)
    assert [] == find_canaries(json.dumps(without_sources(record)) + done.stderr, FILE_NAME)
    assert {"out/a.csv", "out/a.json", "out/a.pdf"} == machine.appeared()
    for name in machine.appeared():
        data = (machine.place / name).read_bytes()
        assert [] == find_canaries(read_pdf(data) if name.endswith("pdf") else data, FILE_NAME), name


def test_the_table_holds_no_identifier(machine: Machine) -> None:
    """The table for people names files and nothing else; no file appears."""
    machine.hand_in({**write_dicom_files(), **write_volumes(), **write_pictures()})
    done = machine.predict()
    assert f"Refused: {FILE_NAME} cut.dcm" in done.stderr
    assert [] == find_canaries(done.stdout + done.stderr)
    assert set() == machine.appeared()


def test_objects_of_dicom_hold_no_identifier(machine: Machine) -> None:
    """No identifier is in the attributes of either object or in its PDF, even with --keep-names."""
    machine.hand_in({name: data for name, data in write_dicom_files().items() if name.startswith("slice")})
    done = machine.predict("--write", "a.dcm", "--write-capture", "b.dcm", "--keep-names")
    assert (0, {"out/a.dcm", "out/b.dcm"}) == (done.returncode, machine.appeared()), done.stderr
    assert [] == find_canaries(done.stdout + done.stderr)
    report, capture = (pydicom.dcmread(machine.place / "out" / name) for name in ("a.dcm", "b.dcm"))
    texts = [str(dataset) + str(dataset.file_meta) for dataset in (report, capture)]
    texts += [repr(Path(machine.place, "out", name).read_bytes()) for name in ("a.dcm", "b.dcm")]
    assert [] == find_canaries(" ".join(texts), FILE_NAME)
    assert [] == find_canaries(read_pdf(report.EncapsulatedDocument), FILE_NAME)
    assert 4 == capture.NumberOfFrames


def test_the_search_looks_into_packed_streams() -> None:
    """A word that is compressed in a PDF is found."""
    from reportlab.pdfgen.canvas import Canvas

    target = io.BytesIO()
    canvas = Canvas(target, pageCompression=1)
    canvas.drawString(100, 100, FILE_NAME)
    canvas.save()
    assert [] == find_canaries(target.getvalue(), FILE_NAME)
    assert [FILE_NAME] == find_canaries(read_pdf(target.getvalue()), FILE_NAME)


def read_series(experiment: Experiment, name: str, *, planted: bool) -> Findings:
    """Findings of three slices in files of this name."""
    datasets = [render_dataset(render_hu(n), z=5.0 * n, SeriesInstanceUID="1.2.3") for n in range(3)]
    files = [(save_planted if planted else save)(dataset) for dataset in datasets]
    (scan,) = read_study([(f"{name} {n}", data) for n, data in enumerate(files)]).scans
    return Reader(experiment).read(scan, override_gate=True)


def test_the_pixels_of_a_capture_know_nothing_of_the_patient(tiny: Experiment) -> None:
    """A series with identifiers and one without, of the same pixels, give the same frames."""
    frames = []
    for name, planted in (("a", False), (FILE_NAME, True)):
        report = ScanReport(
            (read_series(tiny, name, planted=planted),), lambda index: np.full((64, 64), index, np.uint8)
        )
        data = exports.make_dicom_capture([tiny], report)
        frames.append(pydicom.dcmread(io.BytesIO(data)).PixelData)
    assert frames[0] == frames[1]
