"""Rows of numbers in a file, found by their keys: for arrays that are larger than memory and grow."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import DTypeLike, NDArray

from core.system.files import explain_failed_write


class KeyedRows:
    """Rows of one shape and kind. One process at a time may append to them.

    `PATH.rows` holds the numbers, `PATH.txt` one key a line. Only what is whole in both counts: rows that a
    killed process left unfinished are overwritten by the next ones.

    Args:
        path: without a suffix; its folder is made with the first row.
        shape: of a row.
        dtype: kind of the numbers.
    """

    def __init__(self, path: Path, shape: Sequence[int], dtype: DTypeLike) -> None:
        self._rows, self._keys = path.with_name(f"{path.name}.rows"), path.with_name(f"{path.name}.txt")
        self._shape, self._dtype = tuple(shape), np.dtype(dtype)
        n_rows = self._rows.stat().st_size // self.row_bytes if self._rows.exists() else 0
        text = self._keys.read_text() if self._keys.exists() else ""
        # A line without an end was cut off.
        whole = text[: text.rfind("\n") + 1].splitlines()[:n_rows]
        self._places = {key: place for place, key in enumerate(whole)}
        self._n_bytes = sum(len(f"{key}\n".encode()) for key in whole)

    @property
    def row_bytes(self) -> int:
        """Return the size of a row on the disk."""
        return math.prod(self._shape) * self._dtype.itemsize

    def __len__(self) -> int:
        return len(self._places)

    def __contains__(self, key: str) -> bool:
        return key in self._places

    def append(self, keys: Sequence[str], rows: NDArray) -> None:
        """Write rows (n, ...) of new keys: text without line breaks, each used once.

        Raises:
            StrokeError: the disk is full, or the files cannot be written.
        """
        self._rows.parent.mkdir(parents=True, exist_ok=True)
        lines = "".join(f"{key}\n" for key in keys).encode()
        with explain_failed_write(self._rows.name, self._rows.parent):
            _write_at(self._rows, len(self) * self.row_bytes, np.ascontiguousarray(rows, self._dtype).data)
            _write_at(self._keys, self._n_bytes, lines)
        self._n_bytes += len(lines)
        self._places |= {key: len(self) + place for place, key in enumerate(keys)}

    def find(self, keys: Iterable[str]) -> NDArray[np.int64]:
        """Return the places (n,) of keys in `open`.

        Raises:
            KeyError: a key has no row.
        """
        return np.array([self._places[key] for key in keys], dtype=np.int64)

    def open(self) -> NDArray:
        """Return all rows (n, ...), as a memory map that cannot be written to."""
        shape = (len(self), *self._shape)
        return (
            np.memmap(self._rows, self._dtype, "r", shape=shape)
            if len(self)
            else np.empty(shape, self._dtype)
        )


def _write_at(path: Path, offset: int, data: bytes | memoryview) -> None:
    """Write data at an offset, drop what follows, and wait until it is on the disk."""
    path.touch()
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
