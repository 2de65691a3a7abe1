"""A long study on Read a scan, while it is being read."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.reading.findings import SliceFinding
from core.reading.reader import Reader
from core.scans import Scan
from dashboard.read.progress import SHORT, tell_step
from dashboard.readings.reading import Step
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts, render_file
from tests.scan_files import write_series, write_zip

N_SLICES = 2 * SHORT
PATIENCE_S = 30
N_FIRST = 16


class Networks:
    """Networks that read the first slices of a study, and the others only once they may go on."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.fault: Exception | None = None
        self.read: list[int] = []

    def wait_at(self, indices: range) -> None:
        """Stand still before these slices, and then fail if that is asked for."""
        if indices.start >= N_FIRST:
            self.may_go.wait(PATIENCE_S)
            if self.fault:
                raise self.fault
        self.read.extend(indices)


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Networks]:
    """Networks to hold; in the end they are let go."""
    held, read = Networks(), Reader._read_batch

    def read_batch(reader: Reader, scan: Scan, indices: range, *more: Any) -> list[SliceFinding]:
        held.wait_at(indices)
        return read(reader, scan, indices, *more)

    monkeypatch.setattr(Reader, "_read_batch", read_batch)
    yield held
    held.may_go.set()


def open_study(open_page: OpenPage, models: Path, n_slices: int = N_SLICES) -> AppTest:
    """Read a scan with a zip of a series dropped in; the page stands when the first slices are read."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    files = {f"{n:02}.dcm": data for n, data in enumerate(write_series(n_slices))}
    app.file_uploader[0].upload("study.zip", write_zip(files), "application/zip").run()
    return run_until(app, lambda: "alone" in read_texts(app))


def run_until(app: AppTest, done: Callable[[], bool]) -> AppTest:
    """Draw the page anew, as its clock does in a browser, until something stands on it."""
    for _ in range(200):
        assert not app.exception
        if done():
            return app
        app.run()
    raise AssertionError(read_texts(app))


def press(app: AppTest, label: str) -> AppTest:
    """Press the one button of this label."""
    (button,) = [button for button in app.button if button.label == label]
    return button.click().run()


def progress(app: AppTest) -> list[str]:
    """What the progress bars say."""
    return [bar.proto.text for bar in app.get("progress")]


def test_first_slices_are_shown_before_the_last_are_read(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """There are slices with probabilities and no verdict; with the last slice comes the verdict."""
    app = open_study(open_page, models)
    assert ["Reading the study"] == [header.value for header in app.header]
    assert "The verdict comes with the last slice" in read_texts(app)
    (told,) = progress(app)
    assert told in (f"Slice 8 of {N_SLICES}", f"Slice {N_FIRST} of {N_SLICES}")
    networks.may_go.set()
    run_until(app, lambda: not progress(app))
    assert f"{N_SLICES} of {N_SLICES} do" in read_texts(app)
    assert "The verdict comes" not in read_texts(app)


def test_a_reading_can_be_stopped_and_taken_up_again(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """Stopped, the study is named as not read, and no network reads on; then, asked for, it is read whole."""
    app = press(open_study(open_page, models), "Stop reading")
    assert "reading was stopped" in app.warning[0].value
    assert not progress(app)
    assert not app.header
    networks.may_go.set()
    press(app, "Read it after all")
    run_until(app, lambda: not progress(app))
    assert f"{N_SLICES} of {N_SLICES} do" in read_texts(app)
    assert not app.warning
    # Once as far as it was stopped, once whole.
    assert N_SLICES < len(networks.read) < 2 * N_SLICES


def test_a_study_that_is_taken_away_is_read_no_further(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """Without its file the page invites as before, and the networks are asked no more."""
    app = open_study(open_page, models)
    app.file_uploader[0].clear().run()
    assert "Drop a head CT slice to begin" in read_texts(app)
    networks.may_go.set()
    app.file_uploader[0].upload("slice.png", render_file(0.9), "image/png").run()
    assert "Both networks agree." in read_texts(app)
    assert len(networks.read) < N_SLICES


def test_a_fault_while_reading_is_seen_on_the_page(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """An unexpected error in the thread is raised where the page is drawn."""
    app = open_study(open_page, models)
    networks.fault = ZeroDivisionError("a fault of the program")
    networks.may_go.set()
    for _ in range(200):
        if app.run().exception:
            break
    (fault,) = app.exception
    assert "encountered an error" in fault.value


def test_a_short_study_comes_whole(open_page: OpenPage, models: Path) -> None:
    """A study of few slices needs no second drawing of the page."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    files = {f"{n:02}.dcm": data for n, data in enumerate(write_series(SHORT))}
    app.file_uploader[0].upload("study.zip", write_zip(files), "application/zip").run()
    assert f"{SHORT} of {SHORT} do" in read_texts(app)
    assert not progress(app)


@pytest.mark.parametrize(
    ("step", "began", "place", "told"),
    [
        (Step(), False, "", "Waiting for another reading to end"),
        (Step(), True, "", "Decoding"),
        (Step(n_files=120), True, "", "Decoding: 120 files so far"),
        (Step(0, 300), True, "", "Checking whether 300 slices are of a head"),
        (Step(64, 300), True, "", "Slice 64 of 300"),
        (Step(64, 300), True, "2 of 3", "2 of 3: slice 64 of 300"),
    ],
)
def test_progress_is_told_in_words(step: Step, began: bool, place: str, told: str) -> None:
    """From the queue over decoding and the gate to the slices."""
    assert told == tell_step(step, began=began, place=place)
