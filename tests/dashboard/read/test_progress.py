"""A long study on Read a scan while it is being read."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.reading.findings import SliceFinding
from core.reading.reader import Reader
from core.scans import Scan
from dashboard.read.progress import SHORT_STUDY, describe_step
from dashboard.readings.reading import Step
from dashboard.readings.threads import BackgroundReading
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts, render_file
from tests.scan_files import write_series, write_zip

N_SLICES = 2 * SHORT_STUDY
PATIENCE_S = 30
N_FIRST = 16


class Networks:
    """Networks that wait after the first slices of a study until `may_go` is set."""

    def __init__(self) -> None:
        self.may_go = threading.Event()
        self.fault: Exception | None = None
        self.read: list[int] = []

    def wait_at(self, indices: range) -> None:
        """Wait before these slices, then raise `fault` if there is one."""
        if indices.start >= N_FIRST:
            self.may_go.wait(PATIENCE_S)
            if self.fault:
                raise self.fault
        self.read.extend(indices)


@pytest.fixture
def networks(monkeypatch: pytest.MonkeyPatch) -> Iterator[Networks]:
    """Return networks that wait; at the end of the test they go on."""
    waiting, read = Networks(), Reader._interpret

    def interpret(reader: Reader, scan: Scan, indices: range, *more: Any) -> list[SliceFinding]:
        waiting.wait_at(indices)
        return read(reader, scan, indices, *more)

    monkeypatch.setattr(Reader, "_interpret", interpret)
    yield waiting
    waiting.may_go.set()


def open_study(open_page: OpenPage, models: Path, n_slices: int = N_SLICES) -> AppTest:
    """Upload a zip of a series on Read a scan; return the page once the first slices are read."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    files = {f"{n:02}.dcm": data for n, data in enumerate(write_series(n_slices))}
    app.file_uploader[0].upload("study.zip", write_zip(files), "application/zip").run()
    return run_until(app, lambda: "study.zip" in read_texts(app))


def run_until(app: AppTest, done: Callable[[], bool]) -> AppTest:
    """Rerun the page, like its timer does in a browser, until `done`."""
    for _ in range(200):
        assert not app.exception
        if done():
            return app
        app.run()
    raise AssertionError(read_texts(app))


def press(app: AppTest, label: str) -> AppTest:
    """Click the only button with this label."""
    (button,) = [button for button in app.button if button.label == label]
    return button.click().run()


def progress(app: AppTest) -> list[str]:
    """Return the texts of the progress bars."""
    return [bar.proto.text for bar in app.get("progress")]


def test_first_slices_are_shown_before_the_last_are_read(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """Slices are shown without a verdict until the last slice is read."""
    app = open_study(open_page, models)
    assert ["Reading the study"] == [header.value for header in app.header]
    assert "The result follows after the last slice" in read_texts(app)
    (text,) = progress(app)
    assert text in (f"Slice 8 of {N_SLICES}", f"Slice {N_FIRST} of {N_SLICES}")
    networks.may_go.set()
    run_until(app, lambda: not progress(app))
    assert f"{N_SLICES} of {N_SLICES} slices count" in read_texts(app)
    assert "The result follows" not in read_texts(app)


def test_a_reading_can_be_stopped_and_read_again(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """A stopped study is listed as not read; the button Read again reads all of it."""
    app = press(open_study(open_page, models), "Stop reading")
    assert "reading was stopped" in app.warning[0].value
    assert not progress(app)
    assert not app.header
    networks.may_go.set()
    press(app, "Read again")
    run_until(app, lambda: not progress(app))
    assert f"{N_SLICES} of {N_SLICES} slices count" in read_texts(app)
    assert not app.warning
    # Once until it was stopped, once completely.
    assert N_SLICES < len(networks.read) < 2 * N_SLICES


def test_a_removed_study_is_not_read_further(open_page: OpenPage, models: Path, networks: Networks) -> None:
    """Without its file the page shows its start, and the networks stop."""
    app = open_study(open_page, models)
    app.file_uploader[0].clear().run()
    assert "Drop a head CT slice or study to begin" in read_texts(app)
    networks.may_go.set()
    app.file_uploader[0].upload("slice.png", render_file(0.9), "image/png").run()
    assert "Reading the study" not in read_texts(app)
    assert len(networks.read) < N_SLICES


def test_a_button_that_is_gone_holds_no_file(
    open_page: OpenPage, models: Path, networks: Networks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once a study is read, nothing holds its reading in the background: the button's function does not."""
    begun: list[weakref.ref[BackgroundReading]] = []
    init = BackgroundReading.__init__

    def note(self: BackgroundReading, *args: Any) -> None:
        begun.append(weakref.ref(self))
        init(self, *args)

    monkeypatch.setattr(BackgroundReading, "__init__", note)
    app = open_study(open_page, models)
    networks.may_go.set()
    run_until(app, lambda: not progress(app))
    gc.collect()
    assert begun
    assert not any(reading() for reading in begun)


def test_an_error_while_reading_is_shown_on_the_page(
    open_page: OpenPage, models: Path, networks: Networks
) -> None:
    """An unexpected error in the thread is raised in the page's run."""
    app = open_study(open_page, models)
    networks.fault = ZeroDivisionError("a fault of the program")
    networks.may_go.set()
    for _ in range(200):
        if app.run().exception:
            break
    (fault,) = app.exception
    assert "a fault of the program" in fault.value


def test_a_short_study_is_shown_when_complete(open_page: OpenPage, models: Path) -> None:
    """A short study is shown with its verdict in the first run of the page."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    files = {f"{n:02}.dcm": data for n, data in enumerate(write_series(SHORT_STUDY))}
    app.file_uploader[0].upload("study.zip", write_zip(files), "application/zip").run()
    assert f"{SHORT_STUDY} of {SHORT_STUDY} slices count" in read_texts(app)
    assert not progress(app)


@pytest.mark.parametrize(
    ("step", "started", "place", "expected"),
    [
        (Step(), False, "", "Waiting for another scan to finish"),
        (Step(), True, "", "Decoding"),
        (Step(n_files=120), True, "", "Decoding: 120 files so far"),
        (Step(0, 300), True, "", "Checking that 300 slices show a head"),
        (Step(64, 300), True, "", "Slice 64 of 300"),
        (Step(64, 300), True, "2 of 3", "2 of 3: slice 64 of 300"),
    ],
)
def test_progress_is_described_in_words(step: Step, started: bool, place: str, expected: str) -> None:
    """Queue, decoding, gate and slices each have their words."""
    assert expected == describe_step(step, started=started, place=place)
