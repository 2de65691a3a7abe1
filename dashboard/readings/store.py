"""The readings of one visitor's session: those that are done, bounded, and the one under way."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from dashboard.readings.reading import OnStep, Reading
from dashboard.readings.threads import BackgroundReading

# 600 slices in Hounsfield units.
MOST_BYTES = 320_000_000

Read = Callable[[OnStep | None], list[Reading]]


class ReadingStore:
    """What has been read under which key; a key stands for files, an experiment and how they are read."""

    def __init__(self) -> None:
        self._kept: dict[object, list[Reading]] = {}
        self._running: dict[object, BackgroundReading] = {}

    def read(self, key: object, read: Read) -> list[Reading]:
        """What was read under this key, or else what `read` gives, at once."""
        if key not in self._kept:
            self._keep(key, read(None))
        return self._recall(key)

    def look_in(
        self, key: object, read: Read, *, begin: bool = True
    ) -> list[Reading] | BackgroundReading | None:
        """What was read under this key, or the reading that is under way.

        Args:
            begin: whether to begin it if need be; if not, there may be None.

        Raises:
            whatever the reading raised; it is begun anew then when asked for again.
        """
        if key in self._kept:
            return self._recall(key)
        if not begin:
            return None
        running = self._running.get(key)
        if running is None:
            running = self._running[key] = BackgroundReading(read)
        if not running.watch():
            return running
        del self._running[key]
        readings = running.result()
        if readings is None:  # the visitor was away for a while
            return self.look_in(key, read)
        self._keep(key, readings)
        return readings

    def end_others(self, keys: Collection[object]) -> None:
        """Stop what is read under any other key."""
        for key in [key for key in self._running if key not in keys]:
            self._running.pop(key).stop()

    def _keep(self, key: object, readings: list[Reading]) -> None:
        self._kept[key] = readings
        # The oldest go first; what was just read stays, however large.
        while len(self._kept) > 1 and sum(map(_n_bytes, self._kept.values())) > MOST_BYTES:
            self._kept.pop(next(iter(self._kept)))

    def _recall(self, key: object) -> list[Reading]:
        readings = self._kept[key] = self._kept.pop(key)
        return readings


def _n_bytes(readings: Sequence[Reading]) -> int:
    return sum(reading.pictures.nbytes for reading in readings) + 1
