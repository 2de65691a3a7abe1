"""Fixtures for all tests."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.experiments import Experiment, open_panel
from core.gate import GateFinding
from core.imaging import Recipe
from core.reading import reader
from core.scans import Scan
from tests.builders import write_tiny_experiment

pytest_plugins = ["tests.slow_tests"]


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: the content of a ZIP, which holds its time, differs between processes."""
    return argname if isinstance(val, bytes) else None


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of experiments that the program takes for its own; its default one is `tiny`."""
    root = tmp_path / "models"
    root.mkdir()
    monkeypatch.setenv("STROKE_CT_MODELS", str(root))
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "tiny")
    return root


@pytest.fixture
def tiny(models: Path) -> Experiment:
    """The tiny experiment, the only one in `models`."""
    return write_tiny_experiment(models)


@pytest.fixture
def panel(models: Path, monkeypatch: pytest.MonkeyPatch) -> list[Experiment]:
    """Two tiny experiments that read scans together: `tiny` for hemorrhage, `other` for ischemia."""
    monkeypatch.setenv("STROKE_CT_EXPERIMENT", "tiny, other")
    write_tiny_experiment(models, finding="hemorrhage")
    write_tiny_experiment(models, "other", seed=1, finding="ischemia")
    return open_panel()


@pytest.fixture
def open_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the gate accept every slice as it lies: small test pictures resemble no head."""

    def accept(scan: Scan, recipe: Recipe) -> list[GateFinding]:
        return [GateFinding("read") for _ in scan.slices]

    monkeypatch.setattr(reader, "judge_scan", accept)
    monkeypatch.setattr(reader, "turn_upright", lambda scan: (scan, 0, ""))
