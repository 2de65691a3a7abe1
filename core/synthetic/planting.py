"""Plant synthetic hemorrhages and ischemic lesions into slices without one, as further training examples.

A small data set has few lesions. Synthetic anomalies in normal pictures help a network to localise them,
as in foreign patch interpolation (Tan et al., 2020, arXiv:2011.04197) and CutPaste (Li et al., CVPR 2021).
Here, shapes and grays like those of fresh blood or ischemic brain on CT are used instead of pasted patches.
The lesions are synthetic and not validated by a radiologist. They are for training only, never for
evaluation.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from core.imaging import find_interior

Gray = NDArray[np.float32]
Mask = NDArray[np.bool_]

# Lengths below are in pixels of a frame with this side.
_REFERENCE_SIDE_PX = 192
_SMALLEST_INTERIOR = 0.05
# Smaller or fainter lesions would not be visible.
_SMALLEST_LESION, _FAINTEST = 40 / 256**2, 0.03
_SHARES = {"extra-axial": 0.55, "intraparenchymal": 0.25, "csf": 0.20}
_SHARES_OF_ISCHEMIA = {"cortical": 0.7, "deep": 0.15, "lacunar": 0.15}
# In units of the brain's median absolute deviation, about 4 HU. Outlined lesions of four makers' scanners
# (TEKNOFEST 2021) are darker than brain by 0.8 to 2.2 of them (quartiles), and by 3.3 at most.
_DARKER, _FAINTEST_ISCHEMIA = (0.8, 3.0), 0.5


def plant_hemorrhage(frame: Gray, rng: np.random.Generator) -> tuple[Gray, Mask] | None:
    """Plant one hemorrhage, in one or two parts, into a slice without one.

    The blood is extra-axial along the skull (55 %), intraparenchymal (25 %, half of these with a dark rim of
    edema) or in cerebrospinal fluid (20 %). It is 0.07 to 0.20 of the gray range brighter than the median of
    the brain; the slice's noise is preserved.

    Args:
        frame: (s, s) float32 gray values in [0, 1], framed to the head, not yet normalized.
        rng: random generator; the same state gives the same picture.

    Returns:
        The frame with the hemorrhage, (s, s) float32 in [0, 1], and its mask, (s, s) bool. None if the inside
        of the skull covers less than 5 % of the frame, or the lesion is too small or too faint to see.
    """
    found = _measure_brain(frame)
    if found is None:
        return None
    interior, scale, median, depth, local = found
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
    # Edges on CT are soft, and blood does not overlap bone.
    blood = ndimage.gaussian_filter(blood, scale * rng.uniform(0.5, 1.3)) * interior
    target = median + rng.uniform(0.07, 0.20) + 0.015 * _smooth_noise(len(frame), 8 * scale, rng)
    added = blood * np.maximum(0, target - local)
    mask = (blood > 0.5) & (added > _FAINTEST)
    if mask.sum() < _SMALLEST_LESION * frame.size:
        return None
    planted = frame + added
    if kind == "intraparenchymal" and rng.random() < 0.5:
        rim = np.clip(ndimage.gaussian_filter(blood, 4 * scale) - blood, 0, 1) * interior
        planted = planted - rim * rng.uniform(0.04, 0.16)
    return np.clip(planted, 0, 1).astype(np.float32), mask


def plant_ischemia(frame: Gray, rng: np.random.Generator) -> tuple[Gray, Mask] | None:
    """Plant one ischemic lesion into a slice without one.

    It is a part of an artery's territory, from the cortex inwards (70 %), a patch in the depth (15 %) or a
    lacune (15 %), on one side of the head. Brain in it is darker by 0.8 to 3 median absolute deviations,
    and gray and white matter differ less; in two of five lesions, sulci are nearly closed. Ventricles and
    the slice's noise are preserved.

    Args:
        frame: (s, s) float32 gray values in [0, 1], framed to the head, not yet normalized.
        rng: random generator; the same state gives the same picture.

    Returns:
        The frame with the lesion, (s, s) float32 in [0, 1], and its mask, (s, s) bool. None if the inside of
        the skull covers less than 5 % of the frame, or the lesion is too small or too faint to see.
    """
    found = _measure_brain(frame)
    if found is None:
        return None
    interior, scale, _, depth, local = found
    kind = rng.choice(list(_SHARES_OF_ISCHEMIA), p=list(_SHARES_OF_ISCHEMIA.values()))
    shape = _sample_wedge(depth, rng) if kind == "cortical" else _sample_patch(depth, rng, kind == "lacunar")
    shape = ndimage.gaussian_filter(shape.astype(np.float32), scale * rng.uniform(0.8, 2.5)) * interior
    fluid, deviation = _find_fluid(depth, local)
    is_swollen = rng.random() < 0.4
    # Ventricles stay as they are, and sulci too unless the brain is swollen.
    weight = shape * (1 - fluid * (depth > 12) if is_swollen else 1 - fluid)
    mask = weight > 0.5
    if mask.sum() < _SMALLEST_LESION * frame.size:
        return None
    contrast = local - np.median(local[mask])
    kept = np.where(contrast > 0, rng.uniform(0.3, 0.6), 0.4 if is_swollen else 1.0)
    darker = rng.uniform(*_DARKER) * deviation
    added = weight * ((kept - 1) * contrast - darker)
    if -added[mask].mean() < _FAINTEST_ISCHEMIA * deviation:
        return None
    return np.clip(frame + added, 0, 1).astype(np.float32), mask


class _Brain(NamedTuple):
    """The inside of the skull, pixels per reference pixel, its median gray, depth, and smoothed gray."""

    interior: Mask
    scale: float
    median: np.floating
    depth: NDArray
    local: NDArray


def _measure_brain(frame: Gray) -> _Brain | None:
    """Return what a lesion is planted by; None if the inside of the skull is too small."""
    interior = find_interior(frame)
    if interior.sum() < _SMALLEST_INTERIOR * frame.size:
        return None
    scale = len(frame) / _REFERENCE_SIDE_PX
    median = np.median(frame[interior])
    depth = ndimage.distance_transform_edt(interior) / scale
    local = _smooth_within(interior, np.minimum(frame, median + 0.1), 1.5 * scale)
    return _Brain(interior, scale, median, depth, local)


def _sample_wedge(depth: NDArray, rng: np.random.Generator) -> NDArray:
    """Sample a mask from the cortex inwards, between two directions from the middle of one half."""
    outermost = max(2.0, depth[depth > 0].min())
    row, column = _sample_pixel(rng, (depth > 0) & (depth <= outermost))
    rows, columns = np.nonzero(depth > 0)
    down, right = rows.mean(), columns.mean()
    length = len(depth)
    along, across = np.arange(length)[:, None] - down, np.arange(length)[None, :] - right
    apart = np.arctan2(along, across) - math.atan2(row - down, column - right)
    apart = np.abs((apart + math.pi) % (2 * math.pi) - math.pi)
    scale = length / _REFERENCE_SIDE_PX
    half_angle = math.radians(_sample_log_uniform(rng, 12, 45)) * (
        1 + 0.25 * _smooth_noise(length, 16 * scale, rng)
    )
    reach = _sample_log_uniform(rng, 14, 45) * (1 + 0.2 * _smooth_noise(length, 12 * scale, rng))
    variances, axes = np.linalg.eigh(np.cov(rows, columns))
    # Of the head's axes, the one from side to side; that of a round head is unknown: the picture's.
    is_round = variances[1] < 1.25 * variances[0]
    side = np.array([0.0, 1.0]) if is_round else axes[:, np.abs(axes[1]).argmax()]
    same_half = (along * side[0] + across * side[1]) * (
        (row - down) * side[0] + (column - right) * side[1]
    ) > 0
    return (depth > 0) & (depth < reach) & (apart < half_angle) & same_half


def _sample_patch(depth: NDArray, rng: np.random.Generator, is_lacune: bool) -> NDArray:
    """Sample the mask of an irregular ellipse away from the skull."""
    row, column = _sample_pixel(rng, depth > min(18.0, depth.max() / 2))
    radius = _sample_log_uniform(rng, 3, 6) if is_lacune else _sample_log_uniform(rng, 7, 20)
    return _sample_ellipse(depth, rng, row, column, radius)


def _sample_extra_axial(depth: NDArray, rng: np.random.Generator) -> NDArray:
    """Sample a mask along the inside of the skull, from a lens (epidural) to a crescent (subdural)."""
    outermost = max(2.0, depth[depth > 0].min())
    row, column = _sample_pixel(rng, (depth > 0) & (depth <= outermost))
    half_length = _sample_log_uniform(rng, 10, 80)
    thickness = min(_sample_log_uniform(rng, 3, 16), 0.8 * half_length)
    distance, scale = _compute_distance(depth.shape, row, column)
    profile = np.clip(1 - (distance / half_length) ** 2, 0, 1)
    uneven = 1 + 0.2 * _smooth_noise(len(depth), 12 * scale, rng)
    return (depth > 0) & (depth < thickness * profile * uneven)


def _sample_intraparenchymal(depth: NDArray, rng: np.random.Generator) -> NDArray:
    """Sample the mask of an irregular ellipse in the brain."""
    row, column = _sample_pixel(rng, depth > min(4.0, depth.max() / 2))
    radius = _sample_log_uniform(rng, 3, 18)
    return _sample_ellipse(depth, rng, row, column, radius)


def _sample_ellipse(
    depth: NDArray, rng: np.random.Generator, row: int, column: int, radius: float
) -> NDArray:
    """Sample the mask of an irregular ellipse around a place; the radius is in reference pixels."""
    stretch, angle = math.exp(rng.uniform(-0.5, 0.5)), rng.uniform(0, math.pi)
    distance, scale = _compute_distance(depth.shape, row, column, stretch, angle)
    uneven = 1 + 0.2 * _smooth_noise(len(depth), scale * max(6.0, 1.2 * radius), rng)
    return (depth > 0) & (distance < radius * uneven)


def _sample_in_csf(depth: NDArray, local: NDArray, rng: np.random.Generator) -> NDArray:
    """Sample a soft mask of fluid (ventricles, cisterns or sulci) around one place; empty without fluid."""
    fluid = _find_fluid(depth, local)[0] * (depth > 1.5)
    if fluid.max() < 1:
        return fluid
    row, column = _sample_pixel(rng, fluid == 1)
    distance, _ = _compute_distance(depth.shape, row, column)
    return fluid * np.clip(3 - 3 * distance / rng.uniform(14, 50), 0, 1)


def _find_fluid(depth: NDArray, local: NDArray) -> tuple[NDArray, float]:
    """Return a soft mask of fluid, and the median absolute deviation of the brain's gray."""
    brain = local[depth > 0]
    median = np.median(brain)
    # White matter is about one deviation darker than the median; fluid is darker still.
    deviation = max(0.015, float(np.median(np.abs(brain - median))))
    return np.clip((median - local) / deviation - 2.5, 0, 1), deviation


