"""Processes: which live, which are others of the same id, and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time

import pytest

from core.system.processes import born_at, is_alive, memory_of
from tests.core.played_jobs import dead_process


def test_is_alive() -> None:
    """This process lives; one that ended does not, waited for or not."""
    assert is_alive(os.getpid())
    assert not is_alive(dead_process())
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while is_alive(zombie.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(zombie.pid)
    zombie.wait()


def test_another_of_the_same_id_is_not_alive(living: subprocess.Popen[bytes]) -> None:
    """The time it began tells a process from one that had its id before."""
    born = born_at(living.pid)
    assert born is not None
    assert is_alive(living.pid, born)
    assert not is_alive(living.pid, born - 60)
    assert born_at(dead_process()) is None


def test_memory_is_that_of_the_children_too(living: subprocess.Popen[bytes]) -> None:
    """A parent's memory holds its child's; a process that has ended has none."""
    assert memory_of(os.getpid()) > memory_of(living.pid) > 1_000_000
    assert 0 == memory_of(dead_process())


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="other systems are not told")
def test_freed_memory_is_given_back() -> None:
    """Pictures between small things that live on leave no hole behind when they are freed."""
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
