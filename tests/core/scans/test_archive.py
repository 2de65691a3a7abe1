"""Zip archives from unknown sources: read, refused, or read in part."""

from __future__ import annotations

import io
import stat
import zipfile
from dataclasses import replace
from types import SimpleNamespace

import pytest

from core.errors import ScanError
from core.scans import archive, decoding, read_study
from core.scans.scan import Piece
from tests.scan_files import write_series, write_zip


def refusal(data: bytes) -> ScanError:
    """Return the only refusal of an archive from which nothing was read."""
    study = read_study([("a.zip", data)])
    assert () == study.scans
    (refused,) = study.refused
    return refused.error


def link() -> bytes:
    """Return an archive that holds a link."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        entry = zipfile.ZipInfo("link.png")
        entry.external_attr = (stat.S_IFLNK | 0o777) << 16
        opened.writestr(entry, "/etc/passwd")
    return stream.getvalue()


def overlap() -> bytes:
    """Return an archive whose directory lists its only member twice."""
    data = write_zip({"a.dcm": b"x" * 100})
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    directory = data[start:end]
    tail = bytearray(data[end:])
    tail[8:12] = b"\2\0\2\0"
    tail[12:16] = (2 * len(directory)).to_bytes(4, "little")
    return data[:start] + directory * 2 + bytes(tail)


def reach(n_bytes: int) -> bytes:
    """Return an archive whose last member overlaps the directory by `n_bytes`."""
    data = bytearray(write_zip({"a.dcm": b"x" * 100}, zipfile.ZIP_STORED))
    at = data.index(b"PK\x01\x02")
    data[at + 20 : at + 24] = (100 + n_bytes).to_bytes(4, "little")
    return bytes(data)


def widen(n_bytes: int) -> bytes:
    """Return an archive whose first member's local header is `n_bytes` longer than the directory says."""
    data = bytearray(write_zip({"a.dcm": b"x" * 100, "b.dcm": b"x" * 100}, zipfile.ZIP_STORED))
    data[28:30] = n_bytes.to_bytes(2, "little")
    return bytes(data)


def encrypt(data: bytes) -> bytes:
    """Return the archive with its members marked as encrypted."""
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
        (reach(1), "hostile_archive"),
        (widen(1), "hostile_archive"),
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
    """Links, overlaps, outside names, encryption, nested archives and bombs are refused with a code."""
    assert code == refusal(data).code


def test_zip_hostile_sizes_are_counted() -> None:
    """A member that declares 1,000 bytes and inflates to far more is refused."""
    data = bytearray(write_zip({"lie.dcm": bytes(12_000_000)}))
    data[22:26] = (1000).to_bytes(4, "little")
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = (1000).to_bytes(4, "little")
    assert "truncated" == refusal(bytes(data)).code


def test_zip_hostile_numbers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Too many members are refused from the directory, or from the directory's size alone."""
    data = write_zip({str(index): b"x" for index in range(4)})
    for n_members, listed in ((3, True), (0, False)):
        monkeypatch.setattr(archive, "LIMITS", replace(archive.LIMITS, n_members=n_members))
        if not listed:
            monkeypatch.setattr(zipfile, "ZipFile", lambda *_: pytest.fail("the directory was read"))
        with pytest.raises(ScanError, match="too many files") as caught:
            archive.list_members(data)
        assert "too_large" == caught.value.code


def read_here(data: bytes) -> list[str]:
    """Return "read" or the error code of each member, decoded in this process."""
    outcomes = [outcome for _, outcome in decoding.decode_all(data, "a.zip") if outcome is not None]
    return ["read" if isinstance(outcome, Piece) else outcome.code for outcome in outcomes]


def test_zip_hostile_total(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members before the limit on total bytes are read, the rest is refused."""
    files = write_series(5)
    monkeypatch.setattr(archive, "LIMITS", replace(archive.LIMITS, total_bytes=3 * len(files[0]) + 100))
    data = write_zip({str(index): one for index, one in enumerate(files)})
    assert ["read", "read", "read", "too_large"] == read_here(data)
    source, last = list(decoding.decode_all(data, "a.zip"))[-1]
    assert ("a.zip", True) == (source, "after 3 of 5 files" in str(last))


def test_zip_hostile_total_counts_skipped_members(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skipped members count towards the limit on total bytes."""
    files = write_series(5)
    monkeypatch.setattr(archive, "LIMITS", replace(archive.LIMITS, total_bytes=3 * len(files[0]) + 100))
    data = write_zip({str(index): one for index, one in enumerate(files)}, zipfile.ZIP_STORED)
    ends = [len([o for _, o in decoding.decode_all(data, "a", skip=n) if o is not None]) for n in range(4)]
    assert [4, 3, 2, 1] == ends


def test_zip_hostile_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Members read before the limit on total time are kept, the rest is refused."""
    seconds = iter([0.0, 1.0, 2.0, decoding.ARCHIVE_LIMIT_S + 1.0])
    monkeypatch.setattr(decoding, "time", SimpleNamespace(process_time=lambda: next(seconds)))
    data = write_zip({str(index): one for index, one in enumerate(write_series(5))})
    assert ["read", "read", "timeout"] == read_here(data)


def test_zip_hostile_writes_nothing(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading an archive writes no file."""
    monkeypatch.chdir(tmp_path)
    read_study(
        [("a.zip", write_zip({"x/evil.txt": b"x", **{str(i): d for i, d in enumerate(write_series(2))}}))]
    )
    assert [] == list(tmp_path.iterdir())


def test_one_encrypted_member_does_not_stop_the_others() -> None:
    """An encrypted member is refused; the others are read."""
    data = write_zip({str(index): one for index, one in enumerate(write_series(3))})
    at = data.index(b"PK\x01\x02")
    changed = bytearray(data)
    changed[6] |= 1
    changed[at + 8] |= 1
    study = read_study([("a.zip", bytes(changed))])
    assert (2, ["encrypted"]) == (
        len(study.scans[0].slices), [refused.error.code for refused in study.refused]
    )  # fmt: skip


def test_a_self_extractor_and_deep_folders_are_reported() -> None:
    """A program before the archive and deeply nested folders are skipped with a remark."""
    deep = write_zip({"d/" * 60 + str(index): one for index, one in enumerate(write_series(2))})
    (scan,) = read_study([("a.exe", b"MZ program" + deep)]).scans
    assert ("Data before the start of the zip archive was ignored.", True) == (
        scan.warnings[0], "deep" in scan.warnings[1]
    )  # fmt: skip
