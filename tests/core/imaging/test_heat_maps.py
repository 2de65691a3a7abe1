"""The colors and the scale of heat maps, and frames as uint8.

For overlays see tests/dashboard/shared/test_overlays.py.
"""

from __future__ import annotations

import ast

import numpy as np
import pytest
from plotly.colors import hex_to_rgb, sequential

from core.imaging.heat_maps import MAGMA, measure_strength, overlay_heat, scale_heat, to_gray
from tests.source_trees import SOURCES, name_file, parse, walk_calls


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


@pytest.mark.parametrize("threshold", [0.02, 0.1, 0.5, 0.9])
def test_the_threshold_is_the_middle_of_the_scale(threshold: float) -> None:
    """The strongest place is at 0.5 if the slice is at its threshold, below it if it is below, else above."""
    heat = np.array([[0.0, 0.1], [0.2, 0.05]], np.float32)
    assert 0.5 == pytest.approx(scale_heat(heat, threshold, threshold).max())
    below, above = threshold * 0.9, threshold + 0.1 * (1 - threshold)
    assert scale_heat(heat, below, threshold).max() < 0.5 < scale_heat(heat, above, threshold).max()


def test_strength_is_the_share_of_the_odds() -> None:
    """At probability 0.2 and threshold 0.05 the odds are 1:4 and 1:19; the first are 19/23 of both."""
    assert 19 / 23 == pytest.approx(measure_strength(0.2, 0.05))
    assert (0.0, 1.0) == (measure_strength(0, 0.3), measure_strength(1, 0.3))
    assert (1.0, 0.0) == (measure_strength(0.3, 0), measure_strength(0.3, 1))
    assert (0.5, 0.5) == (measure_strength(0, 0), measure_strength(1, 1))


def test_scaling_keeps_proportions_and_no_more() -> None:
    """Twice the heat gives the same picture, proportions stay, and a map without heat stays 0."""
    heat = np.random.default_rng(0).random((4, 5), np.float32)
    scaled = scale_heat(heat, 0.3, 0.1)
    np.testing.assert_allclose(scaled, scale_heat(2 * heat, 0.3, 0.1), rtol=1e-6)
    np.testing.assert_allclose(heat / heat.max(), scaled / scaled.max(), rtol=1e-6)
    assert not scale_heat(np.zeros((3, 3)), 0.9, 0.1).any()


def test_a_slice_far_below_its_threshold_hardly_glows() -> None:
    """At probability 0.02 and threshold 0.2, no pixel changes by more than a twelfth of the gray scale."""
    frame, heat = np.full((16, 16), 128, np.uint8), np.ones((4, 4), np.float32)
    pale = np.asarray(overlay_heat(frame, scale_heat(heat, 0.02, 0.2), 0.5)).astype(int)
    assert np.abs(pale - 128).max() <= 255 / 12


def test_every_picture_of_heat_is_on_the_one_scale() -> None:
    """No module of the program overlays a heat map that does not come from `scale_heat`."""
    n_calls = 0
    for path in SOURCES:
        assigned = {
            target.id
            for node in ast.walk(parse(path))
            if isinstance(node, ast.Assign) and _is_call(node.value, "scale_heat")
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        for call in walk_calls(path):
            if _is_call(call, "overlay_heat"):
                n_calls += 1
                heat = call.args[1]
                scaled = _is_call(heat, "scale_heat") or (isinstance(heat, ast.Name) and heat.id in assigned)
                assert scaled, f"{name_file(path)}, line {call.lineno}"
    assert n_calls >= 5


def _is_call(node: ast.AST, name: str) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == name
