"""Process slices in parallel threads. All readings share one thread pool, which limits the load of a server.

NumPy, Pillow and ONNX Runtime release the interpreter lock while they compute, so threads suffice.
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
    """Return the number of CPU cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


_MAX_THREADS = 4  # more would need too much memory
_N_THREADS = min(count_cores(), _MAX_THREADS)
_threads = ThreadPoolExecutor(_N_THREADS, thread_name_prefix="map-parallel")


def map_parallel(work: Callable[[T], R], items: Iterable[T]) -> Iterator[R]:
    """Apply `work` to the items in parallel, and yield the results in the order of the items.

    Only a few items are taken ahead, so that memory stays bounded and several readings take turns. When the
    caller stops, items that have not started are cancelled. `work` must not call this function.

    Raises:
        Exception: what `work` raises, when its result would be yielded.
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
