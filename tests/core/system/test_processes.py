"""Processes: whether one is alive, reused ids, and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from core.system.processes import is_alive, memory_of, read_start_time
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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mallopt is set on Linux only")
def test_freed_memory_is_returned() -> None:
    """Memory of freed pictures returns to the system even if small objects between them stay alive."""
    code = """if True:
        from core.system.processes import memory_of, return_freed_memory
        import os
        assert return_freed_memory()
        bytearray(30_000_000)  # from then on, the C library would keep smaller ones
        before = memory_of(os.getpid())
        pictures = [(bytearray(1_000_000), bytearray(1_000)) for _ in range(100)]
        small = [one for _, one in pictures]
        del pictures
        print(memory_of(os.getpid()) - before)
    """
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) < 10_000_000
