"""Fixtures for the tests of core."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def living() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()
