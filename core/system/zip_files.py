"""Zip archives from outside: every promise of theirs is checked, and only bytes that really come are counted.

`find_deceit` and `inflate` are for all archives. `open_zip` is the strict way to read one (data sets,
experiments): one bad member refuses it. core.scans.archive is the lenient one (scans): the others are read.
Nothing is ever written by a name in an archive: whoever reads one gives its members places of his own.
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

Deceit = Literal["", "link", "outside", "overlap"]

_CHUNK_BYTES = 1 << 20
_END_MAGIC, _END_BYTES, _COMMENT_BYTES = b"PK\x05\x06", 22, 65_535
# The end record of an archive beyond 4 GB, and its locator, stand before the usual one.
_END64_BYTES, _IN_END64 = 56 + 20, 0xFFFFFFFF
# Of a member's entry in the list at the archive's end: more is no picture's, table's or network's name.
_ENTRY_BYTES = 1_024
_HEADER_MAGIC, _HEADER_BYTES = b"PK\x03\x04", 30
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Limits:
    """What an archive may hold: members, bytes of one and of all, and bytes per byte that is packed.

    Up to `small_bytes`, the ratio does not matter: a small member may well shrink to nothing, all its bytes
    alike.
    """

    n_members: int
    member_bytes: int
    total_bytes: int
    ratio: int = 200
    small_bytes: int = 1 << 20

    def bytes_of(self, member: zipfile.ZipInfo) -> int:
        """How many bytes may come out of a member."""
        return min(self.member_bytes, max(self.small_bytes, self.ratio * member.compress_size))


class DamagedMember(Exception):
    """A member whose bytes cannot be unpacked."""


class SwollenMember(Exception):
    """A member that unpacks to more than was allowed."""


def is_encrypted(member: zipfile.ZipInfo) -> bool:
    """Whether a member needs a password."""
    return bool(member.flag_bits & _ENCRYPTED)


def has_long_list(source: BinaryIO, limits: Limits) -> bool:
    """Whether the list of members is longer than they may be many: to be asked before Python reads it.

    False also where no list is found, which Python then says.
    """
    size = source.seek(0, 2)
    source.seek(max(0, size - _END_BYTES - _COMMENT_BYTES - _END64_BYTES))
    tail = source.read()
    # Where Python looks, too: at the very end, or before a comment.
    bare = tail[-_END_BYTES:].startswith(_END_MAGIC) and tail.endswith(b"\0\0")
    place = len(tail) - _END_BYTES if bare else tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END_BYTES:
        return False
    (list_bytes,) = struct.unpack_from("<I", tail, place + 12)
    end64 = tail[max(0, place - _END64_BYTES) : place]
    if list_bytes == _IN_END64 and len(end64) == _END64_BYTES:
        (list_bytes,) = struct.unpack_from("<Q", end64, 40)
    return bool(list_bytes > limits.n_members * _ENTRY_BYTES)


def find_deceit(source: BinaryIO, archive: zipfile.ZipFile) -> Deceit:
    """What in an archive no honest program writes.

    Args:
        source: what the archive was opened from.

    Returns:
        "link" (or a device), "outside" (a name that leads out of the archive), "overlap" (members that share
        packed bytes, or reach into the list at the end: a small archive could unpack to petabytes that way)
        or "".
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
    """Where a member's bytes begin: behind a head of its own, whose lengths the list does not tell."""
    source.seek(entry.header_offset)
    head = source.read(_HEADER_BYTES)
    if len(head) < _HEADER_BYTES or not head.startswith(_HEADER_MAGIC):
        # Such a member is damaged, which whoever unpacks it is told.
        return entry.header_offset + _HEADER_BYTES
    name_bytes, extra_bytes = struct.unpack_from("<HH", head, 26)
    return int(entry.header_offset + _HEADER_BYTES + name_bytes + extra_bytes)


