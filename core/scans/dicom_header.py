"""Parse a DICOM file's header, with a limit on inflated bytes, and check it before the pixels are decoded."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from io import BytesIO

import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filereader import read_dataset
from pydicom.pixels import get_decoder
from pydicom.uid import (
    UID,
    AllTransferSyntaxes,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEGExtended12Bit,
)

from core.errors import ScanError
from core.scans.clutter import MEDIUM_INDEX
from core.scans.dicom_attributes import damaged, read_integer, read_number, read_text

MAX_SIDE_PX = 8192
MAX_FILE_PIXELS = 100_000_000
MAX_FRAMES = 2000
MAX_INFLATED_BYTES = 200_000_000

_PIXELS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")
_GRAY = ("MONOCHROME1", "MONOCHROME2")
COLOR = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
# Modalities that may be read, with a warning unless CT. Other values are never repeated in a message.
_PICTURES = ("CT", "MR", "CR", "DX", "MG", "US", "NM", "PT", "XA", "RF", "SC", "OT")
_NO_PICTURES = {
    "SR": "a structured report",
    "SEG": "a segmentation",
    "PR": "a presentation state",
    "RTSTRUCT": "a radiotherapy structure set",
    "RTPLAN": "a radiotherapy plan",
    "RTDOSE": "a radiotherapy dose",
    "ECG": "an electrocardiogram",
    "KO": "a key object selection",
}
# Storage classes (PS3.4 B.5) of CT: plain, enhanced, converted. Those of secondary capture begin alike.
_CT_CLASSES = ("1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2")
_CAPTURE_CLASSES = "1.2.840.10008.5.1.4.1.1.7"
_UNDEFINED_LENGTH = 0xFFFFFFFF
_DICOMDIR = "1.2.840.10008.1.3.10"


@dataclass(frozen=True)
class Header:
    """Checked values that decoding needs.

    Attributes:
        captured: whether this is a secondary capture, often a picture of a scan.
        high_bit: the highest bit of a pixel, at least `bits_stored` - 1.
        masked: whether unused high bits must be cleared.
    """

    modality: str
    captured: bool
    rows: int
    columns: int
    frames: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: int
    photometric: str
    masked: bool
    remarks: tuple[str, ...]


def parse(data: bytes) -> tuple[Dataset, list[str]]:
    """Parse a file without decoding its pixels.

    Returns:
        The data set with its file meta information, and remarks.

    Raises:
        ScanError: there is no file meta information, or a deflated file inflates beyond the limit.
    """
    remarks: list[str] = []
    if data[128:132] == b"DICM":
        if any(data[:128]):
            remarks.append("The preamble contains data of another file type; only the DICOM part was read.")
    elif data[:2] == b"\x02\x00":
        data = bytes(128) + b"DICM" + data
        remarks.append("The file has no DICOM preamble; it was read without it.")
    else:
        raise ScanError(
            "The DICOM file does not say how it is encoded (no file meta information)",
            remedy="export it again as a DICOM file (part 10)",
            code="unsupported_format",
        )
    stream = BytesIO(data)
    stream.seek(132)
    meta = read_dataset(stream, False, True, stop_when=lambda tag, vr, length: tag.group != 2)
    syntax = UID(str(meta.get("TransferSyntaxUID", "")))
    if syntax != DeflatedExplicitVRLittleEndian:
        return pydicom.dcmread(BytesIO(data)), remarks
    dataset = read_dataset(BytesIO(_inflate(data[stream.tell() :])), False, True)
    dataset.file_meta = FileMetaDataset(meta)
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    # The bytes in memory are no longer deflated.
    dataset.set_original_encoding(False, True)
    return dataset, remarks


def _inflate(packed: bytes) -> bytes:
    unpacker = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        inflated = unpacker.decompress(packed, MAX_INFLATED_BYTES)
    except zlib.error:
        raise damaged() from None
    if unpacker.unconsumed_tail:
        raise _too_large(f"more than {MAX_INFLATED_BYTES // 1_000_000} MB when unpacked")
    return inflated


def _too_large(found: str) -> ScanError:
    return ScanError(
        "The DICOM file is too large", found=found, remedy="upload single slices", code="too_large"
    )


def check(dataset: Dataset, n_bytes: int) -> Header:
    """Check everything that decoding relies on.

    Args:
        dataset: from `parse`.
        n_bytes: size of the file.

    Raises:
        ScanError: see `core.scans.dicom.decode`.
    """
    modality = read_text(dataset, "Modality")
    storage = read_text(dataset.file_meta, "MediaStorageSOPClassUID")
    if modality in ("", "OT") and storage in _CT_CLASSES:
        modality = "CT"
    if storage == _DICOMDIR or "DirectoryRecordSequence" in dataset:
        raise _no_picture(MEDIUM_INDEX)
    if modality in _NO_PICTURES:
        raise _no_picture(_NO_PICTURES[modality])
    if "PixelData" not in dataset:
        floating = any(name in dataset for name in _PIXELS)
        raise _no_picture("floating-point pixel data" if floating else "no pixel data")
    rows, columns = read_integer(dataset, "Rows"), read_integer(dataset, "Columns")
    frames = _read_frames(dataset)
    if not (0 < rows <= MAX_SIDE_PX and 0 < columns <= MAX_SIDE_PX and 0 < frames <= MAX_FRAMES):
        raise ScanError(
            "The DICOM file's dimensions are out of range",
            found=f"{columns} x {rows} pixels, {frames} frames",
            remedy="export it again",
            code="degenerate",
        )
    if rows * columns * frames > MAX_FILE_PIXELS:
        raise _too_large(f"{rows * columns * frames / 1e6:.0f} megapixels in {frames} frames")
    samples = read_integer(dataset, "SamplesPerPixel", 1)
    allocated = read_integer(dataset, "BitsAllocated")
    stored = read_integer(dataset, "BitsStored", allocated)
    signed = read_integer(dataset, "PixelRepresentation", 0)
    photometric = read_text(dataset, "PhotometricInterpretation")
    if (samples, photometric in _GRAY, photometric in COLOR) not in ((1, True, False), (3, False, True)):
        raise _unsupported("another color model than gray, RGB or YBR")
    if allocated not in (8, 16) or not 1 <= stored <= allocated or signed not in (0, 1):
        raise _unsupported(f"{stored} of {allocated} bits per pixel; 8 or 16 are supported")
    high_bit = read_number(dataset, "HighBit")
    contradicts = high_bit is not None and not stored - 1 <= high_bit < allocated
    high_bit = stored - 1 if high_bit is None or contradicts else high_bit
    syntax = UID(str(dataset.file_meta.get("TransferSyntaxUID", "")))
    remarks = _check_syntax(dataset, syntax, stored, rows * columns * samples * frames * (allocated // 8))
    if contradicts:
        remarks.append("HighBit and BitsStored contradict each other; BitsStored was used.")
    if modality != "CT":
        known = modality if modality in _PICTURES else ""
        remarks.append(
            f"This is not CT: the file says {known}." if known else "The file does not say that it is CT."
        )
    modality = modality if modality in _PICTURES else ("other" if modality else "")
    return Header(
        modality,
        storage.startswith(_CAPTURE_CLASSES) or modality in ("SC", "OT"),
        rows,
        columns,
        frames,
        allocated,
        stored,
        int(high_bit),
        signed,
        photometric,
        not syntax.is_encapsulated,
        tuple(remarks),
    )


def _read_frames(dataset: Dataset) -> int:
    """Return the number of frames; 1 if it is missing, 0, or not a number, as some systems write it."""
    try:
        frames = read_integer(dataset, "NumberOfFrames", 1)
    except (ValueError, TypeError):
        frames = 0
    if frames == 0:
        del dataset.NumberOfFrames
    return frames or 1


def _check_syntax(dataset: Dataset, syntax: UID, stored: int, expected: int) -> list[str]:
    """Refuse a transfer syntax that cannot be decoded, and a file with too little pixel data."""
    if syntax not in AllTransferSyntaxes:
        raise _unsupported("an unknown transfer syntax")
    try:
        available = not syntax.is_encapsulated or get_decoder(syntax).is_available
    except NotImplementedError:
        available = False
    if syntax == JPEGExtended12Bit and stored > 8:
        # The decoder handles 8 bits only.
        available = False
    if not available:
        raise _unsupported(f"the transfer syntax {syntax.name}")
    element = dataset.get_item("PixelData")
    length = len(dataset.PixelData)
    claimed = getattr(element, "length", length)
    if claimed != _UNDEFINED_LENGTH and claimed > length:
        raise damaged()
    if syntax.is_encapsulated:
        return []
    if dataset.get("PhotometricInterpretation") == "YBR_FULL_422":
        expected = expected * 2 // 3
    if length < expected:
        raise damaged()
    if length > expected + 1:
        return ["The file contains more pixel data than its dimensions need; the rest was ignored."]
    return []


def _no_picture(what: str) -> ScanError:
    return ScanError(
        "The DICOM file contains no readable image",
        found=what,
        remedy="upload the CT slices of the study",
        code="no_pixels",
    )


def _unsupported(what: str) -> ScanError:
    return ScanError(
        "This encoding of a DICOM file is not supported",
        found=what,
        remedy="export it uncompressed (Explicit VR Little Endian, 16 bits, gray)",
        code="unsupported_format",
    )
