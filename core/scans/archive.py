"""A zip archive, member by member, in memory: nothing is written by an archive's names.

What the directory claims is checked first, what is read is counted; the limits are on what really comes out.
"""

from __future__ import annotations

import stat
import zipfile
import zlib
from io import BytesIO
from itertools import pairwise

from core.errors import ScanError

MAX_MEMBERS = 5000
MAX_MEMBER_BYTES = 200_000_000
# No picture or CT slice above SMALL_BYTES shrinks that much; deflate itself ends near 1,000.
MAX_RATIO = 200
DEEP = 20
SMALL_BYTES = 10_000_000

_CHUNK = 1 << 20
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_LOCAL_HEADER_BYTES = 30
# What archives of Macs hold beside the files themselves.
_CLUTTER = ("__MACOSX/", ".DS_Store", "Thumbs.db")


def list_members(data: bytes) -> list[tuple[str, zipfile.ZipInfo]]:
    """The files in an archive: a name to show, without its folders, and the entry to read.

    Raises:
        ScanError: code "truncated", "hostile_archive" (links, overlapping members, names that lead out of the
            archive), "encrypted", "too_large" (more than 5,000 members) or "empty".
    """
    try:
        with zipfile.ZipFile(BytesIO(data)) as archive:
            entries = archive.infolist()
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
    if len(entries) > MAX_MEMBERS:
        raise ScanError(
            "The zip archive holds too many files",
            came=f"{len(entries)}; the limit is {MAX_MEMBERS}",
            remedy="hand in one study at a time",
            code="too_large",
        )
    _check_entries(entries)
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
    if all(entry.flag_bits & 1 for _, entry in members):
        raise ScanError(
            "The zip archive is encrypted", remedy="unpack it with its password first", code="encrypted"
        )
    return members


def describe(data: bytes, members: list[tuple[str, zipfile.ZipInfo]]) -> tuple[str, ...]:
    """What is odd about an archive, as sentences, though it can be read."""
    remarks = []
    if not data.startswith(b"PK"):
        remarks.append("Other data stands before the zip archive; it was left out.")
    if max(entry.filename.count("/") for _, entry in members) > DEEP:
        remarks.append(f"Folders in the zip archive are more than {DEEP} deep.")
    return tuple(remarks)


def _check_entries(entries: list[zipfile.ZipInfo]) -> None:
    """Refuse what no honest program writes."""
    for entry in entries:
        if stat.S_ISLNK(entry.external_attr >> 16):
            raise _hostile("it holds links")
        parts = entry.filename.replace("\\", "/").split("/")
        if ".." in parts or ":" in parts[0]:
            raise _hostile("names in it lead out of the archive")
    placed = sorted(entries, key=lambda entry: entry.header_offset)
    for entry, following in pairwise(placed):
        end = entry.header_offset + _LOCAL_HEADER_BYTES + entry.compress_size
        if end > following.header_offset:
            raise _hostile("its members overlap")


def _hostile(came: str) -> ScanError:
    return ScanError(
        "The zip archive is not read",
        came=came,
        remedy="pack the files anew, by themselves",
        code="hostile_archive",
    )


def read_member(archive: zipfile.ZipFile, entry: zipfile.ZipInfo) -> bytes:
    """Inflate one member, counting.

    Raises:
        ScanError: code "encrypted", "unsupported_format" (packed by a rare method), "too_large" or
            "truncated".
    """
    if entry.flag_bits & 1:
        raise ScanError("The file is encrypted", remedy="unpack it with its password first", code="encrypted")
    if entry.compress_type not in _METHODS:
        raise ScanError(
            "The file is packed by a method that is not read",
            remedy="pack it anew, with the usual method (deflate)",
            code="unsupported_format",
        )
    limit = min(MAX_MEMBER_BYTES, max(SMALL_BYTES, MAX_RATIO * entry.compress_size))
    if entry.file_size > limit:
        raise _inflates(limit)
    chunks, n_bytes = [], 0
    try:
        with archive.open(entry) as stream:
            while chunk := stream.read(_CHUNK):
                n_bytes += len(chunk)
                if n_bytes > limit:
                    raise _inflates(limit)
                chunks.append(chunk)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, LookupError):
        raise ScanError(
            "The file is damaged inside the archive", remedy="copy or export it again", code="truncated"
        ) from None
    return b"".join(chunks)


def _inflates(limit: int) -> ScanError:
    return ScanError(
        "The file inflates beyond the limit",
        came=f"more than {limit / 1e6:.0f} MB",
        remedy="hand it in by itself",
        code="too_large",
    )
