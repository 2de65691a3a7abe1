"""Cover a lesion with the mirror image of the other half of the head."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.imaging.preprocessing import cut_frame, find_head

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]

# A lesion is left as it is if the mirror image of a larger share of it is lesion too.
MAX_UNCOVERED = 0.1
# The axis is searched on copies of the head with these sides: roughly, then finely. Degrees, and percent.
_ROUGH_PX, _FINE_PX = 48, 96
_ROUGH = (range(-32, 33, 4), range(-8, 9, 2))
_FINE = (range(-3, 4), range(-2, 3))


class Axis(NamedTuple):
    """The line between the halves of a head: a point on it, in pixels, and its angle.

    The angle is in radians, 0 for a vertical line; the line runs along (cos, sin) of it, in (rows, columns).
    """

    row: float
    column: float
    angle: float


def find_axis(pixels: Gray) -> Axis:
    """Find the line about which the mirror image of a slice resembles the slice most.

    It is within 35 degrees of the vertical, and within 9 % of the head's size of its middle.

    Args:
        pixels: (H, W) float32 gray values in [0, 1]; the head stands upright, or nearly so.
    """
    frame = top, left, side = find_head(pixels)
    rough = _match(pixels, frame, _ROUGH_PX, [(turn, shift) for turn in _ROUGH[0] for shift in _ROUGH[1]])
    near = [(rough[0] + turn, rough[1] + shift / 2) for turn in _FINE[0] for shift in _FINE[1]]
    degrees, shift = _match(pixels, frame, _FINE_PX, near)
    middle = (side - 1) / 2
    return Axis(top + middle, left + middle + shift / 100 * side, float(np.deg2rad(degrees)))


def _match(
    pixels: Gray, frame: tuple[int, int, int], side: int, choices: list[tuple[float, float]]
) -> tuple[float, float]:
    """Return that of (degrees, shift in percent) whose mirror image of the framed head is most like it."""
    from scipy import ndimage

    small = ndimage.gaussian_filter(cut_frame(pixels, frame, side), side / _FINE_PX)
    middle = (side - 1) / 2

    def differ(choice: tuple[float, float]) -> float:
        axis = Axis(middle, middle + choice[1] * side / 100, float(np.deg2rad(choice[0])))
        return float(np.abs(small - _reflect(small, axis, (slice(0, side), slice(0, side)))).mean())

    return min(choices, key=differ)


def _reflect(values: NDArray, axis: Axis, window: tuple[slice, slice]) -> Gray:
    """Return a window of the mirror image of values (H, W) about an axis; 0 beyond the picture."""
    from scipy import ndimage

    along = np.array([np.cos(axis.angle), np.sin(axis.angle)])
    turn = 2 * np.outer(along, along) - np.eye(2)
    point, start = np.array([axis.row, axis.column]), np.array([one.start for one in window])
    mirrored: Gray = ndimage.affine_transform(
        np.asarray(values, np.float32),
        turn,
        offset=point - turn @ (point - start),
        output_shape=tuple(one.stop - one.start for one in window),
        order=1,
    )
    return mirrored


def cover_lesion(pixels: Gray, outline: Mask, axis: Axis, *, width: float, seam: float) -> Gray | None:
    """Return a slice in which the other half of the head, mirrored, covers a lesion.

    Where the mirror image itself shows the lesion, the slice stays as it is.

    Args:
        pixels: (H, W) float32 gray values in [0, 1]; the head stands upright.
        outline: (H, W) bool, the lesion.
        axis: between the halves of the head, from `find_axis` of the slice.
        width: by which the outline is widened before it is covered, as a share of the head's frame.
        seam: in which the covering fades out around it, likewise.

    Returns:
        (H, W) float32 in [0, 1]; None if more than MAX_UNCOVERED of the lesion would still be seen, as with a
        lesion on both sides.
    """
    from scipy import ndimage

    if not outline.any():
        return None
    side = find_head(pixels)[2]
    reach = int((width + seam) * side) + 2
    window = tuple(
        slice(max(0, int(places.min()) - reach), min(size, int(places.max()) + 1 + reach))
        for places, size in zip(np.nonzero(outline), outline.shape, strict=True)
    )
    assert len(window) == 2
    lesion = outline[window]
    is_source = _reflect(outline, axis, window) < 0.5
    if (lesion & ~is_source).sum() > MAX_UNCOVERED * lesion.sum():
        return None
    distance = ndimage.distance_transform_edt(~lesion)
    share = np.clip(1 - (distance - width * side) / max(seam * side, 1.0), 0, 1) * is_source
    covered = np.array(pixels, np.float32)
    covered[window] = pixels[window] * (1 - share) + _reflect(pixels, axis, window) * share
    return np.clip(covered, 0, 1)
