"""Identify a file's format from its bytes, and compare the result with its name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath

from core.errors import ScanError


@dataclass(frozen=True)
class Kind:
    """The format of a file.

    Attributes:
        name: the format's name. Supported are Pillow's "JPEG", "PNG", "TIFF", "BMP" and "WEBP", and "DICOM",
            "NIFTI", "GZIP" (may hold a NIfTI volume) and "ZIP".
        remedy: what to do about an unsupported format; empty for a supported one.
        refusal: the error code of an unsupported format.
    """

    name: str
    remedy: str = ""
    refusal: str = "unsupported_format"


RASTER_NAMES = ("JPEG", "PNG", "TIFF", "BMP", "WEBP")
PICTURES = "JPEG, PNG, TIFF, BMP or WebP"
_ENDINGS = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
    "PNG": (".png", ".apng"),
    "TIFF": (".tif", ".tiff"),
    "BMP": (".bmp", ".dib"),
    "WEBP": (".webp",),
}
RASTER_ENDINGS = tuple(ending for endings in _ENDINGS.values() for ending in endings)
# Extensions of formats with Hounsfield units; a plain picture with such a name has lost them.
_MEDICAL_ENDINGS = (".dcm", ".dicom", ".nii", ".nii.gz", ".hdr", ".img", ".mha", ".nrrd")

_AS_PICTURE = f"save the slice as {PICTURES}"
_EXPORT = "export the study as DICOM or NIfTI"
_UNPACK = "unpack it, then upload the files or a zip archive of them"


def _starts(*magics: bytes) -> Callable[[bytes], bool]:
    return lambda data: data.startswith(magics)


def _is_dicom(data: bytes) -> bool:
    """Recognize DICOM by its preamble, or without one by a first group of 2 or 8."""
    if data[128:132] == b"DICM":
        return True
    little, big = data[:2] in (b"\x02\x00", b"\x08\x00"), data[:2] == b"\x00\x08"
    explicit = data[4:6].isalpha() and data[4:6].isupper()
    return (little or big) and (explicit or (little and data[3:4] == b"\x00" and data[6:8] == b"\x00\x00"))


def _is_nifti(data: bytes) -> bool:
    """Recognize NIfTI by its magic; version 1 also by its header's size, which Analyze shares."""
    if data[4:8] in (b"n+2\x00", b"ni2\x00"):
        return True
    return data[344:348] in (b"n+1\x00", b"ni1\x00") or data[:4] in (b"\x5c\x01\x00\x00", b"\x00\x00\x01\x5c")


def _is_svg(data: bytes) -> bool:
    head = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return head.startswith((b"<?xml", b"<svg", b"<!doctype svg")) and b"<svg" in data[:4096].lower()


_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 65_557  # the end record and the longest comment after it

# DICOM comes first, because its preamble may hold the magic of another format.
_KINDS: tuple[tuple[Callable[[bytes], bool], Kind], ...] = (
    (_is_dicom, Kind("DICOM")),
    (_starts(b"\xff\xd8"), Kind("JPEG")),
    (_starts(b"\x89PNG\r\n\x1a\n"), Kind("PNG")),
    (_starts(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"), Kind("TIFF")),
    (_starts(b"BM"), Kind("BMP")),
    (lambda data: data[:4] == b"RIFF" and data[8:12] == b"WEBP", Kind("WEBP")),
    (_is_nifti, Kind("NIFTI")),
    (_starts(b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08"), Kind("ZIP")),
    (_starts(b"\x1f\x8b"), Kind("GZIP")),
    (_starts(b"7z\xbc\xaf\x27\x1c"), Kind("a 7z archive", _UNPACK)),
    (_starts(b"Rar!\x1a\x07"), Kind("a RAR archive", _UNPACK)),
    (lambda data: data[257:262] == b"ustar", Kind("a tar archive", _UNPACK)),
    (_starts(b"\x89HDF"), Kind("an HDF5 file", _AS_PICTURE)),
    (_starts(b"NRRD", b"ObjectType"), Kind("a research volume (NRRD or MetaImage)", _EXPORT)),
    (_starts(b"GIF8"), Kind("a GIF", _AS_PICTURE)),
    (_starts(b"%PDF"), Kind("a PDF", f"{_AS_PICTURE} from the program it came from")),
    (_starts(b"%!", b"\xc5\xd0\xd3\xc6"), Kind("a PostScript file", _AS_PICTURE)),
    (_is_svg, Kind("an SVG drawing", _AS_PICTURE)),
    (_starts(b"8BPS"), Kind("a Photoshop file", _AS_PICTURE)),
    (_starts(b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51"), Kind("a JPEG 2000 image", _AS_PICTURE)),
    (_starts(b"\x00\x00\x00\x0cJXL ", b"\xff\x0a"), Kind("a JPEG XL image", _AS_PICTURE)),
    (lambda data: data[4:8] == b"ftyp", Kind("a HEIC or AVIF image, or a video", _AS_PICTURE)),
    (_starts(b"\x00\x00\x01\x00"), Kind("an icon", _AS_PICTURE)),
    (_starts(b"DDS ", b"icns", b"\x01\xda", b"\x0a\x05\x01"), Kind("an image in a rare format", _AS_PICTURE)),
)
UNKNOWN = Kind(
    "a file of unknown format", f"upload DICOM, NIfTI, or a CT slice as {PICTURES}", "not_an_image"
)


def identify(data: bytes) -> Kind:
    """Identify a file's format from its first bytes (and, for a zip archive, its last). Never raises."""
    for matches, kind in _KINDS:
        if matches(data):
            return kind
    # A self-extracting archive begins with a program.
    return Kind("ZIP") if _ZIP_END in data[-_ZIP_TAIL:] else UNKNOWN


def compare_with_name(kind: Kind, source: str) -> list[str]:
    """Return a warning when the file's extension does not match its content; otherwise an empty list.

    Raises:
        ScanError: code "unsupported_format", for a plain picture with the extension of a medical format: it
            has lost its Hounsfield units.
    """
    name = source.lower()
    if kind.name not in RASTER_NAMES:
        ending = PurePosixPath(name).suffix
        packed = kind.name == "GZIP"
        if ending in RASTER_ENDINGS or (ending, packed) in ((".gz", False), (".nii", True)):
            return [f"The name ends in {ending}, but the content is {kind.name}; it was read as {kind.name}."]
        return []
    if name.endswith(_MEDICAL_ENDINGS):
        ending = next(ending for ending in _MEDICAL_ENDINGS if name.endswith(ending))
        raise ScanError(
            f"The name ends in {ending}, but the file is a {kind.name} image without Hounsfield units",
            remedy=f"upload the original, or rename the file to end in {_ENDINGS[kind.name][0]}",
            code="unsupported_format",
        )
    ending = PurePosixPath(name).suffix
    if ending in RASTER_ENDINGS and ending not in _ENDINGS[kind.name]:
        return [f"The name ends in {ending}, but the content is {kind.name}; it was read as {kind.name}."]
    return []
