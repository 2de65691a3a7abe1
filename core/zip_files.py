"""Zip archives from outside: every promise of theirs is checked, and only bytes that really come are counted.

Nothing is ever written by a name in an archive: whoever reads one gives its members places of his own.
"""

from __future__ import annotations

import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from core.errors import StrokeError

_CHUNK_BYTES = 1 << 20
_END_MAGIC, _END_BYTES, _COMMENT_BYTES = b"PK\x05\x06", 22, 65_535
# Of a member's entry in the list at the archive's end: more is no picture's, table's or network's name.
_ENTRY_BYTES = 1_024
_HEADER_BYTES = 30
# A small member may well shrink to nothing: all its bytes alike.
_RATIO_FROM_BYTES = 1 << 20
_ENCRYPTED = 0x1


@dataclass(frozen=True)
class Limits:
    """What an archive may hold: members, bytes of one and of all, and bytes per byte that is packed."""

    n_members: int
    member_bytes: int
    total_bytes: int
    ratio: int = 200


class CheckedZip:
    """An archive whose list of members keeps to the limits; see `open_zip`."""

    def __init__(self, archive: zipfile.ZipFile, limits: Limits) -> None:
        self._archive, self._limits, self._left = archive, limits, limits.total_bytes
        self.members = [info for info in archive.infolist() if not info.is_dir()]
        _check_members(archive, self.members, limits)

    def copy(self, member: zipfile.ZipInfo, target: BinaryIO) -> None:
        """Unpack a member into an open file.

        Raises:
            StrokeError: code "bad_zip": it is damaged, or larger than it says or than the limits allow.
        """
        came = 0
        try:
            with self._archive.open(member) as source:
                while chunk := source.read(_CHUNK_BYTES):
                    came += len(chunk)
                    self._left -= len(chunk)
                    if came > min(member.file_size, self._limits.member_bytes) or self._left < 0:
                        raise _refuse("holds more than it says", "the archive was made to deceive")
                    target.write(chunk)
        except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError) as error:
            raise _refuse("is damaged", str(error)[:100]) from error


@contextmanager
def open_zip(source: BinaryIO, limits: Limits) -> Iterator[CheckedZip]:
    """Open an archive and check its list: count, names, sizes, ratios, links, overlaps, encryption.

    Raises:
        StrokeError: code "bad_zip", when it is no zip archive or does not keep to the limits.
    """
    _check_list_size(source, limits)
    try:
        with zipfile.ZipFile(source) as archive:
            yield CheckedZip(archive, limits)
    except (zipfile.BadZipFile, NotImplementedError, UnicodeDecodeError) as error:
        raise _refuse("is no zip archive that can be read", str(error)[:100]) from error


def _check_list_size(source: BinaryIO, limits: Limits) -> None:
    """Refuse a list of millions of members before Python reads it."""
    size = source.seek(0, 2)
    source.seek(max(0, size - _END_BYTES - _COMMENT_BYTES))
    tail = source.read()
    place = tail.rfind(_END_MAGIC)
    if place < 0 or len(tail) - place < _END_BYTES:
        raise _refuse("is no zip archive that can be read", "its end is missing")
    (list_bytes,) = struct.unpack_from("<I", tail, place + 12)
    if list_bytes > limits.n_members * _ENTRY_BYTES:
        raise _refuse("holds too many files", f"at most {limits.n_members} are taken")


def _check_members(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    if len(members) > limits.n_members:
        raise _refuse("holds too many files", f"{len(members)}; at most {limits.n_members} are taken")
    if sum(info.file_size for info in members) > limits.total_bytes:
        raise _refuse("unpacks to too much", f"at most {limits.total_bytes / 1e6:.0f} MB are taken")
    names: set[str] = set()
    for info in members:
        parts = info.filename.split("/")
        if any(part in ("", ".", "..") for part in parts) or set(info.filename) & set("\\:\0"):
            raise _refuse("names a file outside itself", "an absolute path or one with '..'")
        if info.filename.casefold() in names:
            raise _refuse("holds two files of one name", "")
        names.add(info.filename.casefold())
        if info.flag_bits & _ENCRYPTED:
            raise _refuse("is encrypted", "", "pack it without a password")
        mode = info.external_attr >> 16
        if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
            raise _refuse("holds a link or a device", "only plain files are taken")
        if info.file_size > limits.member_bytes:
            raise _refuse(
                "holds a file that is too large", f"at most {limits.member_bytes / 1e6:.0f} MB each"
            )
        if info.file_size > max(_RATIO_FROM_BYTES, limits.ratio * info.compress_size):
            raise _refuse("swells too much when unpacked", f"more than {limits.ratio} times")
    _check_overlaps(archive, members)


def _check_overlaps(archive: zipfile.ZipFile, members: list[zipfile.ZipInfo]) -> None:
    """Refuse members that share packed bytes: a small archive could unpack to petabytes that way."""
    ordered = sorted(members, key=lambda info: info.header_offset)
    starts = [info.header_offset for info in ordered] + [archive.start_dir]
    for info, following in zip(ordered, starts[1:], strict=True):
        if info.header_offset + _HEADER_BYTES + info.compress_size > following:
            raise _refuse("holds files that overlap", "the archive was made to deceive")


def _refuse(problem: str, came: str, remedy: str = "pack the files anew") -> StrokeError:
    return StrokeError(f"The archive {problem}", came=came, remedy=remedy, code="bad_zip")
