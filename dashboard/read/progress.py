"""The progress of a long reading on Read a scan, and the slices read so far."""

from __future__ import annotations

import time
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments import Experiment
from dashboard.read import study_view, viewer
from dashboard.read.decider import Member
from dashboard.readings import BackgroundReading, Reading, Step
from dashboard.shared import state

# The progress bar appears after this time: a bar shown for a moment would make the page jump.
_BAR_AFTER_S = 0.4
_POLL_S = 0.1
_UPDATE_S = 1.0
# A study of at most this many slices is shown only when all of them are read.
SHORT_STUDY = 32

Found = list[Reading] | BackgroundReading | None
Poll = Callable[[], Found]


@dataclass(frozen=True)
class Unfinished:
    """A study that is being read.

    Attributes:
        place: of its group among all uploaded groups, as "2 of 3"; "" if it is the only one.
        keys: of its group and of the groups after it.
    """

    reading: BackgroundReading
    place: str
    keys: Sequence[str]


class Waiting:
    """The progress bar and Stop button shown while short readings are awaited, one after the other."""

    def __init__(self) -> None:
        self._whole, self._since_s = st.empty(), time.monotonic()
        self._bar: DeltaGenerator | None = None

    def wait_for(self, poll: Poll, place: str, keys: Sequence[str]) -> Found:
        """Poll until the reading ends or turns out to be of a long study; return the last result.

        Args:
            place, keys: see Unfinished.
        """
        while isinstance(found := poll(), BackgroundReading) and found.step.total <= SHORT_STUDY:
            if time.monotonic() - self._since_s > _BAR_AFTER_S:
                self._show(found, place, keys)
            found.wait(_POLL_S)
        return found

    def end(self) -> None:
        """Remove the progress bar and button."""
        self._whole.empty()

    def _show(self, running: BackgroundReading, place: str, keys: Sequence[str]) -> None:
        if self._bar is None:
            with self._whole.container(), _place("of_files"):
                self._bar = st.empty()
                _offer_stop(running, keys, "waiting")
        _show_bar(self._bar, running, place)


@st.fragment(run_every=_UPDATE_S)
def follow_reading(panel: Sequence[Member], unfinished: Unfinished) -> None:
    """Show the slices read so far, updated every second; at the end rerun the page to show the verdict."""
    running = unfinished.reading
    if running.wait() or running.stopped:
        st.rerun()
    with _place("of_study"):
        _show_bar(st.empty(), running, unfinished.place)
        _offer_stop(running, unfinished.keys, "reading")
    so_far = running.step.so_far
    if so_far is None:
        _show_placeholders(panel[0].experiment)
        return
    parts = tuple(member.decide([part])[0] for member, part in zip(panel, so_far.parts, strict=True))
    viewer.show_reading([one.experiment for one in panel], replace(so_far, parts=parts), unfinished=True)


def describe_step(step: Step, *, started: bool, place: str = "") -> str:
    """Return the progress of a reading in words."""
    if not started:
        text = "Waiting for another scan to finish"
    elif step.done:
        text = f"Slice {step.done} of {step.total}"
    elif step.total:
        text = f"Checking that {step.total} slices show a head"
    else:
        text = f"Decoding: {step.n_files} files so far" if step.n_files > 1 else "Decoding"
    return f"{place}: {text[0].lower()}{text[1:]}" if place else text


def _place(name: str) -> DeltaGenerator:
    """Return a container at the bottom of the window, so that nothing moves when it appears."""
    return st.container(
        key=f"reading_progress_{name}", horizontal=True, vertical_alignment="center", gap="medium"
    )


def _show_bar(spot: DeltaGenerator, running: BackgroundReading, place: str) -> None:
    step = running.step
    spot.progress(
        step.done / step.total if step.total else 0.0,
        describe_step(step, started=running.started, place=place),
    )


def _offer_stop(running: BackgroundReading, keys: Sequence[str], name: str) -> None:
    # Streamlit keeps the function when the button has gone, and would keep the files with it.
    found = weakref.ref(running)

    def stop() -> None:
        reading = found()
        if reading is not None:
            reading.stop()
        for key in keys:
            state.remember("stopped", key, True)

    st.button("Stop reading", on_click=stop, key=f"stop_{name}", icon=":material/stop_circle:")


def _show_placeholders(experiment: Experiment) -> None:
    """Show placeholders until the first slices are read."""
    with st.container(key="pair_verdict"):
        verdict, _ = st.columns([1.1, 1], gap="medium")
    with verdict:
        study_view.show_progress_note()
    viewer.show_placeholders(experiment)
