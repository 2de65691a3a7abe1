"""Read untrusted zip archives: their declared sizes and names are checked, and unpacked bytes are counted.

`open_zip` is strict (data sets, experiments): one bad member makes it refuse the archive. core.scans.archive
is lenient (scans): it skips a damaged member. Both use `find_unsafe_member` and `inflate`. No file is ever
written under a name from an archive: the caller chooses the names.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO, Literal

from core.errors import StrokeError

Danger = Literal["", "link", "outside", "overlap"]

_CHUNK_BYTES = 1 << 20
_END_MAGIC, _END_BYTES, _COMMENT_BYTES = b"PK\x05\x06", 22, 65_535
# In an archive beyond 4 GB, the Zip64 end record and its locator precede the usual end record.
_END64_BYTES, _IN_END64 = 56 + 20, 0xFFFFFFFF
# Bytes allowed per entry of the central directory; names of pictures, tables and networks need less.
_ENTRY_BYTES = 1_024
_HEADER_MAGIC, _HEADER_BYTES = b"PK\x03\x04", 30
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Limits:
    """Limits of an archive: number of members, bytes of one and of all, and the compression ratio.

    Up to `small_bytes` the ratio is not limited: a small file of equal bytes compresses to almost nothing.
    """

    n_members: int
    member_bytes: int
    total_bytes: int
    ratio: int = 200
    small_bytes: int = 1 << 20

    def bytes_of(self, member: zipfile.ZipInfo) -> int:
        """Return how many bytes a member may unpack to."""
        return min(self.member_bytes, max(self.small_bytes, self.ratio * member.compress_size))


class DamagedMember(Exception):
    """A member whose bytes cannot be unpacked."""


class OversizedMember(Exception):
    """A member that unpacks to more bytes than allowed."""


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Return whether a member needs a password."""
    return bool(member.flag_bits & _ENCRYPTED)


def has_long_directory(source: BinaryIO, limits: Limits) -> bool:
    """Return whether the central directory is too large for `limits.n_members`.

    Call it before `zipfile` reads the directory. If there is none, return False: `zipfile` then raises.
    """
    size = source.seek(0, 2)
    source.seek(max(0, size - _END_BYTES - _COMMENT_BYTES - _END64_BYTES))
    tail = source.read()
    # The same places where `zipfile` looks: at the very end, or before a comment.
    bare = tail[-_END_BYTES:].startswith(_END_MAGIC) and tail.endswith(b"\0\0")
    place = len(tail) - _END_BYTES if bare else tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END_BYTES:
        return False
    (list_bytes,) = struct.unpack_from("<I", tail, place + 12)
    end64 = tail[max(0, place - _END64_BYTES) : place]
    if list_bytes == _IN_END64 and len(end64) == _END64_BYTES:
        (list_bytes,) = struct.unpack_from("<Q", end64, 40)
    return bool(list_bytes > limits.n_members * _ENTRY_BYTES)


def find_unsafe_member(source: BinaryIO, archive: zipfile.ZipFile) -> Danger:
    """Return what makes an archive unsafe; "" when nothing does.

    Args:
        source: the file that the archive was opened from.
        archive: the archive.

    Returns:
        "link": a link or a device. "outside": a name that leads out of the archive. "overlap": members that
        share packed bytes or reach into the central directory; a small archive could then unpack to
        petabytes.
    """
    entries = archive.infolist()
    if any(_is_link(entry) for entry in entries if not entry.is_dir()):
        return "link"
    if any(_leads_outside(entry.filename) for entry in entries):
        return "outside"
    placed = sorted(entries, key=lambda entry: entry.header_offset)
    starts = [*(entry.header_offset for entry in placed), archive.start_dir]
    for entry, following in zip(placed, starts[1:], strict=True):
        if _start_of_data(source, entry) + entry.compress_size > following:
            return "overlap"
    return ""


def _is_link(entry: zipfile.ZipInfo) -> bool:
    mode = entry.external_attr >> 16
    return bool(stat.S_IFMT(mode)) and not stat.S_ISREG(mode)


def _leads_outside(name: str) -> bool:
    parts = name.replace("\\", "/").split("/")
    return ".." in parts or ":" in parts[0]


