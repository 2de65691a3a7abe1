"""Turn the stored numbers of a DICOM file into Hounsfield units or display gray.

The header says which bits hold a pixel, whether they have a sign, and how they are rescaled. Headers are
often wrong about it, so claims are compared with the numbers: tissue is smooth, and a wrong reading tears it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut, pixel_array

from core.errors import ScanError
from core.scans import dicom_attributes
from core.scans.dicom_attributes import damaged
from core.scans.dicom_header import COLOR, Header
from core.scans.padding import LOWEST_HU, fill_from_borders
from core.scans.raster import COLOR_SHARE, COLOR_STEPS, COLORED

# Air never reaches this value.
_NEVER_AIR_HU = 500.0
# Bone never fills a tenth of a slice with values above this one.
_NEVER_SO_DENSE_HU = 2000.0
# Stored values that cannot fall below this one do not hold air.
_NO_AIR_HU = -300.0
# Less than this share of a slice is denser than 1024 HU, and more is air.
_MUCH = 0.1
# Share of the pixels beside a tear that noise and metal do not reach.
_FEW = 0.0005
_VALUES = "PixelValueTransformationSequence"

WRONG_SIGN = "The values are wrapped (the file says that they have {} sign); Hounsfield units were restored."
WRONG_BITS = "The file says that pixels have fewer bits than the values use; all bits were read."
SHIFTED = "Pixels are stored in the high bits (HighBit {} for {} bits); they were shifted."
NOT_SHIFTED = "HighBit and the pixel values contradict each other; the values were read as stored."
MISSING = "The rescale slope or intercept is missing (1 or 0 was assumed); Hounsfield units may be wrong."
UNREADABLE = (
    "The rescale slope or intercept is not a usable number (1 or 0 was assumed); Hounsfield units may be"
    " wrong."
)
GRAY = (
    "The image is stored as display gray, not in Hounsfield units: its window was chosen when it was stored."
)


class Values:
    """The values of one file, with remarks on them.

    Attributes:
        remarks: warnings; may hold duplicates.
        doubts: those of them because of which results need review.
    """

    def __init__(self, dataset: Dataset, header: Header) -> None:
        self._dataset, self._header = dataset, header
        self.remarks: list[str] = []
        self.doubts: list[str] = []

    def is_hounsfield(self) -> bool:
        """Return whether the file claims Hounsfield units: CT that is not a picture of CT."""
        header = self._header
        if header.modality != "CT" or header.photometric in COLOR:
            return False
        if self._has_table():
            return True
        rescaled = self._read_number("RescaleIntercept") is not None
        if header.bits_stored <= 8:
            lowest = -(1 << (header.bits_stored - 1)) if header.signed else 0
            ends = (lowest, lowest + (1 << header.bits_stored) - 1)
            low, high = self._scale(ends, *self._rescale(0, [], []))
            # Beyond 8 bits, the header may be wrong about how many are stored.
            return bool(low < _NO_AIR_HU and (high > _NEVER_AIR_HU or header.bits_allocated > 8))
        return rescaled or bool(header.signed) or not header.captured

    def read_hounsfield(self) -> list[NDArray[np.float32]]:
        """Return each frame in Hounsfield units; values below air are kept.

        Frames are converted one by one: all of them, both stored and converted, may not fit into memory.
        """
        frames = []
        for index, values in enumerate(self._read_stored()):
            slope, intercept = self._rescale(index, self.remarks, self.doubts)
            hu = self._scale(self._look_up(values), slope, intercept)
            if self._header.photometric == "MONOCHROME1":
                self.remarks.append(
                    "The file asks for an inverted display (MONOCHROME1); bone is shown bright, as usual."
                )
                edge = np.concatenate([hu[0], hu[-1], hu[:, 0], hu[:, -1]])
                if np.median(edge) > _NEVER_AIR_HU:
                    # The edge is not air, so the stored values are inverted too.
                    top = (1 << (self._header.bits_stored - self._header.signed)) - 1
                    inverted = (-1 if self._header.signed else top) - values.astype(np.float32)
                    hu = self._scale(inverted, slope, intercept)
            frames.append(self._blank_padding(values, hu, slope, intercept))
        return frames

    def read_gray(self, window: tuple[float, float] | None) -> list[NDArray[np.float32]]:
        """Return each frame as display gray in [0, 1]."""
        header = self._header
        stored = self._read_stored()
        if header.photometric in COLOR:
            return self._mix_colors(stored)
        if header.modality == "CT":
            self.remarks.append(GRAY)
        if header.bits_stored <= 8 and (header.modality == "CT" or window is None):
            # As a picture of the same numbers; a window left in the header would be applied twice.
            low, span = (-128.0 if header.signed else 0.0), float((1 << header.bits_stored) - 1)
            frames = [(f.astype(np.float32) - np.float32(low)) / np.float32(span) for f in stored]
        else:
            # A window is in the units after rescaling (PS3.3 C.11.2.1.2).
            frames = [
                self._scale(self._look_up(f), *self._rescale(index, [], [])) for index, f in enumerate(stored)
            ]
            if window:
                low, span = window[0] - 0.5 - (window[1] - 1) / 2, max(window[1] - 1, 1e-6)
            else:
                low = float(min(f.min() for f in frames))
                span = max(float(max(f.max() for f in frames)) - low, 1e-6)
                self.remarks.append(
                    "The file gives no window; the lowest value is shown black, the highest white."
                )
            frames = [np.clip((f - np.float32(low)) / np.float32(span), 0, 1) for f in frames]
        return [1 - frame for frame in frames] if header.photometric == "MONOCHROME1" else frames

    def _mix_colors(self, stored: Iterable[NDArray[Any]]) -> list[NDArray[np.float32]]:
        top = np.float32((1 << self._header.bits_stored) - 1)
        weights = np.array([0.299, 0.587, 0.114], np.float32) / top
        frames = []
        for frame in stored:
            differs = np.ptp(frame.astype(np.int32), axis=2) * (255 / top) > COLOR_STEPS
            self.remarks.append(COLORED if differs.mean() > COLOR_SHARE else GRAY)
            frames.append(frame.astype(np.float32) @ weights)
        return frames

    def _read_stored(self) -> Iterator[NDArray[Any]]:
        """Yield each frame as stored, (H, W) or in color (H, W, 3), with only the bits that hold pixels."""
        header = self._header
        for index in range(header.frames):
            # Not iter_pixels: its sign correction fails on the read-only frames from GDCM.
            frame = pixel_array(
                self._dataset, index=index, raw=header.photometric not in COLOR, correct_unused_bits=False
            )
            if frame.shape[:2] != (header.rows, header.columns):
                raise damaged()
            if frame.ndim == 2 and frame.dtype.kind in "iu":
                frame = self._correct_sign(self._take_bits(frame), index)
            yield frame

    def _take_bits(self, frame: NDArray[Any]) -> NDArray[Any]:
        header = self._header
        n_bits, low = header.bits_stored, header.high_bit + 1 - header.bits_stored
        above = 8 * frame.itemsize - n_bits - low
        if low > 0:
            fits = np.array_equal(frame, (frame << (above + low)) >> (above + low))
            if fits and np.any(frame & ((1 << low) - 1)):
                self.remarks.append(NOT_SHIFTED)
                return frame
            self.remarks.append(SHIFTED.format(header.high_bit, n_bits))
        elif above <= 0 or not header.masked:
            return frame
        # Shifting left, then right, extends the sign bit.
        clean: NDArray[Any] = (frame << above) >> (above + low)
        if low or np.array_equal(clean, frame):
            return clean
        # Other data in the high bits cannot mend tears.
        if _count_tears(clean, frame, n_bits) > _FEW * frame.size:
            is_signed = header.signed and 0 <= frame.min() and frame.max() < 1 << n_bits
            self._doubt(WRONG_SIGN.format("a") if is_signed else WRONG_BITS)
            return frame
        if not header.signed:
            self.remarks.append("The unused high bits held data, perhaps an old overlay; they were masked.")
        return clean

    def _correct_sign(self, frame: NDArray[Any], index: int) -> NDArray[Any]:
        """Read the sign in the other way if the values show that the file is wrong about it."""
        header = self._header
        n_bits = header.bits_stored
        # Where the display is inverted, air may rightly have the highest values.
        if n_bits <= 8 or header.photometric == "MONOCHROME1" or not self.is_hounsfield():
            return frame
        values = frame.astype(np.int32)
        wrapped = values < 0 if header.signed else values >= 1 << (n_bits - 1)
        share = wrapped.mean()
        if header.signed:
            # Only bone would have been taken as negative, and torn apart.
            other = values & ((1 << n_bits) - 1)
            torn = _count_tears(values, other, n_bits) if 0 < share < _MUCH else 0
            if torn < _FEW * frame.size or torn <= 4 * _count_tears(other, values, n_bits):
                return frame
        else:
            # Air would have been taken as denser than any bone.
            other = values - (wrapped.astype(np.int32) << n_bits)
            scale = self._rescale(index, [], [])
            if share < _MUCH or self._scale(np.median(values[wrapped]), *scale) < _NEVER_SO_DENSE_HU:
                return frame
        self._doubt(WRONG_SIGN.format("a" if header.signed else "no"))
        return other

    def _doubt(self, sentence: str) -> None:
        self.remarks.append(sentence)
        self.doubts.append(sentence)

    def _has_table(self) -> bool:
        tables = self._dataset.get("ModalityLUTSequence")
        return bool(tables) and all(name in tables[0] for name in ("LUTDescriptor", "LUTData"))

    def _look_up(self, values: NDArray[Any]) -> NDArray[Any]:
        if not self._has_table():
            return values
        self.remarks.append("The values were mapped by a lookup table in the file (modality LUT).")
        mapped: NDArray[Any] = apply_modality_lut(values, self._dataset)
        # Entries have no sign in DICOM; those of a table of Hounsfield units have one.
        return mapped.view(np.int16) if mapped.dtype == np.uint16 and mapped.max() > 0xF000 else mapped

    def _scale(self, values: Any, slope: float, intercept: float) -> Any:
        return np.asarray(values, np.float32) * np.float32(slope) + np.float32(intercept)

    def _read_number(self, name: str, index: int = 0) -> float | None:
        return dicom_attributes.read_frame_number(self._dataset, index, _VALUES, name)

    def _rescale(self, index: int, remarks: list[str], doubts: list[str]) -> tuple[float, float]:
        slope, intercept = (
            self._read_number("RescaleSlope", index),
            self._read_number("RescaleIntercept", index),
        )
        if self._has_table():
            return 1.0, 0.0
        unreadable = any(
            value is None and dicom_attributes.is_given(self._dataset, name)
            for name, value in (("RescaleSlope", slope), ("RescaleIntercept", intercept))
        )
        if unreadable:
            remarks.append(UNREADABLE)
            doubts.append(UNREADABLE)
        elif slope is None or intercept is None:
            remarks.append(MISSING)
        slope, intercept = 1.0 if slope is None else slope, intercept or 0.0
        if not (1e-4 <= abs(slope) <= 100 and abs(intercept) <= 100_000):
            raise ScanError(
                "The rescaling to Hounsfield units is out of range",
                found=f"slope {slope:g}, intercept {intercept:g}",
                remedy="export the series again",
                code="degenerate",
            )
        if slope < 0:
            remarks.append("The rescale slope is negative; check that bone is bright.")
        return slope, intercept

    def _blank_padding(
        self, values: NDArray[Any], hu: NDArray[np.float32], slope: float, intercept: float
    ) -> NDArray[np.float32]:
        """Show as air what the file names as padding, as far as it reaches from the borders."""
        ends = [
            dicom_attributes.read_number(self._dataset, name)
            for name in ("PixelPaddingValue", "PixelPaddingRangeLimit")
        ]
        if ends[0] is None:
            return hu
        low, high = sorted((ends[0], ends[0] if ends[1] is None else ends[1]))
        if max(self._scale(low, slope, intercept), self._scale(high, slope, intercept)) <= LOWEST_HU:
            return hu
        return fill_from_borders(hu, (values >= low) & (values <= high), LOWEST_HU)


def _count_tears(values: NDArray[Any], other: NDArray[Any], n_bits: int) -> int:
    """Count neighbors that differ by more than half the range in one reading, but not in the other."""
    half = 1 << (n_bits - 1)
    jumps = [np.abs(np.diff(one.astype(np.int32), axis=1)) > half for one in (values, other)]
    return int(np.count_nonzero(jumps[0] & ~jumps[1]))
