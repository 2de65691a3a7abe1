"""Processes of this machine: whether one lives, although ids are given again, and what memory it holds."""

from __future__ import annotations

import ctypes
import sys
from functools import cache

import psutil

# A process of the same id that began further from the remembered time is another one. Setting the clock
# moves the times that the system tells by a little.
_SAME_BIRTH_S = 10.0


# Of the GNU C library: what mallopt calls the size from which on memory is asked of the system by itself and
# given back at once, and the number of heaps.
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_OWN_MAPPING_BYTES = 256 * 1024


@cache
def return_freed_memory() -> bool:
    """Let this process give freed memory back to the system, from now on; whether its C library can be told.

    Left to itself, the GNU C library keeps pictures of up to 32 MB in a heap for every few threads. Among
    small things that live on, the holes stay: a server that reads and forgets would grow with every visitor.
    """
    if not sys.platform.startswith("linux"):
        return False
    tell = getattr(ctypes.CDLL(None), "mallopt", None)
    return tell is not None and bool(tell(_M_ARENA_MAX, 1) and tell(_M_MMAP_THRESHOLD, _OWN_MAPPING_BYTES))


def born_at(process: int) -> float | None:
    """When a process began, in seconds since 1970; None when there is none."""
    try:
        return float(psutil.Process(process).create_time())
    except psutil.Error:
        return None


def is_alive(process: int, born: float | None = None) -> bool:
    """Whether a process runs and is no zombie: the one of this id that began at `born`, where that is known.

    After a restart of the machine, ids are given anew: the id alone says nothing then.
    """
    try:
        found = psutil.Process(process)
        same = born is None or abs(found.create_time() - born) < _SAME_BIRTH_S
        return same and found.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def memory_of(process: int) -> int:
    """Bytes of memory that a process and its descendants hold; what they share is counted in each."""
    total = 0
    try:
        parent = psutil.Process(process)
        for one in (parent, *parent.children(recursive=True)):
            try:
                total += one.memory_info().rss
            except psutil.Error:
                continue  # it has just ended
    except psutil.Error:
        return total
    return total
