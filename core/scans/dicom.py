"""Decode one DICOM file into a `Piece`: Hounsfield units and geometry, nothing about the patient.

pydicom parses the file; pydicom, Pillow and GDCM decode the pixels. Right after parsing, every attribute is
dropped except those on an allow-list (core.scans.dicom_allow_list); `Technical` lists what a scan retains.
Identifiers serve only to separate the series and patients of one upload. They are compared as keyed digests
whose key is discarded after the upload. No error or warning quotes an attribute's text.
"""

from __future__ import annotations

import hashlib
import logging
import struct
import warnings
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError
from pydicom.pixels import pixel_array

from core.errors import ScanError
from core.scans import dicom_attributes, dicom_header
from core.scans.dicom_allow_list import drop_others
from core.scans.dicom_attributes import damaged
from core.scans.dicom_header import Header
from core.scans.geometry import check_directions
from core.scans.scan import OTHER_PART, Piece, Plane

# Air. Scanners pad the area outside the scanned circle with lower values.
LOWEST_HU = -1024.0
# Air never reaches this value.
_NEVER_AIR_HU = 500.0
_COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")

# DICOM terms (PS3.16, annex L) for body parts that are often scanned. Other terms are ignored.
_OTHER_PARTS = {
    "ABDOMEN", "ABDOMENPELVIS", "ANKLE", "AORTA", "ARM", "BREAST", "CHEST", "CHESTABDOMEN", "COLON", "CSPINE",
    "ELBOW", "EXTREMITY", "FOOT", "HAND", "HEART", "HIP", "KIDNEY", "KNEE", "LEG", "LIVER", "LSPINE", "LUNG",
    "PANCREAS", "PELVIS", "SHOULDER", "SPINE", "SPLEEN", "TSPINE", "WRIST",
}  # fmt: skip

# pydicom's log and warnings quote the text of attributes.
logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)

# Errors that parsing and decoding damaged files may raise.
_DECODER_ERRORS = (
    OSError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    EOFError,
    AssertionError,
    struct.error,
    zlib.error,
    BytesLengthException,
    InvalidDicomError,
)


