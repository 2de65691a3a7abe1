"""Show as air what a file holds outside the scanned area."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Air. Scanners pad the area outside the scanned circle with lower values.
LOWEST_HU = -1024.0
# A constant area of this share, from the borders inwards, is padding: measured values are never constant.
_PADDED = 0.01


def fill_from_borders(pixels: NDArray[Any], padding: NDArray[np.bool_], value: float) -> NDArray[Any]:
    """Return the pixels with those marked as padding set to a value, as far as they are joined to a border.

    Padding may have a value that occurs in the head, too; what is not joined to a border is kept.

    Args:
        pixels: (H, W).
        padding: (H, W), whether a pixel has the value of padding.
        value: the new value.

    Returns:
        `pixels` itself if less than 1 % of it would change.
    """
    reached = padding.copy()
    reached[1:-1, 1:-1] = False
    n_reached = -1
    # Along rows and columns in turn, until nothing more is reached.
    while n_reached != (n_reached := int(np.count_nonzero(reached))):
        reached = _fill_runs(_fill_runs(reached, padding).T, padding.T).T
    if n_reached < _PADDED * pixels.size:
        return pixels
    filled = pixels.copy()
    filled[reached] = value
    return filled


def _fill_runs(reached: NDArray[np.bool_], padding: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return all runs of padding within rows that hold a reached pixel."""
    begins = padding.copy()
    begins[:, 1:] &= ~padding[:, :-1]
    runs = np.cumsum(begins.ravel()).reshape(padding.shape)
    hit = np.zeros(runs.max() + 1, bool)
    hit[runs[reached]] = True
    return padding & hit[runs]
