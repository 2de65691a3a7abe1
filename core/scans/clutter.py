"""Recognize what lies beside scans in archives and on media: leftovers of file systems, indexes, programs."""

from __future__ import annotations

from core.errors import ScanError
from core.scans import formats

# What a DICOM file without a picture holds, in words.
MEDIUM_INDEX = "the index of a DICOM medium (DICOMDIR)"
_FOLDERS = (
    "__macosx",
    ".trashes",
    ".fseventsd",
    ".spotlight-v100",
    "$recycle.bin",
    "system volume information",
)
_NAMES = (".ds_store", "thumbs.db", "ehthumbs.db", "desktop.ini", "icon\r", ".localized", "dicomdir")
# AppleDouble and AppleSingle (RFC 1740), and the settings of a folder on macOS.
_SYSTEM = (b"\0\5\x16\7", b"\0\5\x16\0", b"\0\0\0\1Bud1")
_PROGRAMS = (
    b"MZ", b"\x7fELF", b"\xca\xfe\xba\xbe", b"\xfe\xed\xfa", b"\xcf\xfa\xed\xfe", b"\xce\xfa\xed\xfe",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"MSCF", b"ITSF", b"L\0\0\0\1\x14\2\0", b"SQLite format 3\0",
    b"wOFF", b"OTTO\0", b"\0\1\0\0\0", b"%PDF",
)  # fmt: skip
_READABLE = ("a PDF", "an SVG drawing", "an icon")
# An empty file with such an ending is no slice.
_ENDINGS = (".css", ".htm", ".html", ".inf", ".ini", ".js", ".log", ".txt", ".xml")
_SAMPLE = 4096
# Bytes that text never holds.
_CONTROLS = bytes(byte for byte in range(32) if byte not in b"\t\n\f\r\x1a\x1b")


def is_system_name(name: str) -> bool:
    """Return whether a path names something that an operating system or a medium adds."""
    *folders, last = name.replace("\\", "/").lower().split("/")
    return last.startswith("._") or last in _NAMES or any(folder in _FOLDERS for folder in folders)


def find_role(data: bytes, name: str, error: ScanError) -> str:
    """Return what a file that was not read can be in a study; see `core.errors.ScanError`."""
    if is_system_name(name) or data.startswith(_SYSTEM) or error.found == MEDIUM_INDEX:
        return "clutter"
    kind = formats.identify(data)
    if kind.name == "DICOM":
        return "other" if error.code == "no_pixels" else "slice"
    if kind.name not in (formats.UNKNOWN.name, *_READABLE):
        return "other"
    is_program = (
        kind.name in _READABLE
        or name.lower().endswith(_ENDINGS)
        or data.startswith(_PROGRAMS)
        or _is_text(data[:_SAMPLE])
    )
    return "program" if is_program else "slice"


def _is_text(head: bytes) -> bool:
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return True
    return bool(head) and not any(byte in _CONTROLS for byte in head)
