"""Unsafe, oversized and damaged zip archives are refused."""

from __future__ import annotations

import io
import stat
import struct
import zipfile
from pathlib import Path

import pytest

from core.errors import StrokeError
from core.system.zip_files import Limits, open_zip

LIMITS = Limits(n_members=10, member_bytes=3_000_000, total_bytes=5_000_000)


def pack(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """Return an archive of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target.getvalue()


def read(data: bytes, limits: Limits = LIMITS) -> dict[str, bytes]:
    """Return the unpacked members of an archive by name."""
    with open_zip(io.BytesIO(data), limits) as archive:
        found = {}
        for member in archive.members:
            target = io.BytesIO()
            archive.copy(member, target)
            found[member.filename] = target.getvalue()
        return found


def test_members_are_unpacked_unchanged() -> None:
    """The names and bytes of all files are unchanged; folders are skipped."""
    members = {"a.txt": b"one", "b/c.bin": bytes(range(256)) * 100}
    assert members == read(pack({**members, "b/": b""}))


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ({f"{n}": b"" for n in range(11)}, "too many files"),
        ({"a": bytes(3_000_001)}, "too large"),
        ({f"{n}": bytes(range(256)) * 8_000 for n in range(3)}, "too large when unpacked"),
        ({"a": bytes(2_900_000)}, "compression ratio"),
        ({"../a": b""}, "outside"),
        ({"/a": b""}, "outside"),
        ({"a/../b": b""}, "outside"),
        ({"a\\b": b""}, "outside"),
        ({"c:a": b""}, "outside"),
        ({"a": b"", "A": b""}, "two files with the same name"),
    ],
)
def test_zip_hostile(members: dict[str, bytes], words: str) -> None:
    """Too many or too large members, high ratios, paths out of the archive and doubled names are refused."""
    with pytest.raises(StrokeError, match=words) as caught:
        read(pack(members))
    assert "bad_zip" == caught.value.code


def test_zip_hostile_links() -> None:
    """A symbolic link is refused."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(StrokeError, match="link"):
        read(target.getvalue())


def test_zip_hostile_overlaps() -> None:
    """A member inside the bytes of another one is refused, although both could be read."""
    alone = pack({"b": b"x" * 100}, zipfile.ZIP_STORED)
    record = alone[: alone.find(b"PK\x01\x02")]
    data = bytearray(pack({"a": record, "b": b"x" * 100}, zipfile.ZIP_STORED))
    inside, entry = data.find(record), data.rfind(b"PK\x01\x02")
    data[entry + 42 : entry + 46] = struct.pack("<I", inside)
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert b"x" * 100 == archive.read("b")
    with pytest.raises(StrokeError, match="overlap"):
        read(bytes(data))


@pytest.mark.parametrize("place", [20, 28])
def test_zip_hostile_reach(place: int) -> None:
    """A member that reaches one byte too far is refused: by its packed size, or by its local header."""
    data = bytearray(pack({"a": b"x" * 100}, zipfile.ZIP_STORED))
    at = data.rfind(b"PK\x01\x02") + place if place == 20 else place
    data[at : at + 2] = struct.pack("<H", struct.unpack_from("<H", data, at)[0] + 1)
    with pytest.raises(StrokeError, match="overlap"):
        read(bytes(data))


def test_unpacked_bytes_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unpacking stops at the declared size and at the total limit, even if the library returned more."""
    with open_zip(io.BytesIO(pack({"a": b"1234"})), LIMITS) as archive:
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: io.BytesIO(bytes(5)))
        with pytest.raises(StrokeError, match="more than it declares"):
            archive.copy(archive.members[0], io.BytesIO())
        monkeypatch.setattr(zipfile.ZipFile, "open", lambda *_: io.BytesIO(bytes(4)))
        archive._left = 3
        with pytest.raises(StrokeError, match="more than it declares"):
            archive.copy(archive.members[0], io.BytesIO())


@pytest.mark.parametrize("claimed", [1, 40])
def test_zip_hostile_sizes(claimed: int) -> None:
    """A member that unpacks to more than it declares is refused."""
    data = bytearray(pack({"a": bytes(range(200))}))
    place = data.rfind(b"PK\x01\x02")
    data[place + 24 : place + 28] = struct.pack("<I", claimed)
    with pytest.raises(StrokeError):
        read(bytes(data))


def test_zip_hostile_list() -> None:
    """A central directory too large for the allowed number of members is refused before it is read."""
    data = bytearray(pack({"a": b"x"}))
    end = data.rfind(b"PK\x05\x06")
    data[end + 12 : end + 16] = struct.pack("<I", 50_000_000)
    with pytest.raises(StrokeError, match="too many files"):
        read(bytes(data))


def test_zip_hostile_list_of_a_large_archive() -> None:
    """The Zip64 record is read too: an oversized central directory is refused, a valid one is accepted."""
    for list_bytes, words in ((47, ""), (50_000_000, "too many files")):
        data = bytearray(pack({"a": b"x"}))
        end = data.rfind(b"PK\x05\x06")
        start = struct.unpack_from("<I", data, end + 16)[0]
        record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, list_bytes, start)
        locator = struct.pack("<4sIQI", b"PK\6\7", 0, end, 1)
        data[end + 12 : end + 16] = b"\xff" * 4
        large = bytes(data[:end]) + record + locator + bytes(data[end:])
        if words:
            with pytest.raises(StrokeError, match=words):
                read(large)
        else:
            assert {"a": b"x"} == read(large)


def test_zip_hostile_encryption() -> None:
    """A member with a password is refused."""
    data = bytearray(pack({"a": b"x"}))
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        place = data.rfind(magic)
        data[place + offset] |= 1
    with pytest.raises(StrokeError, match="encrypted"):
        read(bytes(data))


@pytest.mark.parametrize("cut", [0, 10, 60])
def test_other_files_are_refused(tmp_path: Path, cut: int) -> None:
    """An empty file, another file and a truncated archive are refused."""
    for data in (pack({"a": b"hello" * 50})[:cut], b"not a zip" * 20):
        with pytest.raises(StrokeError, match="as a zip archive"):
            read(data)


def test_a_damaged_member_is_refused() -> None:
    """A member with changed bytes is refused, and the message does not contain its name."""
    data = bytearray(pack({"DOE": bytes(range(256)) * 4}, zipfile.ZIP_STORED))
    data[100] ^= 0xFF
    with pytest.raises(StrokeError, match="damaged") as caught:
        read(bytes(data))
    assert "DOE" not in str(caught.value)
