"""Validations in the background: start, stop, resume, failure."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import DatasetError, ExperimentError
from core.experiments import Experiment
from dashboard.validate import runs
from dashboard.validate.runs import Run


def _wait(run: Run) -> None:
    deadline = time.monotonic() + 30
    while run.running and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not run.running


@pytest.fixture
def replace(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Let `read` take the place of core's validation; the data set is not read."""

    def put(read: Callable[..., Any]) -> None:
        monkeypatch.setattr(runs, "index_dataset", lambda path, **_: path)
        monkeypatch.setattr(runs, "run_validation", read)

    return put


def test_a_run_reports_and_finishes(tiny: Experiment, replace: Callable[..., None]) -> None:
    """Counts follow the validation, and the end is noticed."""

    def read(experiment: Experiment, dataset: Path, name: str, **more: Any) -> None:
        assert ("there", "kept") == (name, more["part"])
        more["on_progress"](32, 64)
        more["on_progress"](64, 64)

    replace(read)
    run = Run(tiny, "there", Path("x"), "kept")
    run.start()
    _wait(run)
    assert (64, 64, True, None) == (run.done, run.total, run.finished, run.error)


def test_a_stopped_run_resumes(tiny: Experiment, replace: Callable[..., None]) -> None:
    """A stop is no failure; the same run starts again and finishes."""
    begun = threading.Event()

    def read(experiment: Experiment, dataset: Path, name: str, **more: Any) -> None:
        more["on_progress"](32, 64)
        begun.set()
        while first and not more["should_stop"]():
            time.sleep(0.01)
        if first:
            raise ExperimentError("stopped", code="stopped")

    first = True
    replace(read)
    run = Run(tiny, "there", Path("x"))
    run.start()
    assert begun.wait(30)
    run.stop()
    _wait(run)
    assert (False, None) == (run.finished, run.error)
    first = False
    run.start()
    _wait(run)
    assert run.finished


def test_a_failure_is_kept(tiny: Experiment, replace: Callable[..., None]) -> None:
    """An expected error ends the run and can be shown."""

    def read(*_: Any, **__: Any) -> None:
        raise DatasetError("too few")

    replace(read)
    run = Run(tiny, "there", Path("x"))
    run.start()
    _wait(run)
    assert not run.finished
    assert "too few" == str(run.error)


def test_the_time_left_is_that_of_the_slices_left(tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """The estimate starts with the first report, because slices read before take no time."""
    now = [100.0]
    monkeypatch.setattr(runs.time, "monotonic", lambda: now[0])
    run = Run(tiny, "there", Path("x"))
    run._report(64, 128)
    assert run.seconds_left is None
    now[0] = 110.0
    run._report(96, 128)
    assert pytest.approx(10.0) == run.seconds_left
