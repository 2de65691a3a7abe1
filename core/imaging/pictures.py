"""Pictures of slices for people: the networks' framing, a higher resolution, and any window."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.imaging.preprocessing import Recipe, cut_frame, find_frame, to_frame
from core.scans import Slice, Unit, Window, turn_slice, window_hu

# Finer than the input of the networks.
PICTURE_SIZE = 512
_AIR_HU = -1000


def cut_picture(
    piece: Slice, unit: Unit, recipe: Recipe, *, turned: int = 0
) -> NDArray[np.uint8] | NDArray[np.int16]:
    """Return a slice as (512, 512), framed as for the networks: uint8 gray or int16 Hounsfield units.

    Args:
        piece: the slice as its file holds it.
        unit: of its scan.
        recipe: of the networks.
        turned: degrees counterclockwise by which it was turned upright, from its finding.
    """
    piece = turn_slice(piece, turned)
    fine = replace(recipe, size=PICTURE_SIZE)
    if unit == "gray":
        return np.rint(to_frame(piece.pixels, fine) * 255).astype(np.uint8)
    frame = find_frame(window_hu(piece.pixels, recipe.window), fine)
    cut = cut_frame(piece.pixels, frame, PICTURE_SIZE, beyond=_AIR_HU)
    return np.rint(np.clip(cut, -32768, 32767)).astype(np.int16)


def show_picture(picture: NDArray, window: Window) -> NDArray[np.uint8]:
    """Return a picture of `cut_picture` as uint8 gray; the window is applied to Hounsfield units only."""
    if picture.dtype != np.int16:
        return np.asarray(picture)
    return np.rint(window_hu(picture, window) * 255).astype(np.uint8)
