"""Outlines on the networks' frame, and as cells."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging import Recipe, divide_into_cells, frame_outline, to_frame
from core.synthetic import render_phantom

FRAME = np.pad(np.full((48, 48), 0.4, np.float32), 8)  # 64 pixels, 8 x 8 cells; the head is 6 x 6 of them


def outline(rows: slice, columns: slice) -> np.ndarray:
    """An outline that holds these pixels."""
    found = np.zeros((64, 64), np.float32)
    found[rows, columns] = 1
    return found


def test_a_cell_is_lesion_above_three_tenths() -> None:
    """A cell with 3 of 8 columns in the outline is lesion, one with 2 of 8 is not."""
    cells = divide_into_cells(FRAME, outline(slice(16, 24), slice(21, 34)), (8, 8))
    assert [(2, 2), (2, 3)] == [tuple(map(int, one)) for one in np.argwhere(cells.lesion)]


def test_cells_that_touch_the_lesion_lie_beside_it() -> None:
    """Beside a lesion of one cell lie its eight neighbors inside the head."""
    cells = divide_into_cells(FRAME, outline(slice(8, 16), slice(24, 32)), (8, 8))
    assert 6 == cells.beside.sum()
    assert not cells.beside[0].any()
    assert 36 == cells.head.sum()


def test_a_small_lesion_has_the_cell_with_its_largest_share() -> None:
    """A lesion of a few pixels is in one cell, not in none."""
    cells = divide_into_cells(FRAME, outline(slice(22, 25), slice(17, 19)), (8, 8))
    assert [[2, 2]] == np.argwhere(cells.lesion).tolist()


@pytest.mark.parametrize(("left", "expected"), [(38, True), (40, False)])
def test_the_outline_is_widened_by_four_percent(left: int, expected: bool) -> None:
    """The middle of a cell counts up to 2.56 of 64 pixels from the outline."""
    cells = divide_into_cells(FRAME, outline(slice(32, 40), slice(left, 48)), (8, 8))
    assert expected == bool(cells.widened[4, 4])


def test_without_a_lesion_there_is_no_such_cell() -> None:
    """An empty outline has no cells of lesion, none beside it, none widened."""
    cells = divide_into_cells(FRAME, outline(slice(0), slice(0)), (8, 8))
    assert [36, 0, 0, 0] == [int(one.sum()) for one in cells]


@pytest.mark.parametrize("margin", [0, 20])
@pytest.mark.parametrize("framing", ["whole", "head"])
def test_an_outline_is_framed_like_its_slice(framing: str, margin: int) -> None:
    """The framed outline of the bright pixels covers the bright pixels of the framed slice."""
    recipe = Recipe(size=96, channels="gray", framing=framing, intensity="unit")
    phantom = render_phantom(np.random.default_rng(3), lesion=True, size=192).pixels
    pixels = np.pad(phantom, ((margin, 0), (0, 0)), constant_values=0.9)
    framed = frame_outline(pixels, pixels > 0.9, recipe)
    bright = to_frame(pixels, recipe) > 0.9
    assert bright.any()
    assert 0.97 < (framed > 0.5)[bright].mean()
    assert 0.97 < bright[framed > 0.999].mean()
