"""Decoding in a process of its own: what hangs, crashes or swells there costs one file, and not this process.

A worker is kept for the next file, because starting one takes a third of a second. How the two processes talk
is told in core.scans.messages.
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
from core.scans.messages import UNREADABLE, read_message, read_outcome, write_message
from core.scans.scan import Piece, Refused
from core.system import child_environment

# For one file, or one member of an archive: of the processor, and of the clock, sending and answering
# included.
CPU_LIMIT_S = 15
TIME_LIMIT_S = 19.0
# What a worker may take, the libraries and the file itself included.
MEMORY_LIMIT_BYTES = 960_000_000
# An archive whose members keep ending the worker is not read further.
MAX_DEATHS = 3
MAX_IDLE = 2
_idle: list[_Worker] = []
_lock = threading.Lock()
# Beyond this many workers, callers wait for each other.
_slots = threading.BoundedSemaphore(4)
# Beyond this many files at once, none would have the time that it may take.
_turns = threading.BoundedSemaphore(os.cpu_count() or 1)


def decode_apart(data: bytes, source: str, *, key: bytes = b"") -> Iterator[Piece | Refused]:
    """Decode a file, or every member of an archive, in a worker process; see core.scans.decoding.

    Yields:
        a piece for each file that was decoded, and a refusal for each that was not: also for one that took
        too long (code "timeout") or ended the worker (code "crashed").
    """
    done = deaths = 0
    with _slots:
        while True:
            worker = _take()
            death, whole = None, False
            try:
                for outcome in worker.ask(data, source, key, done):
                    done += 1
                    yield outcome
                whole = True
            except _WorkerDied as died:
                death = died
            finally:
                # Dead, or whoever asked has gone away, and the answer's rest would be in the pipe.
                if not whole:
                    worker.close()
            if death is None:
                _keep(worker)
                return
            done, deaths = done + 1, deaths + 1
            yield Refused(death.source, death.error)
            if deaths >= MAX_DEATHS:
                yield Refused(source, _give_up())
                return


class _WorkerDied(Exception):
    """While it decoded `source`."""

    def __init__(self, source: str, error: ScanError) -> None:
        self.source, self.error = source, error
        super().__init__(str(error))


def _give_up() -> ScanError:
    return ScanError(
        "Too many files of the archive ended the decoder; the rest was not read",
        remedy="hand in the files by themselves",
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
            # What decoders print may quote the patient.
            stderr=subprocess.DEVNULL,
            env={**child_environment(), **threads},
        )
        self._late = False
        self._source = ""

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, data: bytes, source: str, key: bytes, skip: int) -> Iterator[Piece | Refused]:
        """Send a file; yield what came of it, or of every member of an archive.

        Raises:
            _WorkerDied: it ended, or was ended because a file took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._source = source
        try:
            with self._taking_turns():
                head = {"source": source, "key": key.hex(), "skip": skip, "n_bytes": len(data)}
                write_message(self._process.stdin, head)
                self._process.stdin.write(data)
                self._process.stdin.flush()
                outcome = self._receive_outcome(self._process.stdout)
            while outcome:
                yield outcome
                with self._taking_turns():
                    outcome = self._receive_outcome(self._process.stdout)
        except UNREADABLE as error:
            raise _WorkerDied(self._source, self._explain()) from error

    def _receive_outcome(self, stream: IO[bytes]) -> Piece | Refused | None:
        """Return what came of the next file; None after the last."""
        while True:
            head, _ = read_message(stream)
            if head["kind"] == "end":
                return None
            if head["kind"] != "begin":
                return read_outcome(stream, head)
            self._source = head["source"]

    @contextlib.contextmanager
    def _taking_turns(self) -> Iterator[None]:
        """Wait for a free core, and then end the worker when this takes too long: its pipes close."""
        with _turns:
            timer = threading.Timer(TIME_LIMIT_S, self._end_late)
            timer.daemon = True
            timer.start()
            try:
                yield
            finally:
                timer.cancel()

    def _end_late(self) -> None:
        self._late = True
        self._process.kill()

    def _explain(self) -> ScanError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(1)
        if self._late or self._process.returncode == -getattr(signal, "SIGXCPU", 0):
            return ScanError(
                "Reading the file took too long",
                found=f"more than {TIME_LIMIT_S if self._late else CPU_LIMIT_S:g} s",
                remedy="try again when the machine has less to do, or export it again; it may be damaged on"
                " purpose",
                code="timeout",
            )
        return ScanError(
            "The file ended the program that decodes it",
            remedy="export it again; the file may be damaged on purpose",
            code="crashed",
        )

    def close(self) -> None:
        self._process.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
        self._process.wait()


def _take() -> _Worker:
    with _lock:
        while _idle:
            worker = _idle.pop()
            if worker.alive:
                return worker
            worker.close()
    return _Worker()


def _keep(worker: _Worker) -> None:
    with _lock:
        if len(_idle) < MAX_IDLE:
            _idle.append(worker)
            return
    worker.close()
