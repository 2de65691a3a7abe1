"""The readings of one visitor's session: those that are done, in bounded memory, and those in progress."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from dashboard.readings.reading import OnStep, Reading
from dashboard.readings.threads import BackgroundReading

# 600 slices in Hounsfield units.
MAX_BYTES = 320_000_000

Read = Callable[[OnStep | None], list[Reading]]


class ReadingStore:
    """Readings by key; a key stands for files, an experiment and whether the gate was overridden."""

    def __init__(self) -> None:
        self._done: dict[object, list[Reading]] = {}
        self._running: dict[object, BackgroundReading] = {}

    def read(self, key: object, read: Read) -> list[Reading]:
        """Return the readings stored under this key; if there are none, call `read` and store its result."""
        if key not in self._done:
            self._store(key, read(None))
        return self._fetch(key)

    def poll(
        self, key: object, read: Read, *, begin: bool = True
    ) -> list[Reading] | BackgroundReading | None:
        """Return the readings stored under this key, or the reading in progress.

        Args:
            read: reads the files.
            begin: whether to start a reading if there is none.

        Returns:
            None if there is no reading and `begin` is False.

        Raises:
            Exception: any that `read` raised; the next call starts again.
        """
        if key in self._done:
            return self._fetch(key)
        if not begin:
            return None
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = BackgroundReading(read)
        if not running.wait():
            return running
        del self._running[key]
        readings = running.result()
        if readings is None:  # it was abandoned: start again
            return self.poll(key, read)
        self._store(key, readings)
        return readings

    def stop_others(self, keys: Collection[object]) -> None:
        """Stop the readings in progress under all other keys."""
        for key in [key for key in self._running if key not in keys]:
            self._running.pop(key).stop()

    def _store(self, key: object, readings: list[Reading]) -> None:
        self._done[key] = readings
        # Remove the least recently used first; the latest stays, however large.
        while len(self._done) > 1 and sum(map(_count_bytes, self._done.values())) > MAX_BYTES:
            self._done.pop(next(iter(self._done)))

    def _fetch(self, key: object) -> list[Reading]:
        readings = self._done[key] = self._done.pop(key)
        return readings


def _count_bytes(readings: Sequence[Reading]) -> int:
    return sum(reading.pictures.nbytes for reading in readings) + 1
