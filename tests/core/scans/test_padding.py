"""Padding is filled from the borders inwards."""

from __future__ import annotations

import numpy as np

from core.scans.padding import fill_from_borders


def test_padding_joined_to_a_border_is_filled_around_corners() -> None:
    """A bay behind a wall is filled, an island of the same value is kept, and the input is not changed."""
    pixels = np.ones((40, 40), np.float32)
    pixels[:, :3] = pixels[10, 3:30] = pixels[10:31, 29] = pixels[30, 15:30] = pixels[20:31, 15] = 7
    pixels[20, 10] = 7
    filled = fill_from_borders(pixels, pixels == 7, -1)
    assert (-1, -1, 7, 1) == (filled[3, 1], filled[20, 15], filled[20, 10], filled[15, 15])
    assert 7 == pixels[3, 1]


def test_a_little_at_the_border_is_kept() -> None:
    """Less than 1 % of the pixels are no padding."""
    pixels = np.ones((40, 40), np.float32)
    pixels[0, :10] = 7
    assert fill_from_borders(pixels, pixels == 7, -1) is pixels
