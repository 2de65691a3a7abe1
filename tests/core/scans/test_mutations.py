"""Valid files of every format, damaged at random: each is read or refused, and nothing else ever escapes."""

from __future__ import annotations

import contextlib
import gzip
import io

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import DeflatedExplicitVRLittleEndian, RLELossless

from core.errors import ScanError
from core.scans import read_scan
from core.scans.decoding import decode_all
from core.scans.scan import Piece
from tests.scan_files import draw_dataset, save, write_dicom, write_nifti, write_zip


def _picture(format_name: str) -> bytes:
    stream = io.BytesIO()
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40), dtype=np.uint8)
    Image.fromarray(pixels).save(stream, format_name)
    return stream.getvalue()


def _rle() -> bytes:
    dataset = draw_dataset()
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    return save(dataset)


VALID = {
    **{name: _picture(name) for name in ("JPEG", "PNG", "TIFF", "BMP", "WEBP")},
    "DICOM": write_dicom(),
    "DICOM deflated": save(draw_dataset(), syntax=DeflatedExplicitVRLittleEndian),
    "DICOM RLE": _rle(),
    "NIfTI": write_nifti(),
    "NIfTI packed": gzip.compress(write_nifti()),
    "zip": write_zip({"a/1": write_dicom(), "b.png": _picture("PNG")}),
}
# Headers are where decoders believe things.
_PLACES = st.one_of(st.integers(0, 700), st.integers(0, 40_000))
_CHANGES = st.lists(st.tuples(_PLACES, st.binary(min_size=1, max_size=4)), min_size=1, max_size=8)


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(VALID))
@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
@given(changes=_CHANGES, keep=st.one_of(st.just(1.0), st.floats(0, 1)))
def test_mutated_files_are_read_or_refused(name: str, changes: list[tuple[int, bytes]], keep: float) -> None:
    """A damaged file gives a scan of finite pixels or a ScanError."""
    data = bytearray(VALID[name])
    for place, new in changes:
        place %= len(data)
        data[place : place + len(new)] = new
    damaged = bytes(data[: int(len(data) * keep)])
    for _, outcome in decode_all(damaged, "a"):
        if isinstance(outcome, Piece):
            assert all(np.isfinite(plane.pixels).all() for plane in outcome.planes)
    with contextlib.suppress(ScanError):
        assert read_scan(damaged, "a").slices
