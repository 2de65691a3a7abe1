"""A scan is turned by quarter turns with everything that depends on its directions."""

from __future__ import annotations

import numpy as np
import pytest

from core.scans import read_scan, turn_scan, turn_slice
from core.scans.scan import Marks, Scan, Slice, Technical
from tests.scan_files import write_dicom


@pytest.mark.parametrize(
    ("degrees", "marks"),
    [
        (90, ("A", "P", "L", "R")),
        (180, ("L", "R", "P", "A")),
        (270, ("P", "A", "R", "L")),
        (-90, ("P", "A", "R", "L")),
    ],
)
def test_pixels_letters_and_spacing_turn_counterclockwise(degrees: int, marks: Marks) -> None:
    """A quarter turn brings what was above to the left, and makes rows of columns."""
    pixels = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    technical = Technical(spacing_mm=(0.5, 0.7), marks=("R", "L", "A", "P"))
    turned = turn_scan(Scan("a", "0" * 64, "gray", (Slice(pixels, 3.0),), technical=technical), degrees)
    np.testing.assert_array_equal(np.rot90(pixels, degrees // 90), turned.slices[0].pixels)
    assert (marks, 3.0, False) == (
        turned.technical.marks, turned.slices[0].position_mm, turned.slices[0].pixels.flags.writeable
    )  # fmt: skip
    assert ((0.5, 0.7) if degrees == 180 else (0.7, 0.5)) == turned.technical.spacing_mm


def test_no_turn_copies_nothing() -> None:
    """A turn by 0 or 360 degrees returns the scan and the slice themselves."""
    scan = read_scan(write_dicom())
    assert scan is turn_scan(scan, 0)
    assert scan.slices[0] is turn_slice(scan.slices[0], 360)
