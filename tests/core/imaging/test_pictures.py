"""Slices as pictures for people."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.pictures import PICTURE_SIZE, cut_picture, show_picture
from core.imaging.preprocessing import Recipe, to_frame
from core.scans import Slice
from core.scans.windows import LEARNED, WINDOWS, Window, window_hu
from tests.builders import render_head
from tests.scan_files import render_hu

RECIPE = Recipe(size=64, channels="gray", framing="head", intensity="unit")


def test_gray_is_framed_as_the_networks_see_it() -> None:
    """A slice of 64 pixels becomes a uint8 picture of 512 with the frame of the recipe."""
    piece = Slice(render_head(0.5))
    picture = cut_picture(piece, "gray", RECIPE)
    assert ((PICTURE_SIZE, PICTURE_SIZE), np.uint8) == (picture.shape, picture.dtype)
    assert abs(float(to_frame(piece.pixels, RECIPE).mean()) - float(picture.mean()) / 255) < 0.01
    assert picture is show_picture(picture, LEARNED)


@pytest.mark.parametrize("window", [LEARNED, *WINDOWS.values()])
def test_hounsfield_units_are_kept_and_shown_through_any_window(window: Window) -> None:
    """The brightest Hounsfield unit is kept; a window turns the units into gray."""
    hu = render_hu().astype(np.float32)
    picture = cut_picture(Slice(hu), "hu", RECIPE)
    assert np.int16 == picture.dtype
    assert abs(int(hu.max()) - int(picture.max())) <= 20
    assert np.array_equal(np.rint(window_hu(picture, window) * 255), show_picture(picture, window))
