"""Files that others made to break readers: the corpus that STROKE_CT_CORPUS names, and pydicom's own."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path

import pytest
from pydicom.data import get_testdata_files

from core.errors import ScanError
from core.scans import read_study
from core.scans.decoding import _attempt

CORPUS_VARIABLE = "STROKE_CT_CORPUS"
_FOLDER = Path(os.environ.get(CORPUS_VARIABLE, "/nonexistent"))
_PARTS = (
    *("archives", "dicom", "disguised", "filenames", "nifti"),
    *("images_broken", "images_extreme", "images_hostile", "images_valid"),
)
needs_corpus = pytest.mark.skipif(
    not (_FOLDER / "MANIFEST.csv").is_file(), reason=f"{CORPUS_VARIABLE} names no corpus"
)
# Where we differ from the manifest, and why. A file that should be refused and is read, or the reverse.
_BY_CONTENT = "the format is told by the content; WebP is read"
_BLANK = "every pixel has the same value"
DIFFERENT = {
    "images_broken/broken_exif_dpi.jpg": _BLANK,
    "images_broken/truncated_exif_dpi.jpg": _BLANK,
    "images_hostile/chunk_no_fdat.png": _BLANK,
    "images_valid/hopper.bmp": "BMP is on our list",
    "dicom/made_no_preamble.dcm": "a preamble is not needed: the meta header tells the transfer syntax",
    "dicom/MAROTECH_CT_JP2Lossy.dcm": "it says that it is a localizer",
    "dicom/JPEGLSNearLossless_08.dcm": "10 x 45 pixels, below the minimum of 32",
    "disguised/looks-like-svg.webp": _BY_CONTENT,
    "disguised/webp_named.jpg": _BY_CONTENT,
    "filenames/no_extension": "the format is told by the content, an extension is not needed",
    "nifti/functional.nii": "four dimensions are refused, and 17 x 21 pixels are below the minimum",
    "nifti/made_not_gz.nii.gz": "the format is told by the content",
    "nifti/standard.nii.gz": "4 x 5 pixels, below the minimum of 32",
}


def rows() -> list[dict[str, str]]:
    """What the manifest says of the scans and archives."""
    if not (_FOLDER / "MANIFEST.csv").is_file():
        return []
    with (_FOLDER / "MANIFEST.csv").open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["file"].split("/")[0] in _PARTS]


@cache
def outcome(file: str) -> str:
    """How a file ends: "read", "warned" or "refused"."""
    path = _FOLDER / file
    study = read_study([(path.name, path.read_bytes())])
    if not study.scans:
        assert study.refused
        return "refused"
    return "warned" if study.refused or any(scan.warnings for scan in study.scans) else "read"


@needs_corpus
def test_corpus_no_crash() -> None:
    """Nothing of the corpus ends the decoder, except by its limit of time."""
    crashed = []
    for row in rows():
        study = read_study([("file", (_FOLDER / row["file"]).read_bytes())])
        crashed += [row["file"] for refused in study.refused if refused.error.code == "crashed"]
    assert [] == crashed


@needs_corpus
def test_corpus_outcomes() -> None:
    """Each file is read or refused as the manifest says; those that differ are listed with the reason."""
    different = []
    for row in rows():
        refuse = row["expected behaviour"].startswith("refuse")
        if refuse != (outcome(row["file"]) == "refused"):
            different.append(row["file"])
    assert sorted(DIFFERENT) == sorted(different)


@needs_corpus
def test_corpus_warnings() -> None:
    """Volumes, series and archives that deserve a warning have one."""
    silent = [
        row["file"]
        for row in rows()
        if row["file"].startswith(("archives/", "dicom/", "disguised/", "nifti/"))
        and row["expected behaviour"].endswith("warning")
        and outcome(row["file"]) == "read"
    ]
    assert [] == silent


PYDICOMS_OWN = [path for path in sorted(get_testdata_files()) if Path(path).is_file()]


@pytest.mark.parametrize("path", PYDICOMS_OWN, ids=lambda path: Path(path).name)
def test_pydicoms_own_files_are_read_or_refused(path: str) -> None:
    """Each of pydicom's test files ends as a scan or as a refusal with something to do about it."""
    outcome = _attempt(Path(path).read_bytes(), "a", b"")
    assert outcome.remedy if isinstance(outcome, ScanError) else outcome.planes
