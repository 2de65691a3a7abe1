"""The colors of heat maps, and frames as uint8. For overlays see tests/dashboard/shared/test_overlays.py."""

from __future__ import annotations

import numpy as np
from plotly.colors import hex_to_rgb, sequential

from core.imaging.heat_maps import MAGMA, overlay_heat, to_gray


def test_the_colors_are_those_of_the_plots() -> None:
    """The table holds the ten colors of plotly's Magma, evenly spaced."""
    places = np.linspace(0, 255, len(sequential.Magma))
    expected = [hex_to_rgb(color) for color in sequential.Magma]
    for channel in range(3):
        found = np.interp(places, np.arange(256), MAGMA[:, channel])
        assert np.allclose([color[channel] for color in expected], found, atol=1)


def test_uint8_and_float_frames_give_the_same_pictures() -> None:
    """A frame as uint8 and the same in [0, 1] give equal pictures, with and without heat."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    heat = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    assert np.array_equal(np.asarray(to_gray(gray)), np.asarray(to_gray(gray / 255)))
    assert np.array_equal(
        np.asarray(overlay_heat(gray, heat, 0.5)), np.asarray(overlay_heat(gray / 255, heat, 0.5))
    )
