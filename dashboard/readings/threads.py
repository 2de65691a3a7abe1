"""Readings in a background thread, which a page polls to show what is ready.

A reading goes on only while a page polls it: when a visitor leaves or closes the tab, it ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from dashboard.readings.reading import OnStep, Reading, Step

# A reading that was not polled for this long is abandoned. Pages poll every second.
MAX_ABSENCE_S = 8.0
# One reading at a time in the whole server: each uses all cores and the memory of a study.
_queue = ThreadPoolExecutor(1, thread_name_prefix="reading")


class _Cancelled(Exception):
    """The reading was stopped or abandoned."""


class BackgroundReading:
    """Files that are being read, or are waiting to be read.

    Args:
        read: reads the files. It calls its argument at each step, and must not catch errors of these calls.
        clock: returns monotonic seconds.

    Attributes:
        step: the progress of the reading.
        started: whether the reading has left the queue.
        stopped: whether `stop` was called.
    """

    def __init__(
        self, read: Callable[[OnStep], list[Reading]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.step = Step()
        self.started = self.stopped = False
        self._read, self._clock = read, clock
        self._polled_s = clock()
        self._future: Future[list[Reading]] = _queue.submit(self._run)

    def wait(self, timeout_s: float = 0.0) -> bool:
        """Poll the reading, waiting up to `timeout_s`; return whether it has ended."""
        self._polled_s = self._clock()
        wait([self._future], timeout_s)
        return self._future.done()

    def stop(self) -> None:
        """End the reading after the slices in progress."""
        self.stopped = True

    def result(self) -> list[Reading] | None:
        """Wait for the end and return the readings; None if stopped or abandoned.

        Raises:
            Exception: any that `read` raised.
        """
        try:
            return self._future.result()
        except _Cancelled:
            return None

    def _run(self) -> list[Reading]:
        self._take_step(Step())
        self.started = True
        return self._read(self._take_step)

    def _take_step(self, step: Step) -> None:
        if self.stopped or self._clock() - self._polled_s > MAX_ABSENCE_S:
            raise _Cancelled
        self.step = step
