"""Windows map Hounsfield units to gray."""

import numpy as np
import pytest

from core.scans.scan import to_gray
from core.scans.windows import Window, window_hu


def test_brain_window_maps_its_ends_to_black_and_white():
    """With center 40 and width 120, -20 HU is black, 40 HU middle gray, 100 HU white; all is in [0, 1]."""
    gray = window_hu(np.array([-1000, -20, 40, 100, 3000], dtype=np.int16))
    assert [0, 0, 0.5, 1, 1] == pytest.approx(gray.tolist())
    assert np.float32 == gray.dtype


def test_window_can_be_chosen():
    """A bone window shows 300 HU below white."""
    assert 0.45 == pytest.approx(float(window_hu(np.array([300.0]), Window(400, 2000))[0]))


def test_gray_slices_have_no_window():
    """Hounsfield units are shown through the window; slices that are gray already stay the same array."""
    pixels, bone = np.array([0.25, 0.75], np.float32), Window(400, 2000)
    assert pixels is to_gray(pixels, "gray", bone)
    np.testing.assert_array_equal(window_hu(pixels, bone), to_gray(pixels, "hu", bone))
    np.testing.assert_array_equal(window_hu(pixels), to_gray(pixels, "hu"))
