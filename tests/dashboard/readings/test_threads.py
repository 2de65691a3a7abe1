"""Readings in the background: polled, stopped, abandoned."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dashboard.readings.reading import OnStep, Reading, Step
from dashboard.readings.threads import MAX_ABSENCE_S, BackgroundReading

PATIENCE_S = 20


class Paused:
    """A reading of two slices that waits for `may_go` before the second."""

    def __init__(self) -> None:
        self.at_first, self.may_go, self.ended = threading.Event(), threading.Event(), threading.Event()

    def __call__(self, on_step: OnStep) -> list[Reading]:
        try:
            on_step(Step(1, 2))
            self.at_first.set()
            assert self.may_go.wait(PATIENCE_S)
            on_step(Step(2, 2))
            return [Reading("a study")]
        finally:
            self.ended.set()


@pytest.fixture
def paused() -> Iterator[Paused]:
    """Return a paused reading that goes on at the end of the test."""
    read = Paused()
    yield read
    read.may_go.set()


def test_a_polled_reading_ends_with_its_result(paused: Paused) -> None:
    """The step is known while the reading runs; at the end it has a result."""
    reading = BackgroundReading(paused)
    assert paused.at_first.wait(PATIENCE_S)
    assert (1, 2) == (reading.step.done, reading.step.total)
    assert not reading.wait()
    paused.may_go.set()
    assert reading.wait(PATIENCE_S)
    assert ["a study"] == [one.name for one in reading.result()]


def test_a_stopped_reading_ends_at_its_next_step(paused: Paused) -> None:
    """A stopped reading does not reach its second slice, and has no result."""
    reading = BackgroundReading(paused)
    assert paused.at_first.wait(PATIENCE_S)
    reading.stop()
    paused.may_go.set()
    assert reading.result() is None
    assert 1 == reading.step.done


@pytest.mark.parametrize(("away_s", "expected"), [(MAX_ABSENCE_S, ["a study"]), (MAX_ABSENCE_S + 1, None)])
def test_a_reading_that_is_not_polled_ends(paused: Paused, away_s: float, expected: list[str] | None) -> None:
    """A reading goes on up to MAX_ABSENCE_S after the last poll, and ends at its next step after that."""
    now = [0.0]
    reading = BackgroundReading(paused, clock=lambda: now[0])
    assert paused.at_first.wait(PATIENCE_S)
    now[0] += MAX_ABSENCE_S
    reading.wait()
    now[0] += away_s
    paused.may_go.set()
    readings = reading.result()
    assert expected == (readings and [one.name for one in readings])


def test_readings_wait_for_each_other(paused: Paused) -> None:
    """The second starts when the first has ended; a reading stopped in the queue never starts."""
    first = BackgroundReading(paused)
    assert paused.at_first.wait(PATIENCE_S)
    begun_after_the_first: list[bool] = []

    def read(on_step: OnStep) -> list[Reading]:
        begun_after_the_first.append(paused.ended.is_set())
        return []

    second, third = BackgroundReading(read), BackgroundReading(read)
    third.stop()
    assert not second.wait(0.2)
    assert (True, False) == (first.started, second.started)
    paused.may_go.set()
    assert [] == second.result()
    assert third.result() is None
    assert [True] == begun_after_the_first


def test_an_unexpected_error_is_raised_with_the_result() -> None:
    """The error is not lost in the thread, and the next reading starts."""

    def fail(on_step: OnStep) -> list[Reading]:
        raise ZeroDivisionError("a fault of the program")

    reading = BackgroundReading(fail)
    assert reading.wait(PATIENCE_S)
    with pytest.raises(ZeroDivisionError, match="a fault"):
        reading.result()
    assert [] == BackgroundReading(lambda on_step: []).result()
