"""Decoded scans that wait in memory, compressed, between the indexing of a data set and its reading.

Decoding a compressed DICOM file takes several times as long as keeping its slices this way. Nothing is
written to disk.
"""

from __future__ import annotations

import os
import threading
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.scans import Scan, Slice

# About 1,400 slices of 512 x 512. Scans beyond it are decoded again when they are read.
N_BYTES = 256_000_000
_LEVEL = 1

# (name, time in ns, bytes) of the file, or of every file in the folder of a series.
Stamp = tuple[tuple[str, int, int], ...]


@dataclass(frozen=True)
class _Packed:
    """A scan whose slices hold no pixels, the compressed values of each, and the stamp of its file."""

    facts: Scan
    values: tuple[bytes, ...]
    shape: tuple[int, int]
    dtype: str
    stamp: Stamp


class DecodedScans:
    """The scans in Hounsfield units that were decoded so far, up to a number of bytes.

    Pictures are not kept: they are decoded as fast as they would be unpacked. Threads may share it.
    """

    def __init__(self, n_bytes: int = N_BYTES) -> None:
        self._free = n_bytes
        self._packed: dict[Path, _Packed] = {}
        self._lock = threading.Lock()

    def keep(self, path: Path, scan: Scan, stamp: Stamp | None) -> None:
        """Keep a scan if it is in Hounsfield units, its values are whole numbers, and there is room.

        Args:
            path: its file, or the folder of its series.
            scan: as decoded from it.
            stamp: from `read_stamp`, before it was decoded.
        """
        if scan.unit != "hu" or stamp is None or self._free <= 0:
            return
        values = [_pack(piece) for piece in scan.slices]
        whole = tuple(value for value in values if value is not None)
        if len(whole) < len(values):
            return
        first = scan.slices[0].pixels
        empty = np.empty((0, 0), first.dtype)
        bare = tuple(replace(piece, pixels=empty) for piece in scan.slices)
        packed = _Packed(replace(scan, slices=bare), whole, first.shape, first.dtype.str, stamp)
        n_bytes = sum(map(len, whole))
        with self._lock:
            if path not in self._packed and n_bytes <= self._free:
                self._free -= n_bytes
                self._packed[path] = packed

    def find(self, path: Path, index: int) -> tuple[Scan, int] | None:
        """Return slice `index` (from 0) of a kept scan as a scan of its own, and how many the whole scan has.

        The hash is that of the whole scan. None if the slice is not kept, or a file of it has changed since.
        """
        packed = self._packed.get(path)
        if packed is None or index >= len(packed.values) or packed.stamp != read_stamp(path):
            return None
        pixels = _unpack(packed.values[index], packed.shape).astype(packed.dtype)
        pixels.setflags(write=False)
        chosen = replace(packed.facts.slices[index], pixels=pixels)
        return replace(packed.facts, slices=(chosen,)), len(packed.values)


def read_stamp(path: Path) -> Stamp | None:
    """Return names, times and sizes by which a changed scan is told; None if a file cannot be opened.

    Args:
        path: a file, or the folder of a series. A folder's own time does not change when a file in it is
            written anew.
    """
    try:
        if not path.is_dir():
            found = path.stat()
            return ((path.name, found.st_mtime_ns, found.st_size),)
        with os.scandir(path) as entries:
            stats = [(entry.name, entry.stat()) for entry in entries]
    except OSError:
        return None
    return tuple(sorted((name, found.st_mtime_ns, found.st_size) for name, found in stats))


def _pack(piece: Slice) -> bytes | None:
    """Return the compressed values of a slice; None if they are not whole numbers of 16 bits."""
    bounds = np.iinfo(np.int16)
    whole = np.clip(piece.pixels, bounds.min, bounds.max).astype(np.int16)
    if not np.array_equal(whole, piece.pixels):
        return None
    # The low bytes of all values, then the high bytes: these hardly change, so they take little room.
    return zlib.compress(whole.view(np.uint8).reshape(-1, 2).T.tobytes(), _LEVEL)


def _unpack(value: bytes, shape: tuple[int, int]) -> np.ndarray:
    halves = np.frombuffer(zlib.decompress(value), np.uint8).reshape(2, -1)
    return np.ascontiguousarray(halves.T).view(np.int16).reshape(shape)
