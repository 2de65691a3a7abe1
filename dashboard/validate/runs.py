"""Validations that run in the background of the dashboard, shared by all visitors, and their progress.

A run goes on when a visitor changes the page or closes the tab. What it has read is kept on disk, so a run
that was stopped, or that ended with the dashboard, continues where it was.
"""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from core.datasets import DecodedScans, index_dataset
from core.errors import StrokeError
from core.experiments import Experiment
from core.validation import run_validation
from dashboard.shared import components, format_duration, loaders, state

_POLL_S = 1
_MOST = 32  # runs to remember
CHOSEN = "validation"


@dataclass(eq=False)
class Run:
    """One validation in the background.

    Attributes:
        experiment: whose networks are validated.
        name: of the validation.
        data: folder or manifest of the data set.
        part: the part of it that is used; None for the whole set.
        done, total: slices read so far, and all; 0 while the data set is being indexed.
        running, finished: whether it is at work, and whether its validation is stored.
        error: why it failed; None if it did not.
    """

    experiment: Experiment
    name: str
    data: Path
    part: str | None = None
    done: int = 0
    total: int = 0
    running: bool = False
    finished: bool = False
    error: StrokeError | None = None
    _first: tuple[float, int] | None = None
    _stop: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        """Start or resume, unless it is running."""
        with self._lock:
            if self.running:
                return
            self.running, self.error, self.done, self.total, self._first = True, None, 0, 0, None
            self._stop.clear()
        threading.Thread(target=self._run, daemon=True).start()

    def stop(self) -> None:
        """End after the slices in progress; what was read is kept."""
        self._stop.set()

    @property
    def is_stopping(self) -> bool:
        """Return whether it was stopped and has not ended yet."""
        return self.running and self._stop.is_set()

    @property
    def seconds_left(self) -> float | None:
        """Return the estimated time until the last slice; None until it is known."""
        if self._first is None or self.done <= self._first[1]:
            return None
        began, before = self._first
        return (time.monotonic() - began) / (self.done - before) * (self.total - self.done)

    def _run(self) -> None:
        try:
            dataset = index_dataset(self.data, decoded=DecodedScans())
            run_validation(
                self.experiment, dataset, self.name,
                part=self.part, on_progress=self._report, should_stop=self._stop.is_set,
            )  # fmt: skip
            self.finished = True
        except StrokeError as error:
            # An end that the visitor asked for is no failure.
            self.error = None if self._stop.is_set() else error
        finally:
            self.running = False

    def _report(self, done: int, total: int) -> None:
        self.done, self.total = done, total
        # From the first call on: slices that an earlier run has read take no time.
        if self._first is None:
            self._first = (time.monotonic(), done)


def list_runs(experiment: Experiment) -> list[Run]:
    """Return the runs of this experiment that are not stored yet, or were stored while the page watched."""
    return [run for run in _runs().values() if run.experiment.name == experiment.name]


def start_run(experiment: Experiment, name: str, data: Path, part: str | None) -> Run:
    """Start a validation in the background, or resume the one of this name."""
    stored = _runs()
    run = Run(experiment, name, data, part)
    known = stored.get((experiment.name, name))
    if known is not None and known.running:
        return known
    stored[experiment.name, name] = run
    for key in [key for key, one in stored.items() if not one.running][: max(0, len(stored) - _MOST)]:
        stored.pop(key, None)
    run.start()
    return run


def show_runs(experiment: Experiment) -> None:
    """Show the progress of each run as a part of the page that updates itself."""
    busy = any(run.running for run in list_runs(experiment))
    st.fragment(_show, run_every=_POLL_S if busy else None)(experiment, busy)


def _runs() -> dict[tuple[str, str], Run]:
    return loaders.memory("validations")


def _show(experiment: Experiment, was_busy: bool) -> None:
    runs = list_runs(experiment)
    for run in runs:
        with st.container(border=True, key=f"run_{run.name}"):
            _show_run(run)
        if run.finished:
            _runs().pop((experiment.name, run.name), None)
            state.set_value(CHOSEN, run.name)
    if any(run.finished for run in runs) or was_busy != any(run.running for run in runs):
        st.rerun()  # for the stored validation, or another interval


def _show_run(run: Run) -> None:
    name = f"**{components.plain(run.name)}**"
    if run.error is not None:
        st.markdown(f":material/error: {name} · failed")
        components.show_error(run.error)
    elif run.is_stopping:
        st.markdown(f":material/hourglass_empty: {name} · stops after the slices in progress")
    elif run.running:
        st.markdown(f":material/play_circle: {name} · running")
    else:
        st.markdown(f":material/pause_circle: {name} · stopped; what it has read is kept")
    if run.running and not run.total:
        st.progress(0.0, "Reading the list of slices")
    elif run.total:
        left = run.seconds_left if run.running else None
        rest = "" if left is None else f" · about {format_duration(left)} left"
        st.progress(min(1.0, run.done / run.total), f"{run.done:,} of {run.total:,} slices{rest}")
    with st.container(horizontal=True):
        _offer_actions(run)


def _offer_actions(run: Run) -> None:
    def remove() -> None:
        _runs().pop((run.experiment.name, run.name), None)

    act: dict[str, Any]
    if run.running:
        act = {"label": "Stop", "icon": ":material/stop:", "on_click": run.stop, "disabled": run.is_stopping}
        st.button(key=f"stop_{run.name}", **act)
        return
    st.button("Resume", key=f"resume_{run.name}", icon=":material/play_arrow:", on_click=run.start)
    st.button(
        "Remove from the list", key=f"forget_{run.name}", icon=":material/close:", on_click=remove,
        help="What it has read is kept. To continue, start it again with the same data and name.",
    )  # fmt: skip
