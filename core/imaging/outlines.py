"""Outlines of lesions on the frame of the networks, and as cells of a heat map."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging.preprocessing import Recipe, cut_frame, find_frame, find_margins

Mask = NDArray[np.bool_]

# The share of a cell that must be covered, by the head or by the outline.
COVERED = 0.3
# By which outlines are widened on the picture, as a share of its side.
WIDENED = 0.04
# Gray of the frame above which a pixel is head.
_HEAD = 0.05


class Cells(NamedTuple):
    """The cells of a heat map, each (h', w') bool.

    Attributes:
        head: more than COVERED of the cell is head.
        lesion: of these, more than COVERED is lesion; of a smaller lesion, the cell with the largest share.
        beside: `lesion` and all cells that touch it, also at a corner.
        widened: the middle of the cell lies in the outline widened by WIDENED.
    """

    head: Mask
    lesion: Mask
    beside: Mask
    widened: Mask


def frame_outline(pixels: NDArray, outline: Mask, recipe: Recipe) -> NDArray[np.float32]:
    """Return an outline framed and resized as `to_frame` does with its slice.

    Args:
        pixels: (H, W) float32 gray values in [0, 1].
        outline: (H, W) bool.
        recipe: its framing and size are used.

    Returns:
        (size, size) float32 in [0, 1]: the share of each pixel inside the outline.

    Raises:
        ScanError: the pixels are not two-dimensional, not finite or outside [0, 1].
    """
    if recipe.framing == "head" and pixels.ndim == 2:
        inside = find_margins(pixels)
        pixels, outline = pixels[inside], outline[inside]
    return np.clip(cut_frame(outline, find_frame(pixels, recipe), recipe.size), 0, 1)


def divide_into_cells(frame: NDArray, outline: NDArray, shape: tuple[int, int]) -> Cells:
    """Divide a framed slice and its outline into the cells of a heat map.

    Args:
        frame: (s, s) float32 gray values in [0, 1], from `core.imaging.to_frame`.
        outline: (s, s) float32, the share of each pixel inside the outline.
        shape: (h', w') of the heat map, which covers the whole frame.
    """
    from scipy import ndimage

    head = _average(frame > _HEAD, shape) > COVERED
    share = np.where(head, _average(outline, shape), 0)
    lesion = share > COVERED
    if not lesion.any() and share.any():
        lesion = share == share.max()
    distance = ndimage.distance_transform_edt(outline < 0.5)
    rows, columns = (
        ((np.arange(n) + 0.5) * size / n).astype(int) for n, size in zip(shape, outline.shape, strict=True)
    )
    widened = distance[np.ix_(rows, columns)] <= WIDENED * len(outline)
    beside = ndimage.binary_dilation(lesion, np.ones((3, 3)))
    return Cells(head, lesion, beside & head, widened & head & bool((outline >= 0.5).any()))


def _average(values: NDArray, shape: tuple[int, int]) -> NDArray[np.float32]:
    picture = Image.fromarray(np.ascontiguousarray(values, np.float32))
    return np.asarray(picture.resize(shape[::-1], Image.Resampling.BOX), np.float32)
