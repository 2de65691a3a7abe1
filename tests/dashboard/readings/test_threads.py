"""Reading in the background: looked in on, stopped, abandoned."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from dashboard.readings.reading import OnStep, Reading, Step
from dashboard.readings.threads import ABSENCE_S, BackgroundReading

PATIENCE_S = 20


class Held:
    """A reading of two slices that goes on to the second when it is let."""

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
def held() -> Iterator[Held]:
    """Whatever a test does with it, it ends."""
    read = Held()
    yield read
    read.may_go.set()


def test_a_reading_is_looked_in_on_and_ends_with_its_result(held: Held) -> None:
    """Its step is seen while it runs; afterwards there is what was read."""
    reading = BackgroundReading(held)
    assert held.at_first.wait(PATIENCE_S)
    assert (1, 2) == (reading.step.done, reading.step.total)
    assert not reading.watch()
    held.may_go.set()
    assert reading.watch(PATIENCE_S)
    assert ["a study"] == [one.name for one in reading.result()]


def test_a_stopped_reading_ends_at_its_next_step(held: Held) -> None:
    """It does not come to its second slice, and there is no result."""
    reading = BackgroundReading(held)
    assert held.at_first.wait(PATIENCE_S)
    reading.stop()
    held.may_go.set()
    assert reading.result() is None
    assert 1 == reading.step.done


@pytest.mark.parametrize(("away_s", "expected"), [(ABSENCE_S, ["a study"]), (ABSENCE_S + 1, None)])
def test_a_reading_that_nobody_looks_in_on_ends(
    held: Held, away_s: float, expected: list[str] | None
) -> None:
    """It goes on for a while after the last look, and ends at its next step after that."""
    now = [0.0]
    reading = BackgroundReading(held, clock=lambda: now[0])
    assert held.at_first.wait(PATIENCE_S)
    now[0] += ABSENCE_S
    reading.watch()
    now[0] += away_s
    held.may_go.set()
    readings = reading.result()
    assert expected == (readings and [one.name for one in readings])


def test_readings_wait_for_each_other(held: Held) -> None:
    """The second does not begin before the first has ended; one that is stopped while it waits never does."""
    first = BackgroundReading(held)
    assert held.at_first.wait(PATIENCE_S)
    begun_after_the_first: list[bool] = []

    def read(on_step: OnStep) -> list[Reading]:
        begun_after_the_first.append(held.ended.is_set())
        return []

    second, third = BackgroundReading(read), BackgroundReading(read)
    third.stop()
    assert not second.watch(0.2)
    assert (True, False) == (first.began, second.began)
    held.may_go.set()
    assert [] == second.result()
    assert third.result() is None
    assert [True] == begun_after_the_first


def test_an_unexpected_error_reaches_whoever_asks_for_the_result() -> None:
    """It is not lost in the thread, and the next reading begins."""

    def fail(on_step: OnStep) -> list[Reading]:
        raise ZeroDivisionError("a fault of the program")

    reading = BackgroundReading(fail)
    assert reading.watch(PATIENCE_S)
    with pytest.raises(ZeroDivisionError, match="a fault"):
        reading.result()
    assert [] == BackgroundReading(lambda on_step: []).result()
