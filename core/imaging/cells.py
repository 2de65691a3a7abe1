"""The cells of an evidence map that show an outlined lesion."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

# Shares of a cell inside the outline.
_LESION, _DOUBTFUL = 0.3, 0.02


def mark_cells(
    outlines: NDArray[np.bool_], shape: tuple[int, int]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which cells show the lesion, and of which cells this is known.

    Args:
        outlines: (n, h, w) bool, the pixels of the lesion.
        shape: (h', w') of the evidence map, which covers the whole picture.

    Returns:
        Two arrays (n, h', w') bool. A cell shows the lesion if more than 0.3 of it lies inside the outline.
        It is unknown with 0.02 to 0.3 inside.
    """
    inside = _share(outlines, shape)
    return inside > _LESION, (inside < _DOUBTFUL) | (inside > _LESION)


def mark_beyond(outlines: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.bool_]:
    """Return the cells (n, h', w') that are known to lie beyond a roughly outlined lesion.

    These are neither in the outline nor beside it. Args as in `mark_cells`.
    """
    from scipy import ndimage

    touched = _share(outlines, shape) >= _DOUBTFUL
    beyond: NDArray[np.bool_] = ~ndimage.binary_dilation(touched, np.ones((1, 3, 3)))
    return beyond


def _share(masks: NDArray[np.bool_], shape: tuple[int, int]) -> NDArray[np.float32]:
    """Return the share of each cell inside the masks."""
    shares = np.zeros((len(masks), *shape), np.float32)
    for share, mask in zip(shares, masks, strict=True):
        if mask.any():
            picture = Image.fromarray(mask.astype(np.float32))
            share[:] = np.asarray(picture.resize(shape[::-1], Image.Resampling.BOX))
    return shares
