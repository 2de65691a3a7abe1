"""Check that the values of a CT can be Hounsfield units, and find the cause if they cannot.

Air is the witness: it surrounds every head, at about -1000 HU, and brain is about 1030 above it. A header
whose numbers are wrong moves both by the same step. The step is undone only where both then fall into place;
otherwise the values are refused by name, because a window would turn them into noise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.errors import ScanError
from core.scans.padding import LOWEST_HU, fill_from_borders
from core.scans.scan import Unit

# On 760 slices of four vendors, air around the head has medians of -1024 to -906, covers at least 0.16 of the
# picture, and the most common value of brain in a slice is 13 to 48.
_AIR, _BRAIN = (-1150.0, -850.0), (-20.0, 100.0)
_MODES = (20.0, 55.0)
# Dense bone and metal never fill a quarter of a picture.
_DENSE = 2000.0
_LEAST_AIR, _LEAST_BRAIN = 0.003, 0.04
# A CT of tissue spans more. The noisiest air reaches no higher than the second value.
_LEAST_SPAN, _TISSUE = 600.0, -300.0
# Highest grays of 8 to 16 bits, and the share of a slice that a window makes white and black.
_FULL_SCALES, _CLIPPED = (255, 1023, 4095, 16383, 65535), 0.005
# Below it, even noise all around is no tissue.
_NO_TISSUE = -60.0
# Slices of which some show brain.
_STACK = 5
# Foam and cloth in air cover less of a picture without a head.
_LITTLE = 0.05
# Air covers more of a slice.
_MUCH = 0.1
_SAMPLE = 200_000
# The ring, in shares of half the shorter side, in which most scans show air only.
_RING = (0.85, 0.97)

ADDED = (
    "The values are 1024 too high for Hounsfield units, as if the rescale intercept were missing; 1024 was"
    " subtracted."
)
TAKEN_TWICE = (
    "The values are 1024 too low for Hounsfield units, as if the rescale intercept were applied twice; 1024"
    " was added."
)
DISPLAY_GRAY = (
    "The values (0 to {}) are display gray, not Hounsfield units: the window was chosen when they were"
    " stored."
)
# Added to all values, and what is said of it.
_STEPS = {1024.0: TAKEN_TWICE, -1024.0: ADDED}
_PADDING = "The area outside the scan holds the constant value {:g}, not that of air; it is shown as air."


@dataclass(frozen=True, eq=False)
class Settled:
    """The pixels of a scan after the check.

    Attributes:
        unit: "hu", or "gray" if the values are display gray.
        pixels: per slice, Hounsfield units not below air, or gray in [0, 1].
        remarks: sentences on what was changed.
        doubts: those of them that rest on a guess from the values.
    """

    unit: Unit
    pixels: list[NDArray[Any]]
    remarks: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def settle(slices: Sequence[NDArray[Any]]) -> Settled:
    """Check the slices of one scan, undo a step of 1024, and show padding as air.

    Args:
        slices: (H, W) float32 or int16 each, as the header says they are Hounsfield units. Values below air
            may be replaced in place.

    Raises:
        ScanError: code "not_hounsfield": the values cannot be Hounsfield units, and no cause is certain.
    """
    sample, ring = _take_sample(slices)
    if sample.max() < _TISSUE and _share(sample, (_AIR[1], _TISSUE)) >= _LITTLE:
        raise refuse_values(sample)
    if sample.max() < _TISSUE or sample.min() == sample.max():
        # Only air: nothing to judge by.
        return Settled("hu", [_clip(pixels) for pixels in slices])
    if step_hu := _find_step(sample, ring, len(slices)):
        return _finish([_shift(pixels, step_hu) for pixels in slices], _STEPS[step_hu])
    if np.percentile(sample, 75) > _DENSE:
        raise refuse_values(sample)
    elsewhere = _is_air_elsewhere(ring)
    if not elsewhere and (_share(sample, _AIR) >= _LEAST_AIR or _is_masked(sample)):
        return _settle_odd_ones(list(slices))
    if full := _find_full_scale(sample):
        gray = [np.asarray(pixels, np.float32) / np.float32(full) for pixels in slices]
        return Settled("gray", gray, (DISPLAY_GRAY.format(full),))
    if elsewhere or not _shows_tissue(sample):
        raise refuse_values(sample)
    return _finish(list(slices))


def is_shifted_ct(slices: Sequence[NDArray[Any]], offset: int = 1024) -> bool:
    """Return whether values without a unit are those of a head CT plus an offset: most tissue is brain."""
    sample, ring = (values - np.float32(offset - 1024) for values in _take_sample(slices))
    tissue = sample[sample > 500] - np.float32(1024)
    return tissue.size > 0 and _find_step(sample, ring) == -1024 and _share(tissue, _BRAIN) >= 0.4


def is_wrapped(slices: Sequence[NDArray[Any]]) -> bool:
    """Return whether numbers of 16 bits hold air at 65536 - 1000, as negative ones without a sign do."""
    sample, _ = _take_sample(slices)
    high = sample[sample >= 0x8000] - np.float32(0x10000)
    return bool(high.size >= _MUCH * sample.size and _AIR[0] <= np.median(high) <= _AIR[1])


def find_hounsfield(frames: Sequence[NDArray[Any]]) -> tuple[list[NDArray[Any]], str]:
    """Return whole numbers of a head CT in Hounsfield units, and a sentence on their offset; else both empty.

    Formats without negative numbers store CT plus 1024 or 32768, or negative values wrapped at 65536.
    """
    if frames[0].dtype.kind not in "iu" or frames[0].min() < 0:
        return [], ""
    if is_wrapped(frames):
        return [frame.astype(np.uint16).view(np.int16) for frame in frames], "wrapped at 65536"
    for offset in (1024, 32768):
        if is_shifted_ct(frames, offset):
            return [frame.astype(np.int32) - offset for frame in frames], f"stored plus {offset}"
    return [], ""


def refuse_values(values: NDArray[Any], cause: str = "") -> ScanError:
    """Return the refusal of values that are not Hounsfield units, with their range and the cause."""
    low, high = np.percentile(values, (0.1, 99.9))
    return ScanError(
        f"The values are {cause}, not Hounsfield units" if cause else "The values cannot be Hounsfield units",
        found=f"most lie from {low:.4g} to {high:.4g}; air should be at -1000 and brain at 20 to 50",
        remedy="export the original CT series, with its rescale slope and intercept",
        code="not_hounsfield",
    )


def _settle_odd_ones(slices: list[NDArray[Any]]) -> Settled:
    """Undo a step that only some slices of a scan have."""
    doubt = ""
    for index, pixels in enumerate(slices):
        sample, ring = _take_sample([pixels])
        if ring.size and not _AIR[0] <= float(np.median(ring)) <= _AIR[1]:
            step_hu = _find_step(sample, ring)
            if step_hu:
                slices[index], doubt = _shift(pixels, step_hu), _STEPS[step_hu]
    return _finish(slices, doubt)


def _finish(slices: list[NDArray[Any]], doubt: str = "") -> Settled:
    remarks = [doubt] if doubt else []
    for index, pixels in enumerate(slices):
        corners = {float(pixels[row, column]) for row in (0, -1) for column in (0, -1)}
        for value in sorted(corners):
            if value > _AIR[1]:
                filled = fill_from_borders(pixels, pixels == value, LOWEST_HU)
                remarks += [] if filled is pixels else [_PADDING.format(value)]
                pixels = filled
        slices[index] = _clip(pixels)
    return Settled("hu", slices, tuple(dict.fromkeys(remarks)), (doubt,) if doubt else ())


def _clip(pixels: NDArray[Any]) -> NDArray[Any]:
    if pixels.min() >= LOWEST_HU:
        return pixels
    # In place where possible: a volume may take half of the memory.
    return np.maximum(pixels, pixels.dtype.type(LOWEST_HU), out=pixels if pixels.flags.writeable else None)


def _shift(pixels: NDArray[Any], step: float) -> NDArray[Any]:
    return (pixels.astype(np.float32) + np.float32(step)).astype(pixels.dtype)


def _share(values: NDArray[np.float32], band: tuple[float, float]) -> float:
    return float(np.mean((values >= band[0]) & (values <= band[1])))


def _take_sample(slices: Sequence[NDArray[Any]]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return values from all slices, and those of them that lie in the ring around the head."""
    step = max(1, round((sum(map(np.size, slices)) / _SAMPLE) ** 0.5))
    sample, rings = [], []
    for pixels in slices:
        chosen = pixels[::step, ::step].astype(np.float32)
        sample.append(chosen.ravel())
        rings.append(chosen[_make_ring(pixels.shape, step)])
    return np.concatenate(sample), np.concatenate(rings)


