"""Decode files in worker processes, so that a hang, crash or memory overrun costs one file only.

Workers are reused, because starting one takes a third of a second. core.scans.messages defines the messages
between the processes.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import IO

from core.errors import ScanError
from core.scans import formats
from core.scans.messages import UNREADABLE, read_message, read_outcome, write_message
from core.scans.scan import Piece, Refused
from core.system import child_environment

# Limits for one file or archive member: processor time, and wall-clock time including the messages.
CPU_LIMIT_S = 15
TIME_LIMIT_S = 19.0
# Includes the worker's libraries and the file itself.
MEMORY_LIMIT_BYTES = 960_000_000
# After this many worker deaths in one archive, the rest of it is not read.
MAX_DEATHS = 3
MAX_IDLE = 2
_idle: list[_Worker] = []
_lock = threading.Lock()
# With more workers than this, callers wait.
_slots = threading.BoundedSemaphore(4)
# Decoding more files at once than there are cores would use up their wall-clock time.
_turns = threading.BoundedSemaphore(os.cpu_count() or 1)


def decode_isolated(data: bytes, source: str, *, key: bytes = b"") -> Iterator[Piece | Refused]:
    """Decode a file, or every member of an archive, in a worker process; see core.scans.decoding.

    Yields:
        A piece for each decoded file and a refusal for each other one, with code "timeout" if it took too
        long and "crashed" if it ended the worker.
    """
    done = deaths = 0
    with _slots:
        while True:
            worker = _borrow_worker()
            death, whole = None, False
            try:
                for outcome in worker.decode(data, source, key, done):
                    done += 1
                    yield outcome
                whole = True
            except _WorkerDied as died:
                death = died
            finally:
                # The worker died, or the caller stopped early and left the rest of the answer in the pipe.
                if not whole:
                    worker.close()
            if death is None:
                _return_worker(worker)
                return
            done, deaths = done + 1, deaths + 1
            if formats.identify(data).name in formats.RASTER_NAMES:
                death.error.role = "other"
            yield Refused(death.source, death.error)
            if deaths >= MAX_DEATHS:
                yield Refused(source, _archive_error())
                return


class _WorkerDied(Exception):
    """A worker ended while it decoded `source`."""

    def __init__(self, source: str, error: ScanError) -> None:
        self.source, self.error = source, error
        super().__init__(str(error))


def _archive_error() -> ScanError:
    return ScanError(
        "Too many files of the archive crashed the decoder; the rest was not read",
        remedy="unpack it and upload the files",
        code="crashed",
    )


class _Worker:
    """A child process that decodes; used by one thread at a time."""

    def __init__(self) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.scans.worker", str(MEMORY_LIMIT_BYTES), str(CPU_LIMIT_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Decoders may print the patient's name.
            stderr=subprocess.DEVNULL,
            env={**child_environment(), **threads},
        )
        self._late = False
        self._source = ""

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def decode(self, data: bytes, source: str, key: bytes, skip: int) -> Iterator[Piece | Refused]:
        """Send a file and yield its outcome, or that of every member of an archive.

        Raises:
            _WorkerDied: the process ended, or was killed because a file took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._source = source
        try:
            with self._timed_turn():
                head = {"source": source, "key": key.hex(), "skip": skip, "n_bytes": len(data)}
                write_message(self._process.stdin, head)
                self._process.stdin.write(data)
                self._process.stdin.flush()
                outcome = self._receive_outcome(self._process.stdout)
            while outcome:
                yield outcome
                with self._timed_turn():
                    outcome = self._receive_outcome(self._process.stdout)
        except UNREADABLE as error:
            raise _WorkerDied(self._source, self._describe_end()) from error

    def _receive_outcome(self, stream: IO[bytes]) -> Piece | Refused | None:
        """Return the outcome of the next file, or None after the last."""
        while True:
            head, _ = read_message(stream)
            if head["kind"] == "end":
                return None
            if head["kind"] != "begin":
                return read_outcome(stream, head)
            self._source = head["source"]

    @contextlib.contextmanager
    def _timed_turn(self) -> Iterator[None]:
        """Wait for a free core, then kill the worker if the block takes longer than TIME_LIMIT_S."""
        with _turns:
            timer = threading.Timer(TIME_LIMIT_S, self._kill_late)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def _kill_late(self) -> None:
        self._late = True
        self._process.kill()

    def _describe_end(self) -> ScanError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        if self._late or self._process.returncode == -getattr(signal, "SIGXCPU", 0):
            return ScanError(
                "Reading the file took too long",
                found=f"more than {TIME_LIMIT_S if self._late else CPU_LIMIT_S:g} s",
                remedy="try again when the machine is less busy, or export the file again; it may be damaged",
                code="timeout",
            )
        return ScanError(
            "The file crashed the decoder",
            remedy="export it again; the file may be damaged",
            code="crashed",
        )

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


def _borrow_worker() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.alive:
                return worker
            worker.close()
    return _Worker()


def _return_worker(worker: _Worker) -> None:
    with _lock:
        if len(_idle) < MAX_IDLE:
            _idle.append(worker)
            return
    worker.close()
