"""Valid files of every format, damaged at random, are read or refused; no other error escapes."""

from __future__ import annotations

import gzip
import io
import tempfile
from pathlib import Path

import gdcm
import nibabel
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

from core.scans import read_study
from core.scans.decoding import decode_all
from core.scans.scan import Piece
from tests.scan_files import render_dataset, render_hu, save, write_dicom, write_nifti, write_zip


def _picture(format_name: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, format_name)
    return stream.getvalue()


def _rle() -> bytes:
    dataset = render_dataset()
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    return save(dataset)


def _transcode(syntax: int) -> bytes:
    """Return the DICOM file in a compressed transfer syntax, written by GDCM."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.dcm")
        path.write_bytes(write_dicom())
        reader, writer = gdcm.ImageReader(), gdcm.ImageWriter()
        reader.SetFileName(str(path))
        change = gdcm.ImageChangeTransferSyntax()
        change.SetTransferSyntax(gdcm.TransferSyntax(syntax))
        assert reader.Read()
        change.SetInput(reader.GetImage())
        assert change.Change()
        writer.SetFileName(str(path))
        writer.SetFile(reader.GetFile())
        writer.SetImage(change.GetOutput())
        assert writer.Write()
        return path.read_bytes()


def _nifti_2() -> bytes:
    volume = np.random.default_rng(0).integers(-1000, 2000, (40, 36, 3), dtype=np.int16)
    return nibabel.Nifti2Image(volume, np.diag([0.5, 0.5, 5.0, 1.0])).to_bytes()


def _pages() -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 65536, (3, 48, 40), dtype=np.uint16)
    first, *others = map(Image.fromarray, pixels)
    first.save(stream, "TIFF", save_all=True, append_images=others, compression="tiff_lzw")
    return stream.getvalue()


VALID = {
    **{name: _picture(name) for name in ("JPEG", "PNG", "TIFF", "BMP", "WEBP")},
    "DICOM": write_dicom(),
    "DICOM deflated": save(render_dataset(), syntax=DeflatedExplicitVRLittleEndian),
    "DICOM RLE": _rle(),
    "DICOM implicit": save(render_dataset(), syntax=ImplicitVRLittleEndian),
    "DICOM big endian": save(render_dataset(), syntax=ExplicitVRBigEndian),
    "DICOM frames": write_dicom(np.stack([render_hu(seed, 40) for seed in range(3)])),
    "DICOM JPEG lossless": _transcode(gdcm.TransferSyntax.JPEGLosslessProcess14_1),
    "DICOM JPEG-LS": _transcode(gdcm.TransferSyntax.JPEGLSLossless),
    "DICOM JPEG 2000": _transcode(gdcm.TransferSyntax.JPEG2000Lossless),
    "NIfTI": write_nifti(),
    "NIfTI-2": _nifti_2(),
    "TIFF of pages": _pages(),
    "NIfTI packed": gzip.compress(write_nifti()),
    "zip": write_zip({"a/1": write_dicom(), "b.png": _picture("PNG")}),
}
# Written in C++, so a damaged file may crash the process that decodes it.
BY_GDCM = ("DICOM JPEG lossless", "DICOM JPEG-LS", "DICOM JPEG 2000")
# Mostly in the headers, which decoders trust.
_PLACES = st.one_of(st.integers(0, 700), st.integers(0, 40_000))
_CHANGES = st.lists(st.tuples(_PLACES, st.binary(min_size=1, max_size=4)), min_size=1, max_size=8)


@pytest.mark.parametrize("name", sorted(VALID))
def test_undamaged_files_are_read(name: str) -> None:
    """Each of the files is read before it is damaged."""
    assert all(isinstance(outcome, Piece) for _, outcome in decode_all(VALID[name], "a") if outcome)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VALID))
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=_CHANGES, keep=st.one_of(st.just(1.0), st.floats(0, 1)))
def test_mutated_files_are_read_or_refused(name: str, changes: list[tuple[int, bytes]], keep: float) -> None:
    """A damaged file gives finite pixels or a refusal with a remedy; only GDCM may crash its worker."""
    data = bytearray(VALID[name])
    for place, new in changes:
        place %= len(data)
        data[place : place + len(new)] = new
    study = read_study([("a", bytes(data[: int(len(data) * keep)]))])
    assert study.scans or study.refused
    for scan in study.scans:
        assert all(np.isfinite(slice_.pixels).all() for slice_ in scan.slices)
    for refused in study.refused:
        assert refused.error.remedy
        assert name in BY_GDCM or refused.error.code != "crashed"