@lru_cache(maxsize=4)
def _make_ring(shape: tuple[int, int], step: int) -> NDArray[np.bool_]:
    """Return which pixels, of those in every `step`-th row and column, lie in the ring.

    It is cached, because slices of equal size share it.
    """
    height, width = shape
    rows, columns = np.ogrid[:height:step, :width:step]
    radius = np.hypot(rows - (height - 1) / 2, columns - (width - 1) / 2) / (min(height, width) / 2)
    ring: NDArray[np.bool_] = (radius > _RING[0]) & (radius < _RING[1])
    ring.setflags(write=False)
    return ring


def _find_step(sample: NDArray[np.float32], ring: NDArray[np.float32], n_slices: int = 1) -> float:
    """Return 1024 or -1024 if air and brain fall into place once it is added to all values, else 0."""
    if not ring.size:
        return 0.0
    around = float(np.median(ring))
    brain = _share(sample, _BRAIN)
    for step in _STEPS:
        moved = sample + np.float32(step)
        surrounded = _AIR[0] <= around + step <= _AIR[1]
        if step > 0:
            # A scanned circle may end in constant padding at this level, with air where brain would be.
            # Slices above the brain show the same, so that takes a whole stack to tell.
            factor = 4 if not _is_constant(ring) else 20 if n_slices >= _STACK else np.inf
            possible = surrounded and _share(moved, _BRAIN) >= factor * max(brain, 1e-6)
        else:
            possible = sample.min() > _TISSUE and (surrounded or _share(moved, _AIR) >= _LEAST_AIR)
        if possible and _share(moved, _BRAIN) >= _LEAST_BRAIN and _is_brain(moved):
            return step
    return 0.0


