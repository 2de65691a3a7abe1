"""Fixtures for the tests of core."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.experiments import Experiment
from tests.builders import write_tiny_experiment


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of experiments that the program takes for its own."""
    root = tmp_path / "models"
    root.mkdir()
    monkeypatch.setenv("STROKE_CT_MODELS", str(root))
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "tiny")  # the default one of our tests
    return root


@pytest.fixture
def tiny(models: Path) -> Experiment:
    """The tiny experiment, the only one in `models`."""
    return write_tiny_experiment(models)


@pytest.fixture
def living() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()