def inflate(archive: zipfile.ZipFile, member: zipfile.ZipInfo, limit_bytes: int) -> Iterator[bytes]:
    """Unpack a member, counting what really comes.

    Yields:
        its bytes, part by part.

    Raises:
        SwollenMember: more than `limit_bytes` came.
        DamagedMember: it cannot be unpacked, or fails its checksum.
    """
    came = 0
    try:
        with archive.open(member) as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                came += len(chunk)
                if came > limit_bytes:
                    raise SwollenMember
                yield chunk
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, RuntimeError, LookupError):
        # Not chained: the cause may quote the member's name.
        raise DamagedMember from None


class CheckedZip:
    """An archive whose list of members keeps to the limits; see `open_zip`."""

    def __init__(self, source: BinaryIO, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._limits, self._left = archive, limits, limits.total_bytes
        self.members = [info for info in archive.infolist() if not info.is_dir()]
        _check_members(self.members, limits)
        if deceit := find_deceit(source, archive):
            raise _refuse(*_DECEITS[deceit])

    def copy(self, member: zipfile.ZipInfo, target: BinaryIO) -> None:
        """Unpack a member into an open file.

        Raises:
            StrokeError: code "bad_zip": it is damaged, or larger than it says or than the limits allow.
        """
        limit = min(member.file_size, self._limits.bytes_of(member), self._left)
        try:
            for chunk in inflate(self._archive, member, limit):
                self._left -= len(chunk)
                target.write(chunk)
        except SwollenMember:
            raise _refuse("holds more than it says", _MADE_TO_DECEIVE) from None
        except DamagedMember:
            raise _refuse(
                "is damaged", "a file in it cannot be unpacked", "copy or export it again"
            ) from None


_MADE_TO_DECEIVE = "the archive was made to deceive"
_DECEITS: dict[str, tuple[str, str]] = {
    "link": ("holds a link or a device", "only plain files are taken"),
    "outside": ("names a file outside itself", "an absolute path or one with '..'"),
    "overlap": ("holds files that overlap", _MADE_TO_DECEIVE),
}


@contextmanager
def open_zip(source: BinaryIO, limits: Limits) -> Iterator[CheckedZip]:
    """Open an archive and check its list: count, names, sizes, ratios, links, overlaps, encryption.

    Raises:
        StrokeError: code "bad_zip", when it is no zip archive or does not keep to the limits.
    """
    if has_long_list(source, limits):
        raise _refuse("holds too many files", f"at most {limits.n_members} are taken")
    try:
        with zipfile.ZipFile(source) as archive:
            yield CheckedZip(source, archive, limits)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise _refuse("is no zip archive that can be read", str(error)[:100]) from error


def _check_members(members: Sequence[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.n_members:
        raise _refuse("holds too many files", f"{len(members)}; at most {limits.n_members} are taken")
    if sum(info.file_size for info in members) > limits.total_bytes:
        raise _refuse("unpacks to too much", f"at most {limits.total_bytes / 1e6:.0f} MB are taken")
    names: set[str] = set()
    for info in members:
        parts = info.filename.split("/")
        if any(part in ("", ".") for part in parts) or set(info.filename) & set("\\:\0"):
            raise _refuse(*_DECEITS["outside"])
        if info.filename.casefold() in names:
            raise _refuse("holds two files of one name", "")
        names.add(info.filename.casefold())
        if is_encrypted(info):
            raise _refuse("is encrypted", "", "pack it without a password")
        if info.file_size > limits.member_bytes:
            raise _refuse(
                "holds a file that is too large", f"at most {limits.member_bytes / 1e6:.0f} MB each"
            )
        if info.file_size > limits.bytes_of(info):
            raise _refuse("swells too much when unpacked", f"more than {limits.ratio} times")


def _refuse(problem: str, found: str, remedy: str = "pack the files anew") -> StrokeError:
    return StrokeError(f"The archive {problem}", found=found, remedy=remedy, code="bad_zip")