def decode(data: bytes, source: str, *, key: bytes = b"") -> Piece:
    """Decode one DICOM file of one or more frames.

    Args:
        data: the file's bytes, with or without preamble.
        source: the file's name.
        key: key of the identifier digests; use the same key for all files to compare.

    Raises:
        ScanError: code "no_pixels", "unsupported_format" (pixel encoding or transfer syntax),
            "truncated" (damaged or cut off), "too_large" or "degenerate" (size or rescaling out of range).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset, remarks = dicom_header.parse(data)
            notes = _take_notes(dataset, key)
            drop_others(dataset)
            header = dicom_header.check(dataset, len(data))
            return _to_piece(dataset, header, [*remarks, *header.remarks], notes, source, data)
        except MemoryError:
            raise ScanError(
                "The DICOM file needs too much memory", remedy="upload single slices", code="too_large"
            ) from None
        except _DECODER_ERRORS:
            # Not chained, because the cause may quote a patient's name.
            raise damaged() from None


@dataclass(frozen=True)
class _Notes:
    """Digests and remarks taken from attributes before these are dropped."""

    series: str
    patient: tuple[str, ...]
    remarks: tuple[str, ...]


def _take_notes(dataset: Dataset, key: bytes) -> _Notes:
    remarks = []
    kernel = dicom_attributes.read_text(dataset, "ConvolutionKernel")
    if any(word in kernel for word in ("BONE", "SHARP", "H60", "H70", "EDGE", "LUNG")):
        remarks.append(
            "The image was reconstructed with a sharp (bone) kernel, which makes brain look noisy."
        )
    if dicom_attributes.read_text(dataset, "BodyPartExamined").replace(" ", "") in _OTHER_PARTS:
        remarks.append(OTHER_PART)
    if dicom_attributes.read_text(dataset, "ContrastBolusAgent"):
        remarks.append(
            "The scan was made with contrast agent; the networks were trained on scans without it."
        )
    if any(0x6000 <= tag.group <= 0x601E for tag in set(dataset.keys())):
        remarks.append("The file's overlay was ignored.")
    patient = ("PatientID", "PatientName", "PatientBirthDate")
    return _Notes(
        series=_digest(dataset, "SeriesInstanceUID", key),
        patient=tuple(_digest(dataset, name, key) for name in patient),
        remarks=tuple(remarks),
    )


def _digest(dataset: Dataset, name: str, key: bytes) -> str:
    value = " ".join(dicom_attributes.read_text(dataset, name).replace("^", " ").split())
    return hashlib.blake2b(value.encode(), key=key, digest_size=16).hexdigest() if value else ""


def _to_piece(
    dataset: Dataset, header: Header, remarks: list[str], notes: _Notes, source: str, data: bytes
) -> Piece:
    stored = _stored_frames(dataset, header, remarks)
    window = _read_window(dataset)
    if header.modality == "CT" and header.photometric not in _COLOR:
        unit, frames = "hu", _to_hounsfield(dataset, header, stored, remarks)
    else:
        unit, frames = "gray", _to_gray(header, stored, window, remarks)
    planes = [_to_plane(dataset, index, pixels) for index, pixels in enumerate(frames)]
    if dicom_attributes.read_text(dataset, "BurnedInAnnotation") == "YES":
        remarks.append("The file says that text is burned into the image; it may identify the patient.")
    if dicom_attributes.read_text(dataset, "LossyImageCompression") == "01":
        remarks.append("The image was stored with lossy compression.")
    return Piece(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        unit="hu" if unit == "hu" else "gray",
        kind="dicom",
        planes=tuple(planes),
        warnings=tuple(dict.fromkeys([*remarks, *notes.remarks])),
        modality=header.modality,
        window=window,
        localizer="LOCALIZER" in dicom_attributes.read_text(dataset, "ImageType"),
        number=int(dicom_attributes.read_number(dataset, "InstanceNumber") or 0),
        series=notes.series,
        patient=notes.patient,
    )


def _stored_frames(dataset: Dataset, header: Header, remarks: list[str]) -> Iterator[NDArray[Any]]:
    """Yield each frame as stored, (H, W) or in color (H, W, 3), with unused high bits cleared."""
    shift = 8 * (header.bits_allocated // 8) - header.bits_stored
    raw = header.photometric not in _COLOR
    for index in range(header.frames):
        # Not iter_pixels: its sign correction fails on the read-only frames from GDCM.
        frame = pixel_array(dataset, index=index, raw=raw, correct_unused_bits=False)
        if frame.shape[:2] != (header.rows, header.columns):
            raise damaged()
        if shift and header.masked and frame.ndim == 2:
            # Shifting left, then right, extends the sign bit.
            clean = (frame << shift) >> shift
            if not header.signed and not np.array_equal(clean, frame):
                remarks.append("The unused high bits held data, perhaps an old overlay; they were masked.")
            frame = clean
        yield frame


def _to_hounsfield(
    dataset: Dataset, header: Header, stored: Iterable[NDArray[Any]], remarks: list[str]
) -> list[NDArray[np.float32]]:
    """Convert frame by frame: all frames, both stored and converted, may not fit into memory."""
    frames = []
    for index, values in enumerate(stored):
        slope, intercept = _rescale(dataset, index, remarks)
        hu = values.astype(np.float32) * np.float32(slope) + np.float32(intercept)
        if header.photometric == "MONOCHROME1":
            remarks.append(
                "The file asks for an inverted display (MONOCHROME1); bone is shown bright, as usual."
            )
            edge = np.concatenate([hu[0], hu[-1], hu[:, 0], hu[:, -1]])
            if np.median(edge) > _NEVER_AIR_HU:
                # The edge is not air, so the stored values are inverted too.
                top = (1 << (header.bits_stored - header.signed)) - 1
                inverted = (-1 if header.signed else top) - values.astype(np.float32)
                hu = inverted * np.float32(slope) + np.float32(intercept)
        frames.append(np.maximum(hu, np.float32(LOWEST_HU)))
    return frames


def _rescale(dataset: Dataset, index: int, remarks: list[str]) -> tuple[float, float]:
    slope = dicom_attributes.read_frame_number(
        dataset, index, "PixelValueTransformationSequence", "RescaleSlope"
    )
    intercept = dicom_attributes.read_frame_number(
        dataset, index, "PixelValueTransformationSequence", "RescaleIntercept"
    )
    if slope is None or intercept is None:
        remarks.append(
            "The rescale slope or intercept is missing (1 or 0 was assumed); Hounsfield units may be wrong."
        )
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


def _to_gray(
    header: Header, stored: Iterable[NDArray[Any]], window: tuple[float, float] | None, remarks: list[str]
) -> list[NDArray[np.float32]]:
    if header.photometric in _COLOR:
        remarks.append("This is a color image; a CT slice is gray. Its colors were converted to gray.")
        weights = np.array([0.299, 0.587, 0.114], np.float32) / np.float32(255)
        return [frame.astype(np.float32) @ weights for frame in stored]
    if window:
        low, high = window[0] - window[1] / 2, window[0] + window[1] / 2
    else:
        stored = list(stored)
        low, high = float(min(f.min() for f in stored)), float(max(f.max() for f in stored))
        remarks.append("The file gives no window; the lowest value is shown black, the highest white.")
    span = np.float32(max(high - low, 1e-6))
    frames = [np.clip((f.astype(np.float32) - np.float32(low)) / span, 0, 1) for f in stored]
    return [1 - frame for frame in frames] if header.photometric == "MONOCHROME1" else frames


def _read_window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the center and width of the first window in the file, or None."""
    center = dicom_attributes.read_frame_number(dataset, 0, "FrameVOILUTSequence", "WindowCenter")
    width = dicom_attributes.read_frame_number(dataset, 0, "FrameVOILUTSequence", "WindowWidth")
    return (center, width) if center is not None and width is not None and 1 <= width <= 65536 else None


def _to_plane(dataset: Dataset, index: int, pixels: NDArray[np.float32]) -> Plane:
    def numbers(sequence: str, name: str, count: int) -> tuple[float, ...] | None:
        values = dicom_attributes.read_frame_numbers(dataset, index, sequence, name)
        return tuple(values) if values is not None and len(values) == count else None

    spacing = numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    thickness = numbers("PixelMeasuresSequence", "SliceThickness", 1)
    return Plane(
        pixels=pixels,
        corner_mm=numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        directions=check_directions(numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6)),
        spacing_mm=spacing if spacing and all(0.01 <= value <= 20 for value in spacing) else None,
        thickness_mm=thickness[0] if thickness and 0 < thickness[0] <= 100 else None,
    )
