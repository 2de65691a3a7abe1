"""Reading in a thread of its own, so that a page need not wait: it looks in, and shows what is there.

The thread knows nothing of pages. It goes on only while somebody looks in: a visitor who has left, or closed
the tab, leaves no work behind.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from dashboard.readings.reading import OnStep, Reading, Step

# Whoever has not looked in for so long has left; pages look in every second.
ABSENCE_S = 8.0
# One at a time in the whole server: each reading uses all cores, and the memory of a study.
_queue = ThreadPoolExecutor(1, thread_name_prefix="reading")


class _Ended(Exception):
    """Nobody wants the reading any more."""


class BackgroundReading:
    """Files that are being read, or wait for their turn.

    Args:
        read: reads them; tells its steps to the function it is given, and lets pass what that raises.
        clock: seconds that only go on.

    Attributes:
        step: how far it has come.
        began: whether its turn has come.
        stopped: whether somebody stopped it.
    """

    def __init__(
        self, read: Callable[[OnStep], list[Reading]], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.step = Step()
        self.began = self.stopped = False
        self._read, self._clock = read, clock
        self._seen_s = clock()
        self._future: Future[list[Reading]] = _queue.submit(self._run)

    def watch(self, patience_s: float = 0.0) -> bool:
        """Look in, and wait for so long; gives whether the reading is over."""
        self._seen_s = self._clock()
        wait([self._future], patience_s)
        return self._future.done()

    def stop(self) -> None:
        """End it after the slices in progress."""
        self.stopped = True

    def result(self) -> list[Reading] | None:
        """What was read; None where it ended because it was stopped, or nobody looked in. Waits for the end.

        Raises:
            whatever the reading raised.
        """
        try:
            return self._future.result()
        except _Ended:
            return None

    def _run(self) -> list[Reading]:
        self._go_on(Step())
        self.began = True
        return self._read(self._go_on)

    def _go_on(self, step: Step) -> None:
        if self.stopped or self._clock() - self._seen_s > ABSENCE_S:
            raise _Ended
        self.step = step
