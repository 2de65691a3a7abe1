"""The readings of one session: stored, in progress, removed."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import numpy as np
import pytest

from dashboard.readings import store as reading_store
from dashboard.readings.reading import OnStep, Reading, Step
from dashboard.readings.store import ReadingStore
from dashboard.readings.threads import BackgroundReading

PATIENCE_S = 20


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Return an event that a reading waits for; it is set at the end of the test."""
    opened = threading.Event()
    yield opened
    opened.set()


def poll_until_done(store: ReadingStore, key: object, read: object) -> list[Reading]:
    """Poll until there are readings."""
    while isinstance(found := store.poll(key, read), BackgroundReading):
        assert found.wait(PATIENCE_S)
    return found


def test_stored_readings_are_not_read_again() -> None:
    """A key that was read in the background is read neither in the background nor directly again."""
    store, calls = ReadingStore(), []

    def read(on_step: OnStep | None) -> list[Reading]:
        calls.append(on_step)
        return [Reading("a")]

    assert store.poll("key", read, begin=False) is None
    assert ["a"] == [one.name for one in poll_until_done(store, "key", read)]
    assert store.poll("key", read) is store.read("key", read)
    assert 1 == len(calls)


def test_other_readings_are_stopped(gate: threading.Event) -> None:
    """A reading under another key stops at its next step; one under a given key goes on."""
    store, steps = ReadingStore(), []

    def read(on_step: OnStep) -> list[Reading]:
        assert gate.wait(PATIENCE_S)
        on_step(Step(1, 2))
        steps.append(1)
        return []

    first = store.poll("first", read)
    second = store.poll("second", read)
    store.stop_others(["second"])
    gate.set()
    assert first.result() is None
    assert [] == second.result()
    assert [1] == steps


def test_after_an_error_a_reading_starts_again() -> None:
    """The error is raised once; the next call reads the files again."""
    store, tries = ReadingStore(), []

    def read(on_step: OnStep) -> list[Reading]:
        tries.append(1)
        return [] if len(tries) > 1 else [Reading(str(1 // 0))]

    with pytest.raises(ZeroDivisionError):
        poll_until_done(store, "key", read)
    assert [] == poll_until_done(store, "key", read)


def test_an_abandoned_reading_starts_again(gate: threading.Event) -> None:
    """A reading that ended without a result starts again at the next poll."""
    store = ReadingStore()

    def read(on_step: OnStep) -> list[Reading]:
        assert gate.wait(PATIENCE_S)
        on_step(Step(1, 2))
        return [Reading("a")]

    first = store.poll("key", read)
    first.stop()
    gate.set()
    assert first.wait(PATIENCE_S)
    second = store.poll("key", read)
    assert isinstance(second, BackgroundReading)
    assert second is not first
    assert ["a"] == [one.name for one in poll_until_done(store, "key", read)]


def test_the_least_recently_used_readings_are_removed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Above the limit the reading whose last use is longest ago is removed."""
    store, calls = ReadingStore(), []
    monkeypatch.setattr(reading_store, "MAX_BYTES", 250)

    def read(name: str) -> None:
        def make(on_step: OnStep | None) -> list[Reading]:
            calls.append(name)
            return [Reading(name, pictures=np.zeros((1, 10, 10), np.uint8))]

        store.read(name, make)

    for name in "abacba":
        read(name)
    assert list("abcb") == calls[:4]
    assert calls[4:] == ["a"]