def _sample_pixel(rng: np.random.Generator, places: NDArray) -> tuple[int, int]:
    """Sample the (row, column) of one pixel of a mask."""
    rows, columns = np.nonzero(places)
    index = rng.integers(len(rows))
    return int(rows[index]), int(columns[index])


def _sample_log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    return math.exp(rng.uniform(math.log(low), math.log(high)))


def _compute_distance(
    shape: tuple[int, ...], row: int, column: int, stretch: float = 1.0, angle: float = 0.0
) -> tuple[NDArray, float]:
    """Return elliptical distances from a place in reference pixels, and pixels per reference pixel.

    The ellipse has the axes `stretch` and 1 / `stretch`, the first at `angle` from down.
    """
    scale = shape[0] / _REFERENCE_SIDE_PX
    down = (np.arange(shape[0], dtype=np.float32)[:, None] - row) / scale
    right = (np.arange(shape[1], dtype=np.float32)[None, :] - column) / scale
    along = math.cos(angle) * down + math.sin(angle) * right
    across = math.cos(angle) * right - math.sin(angle) * down
    return np.hypot(along / stretch, across * stretch), scale


def _smooth_noise(size: int, length: float, rng: np.random.Generator) -> NDArray:
    """Return (size, size) smooth noise of about mean 0 and deviation 1, with waves of `length` pixels."""
    n_knots = max(2, round(size / length))
    knots = rng.standard_normal((n_knots, n_knots), dtype=np.float32)
    return np.asarray(Image.fromarray(knots).resize((size, size), Image.Resampling.BICUBIC))


def _smooth_within(interior: Mask, frame: NDArray, deviation: float) -> NDArray:
    """Smooth the inside with a Gaussian, ignoring the pixels outside."""
    weight = ndimage.gaussian_filter(interior.astype(np.float32), deviation)
    mean = ndimage.gaussian_filter(frame * interior, deviation) / np.maximum(weight, 1e-6)
    return np.where(interior, mean, frame)
