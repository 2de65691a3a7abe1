"""Files that appear whole or not at all, and the names and contents of files."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import StrokeError

PART_PREFIX = ".part-"


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Let a writer fill a hidden file beside `path`, then put it in `path`'s place.

    A reader of `path` sees the old file or the new one, never a part of it: the hidden file is flushed to the
    disk and renamed. A crash at any moment leaves the old file as it was (and perhaps a hidden part file).

    Yields:
        the hidden file to write, with the same suffix as `path`; it does not exist yet.

    Raises:
        StrokeError: code "not_written", when the disk is full or the folder cannot be written to.
    """
    aside = path.with_name(f"{PART_PREFIX}{secrets.token_hex(4)}-{path.name}")
    try:
        yield aside
        sync_file(aside)
        os.replace(aside, path)
        sync_folder(path.parent)
    except OSError as error:
        raise StrokeError(
            f"{path.name} could not be written",
            found=error.strerror or type(error).__name__,
            remedy=f"check the free space of and the permissions on the folder {path.parent}",
            code="not_written",
        ) from error
    finally:
        aside.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path` so that a reader sees the old file or the new one; see `write_aside`."""
    with write_aside(path) as aside:
        aside.write_bytes(data)


def clear_parts(folder: Path) -> None:
    """Remove the part files that writers left in a folder when they were killed; none may be writing now."""
    for path in folder.rglob(f"{PART_PREFIX}*"):
        path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Flush a file that another writer has closed to the disk."""
    # Windows refuses to flush a file that is open for reading only.
    with path.open("rb+" if os.name == "nt" else "rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's list of names to the disk, so that a rename in it outlives a power cut."""
    if os.name == "nt":  # Windows can neither open nor flush a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of_file(path: Path) -> str:
    """SHA-256 of a file's bytes as 64 lower-case hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Sort key that puts "2.jpg" before "10.jpg"; total and stable for any two names.

    >>> sorted(["10.jpg", "2.jpg", "a/1.jpg"], key=natural_key)
    ['2.jpg', '10.jpg', 'a/1.jpg']
    """
    parts = re.split(r"([0-9]+)", name)
    words = tuple(
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part.casefold())
        for part in parts
        if part
    )
    return (*words, (-1, 0, name))
