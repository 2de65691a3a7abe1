"""A zip archive of scans, member by member, in memory: one bad member costs itself only.

What the directory claims is checked first, what is read is counted (core.system); the limits are on what
really comes out.
"""

from __future__ import annotations

import zipfile
from io import BytesIO

from core.errors import ScanError
from core.system import (
    DamagedMember,
    Limits,
    SwollenMember,
    find_deceit,
    has_long_list,
    inflate,
    is_encrypted,
)

# No picture or CT slice above the small size shrinks by more than the ratio; deflate itself ends near 1,000.
LIMITS = Limits(
    n_members=5000, member_bytes=200_000_000, total_bytes=2_000_000_000, ratio=200, small_bytes=10_000_000
)
DEEP = 20

_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# What archives of Macs hold beside the files themselves.
_CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")
_DECEITS = {
    "link": "it holds links",
    "outside": "names in it lead out of the archive",
    "overlap": "its members overlap",
}

Member = tuple[str, zipfile.ZipInfo]


def list_members(data: bytes) -> list[Member]:
    """The files in an archive: a name to show, without its folders, and the entry to read.

    Raises:
        ScanError: code "truncated", "hostile_archive" (links, overlapping members, names that lead out of the
            archive), "encrypted", "too_large" (more than 5,000 members) or "empty".
    """
    source = BytesIO(data)
    if has_long_list(source, LIMITS):
        raise _too_many()
    try:
        with zipfile.ZipFile(source) as archive:
            entries = archive.infolist()
            deceit = find_deceit(source, archive)
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
            "The zip archive is not read",
            found=_DECEITS[deceit],
            remedy="pack the files anew, by themselves",
            code="hostile_archive",
        )
    members = [
        (entry.filename.rsplit("/", 1)[-1], entry)
        for entry in entries
        if not entry.is_dir()
        and not entry.filename.startswith(_CLUTTER)
        and not entry.filename.endswith(_CLUTTER)
    ]
    if not members:
        raise ScanError(
            "The zip archive holds no file", remedy="hand in an archive with a study in it", code="empty"
        )
    if all(is_encrypted(entry) for _, entry in members):
        raise ScanError(
            "The zip archive is encrypted", remedy="unpack it with its password first", code="encrypted"
        )
    return members


def describe(data: bytes, members: list[Member]) -> tuple[str, ...]:
    """What is odd about an archive, as sentences, though it can be read."""
    remarks = []
    if not data.startswith(b"PK"):
        remarks.append("Other data stands before the zip archive; it was left out.")
    if max(entry.filename.count("/") for _, entry in members) > DEEP:
        remarks.append(f"Folders in the zip archive are more than {DEEP} deep.")
    return tuple(remarks)


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Inflate one member, counting.

    Raises:
        ScanError: code "encrypted", "unsupported_format" (packed by a rare method), "too_large" or
            "truncated".
    """
    if is_encrypted(entry):
        raise ScanError("The file is encrypted", remedy="unpack it with its password first", code="encrypted")
    if entry.compress_type not in _METHODS:
        raise ScanError(
            "The file is packed by a method that is not read",
            remedy="pack it anew, with the usual method (deflate)",
            code="unsupported_format",
        )
    limit = LIMITS.bytes_of(entry)
    if entry.file_size > limit:
        raise _inflates(limit)
    try:
        return b"".join(inflate(archive, entry, limit))
    except SwollenMember:
        raise _inflates(limit) from None
    except DamagedMember:
        raise ScanError(
            "The file is damaged inside the archive", remedy="copy or export it again", code="truncated"
        ) from None


def _too_many() -> ScanError:
    return ScanError(
        "The zip archive holds too many files",
        found=f"the limit is {LIMITS.n_members}",
        remedy="hand in one study at a time",
        code="too_large",
    )


def _inflates(limit: int) -> ScanError:
    return ScanError(
        "The file inflates beyond the limit",
        found=f"more than {limit / 1e6:.0f} MB",
        remedy="hand it in by itself",
        code="too_large",
    )
