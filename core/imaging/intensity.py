"""Normalization of gray values, so that window and scanner matter less."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Gray below AIR is air, in any usual brain window; above BONE it is saturated bone or metal.
AIR, BONE = 0.12, 0.90
_DARKEST_BONE = 0.75
# Brain, skull and head are searched on a copy with this side: this is fast, and enough for their outlines.
_SEARCH_SIDE_PX = 192
# In a dark picture bone is darker too, and in a narrow window brain is brighter.
_BONE_OF_BRIGHTEST, _BRAIN_GRAY = 0.85, (0.2, 0.8)
# The brain is measured away from its edge, if so much of the frame and so many pixels of the copy are brain.
_RIM_PX, _SMALLEST_BRAIN, _FEWEST_PIXELS = 2, 0.04, 300
# The head is brighter than this, with thin objects such as a head holder left out.
_HEAD = 31 / 255
_BLACK = 0.02


def normalise_tissue(frame: Gray) -> Gray:
    """Scale gray: the soft tissue's median to 0.5, 14 median absolute deviations to the full range.

    Args:
        frame: (h, w) float32 in [0, 1].

    Returns:
        (h, w) float32 in [0, 1]; the frame itself if less than half a percent of it is soft tissue.
    """
    tissue = _select_tissue(frame)
    if tissue.size < frame.size // 200:
        return frame
    median, deviation = _measure(tissue)
    # Bounded: very even tissue would stretch the grays too far, very mixed tissue would flatten them.
    deviation = np.clip(deviation, 0.025, 0.075)
    return np.clip(0.5 + (frame - median) / (14 * deviation), 0, 1).astype(np.float32)


def normalise_brain(frame: Gray) -> Gray:
    """Scale gray: the brain's median to 0.5, 10 median absolute deviations to the full range.

    Noise does not count: both are measured on a smoothed copy, inside the closed skull. Where there is
    none, as at the base, they are those of the soft tissue. All outside the head, and all that is black,
    becomes 0.

    Args:
        frame: (s, s) float32 in [0, 1], in any usual brain window, framed to the head.

    Returns:
        (s, s) float32 in [0, 1]; all 0 without a head.
    """
    # From bytes: four times as fast, and near enough.
    grays = np.rint(frame * 255).astype(np.uint8)
    small = _resize(grays, _SEARCH_SIDE_PX, Image.Resampling.BOX).astype(np.float32) / np.float32(255)
    median, deviation = _measure_brain(small)
    head = _resize(_find_head_mask(small).astype(np.uint8), len(frame), Image.Resampling.NEAREST)
    inside = frame * head
    # Bounded for the same reason as that of the soft tissue.
    scaled = (inside - median) / (10 * np.clip(deviation, 0.015, 0.08)) + np.float32(0.5)
    return np.where(inside > _BLACK, np.clip(scaled, 0, 1), 0).astype(np.float32, copy=False)


def find_interior(frame: Gray, *, bone: float = BONE, brain: tuple[float, float] = (0.25, 0.75)) -> Mask:
    """Find the inside of the skull.

    Args:
        frame: (s, s) float32 gray values in [0, 1], framed to the head (see `core.imaging.to_frame`). Below
            about 128 pixels a thin skull may not be closed.
        bone: all brighter gray is bone.
        brain: the median gray of brain lies between these two.

    Returns:
        (s, s) bool: up to two regions with the brain's gray that are enclosed by bone, with gaps of a few
        pixels bridged. All False if the skull is open, as at the base, or missing.
    """
    from scipy import ndimage

    scale = len(frame) / _SEARCH_SIDE_PX
    bridge, wear = max(1, round(4 * scale)), max(1, round(2 * scale))
    # Padded, because closing would erode bone at the border.
    padded = np.pad(frame > bone, bridge)
    closed = ndimage.binary_closing(padded, iterations=bridge)[bridge:-bridge, bridge:-bridge]
    spaces, n_spaces = ndimage.label(ndimage.binary_opening(_find_holes(closed), iterations=wear))
    sizes = np.bincount(spaces.ravel(), minlength=n_spaces + 1)[1:]
    interior = np.zeros(frame.shape, dtype=bool)
    for place in np.argsort(sizes)[::-1][:2]:
        space = spaces == place + 1
        if sizes[place] > 0.015 * frame.size and brain[0] < np.median(frame[space]) < brain[1]:
            interior |= space
    return interior


def _measure_brain(small: Gray) -> tuple[np.float32, np.float32]:
    """Return the median of the brain's gray and its median absolute deviation, without noise."""
    from scipy import ndimage

    smooth = ndimage.uniform_filter(small, 3)
    brightest = max(float(small.max()), _DARKEST_BONE)
    interior = find_interior(small, bone=_BONE_OF_BRIGHTEST * brightest, brain=_BRAIN_GRAY)
    if interior.mean() > _SMALLEST_BRAIN:
        brain = smooth[ndimage.binary_erosion(interior, iterations=_RIM_PX)]
        if brain.size > _FEWEST_PIXELS:
            return _measure(brain)
    tissue = _select_tissue(smooth, brightest)
    return _measure(tissue) if tissue.size >= small.size // 200 else (np.float32(0.5), np.float32(0.05))


def _find_head_mask(small: Gray) -> Mask:
    """Return the largest bright object, with its holes and a rim; all False if nothing is bright."""
    from scipy import ndimage

    objects, _ = ndimage.label(ndimage.binary_opening(small > _HEAD, iterations=2))
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    head = (objects == sizes.argmax()) & (objects > 0)
    return ndimage.binary_dilation(head | _find_holes(head), iterations=_RIM_PX)


def _find_holes(mask: Mask) -> Mask:
    """Return the holes of a mask: what `binary_fill_holes` of SciPy adds to it, in a third of its time."""
    from scipy import ndimage

    spaces, n_spaces = ndimage.label(~mask)
    is_hole = np.ones(n_spaces + 1, dtype=bool)
    is_hole[0] = False
    for border in (spaces[0], spaces[-1], spaces[:, 0], spaces[:, -1]):
        is_hole[border] = False
    return is_hole[spaces]


def _select_tissue(frame: Gray, brightest: float | None = None) -> Gray:
    """Return the grays of the soft tissue, as (n,)."""
    if brightest is None:
        # In a darkened picture bone is darker too, and would count as tissue.
        brightest = max(float(frame.max()), _DARKEST_BONE)
    return frame[(frame > AIR) & (frame < BONE * brightest)]


def _measure(grays: Gray) -> tuple[np.float32, np.float32]:
    """Return the median and the median absolute deviation."""
    median = np.median(grays)
    return median, np.median(np.abs(grays - median))


def _resize(values: NDArray, side: int, resampling: Image.Resampling) -> NDArray:
    return np.asarray(Image.fromarray(values).resize((side, side), resampling))
