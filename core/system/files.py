"""Write files whole or not at all; hash them; sort their names."""

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
def explain_failed_write(what: str, folder: Path) -> Iterator[None]:
    """Raise a StrokeError (code "not_written") that names `what` and `folder` for an OSError of the block."""
    try:
        yield
    except OSError as error:
        raise StrokeError(
            f"{what} could not be written",
            found=error.strerror or type(error).__name__,
            remedy=f"check free space and permissions of {folder}",
            code="not_written",
        ) from error


@contextmanager
def write_aside(path: Path) -> Iterator[Path]:
    """Let the caller write a hidden file next to `path`, then rename it to `path`.

    A reader of `path` sees the old file or the new one, never an incomplete one: the hidden file is flushed
    to disk before it is renamed. A crash leaves the old file unchanged, and perhaps a hidden part file.

    Yields:
        The hidden file to write, with the same suffix as `path`; it does not exist yet.

    Raises:
        StrokeError: code "not_written": the disk is full or the folder cannot be written to.
    """
    aside = path.with_name(f"{PART_PREFIX}{secrets.token_hex(4)}-{path.name}")
    with explain_failed_write(path.name, path.parent):
        try:
            yield aside
            sync_file(aside)
            os.replace(aside, path)
            sync_folder(path.parent)
        finally:
            aside.unlink(missing_ok=True)


def write_whole(path: Path, data: bytes) -> None:
    """Write `data` to `path`; a reader sees the old file or the new one, see `write_aside`."""
    with write_aside(path) as aside:
        aside.write_bytes(data)


def clear_parts(folder: Path) -> None:
    """Remove part files left in a folder by killed writers. Call it only while nothing writes there."""
    for path in folder.rglob(f"{PART_PREFIX}*"):
        path.unlink(missing_ok=True)


def sync_file(path: Path) -> None:
    """Flush a closed file to disk."""
    # Windows refuses to flush a file that is open for reading only.
    with path.open("rb+" if os.name == "nt" else "rb") as stream:
        os.fsync(stream.fileno())


def sync_folder(folder: Path) -> None:
    """Flush a folder's entries to disk, so that a rename in it survives a power failure."""
    if os.name == "nt":  # Windows can neither open nor flush a folder
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def sha256_of_file(path: Path) -> str:
    """Return the SHA-256 of a file as 64 lower-case hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def natural_key(name: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts "2.jpg" before "10.jpg". Different names have different keys.

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
