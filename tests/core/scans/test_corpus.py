"""Files made to break readers: the corpus named by STROKE_CT_CORPUS, and pydicom's test files."""

from __future__ import annotations

import csv
import os
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from pydicom.data import get_testdata_files

from core.errors import ScanError
from core.scans import read_study
from core.scans.decoding import _try_decode

CORPUS_VARIABLE = "STROKE_CT_CORPUS"
_FOLDER = Path(os.environ.get(CORPUS_VARIABLE, "/nonexistent"))
_PARTS = (
    *("archives", "dicom", "disguised", "filenames", "nifti"),
    *("images_broken", "images_extreme", "images_hostile", "images_valid"),
)
needs_corpus = pytest.mark.skipif(
    not (_FOLDER / "MANIFEST.csv").is_file(), reason=f"{CORPUS_VARIABLE} names no corpus"
)
# Differences from the manifest: our outcome ("read", or the code of the refusal) and the reason.
_ONE_COLOR = "every pixel has one color; a blank picture is refused, even if the file is intact"
_CONTENT = "the format is identified from the content, never from the name"
_TOO_SMALL = "pixels, below the minimum of 32 x 32"
DIFFERENT = {
    "images_broken/broken_exif_dpi.jpg": ("degenerate", _ONE_COLOR),
    "images_broken/truncated_exif_dpi.jpg": ("degenerate", _ONE_COLOR),
    "images_hostile/chunk_no_fdat.png": ("degenerate", _ONE_COLOR),
    "images_valid/hopper.bmp": ("read", "BMP is supported"),
    "disguised/looks-like-svg.webp": ("read", "WebP is supported; only Pillow's WebP decoder is tried"),
    "disguised/webp_named.jpg": ("read", f"{_CONTENT}; WebP is supported, and the wrong name is reported"),
    "filenames/no_extension": ("read", f"{_CONTENT}; files of a DICOM medium have no extension"),
    "nifti/made_not_gz.nii.gz": ("read", f"{_CONTENT}; the wrong name is reported"),
    "dicom/made_no_preamble.dcm": ("read", "the file meta information gives the transfer syntax"),
    "dicom/MAROTECH_CT_JP2Lossy.dcm": ("localizer_only", "its image type says LOCALIZER; it is coronal"),
    "dicom/JPEGLSNearLossless_08.dcm": ("degenerate", f"10 x 45 {_TOO_SMALL}"),
    "nifti/functional.nii": ("unsupported_format", f"20 volumes; also 17 x 21 {_TOO_SMALL}"),
    "nifti/standard.nii.gz": ("degenerate", f"4 x 5 {_TOO_SMALL}"),
}


def rows() -> list[dict[str, str]]:
    """Return the manifest's rows on scans and archives."""
    if not (_FOLDER / "MANIFEST.csv").is_file():
        return []
    with (_FOLDER / "MANIFEST.csv").open(newline="", encoding="utf-8") as stream:
        return [row for row in csv.DictReader(stream) if row["file"].split("/")[0] in _PARTS]


class Ending(NamedTuple):
    """The outcome of a file: whether any of it was read, with a warning, and the errors."""

    read: bool
    warned: bool
    errors: tuple[ScanError, ...]


@cache
def read_file(file: str) -> Ending:
    """Return the outcome of a file of the corpus."""
    path = _FOLDER / file
    study = read_study([(path.name, path.read_bytes())])
    assert study.scans or study.refused
    errors = tuple(refused.error for refused in study.refused)
    return Ending(bool(study.scans), bool(errors) or any(scan.warnings for scan in study.scans), errors)


@needs_corpus
def test_corpus_no_crash() -> None:
    """No file of the corpus crashes the decoder."""
    crashed = [
        row["file"] for row in rows() for error in read_file(row["file"]).errors if error.code == "crashed"
    ]
    assert [] == crashed


@needs_corpus
def test_corpus_outcomes() -> None:
    """Each file is read or refused as the manifest says, except those listed in DIFFERENT."""
    different = {}
    for row in rows():
        ending = read_file(row["file"])
        if ending.read == row["expected behaviour"].startswith("refuse"):
            different[row["file"]] = "read" if ending.read else ending.errors[0].code
    assert {file: code for file, (code, _) in DIFFERENT.items()} == different


@needs_corpus
def test_corpus_warnings() -> None:
    """Volumes, series and archives that the manifest marks have a warning."""
    silent = [
        row["file"]
        for row in rows()
        if row["file"].startswith(("archives/", "dicom/", "disguised/", "nifti/"))
        and row["expected behaviour"].endswith("warning")
        and read_file(row["file"]).read
        and not read_file(row["file"]).warned
    ]
    assert [] == silent


@needs_corpus
def test_corpus_refusals_say_what_to_do() -> None:
    """Each refusal has a remedy."""
    without = [
        row["file"] for row in rows() if not all(error.remedy for error in read_file(row["file"]).errors)
    ]
    assert [] == without


PYDICOMS_OWN = [path for path in sorted(get_testdata_files()) if Path(path).is_file()]


@pytest.mark.parametrize("path", PYDICOMS_OWN, ids=lambda path: Path(path).name)
def test_pydicoms_own_files_are_read_or_refused(path: str) -> None:
    """Each of pydicom's test files gives a scan, or a refusal with a remedy."""
    outcome = _try_decode(Path(path).read_bytes(), "a", b"")
    assert outcome.remedy if isinstance(outcome, ScanError) else outcome.planes
