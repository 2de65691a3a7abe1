"""Processes: which live, which are others of the same id, and their memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from core.processes import born_at, is_alive, memory_of
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
