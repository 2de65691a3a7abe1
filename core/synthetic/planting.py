"""Synthetic hemorrhages planted into slices without one.

A network that is to know blood when it sees it needs more examples than a small data set holds. Anomalies
painted into normal pictures teach where to look: the idea of foreign patch interpolation (Tan et al., 2020,
arXiv:2011.04197) and CutPaste (Li et al., CVPR 2021), here with shapes and grays in the manner of fresh blood
on CT instead of pasted patches. What is planted is drawn, not copied from a patient, and no radiologist has
judged it; it stands in training only, never where a model is measured.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from core.imaging import BONE

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Lengths below are in pixels of a head framed to this many.
_DRAWN_FOR = 192
# The brain's gray, in any usual brain window.
_BRAIN_GRAY = (0.25, 0.75)
_SMALLEST_INTERIOR = 0.05
# What is smaller, or brightens less, nobody would see.
_SMALLEST_LESION, _FAINTEST = 40 / 256**2, 0.03
_SHARES = {"extra-axial": 0.55, "intraparenchymal": 0.25, "csf": 0.20}


def find_interior(frame: Gray) -> Mask:
    """Find the inside of the skull.

    Args:
        frame: (s, s) float32 gray values in [0, 1], framed to the head (see `core.imaging.to_frame`);
            below about 128 pixels a thin skull no longer closes.

    Returns:
        (s, s) bool: up to two spaces of the brain's gray that bone encloses, gaps of a few pixels bridged.
        Empty where the skull is open, as at the base, or missing.
    """
    scale = len(frame) / _DRAWN_FOR
    bridge, wear = max(1, round(4 * scale)), max(1, round(2 * scale))
    bone = frame > BONE
    # Padded, or closing would wear bone away at the border.
    closed = ndimage.binary_closing(np.pad(bone, bridge), iterations=bridge)[bridge:-bridge, bridge:-bridge]
    spaces, n_spaces = ndimage.label(
        ndimage.binary_opening(ndimage.binary_fill_holes(closed) & ~closed, iterations=wear)
    )
    sizes = np.bincount(spaces.ravel(), minlength=n_spaces + 1)[1:]
    interior = np.zeros(frame.shape, dtype=bool)
    for place in np.argsort(sizes)[::-1][:2]:
        space = spaces == place + 1
        if sizes[place] > 0.015 * frame.size and _BRAIN_GRAY[0] < np.median(frame[space]) < _BRAIN_GRAY[1]:
            interior |= space
    return interior


def plant_hemorrhage(frame: Gray, rng: np.random.Generator) -> tuple[Gray, Mask] | None:
    """Draw one hemorrhage, sometimes of two parts, into a slice without one.

    Blood lies along the skull (55 %), in the brain (25 %, half of it with a dark rim of edema), or in spaces
    of cerebrospinal fluid (20 %). It is 0.07 to 0.20 of gray brighter than the brain's median; the slice's
    own noise stays.

    Args:
        frame: (s, s) float32 gray values in [0, 1], framed to the head, not yet normalised.
        rng: source of all chance; the same state gives the same picture.

    Returns:
        The planted frame, (s, s) float32 in [0, 1], and where blood lies, (s, s) bool. None when the inside
        of the skull takes less than 5 % of the frame, or the lesion came out too small to see.
    """
    interior = find_interior(frame)
    if interior.sum() < _SMALLEST_INTERIOR * frame.size:
        return None
    scale = len(frame) / _DRAWN_FOR
    median = np.median(frame[interior])
    depth = ndimage.distance_transform_edt(interior) / scale
    local = _smooth_within(interior, np.minimum(frame, median + 0.1), 1.5 * scale)
    kind = rng.choice(list(_SHARES), p=list(_SHARES.values()))
    blood = np.zeros(frame.shape, dtype=np.float32)
    for _ in range(1 if rng.random() < 0.7 else 2):
        if kind == "extra-axial":
            part = _sample_extra_axial(depth, rng)
        elif kind == "intraparenchymal":
            part = _sample_intraparenchymal(depth, rng)
        else:
            part = _sample_in_csf(depth, local, rng)
        blood = np.maximum(blood, part)
    # Nothing on CT has a sharp edge; nor does blood lie on bone.
    blood = ndimage.gaussian_filter(blood, scale * rng.uniform(0.5, 1.3)) * interior
    target = median + rng.uniform(0.07, 0.20) + 0.015 * _waves(len(frame), 8 * scale, rng)
    added = blood * np.maximum(0, target - local)
    mask = (blood > 0.5) & (added > _FAINTEST)
    if mask.sum() < _SMALLEST_LESION * frame.size:
        return None
    planted = frame + added
    if kind == "intraparenchymal" and rng.random() < 0.5:
        rim = np.clip(ndimage.gaussian_filter(blood, 4 * scale) - blood, 0, 1) * interior
        planted = planted - rim * rng.uniform(0.04, 0.16)
    return np.clip(planted, 0, 1).astype(np.float32), mask


def _sample_extra_axial(depth: NDArray, rng: np.random.Generator) -> NDArray:
    """A lens (epidural) to a crescent (subdural) on the inside of the skull."""
    outermost = max(2.0, depth[depth > 0].min())
    row, column = _choose(rng, (depth > 0) & (depth <= outermost))
    half_length = _log_uniform(rng, 10, 80)
    thickness = min(_log_uniform(rng, 3, 16), 0.8 * half_length)
    distance, scale = _distance(depth.shape, row, column)
    profile = np.clip(1 - (distance / half_length) ** 2, 0, 1)
    uneven = 1 + 0.2 * _waves(len(depth), 12 * scale, rng)
    return (depth > 0) & (depth < thickness * profile * uneven)


def _sample_intraparenchymal(depth: NDArray, rng: np.random.Generator) -> NDArray:
    """An irregular ellipse in the brain."""
    row, column = _choose(rng, depth > min(4.0, depth.max() / 2))
    radius = _log_uniform(rng, 3, 18)
    stretch, angle = math.exp(rng.uniform(-0.5, 0.5)), rng.uniform(0, math.pi)
    distance, scale = _distance(depth.shape, row, column, stretch, angle)
    uneven = 1 + 0.2 * _waves(len(depth), scale * max(6.0, 1.2 * radius), rng)
    return (depth > 0) & (distance < radius * uneven)


def _sample_in_csf(depth: NDArray, local: NDArray, rng: np.random.Generator) -> NDArray:
    """The fluid of some region, filled: ventricles, cisterns or sulci; nothing where no place is dark."""
    brain = local[depth > 0]
    median = np.median(brain)
    # White matter is darker than the median too, by about one deviation.
    deviation = max(0.015, float(np.median(np.abs(brain - median))))
    fluid = np.clip((median - local) / deviation - 2.5, 0, 1) * (depth > 1.5)
    if fluid.max() < 1:
        return fluid
    row, column = _choose(rng, fluid == 1)
    distance, _ = _distance(depth.shape, row, column)
    return fluid * np.clip(3 - 3 * distance / rng.uniform(14, 50), 0, 1)


def _choose(rng: np.random.Generator, places: NDArray) -> tuple[int, int]:
    """Row and column of one of the places."""
    rows, columns = np.nonzero(places)
    index = rng.integers(len(rows))
    return int(rows[index]), int(columns[index])


def _log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _distance(
    shape: tuple[int, ...], row: int, column: int, stretch: float = 1.0, angle: float = 0.0
) -> tuple[NDArray, float]:
    """Distance of each pixel from a place, in lengths of `_DRAWN_FOR`, and the pixels of one such length.

    An ellipse's axes are `stretch` and 1 / `stretch`, the first at `angle` from down.
    """
    scale = shape[0] / _DRAWN_FOR
    down = (np.arange(shape[0], dtype=np.float32)[:, None] - row) / scale
    right = (np.arange(shape[1], dtype=np.float32)[None, :] - column) / scale
    along = math.cos(angle) * down + math.sin(angle) * right
    across = math.cos(angle) * right - math.sin(angle) * down
    return np.hypot(along / stretch, across * stretch), scale


def _waves(size: int, length: float, rng: np.random.Generator) -> NDArray:
    """(size, size) smooth noise of about mean 0 and deviation 1, its waves about `length` pixels long."""
    n_knots = max(2, round(size / length))
    knots = rng.standard_normal((n_knots, n_knots), dtype=np.float32)
    return np.asarray(Image.fromarray(knots).resize((size, size), Image.Resampling.BICUBIC))


def _smooth_within(interior: Mask, frame: NDArray, deviation: float) -> NDArray:
    """Gaussian mean of the pixels inside alone: bone next to them does not count."""
    weight = ndimage.gaussian_filter(interior.astype(np.float32), deviation)
    mean = ndimage.gaussian_filter(frame * interior, deviation) / np.maximum(weight, 1e-6)
    return np.where(interior, mean, frame)
