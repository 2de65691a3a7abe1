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
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.errors import BytesLengthException, InvalidDicomError

from core.errors import ScanError
from core.scans import dicom_attributes, dicom_header
from core.scans.dicom_allow_list import drop_others
from core.scans.dicom_attributes import damaged
from core.scans.dicom_header import Header
from core.scans.dicom_identity import take_identity
from core.scans.dicom_remarks import Remarks, take_remarks
from core.scans.dicom_sides import Sides, read_sides
from core.scans.dicom_values import Values
from core.scans.geometry import check_directions
from core.scans.hounsfield import refuse_values
from core.scans.scan import Piece, Plane
from core.scans.squares import make_square

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
            "truncated" (damaged or cut off), "too_large", "degenerate" (size or rescaling out of range) or
            "not_hounsfield" (the file says that the values are something else).
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            dataset, remarks = dicom_header.parse(data)
            said, sides, identity = take_remarks(dataset), read_sides(dataset), take_identity(dataset, key)
            drop_others(dataset)
            header = dicom_header.check(dataset, len(data))
            piece = _to_piece(dataset, header, said, sides, source, data)
            return replace(piece, warnings=tuple(dict.fromkeys([*remarks, *piece.warnings])), **identity)
        except MemoryError:
            raise ScanError(
                "The DICOM file needs too much memory", remedy="upload single slices", code="too_large"
            ) from None
        except _DECODER_ERRORS:
            # Not chained, because the cause may quote a patient's name.
            raise damaged() from None


def _to_piece(
    dataset: Dataset, header: Header, said: Remarks, sides: Sides, source: str, data: bytes
) -> Piece:
    window = _read_window(dataset)
    values = Values(dataset, header)
    measured = values.is_hounsfield()
    frames = values.read_hounsfield() if measured else values.read_gray(window)
    if measured and said.unit:
        raise refuse_values(np.concatenate([frame[::8, ::8].ravel() for frame in frames]), said.unit)
    remarks = [*header.remarks, *values.remarks]
    planes = []
    for index, pixels in enumerate(frames):
        plane, remark = _to_plane(dataset, index, pixels, sides)
        planes.append(plane)
        remarks += [remark] if remark else []
    if dicom_attributes.read_text(dataset, "BurnedInAnnotation") == "YES":
        remarks.append("The file says that text is burned into the image; it may identify the patient.")
    if dicom_attributes.read_text(dataset, "LossyImageCompression") == "01":
        remarks.append("The image was stored with lossy compression.")
    remarks += [*said.sentences, *([sides.doubt] if sides.doubt else [])]
    return Piece(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        unit="hu" if measured else "gray",
        kind="dicom",
        planes=tuple(planes),
        warnings=tuple(dict.fromkeys(remarks)),
        modality=header.modality,
        window=window,
        localizer="LOCALIZER" in dicom_attributes.read_text(dataset, "ImageType"),
        sides_known=not sides.doubt,
        doubts=tuple(dict.fromkeys([*values.doubts, *said.doubts])),
        unfit=said.unfit,
    )


def _read_window(dataset: Dataset) -> tuple[float, float] | None:
    """Return the center and width of the first window in the file, or None."""
    center = dicom_attributes.read_frame_number(dataset, 0, "FrameVOILUTSequence", "WindowCenter")
    width = dicom_attributes.read_frame_number(dataset, 0, "FrameVOILUTSequence", "WindowWidth")
    return (center, width) if center is not None and width is not None and 1 <= width <= 65536 else None


def _to_plane(dataset: Dataset, index: int, pixels: NDArray[np.float32], sides: Sides) -> tuple[Plane, str]:
    """Return a frame with its geometry and with square pixels, and a remark if it was resampled."""

    def numbers(sequence: str, name: str, count: int) -> tuple[float, ...] | None:
        values = dicom_attributes.read_frame_numbers(dataset, index, sequence, name)
        return tuple(values) if values is not None and len(values) == count else None

    spacing = numbers("PixelMeasuresSequence", "PixelSpacing", 2)
    thickness = numbers("PixelMeasuresSequence", "SliceThickness", 1)
    directions = check_directions(numbers("PlaneOrientationSequence", "ImageOrientationPatient", 6))
    plane = Plane(
        pixels=pixels,
        corner_mm=numbers("PlanePositionSequence", "ImagePositionPatient", 3),
        directions=directions or sides.directions,
        spacing_mm=spacing if spacing and all(0.01 <= value <= 20 for value in spacing) else None,
        thickness_mm=thickness[0] if thickness and 0 < thickness[0] <= 100 else None,
    )
    # Of the height of a pixel to its width; given where the spacing is not (PS3.3 C.7.6.3.1.7).
    aspect = numbers("", "PixelAspectRatio", 2)
    if plane.spacing_mm is None and aspect and min(aspect) > 0:
        square, remark = make_square(replace(plane, spacing_mm=aspect))
        return replace(square, spacing_mm=None), remark.replace(" mm)", ")")
    return make_square(plane)
