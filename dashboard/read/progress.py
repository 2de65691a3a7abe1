"""A reading that takes its time on Read a scan: how far it is, and what is there already."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments import Experiment
from core.reading import Findings, apply_operating_points
from dashboard.read import study_view, viewer
from dashboard.readings import BackgroundReading, Reading, Step
from dashboard.shared import state

# What is there sooner comes at once; a bar that flashes by would only make the page jump.
_PATIENCE_S = 0.4
_TICK_S = 0.1
_EVERY_S = 1.0
# A study of so many slices is worth waiting for: it is shown when it is whole.
SHORT = 32

Found = list[Reading] | BackgroundReading | None
LookIn = Callable[[], Found]


@dataclass(frozen=True)
class Unfinished:
    """A study that is being read.

    Attributes:
        place: of its files among all that were handed in, as words; "" where there are no others.
        keys: of its files, and of those that come after them.
    """

    reading: BackgroundReading
    place: str
    keys: Sequence[str]


class Waiting:
    """What a page's run shows while it waits for files, one after the other."""

    def __init__(self) -> None:
        self._whole, self._since_s = st.empty(), time.monotonic()
        self._bar: DeltaGenerator | None = None

    def wait_for(self, look_in: LookIn, place: str, keys: Sequence[str]) -> Found:
        """Look in until the reading is over, or is seen to be of a long study.

        Args:
            place, keys: see Unfinished.
        """
        while isinstance(found := look_in(), BackgroundReading) and found.step.total <= SHORT:
            if time.monotonic() - self._since_s > _PATIENCE_S:
                self._show(found, place, keys)
            found.watch(_TICK_S)
        return found

    def end(self) -> None:
        """Take away what it shows."""
        self._whole.empty()

    def _show(self, running: BackgroundReading, place: str, keys: Sequence[str]) -> None:
        if self._bar is None:
            with self._whole.container(), _place("of_files"):
                self._bar = st.empty()
                _offer_stop(running, keys, "waiting")
        _show_bar(self._bar, running, place)


@st.fragment(run_every=_EVERY_S)
def follow(experiment: Experiment, unfinished: Unfinished, thresholds: Mapping[str, float]) -> None:
    """Show the slices that have been read, more every second; then the page is drawn anew, with a verdict."""
    running = unfinished.reading
    if running.watch() or running.stopped:
        st.rerun()
    with _place("of_study"):
        _show_bar(st.empty(), running, unfinished.place)
        _offer_stop(running, unfinished.keys, "reading")
    so_far = running.step.so_far
    if so_far is None:
        _reserve_place(experiment)
        return
    (findings,) = apply_operating_points([so_far.findings], experiment, thresholds)
    viewer.show_reading(experiment, replace(so_far, findings=findings), unfinished=True)


def tell_step(step: Step, *, began: bool, place: str = "") -> str:
    """How far a reading is, in words."""
    if not began:
        told = "Waiting for another reading to end"
    elif step.done:
        told = f"Slice {step.done} of {step.total}"
    elif step.total:
        told = f"Checking whether {step.total} slices are of a head"
    else:
        told = f"Decoding: {step.n_files} files so far" if step.n_files > 1 else "Decoding"
    return f"{place}: {told[0].lower()}{told[1:]}" if place else told


def _place(name: str) -> DeltaGenerator:
    """A place at the foot of the window, so that nothing moves when it comes and goes."""
    return st.container(
        key=f"reading_progress_{name}", horizontal=True, vertical_alignment="center", gap="medium"
    )


def _show_bar(spot: DeltaGenerator, running: BackgroundReading, place: str) -> None:
    step = running.step
    spot.progress(
        step.done / step.total if step.total else 0.0, tell_step(step, began=running.began, place=place)
    )


def _offer_stop(running: BackgroundReading, keys: Sequence[str], name: str) -> None:
    def stop() -> None:
        running.stop()
        for key in keys:
            state.remember("stopped", key, True)

    st.button("Stop reading", on_click=stop, key=f"stop_{name}", icon=":material/stop_circle:")


def _reserve_place(experiment: Experiment) -> None:
    """What stands where the first slices will be."""
    with st.container(key="pair_verdict"):
        verdict, _ = st.columns([1.1, 1], gap="medium")
    with verdict:
        study_view.show_verdict(experiment, Findings("", "", experiment.name, ()), unfinished=True)
    viewer.show_empty_places(experiment)
