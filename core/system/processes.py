"""Query processes: whether one is alive, even if its id was reused, and how much memory it uses."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Callable
from functools import cache

import psutil

# Start times that differ by more belong to two processes with the same id. Adjusting the system clock shifts
# the reported times a little.
_SAME_START_S = 10.0

# Parameters of mallopt (GNU C library): the free memory at the end of a heap that is returned; the size from
# which an allocation gets its own mapping, which is returned when freed; and the number of heaps.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -3, -8
_KEPT_BYTES = 256 * 1024


@cache
def return_freed_memory() -> bool:
    """Make this process return freed memory to the system, and return whether the C library allows it.

    By default the GNU C library allocates pictures of up to 32 MB in several heaps. Small objects that stay
    alive keep these heaps fragmented, so that a server would grow with every visitor. Heaps that
    exist already stay, and once there are more than eight, more may follow: see `trim_heaps`.
    """
    settings = {_M_ARENA_MAX: 1, _M_MMAP_THRESHOLD: _KEPT_BYTES, _M_TRIM_THRESHOLD: _KEPT_BYTES}
    mallopt = _find_in_c_library("mallopt")
    return mallopt is not None and all([mallopt(name, value) for name, value in settings.items()])


def trim_heaps() -> bool:
    """Return the free memory inside the heaps to the system, and return whether there was any.

    Takes milliseconds. Without the GNU C library it does nothing.
    """
    trim = _find_in_c_library("malloc_trim")
    return trim is not None and bool(trim(0))


def _find_in_c_library(name: str) -> Callable[..., int] | None:
    if not sys.platform.startswith("linux"):
        return None
    found: Callable[..., int] | None = getattr(ctypes.CDLL(None), name, None)
    return found


def read_start_time(process: int) -> float | None:
    """Return when a process started, in seconds since 1970; None if there is no such process."""
    try:
        return float(psutil.Process(process).create_time())
    except psutil.Error:
        return None


def is_alive(process: int, started: float | None = None) -> bool:
    """Return whether the process with this id runs and is not a zombie.

    Give `started` (see `read_start_time`) where it is known, since the system reuses ids.
    """
    try:
        found = psutil.Process(process)
        same = started is None or abs(found.create_time() - started) < _SAME_START_S
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def memory_of(process: int) -> int:
    """Return the resident memory of a process and its descendants, in bytes; shared memory counts in each."""
    total = 0
    try:
        parent = psutil.Process(process)
        for one in (parent, *parent.children(recursive=True)):
            try:
                total += one.memory_info().rss
            except psutil.Error:
                continue  # it has ended
    except psutil.Error:
        return total
    return total