def _is_constant(ring: NDArray[np.float32]) -> bool:
    return bool(np.mean(ring == np.median(ring)) >= 0.5)


def _is_brain(values: NDArray[np.float32]) -> bool:
    return _MODES[0] <= _find_mode(values) <= _MODES[1]


def _find_mode(values: NDArray[np.float32]) -> float:
    """Return the most common value in the range of brain, from a histogram smoothed over 7 HU."""
    counts, _ = np.histogram(values, np.arange(_BRAIN[0] - 0.5, _BRAIN[1] + 1.5))
    return float(np.convolve(counts, np.ones(7), "same").argmax() + _BRAIN[0])


def _is_air_elsewhere(ring: NDArray[np.float32]) -> bool:
    """Return whether even noise surrounds a scan, at a level that is neither air nor tissue.

    Constant padding does not count.
    """
    if not ring.size:
        return False
    lower, median, upper = np.percentile(ring, (25, 50, 75))
    is_even = upper - lower < 0.1 * abs(median) and not _is_constant(ring)
    return bool(is_even and (median < _AIR[0] or _AIR[1] < median < _NO_TISSUE))


def _is_masked(sample: NDArray[np.float32]) -> bool:
    """Return whether the surroundings were replaced by a constant value, and brain has its own."""
    values, counts = np.unique(sample, return_counts=True)
    low, high = sample.min(), sample.max()
    # A window may have been applied, which collects bone at the highest value.
    rest = sample[(sample != values[counts.argmax()]) & (sample != high)]
    # Brain alone holds noise around water; values from 0 to 255 are rather display gray.
    measured = low < 0 or high > 255 or high <= _BRAIN[1]
    return bool(measured and rest.size and _share(rest, _BRAIN) >= 10 * _LEAST_BRAIN and _is_brain(rest))


def _find_full_scale(sample: NDArray[np.float32]) -> int:
    """Return the highest gray of whole values that fill a scale from 0 and clip bone at its end; else 0."""
    low, high = sample.min(), sample.max()
    full = next((scale for scale in _FULL_SCALES if high <= scale), 0)
    if low < 0 or high < 0.8 * full or not np.array_equal(sample, np.rint(sample)):
        return 0
    return full if np.mean(sample >= high - 1) >= _CLIPPED and np.mean(sample <= 1) >= _CLIPPED else 0


def _shows_tissue(sample: NDArray[np.float32]) -> bool:
    """Return whether a scan without air may be CT: it spans enough, reaches fat, and most is near water."""
    low, high = np.percentile(sample, (0.1, 99.9))
    return bool(low < -100 and high - low >= _LEAST_SPAN and _share(sample, (-200, 200)) >= 0.05)
