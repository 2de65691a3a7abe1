"""Read a zip archive of scans in memory, one member at a time. A damaged member does not stop the others.

The archive's directory is checked first. Sizes are then limited by the bytes actually inflated, not by those
declared (core.system).
"""

from __future__ import annotations

import zipfile
from io import BytesIO

from core.errors import ScanError
from core.scans.clutter import is_system_name
from core.system import (
    DamagedMember,
    Limits,
    OversizedMember,
    find_unsafe_member,
    has_long_directory,
    inflate,
    is_encrypted,
)

# No picture or CT slice above `small_bytes` compresses by more than `ratio`; deflate can reach about 1,000.
LIMITS = Limits(
    n_members=5000, member_bytes=200_000_000, total_bytes=2_000_000_000, ratio=200, small_bytes=10_000_000
)
USUAL_DEPTH = 20

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_DECEITS = {
    "link": "it contains links",
    "outside": "some names point outside the archive",
    "overlap": "its members overlap",
}

Member = tuple[str, zipfile.ZipInfo]


def list_members(data: bytes) -> list[Member]:
    """List the files in an archive as (name without folders, entry to read).

    Raises:
        ScanError: code "truncated", "hostile_archive" (links, overlapping members, names that point
            outside the archive), "encrypted", "too_large" (more than 5,000 members) or "empty".
    """
    source = BytesIO(data)
    if has_long_directory(source, LIMITS):
        raise _too_many()
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            deceit = find_unsafe_member(source, archive)
    except (
        zipfile.BadZipFile,
        NotImplementedError,
        ValueError,
        OSError,
        LookupError,
        OverflowError,
        MemoryError,
    ):
        raise ScanError(
            "The zip archive is damaged or cut off", remedy="copy or export it again", code="truncated"
        ) from None
    if len(entries) > LIMITS.n_members:
        raise _too_many()
    if deceit:
        raise ScanError(
            "The zip archive is unsafe and was not read",
            found=_DECEITS[deceit],
            remedy="make a new archive with only the scan files, without links",
            code="hostile_archive",
        )
    members = [
        (entry.filename.rsplit("/", 1)[-1], entry)
        for entry in entries
        if not entry.is_dir() and not is_system_name(entry.filename)
    ]
    if not members:
        raise ScanError(
            "The zip archive contains no file", remedy="upload an archive with a study in it", code="empty"
        )
    if all(is_encrypted(entry) for _, entry in members):
        raise ScanError(
            "The zip archive is encrypted", remedy="unpack it with its password first", code="encrypted"
        )
    return members


def describe(data: bytes, members: list[Member]) -> tuple[str, ...]:
    """Return remarks about a readable archive, as sentences."""
    remarks = []
    if not data.startswith(b"PK"):
        remarks.append("Data before the start of the zip archive was ignored.")
    if max(entry.filename.count("/") for _, entry in members) > USUAL_DEPTH:
        remarks.append(
            f"Folders in the zip archive are nested more than {USUAL_DEPTH} deep; they were read anyway."
        )
    return tuple(remarks)


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Inflate one member within the limits.

    Raises:
        ScanError: code "encrypted", "unsupported_format" (compression other than deflate), "too_large" or
            "truncated".
    """
    if is_encrypted(entry):
        raise ScanError("The file is encrypted", remedy="unpack it with its password first", code="encrypted")
    if entry.compress_type not in _METHODS:
        raise ScanError(
            "The file is compressed by a method that is not supported",
            remedy="compress it with the usual method (deflate)",
            code="unsupported_format",
        )
    limit = LIMITS.bytes_of(entry)
    if entry.file_size > limit:
        raise _inflates(limit)
    try:
        return b"".join(inflate(archive, entry, limit))
    except OversizedMember:
        raise _inflates(limit) from None
    except DamagedMember:
        raise ScanError(
            "The file is damaged inside the archive", remedy="copy or export it again", code="truncated"
        ) from None


def _too_many() -> ScanError:
    return ScanError(
        "The zip archive contains too many files",
        found=f"the limit is {LIMITS.n_members:,}",
        remedy="upload one study at a time",
        code="too_large",
    )


def _inflates(limit: int) -> ScanError:
    return ScanError(
        "The file is too large when unpacked",
        found=f"more than {limit / 1e6:.0f} MB",
        remedy="upload it without the archive",
        code="too_large",
    )
