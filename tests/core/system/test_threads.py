"""Slices are processed in parallel threads."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from core.system.threads import count_cores, map_parallel

PATIENCE_S = 20


def test_results_keep_the_order_of_the_items() -> None:
    """Results are in the order of the items even if a later item finishes first."""
    second_done = threading.Event()

    def work(number: int) -> int:
        if number == 0:
            # With one thread the second item cannot run meanwhile, hence the timeout.
            second_done.wait(0.2)
        second_done.set()
        return -number

    assert [-number for number in range(40)] == list(map_parallel(work, range(40)))


def test_few_items_are_taken_ahead() -> None:
    """From an endless iterator only a few items are taken before the first result."""
    taken = []

    def count() -> Iterator[int]:
        while True:
            taken.append(len(taken))
            yield taken[-1]

    results = map_parallel(str, count())
    assert "0" == next(results)
    assert len(taken) <= 10
    results.close()


def test_an_error_is_raised_in_order() -> None:
    """Results before the failing item are yielded; then its error is raised."""
    results = map_parallel(lambda number: 6 // (2 - number), range(9))
    assert [3, 6] == [next(results), next(results)]
    with pytest.raises(ZeroDivisionError):
        next(results)


def test_closing_cancels_waiting_items() -> None:
    """When the caller stops, only items already started are finished."""
    may_go, done = threading.Event(), []

    def work(number: int) -> None:
        if number:
            may_go.wait(PATIENCE_S)
        done.append(number)

    results = map_parallel(work, range(1000))
    next(results)
    results.close()
    may_go.set()
    # The threads are shared, so all earlier work has ended when this returns.
    list(map_parallel(str, range(20)))
    assert len(done) <= 1 + min(count_cores(), 4)
