"""Work on many slices at once."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.system.threads import count_cores, map_side_by_side

PATIENCE_S = 20


def test_results_come_in_the_order_of_the_items() -> None:
    """What was done first comes second when it was asked for second."""
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            # On one core there is one thread, and nobody to wait for.
            second_done.wait(0.2)
        second_done.set()
        return -number

    assert [-number for number in range(40)] == list(map_side_by_side(work, range(40)))


def test_few_items_are_asked_for_ahead() -> None:
    """Of an endless row only a handful is taken before the first result is asked for."""
    taken = []

    def count() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    results = map_side_by_side(str, count())
    assert "0" == next(results)
    assert len(taken) <= 10
    results.close()


def test_an_error_comes_in_the_place_of_its_result() -> None:
    """What is before the item that fails is handed on; then its error is raised."""
    results = map_side_by_side(lambda number: 6 // (2 - number), range(9))
    assert [3, 6] == [next(results), next(results)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_whoever_stops_asking_ends_the_work() -> None:
    """Items that wait when the row is closed are not worked on: only those that a thread has taken."""
    may_go, done = threading.Event(), []

    def work(number: int) -> None:
        if number:
            may_go.wait(PATIENCE_S)
        done.append(number)

    results = map_side_by_side(work, range(1000))
    next(results)
    results.close()
    may_go.set()
    # The last in the row of the same threads: all before it is over then.
    list(map_side_by_side(str, range(20)))
    assert len(done) <= 1 + min(count_cores(), 4)
