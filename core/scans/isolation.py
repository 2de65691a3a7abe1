"""Decoding in a process of its own: what hangs, crashes or swells there costs one file, and not this process.

Two processes talk over pipes: a length, a head in JSON, and raw bytes. No pickle: the worker may have been
taken over by a hostile file. A worker is kept for the next file, because starting
one takes a third of a second.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import struct
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from core.errors import ScanError
from core.scans.scan import Piece, Plane, Refused

# For one file, or one member of an archive: of the processor, and of the clock, sending and answering
# included.
CPU_LIMIT_S = 15
TIME_LIMIT_S = 19.0
# What a worker may take, the libraries and the file itself included.
MEMORY_LIMIT_BYTES = 960_000_000
# An archive whose members keep ending the worker is not read further.
MAX_DEATHS = 3
MAX_IDLE = 2
MAX_HEAD_BYTES = 16_000_000
# 100 million pixels: no kind of file may hold more.
MAX_ANSWER_BYTES = 400_000_000

_ROOT = Path(__file__).resolve().parents[2]
_LENGTH = struct.Struct(">Q")
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
                for head, planes in worker.ask(data, source, key, done):
                    done += 1
                    yield _to_outcome(head, planes)
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
        path = os.pathsep.join(filter(None, (str(_ROOT), os.environ.get("PYTHONPATH", ""))))
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "core.scans.worker", str(MEMORY_LIMIT_BYTES), str(CPU_LIMIT_S)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # What decoders print may quote the patient.
            stderr=subprocess.DEVNULL,
            env={**os.environ, **threads, "PYTHONPATH": path},
        )
        self._late = False
        self._source = ""

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def ask(
        self, data: bytes, source: str, key: bytes, skip: int
    ) -> Iterator[tuple[dict[str, Any], list[np.ndarray]]]:
        """Send a file; yield what came of it, or of every member of an archive.

        Raises:
            _WorkerDied: it ended, or was ended because a file took too long.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._source = source
        try:
            with self._taking_turns():
                head = {"source": source, "key": key.hex(), "skip": skip}
                write_message(self._process.stdin, head, [data])
                outcome = self._receive_outcome(self._process.stdout)
            while outcome[0]["kind"] != "end":
                yield outcome
                with self._taking_turns():
                    outcome = self._receive_outcome(self._process.stdout)
        except (OSError, EOFError, ValueError, KeyError, TypeError, struct.error) as error:
            raise _WorkerDied(self._source, self._explain()) from error

    def _receive_outcome(self, stream: IO[bytes]) -> tuple[dict[str, Any], list[np.ndarray]]:
        while True:
            head, planes = self._receive(stream)
            if head["kind"] != "begin":
                return head, planes
            self._source = head["source"]

    def _receive(self, stream: IO[bytes]) -> tuple[dict[str, Any], list[np.ndarray]]:
        head = read_head(stream)
        planes = []
        left = MAX_ANSWER_BYTES
        for plane in head.get("planes", ()):
            height, width = plane.pop("shape")
            left -= height * width * 4
            if min(height, width) < 1 or left < 0:
                raise ValueError("the worker's answer makes no sense")
            pixels = np.empty((height, width), np.float32)
            read_into(stream, pixels.data.cast("B"))
            planes.append(pixels)
        return head, planes

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
                came=f"more than {TIME_LIMIT_S if self._late else CPU_LIMIT_S:g} s",
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


def _to_outcome(head: dict[str, Any], pixels: list[np.ndarray]) -> Piece | Refused:
    if head["kind"] == "refused":
        error = ScanError(head["problem"], came=head["came"], remedy=head["remedy"], code=head["code"])
        return Refused(head["source"], error)
    planes = []
    for numbers, values in zip(head["planes"], pixels, strict=True):
        fields: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in numbers.items()}
        planes.append(Plane(pixels=values, **fields))
    piece: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in head["piece"].items()}
    return Piece(**piece, planes=tuple(planes))


def describe(source: str, outcome: Piece | ScanError) -> tuple[dict[str, Any], list[np.ndarray]]:
    """A worker's answer as a head for JSON, and the pixels that follow it."""
    if isinstance(outcome, ScanError):
        texts = {name: getattr(outcome, name) for name in ("problem", "came", "remedy", "code")}
        return {"kind": "refused", "source": source, **texts}, []
    pixels = [np.ascontiguousarray(plane.pixels, np.float32) for plane in outcome.planes]
    numbers = []
    for plane in outcome.planes:
        fields = asdict(replace(plane, pixels=np.empty(0, np.float32)))
        del fields["pixels"]
        numbers.append({**fields, "shape": plane.pixels.shape})
    piece = asdict(replace(outcome, planes=()))
    del piece["planes"]
    return {"kind": "piece", "piece": piece, "planes": numbers}, pixels


def write_message(stream: IO[bytes], head: dict[str, Any], parts: list[Any]) -> None:
    """Write a head with the lengths of the parts, and the parts."""
    sizes = [memoryview(part).nbytes for part in parts]
    packed = json.dumps({**head, "sizes": sizes}, allow_nan=False).encode("ascii")
    stream.write(_LENGTH.pack(len(packed)) + packed)
    for part in parts:
        stream.write(memoryview(part).cast("B"))
    stream.flush()


def read_head(stream: IO[bytes]) -> dict[str, Any]:
    """Read a message's head.

    Raises:
        EOFError: the stream ended.
        ValueError: this is no message.
    """
    packed = bytearray(_LENGTH.size)
    read_into(stream, memoryview(packed))
    (length,) = _LENGTH.unpack(packed)
    if length > MAX_HEAD_BYTES:
        raise ValueError("the head of a message is too long")
    packed = bytearray(length)
    read_into(stream, memoryview(packed))
    head = json.loads(packed)
    if not isinstance(head, dict) or any(
        isinstance(v, float) and not math.isfinite(v) for v in head.values()
    ):
        raise ValueError("this is no message")
    return head


def read_into(stream: IO[bytes], target: memoryview) -> None:
    """Fill `target` from the stream; EOFError when it ends before."""
    done = 0
    while done < len(target):
        count = stream.readinto(target[done:])  # type: ignore[attr-defined]
        if not count:
            raise EOFError
        done += count
