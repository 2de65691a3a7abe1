"""Processes: whether one is alive, reused ids, and memory."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time

import pytest

from core.system.processes import is_alive, memory_of, read_start_time, return_freed_memory, trim_heaps
from tests.core.job_folders import dead_process


def test_is_alive() -> None:
    """This process is alive; an ended one is not, even as a zombie."""
    assert is_alive(os.getpid())
    assert not is_alive(dead_process())
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while is_alive(zombie.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(zombie.pid)
    zombie.wait()


def test_another_process_with_the_same_id_is_not_alive(living: subprocess.Popen[bytes]) -> None:
    """The start time distinguishes a process from an earlier one with the same id."""
    started = read_start_time(living.pid)
    assert started is not None
    assert is_alive(living.pid, started)
    assert not is_alive(living.pid, started - 60)
    assert read_start_time(dead_process()) is None


def test_memory_includes_the_children(living: subprocess.Popen[bytes]) -> None:
    """The memory of a process includes that of its children; an ended process has none."""
    assert memory_of(os.getpid()) > memory_of(living.pid) > 1_000_000
    assert 0 == memory_of(dead_process())


_GROWTH = """
from core.system.processes import memory_of, return_freed_memory, trim_heaps
import os
bytearray(30_000_000)  # from then on, the C library would keep smaller ones
assert not {early} or return_freed_memory()
before = memory_of(os.getpid())
small = []
pieces = [(bytearray({size}), {small}) for _ in range(40_000_000 // {size})]
del pieces
{last}
print(memory_of(os.getpid()) - before)
"""
on_linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is returned on Linux only")


def _measure_growth(*, early: bool, size: int, keep_small: bool, last: str = "") -> int:
    """Return by how many bytes a process has grown after it has freed 40 MB.

    Args:
        early: whether it calls `return_freed_memory` before.
        size: of each piece, in bytes.
        keep_small: whether small objects between the pieces stay alive.
        last: its last call.
    """
    small = "small.append(bytearray(5_000))" if keep_small else "None"
    code = _GROWTH.format(early=early, size=size, small=small, last=last)
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return int(printed)


@on_linux
def test_freed_memory_is_returned() -> None:
    """Memory of freed pictures returns to the system even if small objects between them stay alive."""
    assert _measure_growth(early=True, size=300_000, keep_small=True) < 8_000_000


@on_linux
def test_the_end_of_a_heap_is_returned() -> None:
    """Freed pieces at the end of a heap return to the system, although larger ones were freed before."""
    assert _measure_growth(early=False, size=100_000, keep_small=False) > 30_000_000
    assert _measure_growth(early=True, size=100_000, keep_small=False) < 8_000_000


@on_linux
def test_trimming_returns_what_lies_between() -> None:
    """Freed pieces between small objects stay in the heap until it is trimmed."""
    assert _measure_growth(early=True, size=100_000, keep_small=True) > 30_000_000
    assert _measure_growth(early=True, size=100_000, keep_small=True, last="assert trim_heaps()") < 8_000_000


@on_linux
def test_later_threads_share_a_heap() -> None:
    """If `return_freed_memory` was called before, 20 threads get no heaps of their own."""
    code = """if True:
        import re, sys, threading
        from core.system.processes import return_freed_memory
        assert sys.argv[1] == "late" or return_freed_memory()
        ready = threading.Barrier(21)
        def allocate():
            piece = bytearray(100_000)
            ready.wait()
            ready.wait()
        for _ in range(20):
            threading.Thread(target=allocate).start()
        ready.wait()
        # A heap begins at a multiple of 64 MB; what it has not used yet cannot be read.
        rows = [line.split() for line in open("/proc/self/maps")]
        starts = [(int(row[0].split("-")[0], 16), row) for row in rows if len(row) == 5]
        print(sum(start % 2**26 == 0 and row[1].startswith("rw") for start, row in starts))
        ready.wait()
    """
    heaps = [
        int(subprocess.run([sys.executable, "-c", code, when], capture_output=True, check=True).stdout)
        for when in ("early", "late")
    ]
    assert heaps[0] <= 2
    assert heaps[1] >= 8


def test_other_c_libraries_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is done and nothing is raised if the C library lacks the functions."""
    monkeypatch.setattr(ctypes, "CDLL", lambda _: object())
    assert not trim_heaps()
    assert not return_freed_memory.__wrapped__()
