"""Files are written whole or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from core.errors import StrokeError
from core.system.files import PART_PREFIX, clear_parts, natural_key, sha256_of_file, write_whole


def test_write_whole_replaces_and_leaves_nothing_else(tmp_path: Path) -> None:
    """The file holds the new bytes and is the only one."""
    path = tmp_path / "a.json"
    write_whole(path, b"old")
    write_whole(path, b"new")
    assert b"new" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_full_disk_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str) -> None:
    """With a full disk the old file stays, no part file remains, and the error names file and cause."""
    path = tmp_path / "model.onnx"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(StrokeError, match=r"model\.onnx could not be written \(No space left") as caught:
        write_whole(path, b"new")
    assert "not_written" == caught.value.code
    assert b"old" == path.read_bytes()
    assert [path] == list(tmp_path.iterdir())


def test_part_files_are_removed(tmp_path: Path) -> None:
    """Hidden part files are removed, in subfolders too; other files stay."""
    (tmp_path / "deep").mkdir()
    for path in (tmp_path / f"{PART_PREFIX}1-a", tmp_path / "deep" / f"{PART_PREFIX}2-b", tmp_path / "a"):
        path.write_bytes(b"")
    clear_parts(tmp_path)
    assert ["a", "deep"] == sorted(path.name for path in tmp_path.iterdir())
    assert [] == list((tmp_path / "deep").iterdir())


def test_missing_folder_is_named(tmp_path: Path) -> None:
    """The error for a missing folder names it."""
    with pytest.raises(StrokeError, match="nowhere"):
        write_whole(tmp_path / "nowhere" / "a", b"")


def test_interruption_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C while writing leaves no new file and no part file."""

    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "a", b"new")
    assert [] == list(tmp_path.iterdir())


_WRITE_FOR_EVER = """
import sys
from pathlib import Path
from core.system.files import write_whole
path = Path(sys.argv[1])
for n in range(10**9):
    write_whole(path, bytes([n % 251]) * 4_000_000)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows knows no SIGKILL")
def test_kill9_save(tmp_path: Path) -> None:
    """A file whose writer is killed is always complete."""
    path = tmp_path / "weights"
    for attempt in range(6):
        path.unlink(missing_ok=True)
        writer = subprocess.Popen([sys.executable, "-c", _WRITE_FOR_EVER, str(path)])
        deadline = time.monotonic() + 30
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.007 * attempt)
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        data = path.read_bytes()
        assert 4_000_000 == len(data)
        assert data[:1] * len(data) == data


def test_sha256_of_file(tmp_path: Path) -> None:
    """The hash is that of the bytes."""
    path = tmp_path / "a"
    path.write_bytes(b"abc" * 100_000)
    assert hashlib.sha256(b"abc" * 100_000).hexdigest() == sha256_of_file(path)


def test_natural_key_orders_numbers_by_value() -> None:
    """Numbers are ordered by value, letters without regard to case, a name before its continuation."""
    expected = ["1 (2).jpg", "1 (10).jpg", "2 (1).jpg", "a", "a1", "B", "c"]
    assert expected == sorted(["c", "B", "a1", "a", "2 (1).jpg", "1 (10).jpg", "1 (2).jpg"], key=natural_key)


def test_natural_key_is_unique() -> None:
    """Names that differ only in case or leading zeros have a fixed order."""
    names = ["A1", "a1", "a01", "a001"]
    assert sorted(names, key=natural_key) == sorted(reversed(names), key=natural_key)
