"""Work on many slices at once: as many threads as this process has cores, and all readings share them.

NumPy, Pillow and ONNX Runtime let go of the interpreter while they compute, so threads are enough. That there
is one set of them bounds what a server of many visitors does at once.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def count_cores() -> int:
    """The number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_MOST_THREADS = 4  # as much memory as each takes, more would need too much
_N_THREADS = min(count_cores(), _MOST_THREADS)
_threads = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="side-by-side")


def map_side_by_side(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Like `map`: the results in the order of the items, which are worked on at once.

    A few items are asked for ahead, no more, so that memory stays bounded and several readings take turns.
    Whoever stops asking ends the work after the items in progress. `work` may not call this function.

    Raises:
        what `work` raises, in the place of its result.
    """
    ahead: deque[Future[R]] = deque()
    try:
        for item in items:
            ahead.append(_threads.submit(work, item))
            if len(ahead) > 2 * _N_THREADS:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        for future in ahead:
            future.cancel()
