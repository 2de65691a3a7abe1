"""The colours of heat, and slices drawn in bytes. How heat is laid: tests/dashboard/test_overlays.py."""

from __future__ import annotations

import numpy as np
from plotly.colors import hex_to_rgb, sequential

from core.imaging.heat_maps import MAGMA, lay_heat, to_gray


def test_the_colours_are_those_of_the_plots() -> None:
    """The table begins and ends as plotly's Magma, and holds each of its ten colours, evenly spread."""
    places = np.linspace(0, 255, len(sequential.Magma))
    expected = [hex_to_rgb(color) for color in sequential.Magma]
    for channel in range(3):
        found = np.interp(places, np.arange(256), MAGMA[:, channel])
        assert np.allclose([color[channel] for color in expected], found, atol=1)


def test_bytes_and_shares_are_drawn_alike() -> None:
    """A frame in bytes and the same in [0, 1] make the same pictures, bare and under heat."""
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    heat = np.linspace(0, 1, 16, dtype=np.float32).reshape(4, 4)
    assert np.array_equal(np.asarray(to_gray(gray)), np.asarray(to_gray(gray / 255)))
    assert np.array_equal(np.asarray(lay_heat(gray, heat, 0.5)), np.asarray(lay_heat(gray / 255, heat, 0.5)))