def _start_of_data(source: BinaryIO, entry: zipfile.ZipInfo) -> int:
    """Return where a member's bytes begin: after its local header, which alone gives its own length."""
    source.seek(entry.header_offset)
    head = source.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not head.startswith(_HEADER_MAGIC):
        # Such a member is damaged: unpacking it raises an error.
        return entry.header_offset + _HEADER_BYTES
    name_bytes, extra_bytes = struct.unpack_from("<HH", head, 26)
    return int(entry.header_offset + _HEADER_BYTES + name_bytes + extra_bytes)


def inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int) -> Iterator[bytes]:
    """Unpack a member in chunks, and count the bytes.

    Raises:
        OversizedMember: it has more than `limit_bytes`.
        DamagedMember: it cannot be unpacked, or its checksum is wrong.
    """
    n_bytes = 0
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                n_bytes += len(chunk)
                if n_bytes > limit_bytes:
                    raise OversizedMember
                yield chunk
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, LookupError):
        # Not chained: the cause may quote the member's name.
        raise DamagedMember from None


class CheckedZip:
    """An archive whose members are within the limits; see `open_zip`."""

    def __init__(self, source: BinaryIO, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._limits, self._left = archive, limits, limits.total_bytes
        self.members = [info for info in archive.infolist() if not info.is_dir()]
        _check_members(self.members, limits)
        if danger := find_unsafe_member(source, archive):
            raise _refuse(*_DANGERS[danger])

    def copy(self, member: zipfile.ZipInfo, target: BinaryIO) -> None:
        """Unpack a member into an open file.

        Raises:
            StrokeError: code "bad_zip": it is damaged, or larger than declared or allowed.
        """
        limit = min(member.file_size, self._limits.bytes_of(member), self._left)
        try:
            for chunk in inflate(self._archive, member, limit):
                self._left -= len(chunk)
                target.write(chunk)
        except OversizedMember:
            raise _refuse("unpacks to more than it declares", _MANIPULATED) from None
        except DamagedMember:
            raise _refuse(
                "is damaged", "a file in it cannot be unpacked", "copy or export it again"
            ) from None


_MANIPULATED = "it may have been manipulated"
_DANGERS: dict[str, tuple[str, str]] = {
    "link": ("contains a link or a device", "only plain files are accepted"),
    "outside": ("contains a path that leads outside it", "an absolute path or one with '..'"),
    "overlap": ("contains files that overlap", _MANIPULATED),
}


@contextmanager
def open_zip(source: BinaryIO, limits: Limits) -> Iterator[CheckedZip]:
    """Open an archive and check its members: count, names, sizes, ratios, links, overlaps, encryption.

    Raises:
        StrokeError: code "bad_zip": it is not a zip archive, or exceeds the limits.
    """
    if has_long_directory(source, limits):
        raise _refuse("contains too many files", f"at most {limits.n_members:,} are accepted")
    try:
        with zipfile.ZipFile(source) as archive:
            yield CheckedZip(source, archive, limits)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise _refuse("cannot be read as a zip archive", str(error)[:100]) from error


def _check_members(members: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.n_members:
        raise _refuse(
            "contains too many files", f"{len(members):,}; at most {limits.n_members:,} are accepted"
        )
    if sum(info.file_size for info in members) > limits.total_bytes:
        raise _refuse(
            "is too large when unpacked", f"at most {limits.total_bytes / 1e6:,.0f} MB are accepted"
        )
    names: set[str] = set()
    for info in members:
        parts = info.filename.split("/")
        if any(part in ("", ".") for part in parts) or set(info.filename) & set("\\:\0"):
            raise _refuse(*_DANGERS["outside"])
        if info.filename.casefold() in names:
            raise _refuse("contains two files with the same name", "")
        names.add(info.filename.casefold())
        if is_encrypted(info):
            raise _refuse("is encrypted", "", "create it without a password")
        if info.file_size > limits.member_bytes:
            raise _refuse(
                "contains a file that is too large", f"at most {limits.member_bytes / 1e6:,.0f} MB each"
            )
        if info.file_size > limits.bytes_of(info):
            raise _refuse("has a suspicious compression ratio", f"more than {limits.ratio} to 1")


def _refuse(problem: str, found: str, remedy: str = "create the archive again") -> StrokeError:
    return StrokeError(f"The archive {problem}", found=found, remedy=remedy, code="bad_zip")
