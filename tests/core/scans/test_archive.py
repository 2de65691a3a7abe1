"""Zip archives from strangers."""

from __future__ import annotations

import io
import stat
import zipfile

import pytest

from core.errors import ScanError
from core.scans import archive, read_study
from tests.scan_files import write_series, write_zip


def refusal(data: bytes) -> ScanError:
    """The one refusal of an archive of which nothing was read."""
    study = read_study([("a.zip", data)])
    assert () == study.scans
    (refused,) = study.refused
    return refused.error


def link() -> bytes:
    """An archive that holds a link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def overlap() -> bytes:
    """An archive whose directory lists its only member twice."""
    data = write_zip({"a.dcm": b"x" * 100})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[start:end]
    tail = bytearray(data[end:])
    tail[8:12] = b"\2\0\2\0"
    tail[12:16] = (2 * len(directory)).to_bytes(4, "little")
    return data[:start] + directory * 2 + bytes(tail)


def encrypt(data: bytes) -> bytes:
    """The same archive, its members marked as encrypted."""
    changed = bytearray(data)
    for magic, place in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = changed.find(magic)
        while at >= 0:
            changed[at + place] |= 1
            at = changed.find(magic, at + 4)
    return bytes(changed)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (link(), "hostile_archive"),
        (overlap(), "hostile_archive"),
        (write_zip({"../../tmp/evil.png": b"x", "ok": b"x"}), "hostile_archive"),
        (write_zip({"..\\evil.png": b"x"}), "hostile_archive"),
        (write_zip({"C:evil.png": b"x"}), "hostile_archive"),
        (encrypt(write_zip({"a.dcm": b"x"})), "encrypted"),
        (write_zip({}), "empty"),
        (write_zip({"a/": b"", "__MACOSX/a.png": b"x"}), "empty"),
        (write_zip({"a.dcm": b"x" * 100})[:-40], "truncated"),
        (write_zip({"inner.zip": write_zip({"a": b"x"})}), "unsupported_format"),
        (write_zip({"a.txt": b"some text"}), "not_an_image"),
        (write_zip({"a.dcm": b"x"}, zipfile.ZIP_LZMA), "unsupported_format"),
        (write_zip({"bomb.dcm": bytes(30_000_000)}), "too_large"),
    ],
)
def test_zip_hostile(data: bytes, code: str) -> None:
    """Links, overlaps, ways out, encryption, archives in archives and bombs are refused, each by its code."""
    assert code == refusal(data).code


def test_zip_hostile_sizes_are_counted() -> None:
    """A member that declares 1,000 bytes and inflates to far more is not believed."""
    data = bytearray(write_zip({"lie.dcm": bytes(12_000_000)}))
    data[22:26] = (1000).to_bytes(4, "little")
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert "truncated" == refusal(bytes(data)).code


def test_zip_hostile_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive of too many members is refused by its directory."""
    monkeypatch.setattr(archive, "MAX_MEMBERS", 3)
    with pytest.raises(ScanError, match="too many files") as caught:
        archive.list_members(write_zip({str(index): b"x" for index in range(4)}))
    assert "too_large" == caught.value.code


def test_zip_hostile_writes_nothing(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading an archive makes no file."""
    monkeypatch.chdir(tmp_path)
    read_study(
        [("a.zip", write_zip({"x/evil.txt": b"x", **{str(i): d for i, d in enumerate(write_series(2))}}))]
    )
    assert [] == list(tmp_path.iterdir())


def test_one_encrypted_member_costs_itself_only() -> None:
    """The others are read."""
    data = write_zip({str(index): one for index, one in enumerate(write_series(3))})
    at = data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[6] |= 1
    changed[at + 8] |= 1
    study = read_study([("a.zip", bytes(changed))])
    assert (2, ["encrypted"]) == (
        len(study.scans[0].slices), [refused.error.code for refused in study.refused]
    )  # fmt: skip


def test_a_self_extractor_and_deep_folders_are_told() -> None:
    """A program before the archive, and folders without end, are read past with a remark."""
    deep = write_zip({"d/" * 60 + str(index): one for index, one in enumerate(write_series(2))})
    (scan,) = read_study([("a.exe", b"MZ program" + deep)]).scans
    assert ("Other data stands before the zip archive; it was left out.", True) == (
        scan.warnings[0], "deep" in scan.warnings[1]
    )  # fmt: skip
