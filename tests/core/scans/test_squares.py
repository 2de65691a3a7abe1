"""Slices whose pixels are not square are resampled."""

from __future__ import annotations

import numpy as np
import pytest

from core.scans.scan import Plane
from core.scans.squares import make_square
from tests.scan_files import AXIAL, render_hu


def test_wide_pixels_are_split() -> None:
    """Columns of double width give the picture of before, whole values, and its first center."""
    hu = render_hu(size=128).astype(np.float32)
    plane = Plane((hu[:, ::2] + hu[:, 1::2]) // 2, (0.0, 0.0, 5.0), AXIAL, (0.5, 1.0))
    square, remark = make_square(plane)
    assert ((128, 128), (0.5, 0.5), (-0.25, 0.0, 5.0)) == (
        square.pixels.shape,
        square.spacing_mm,
        square.corner_mm,
    )
    assert "not square (0.5 by 1 mm)" in remark
    assert 2 > np.median(np.abs(square.pixels - hu))
    np.testing.assert_array_equal(square.pixels, np.rint(square.pixels))


@pytest.mark.parametrize("spacing", [None, (0.5, 0.5), (0.4882812, 0.4883)])
def test_square_pixels_stay(spacing) -> None:
    """Square pixels, rounded spacings and unknown ones are not touched."""
    plane = Plane(render_hu().astype(np.float32), spacing_mm=spacing)
    assert (plane, "") == make_square(plane)


@pytest.mark.parametrize(("spacing", "size"), [((0.4, 5.0), 64), ((0.5, 3.0), 1500)])
def test_an_implausible_spacing_is_dropped(spacing, size: int) -> None:
    """A spacing that differs too much, or would give a huge picture, is said and not used."""
    square, remark = make_square(Plane(np.zeros((size, size), np.float32), spacing_mm=spacing))
    assert (None, (size, size)) == (square.spacing_mm, square.pixels.shape)
    assert "not plausible" in remark
