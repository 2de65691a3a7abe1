"""Processes of this machine: whether one lives, although ids are given again, and what memory it holds."""

from __future__ import annotations

import ctypes
import sys

import psutil

# A process of the same id that began further from the remembered time is another one. Setting the clock
# moves the times that the system tells by a little.
_SAME_BIRTH_S = 10.0


def return_freed_memory() -> bool:
    """Give memory that was freed back to the system; whether the C library can be told, and had any to give.

    Left to itself, the GNU C library keeps what pictures took in its heaps, between small things that live
    on: a server that reads and forgets would grow with every visitor. Takes some ten milliseconds.
    """
    if not sys.platform.startswith("linux"):
        return False
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))


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
