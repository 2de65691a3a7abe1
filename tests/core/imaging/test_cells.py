"""The cells of an evidence map that show an outlined lesion."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.cells import mark_beyond, mark_cells


def outline(n_pixels: int, n_cells: int = 2) -> np.ndarray:
    """Return a mask of this many of the 100 pixels of the upper left cell, of n_cells x n_cells cells."""
    mask = np.zeros((1, 10 * n_cells, 10 * n_cells), bool)
    mask[0][np.unravel_index(np.arange(n_pixels), (10, 10))] = True
    return mask


@pytest.mark.parametrize(
    ("n_pixels", "lesion", "known"), [(0, 0, 1), (1, 0, 1), (2, 0, 0), (30, 0, 0), (31, 1, 1), (100, 1, 1)]
)
def test_a_cell_shows_a_lesion_that_covers_more_than_three_tenths(
    n_pixels: int, lesion: int, known: int
) -> None:
    """Of 100 pixels, 31 or more are a lesion and below 2 none; between, the cell is unknown."""
    shows, is_known = mark_cells(outline(n_pixels), (2, 2))
    assert [[lesion, 0], [0, 0]] == shows[0].astype(int).tolist()
    assert [[known, 1], [1, 1]] == is_known[0].astype(int).tolist()


def test_cells_may_be_cut_through_pixels() -> None:
    """Of a full outline on 20 pixels, each of 3 x 3 cells is lesion."""
    shows, is_known = mark_cells(np.ones((1, 20, 20), bool), (3, 3))
    assert (9, 9, (1, 3, 3)) == (shows.sum(), is_known.sum(), shows.shape)


@pytest.mark.parametrize(("n_pixels", "n_touched"), [(0, 0), (1, 0), (2, 4), (100, 4)])
def test_a_rough_outline_leaves_the_cells_in_and_beside_it_unknown(n_pixels: int, n_touched: int) -> None:
    """In a corner of 4 x 4 cells, the touched cell and its three neighbors are unknown; others lie beyond."""
    beyond = mark_beyond(outline(n_pixels, 4), (4, 4))[0]
    assert 16 - n_touched == beyond.sum()
    assert not n_touched or not beyond[:2, :2].any()
