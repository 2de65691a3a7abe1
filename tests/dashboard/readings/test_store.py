"""The readings of one session: kept, under way, given up."""

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
    """What a reading waits for; it is opened at the end."""
    opened = threading.Event()
    yield opened
    opened.set()


def look_until_done(store: ReadingStore, key: object, read: object) -> list[Reading]:
    """Look in until there are readings."""
    while isinstance(found := store.look_in(key, read), BackgroundReading):
        assert found.watch(PATIENCE_S)
    return found


def test_what_was_read_is_not_read_again() -> None:
    """Neither in the background nor at once, once either has read it."""
    store, asked = ReadingStore(), []

    def read(on_step: OnStep | None) -> list[Reading]:
        asked.append(on_step)
        return [Reading("a")]

    assert store.look_in("key", read, begin=False) is None
    assert ["a"] == [one.name for one in look_until_done(store, "key", read)]
    assert store.look_in("key", read) is store.read("key", read)
    assert 1 == len(asked)


def test_other_readings_are_ended(gate: threading.Event) -> None:
    """A reading whose files are no longer there stops at its next step; one whose files are goes on."""
    store, steps = ReadingStore(), []

    def read(on_step: OnStep) -> list[Reading]:
        assert gate.wait(PATIENCE_S)
        on_step(Step(1, 2))
        steps.append(1)
        return []

    first = store.look_in("first", read)
    second = store.look_in("second", read)
    store.end_others(["second"])
    gate.set()
    assert first.result() is None
    assert [] == second.result()
    assert [1] == steps


def test_after_an_error_a_reading_is_begun_anew() -> None:
    """The error is raised once; whoever asks again has the files read again."""
    store, tries = ReadingStore(), []

    def read(on_step: OnStep) -> list[Reading]:
        tries.append(1)
        return [] if len(tries) > 1 else [Reading(str(1 // 0))]

    with pytest.raises(ZeroDivisionError):
        look_until_done(store, "key", read)
    assert [] == look_until_done(store, "key", read)


def test_a_visitor_who_comes_back_is_read_for_anew(gate: threading.Event) -> None:
    """A reading that ended while nobody looked in is begun again."""
    store = ReadingStore()

    def read(on_step: OnStep) -> list[Reading]:
        assert gate.wait(PATIENCE_S)
        on_step(Step(1, 2))
        return [Reading("a")]

    first = store.look_in("key", read)
    first.stop()
    gate.set()
    assert first.watch(PATIENCE_S)
    second = store.look_in("key", read)
    assert isinstance(second, BackgroundReading)
    assert second is not first
    assert ["a"] == [one.name for one in look_until_done(store, "key", read)]


def test_the_oldest_readings_go_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is more than a session may keep is given up, what was asked for longest ago first."""
    store, asked = ReadingStore(), []
    monkeypatch.setattr(reading_store, "MOST_BYTES", 250)

    def read(name: str) -> None:
        def draw(on_step: OnStep | None) -> list[Reading]:
            asked.append(name)
            return [Reading(name, pictures=np.zeros((1, 10, 10), np.uint8))]

        store.read(name, draw)

    for name in "abacba":
        read(name)
    assert list("abcb") == asked[:4]
    assert asked[4:] == ["a"]
