"""A training's folder, its lock, its job's state and its progress, as other processes see them."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from core.errors import StrokeError
from core.system import read_start_time, write_whole

# Called with the stage ("waiting", "reading", "preparing", "training", "publishing") and, per track of that
# stage, what is known of its progress: at least {"fraction": share done}.
OnProgress = Callable[[str, dict[str, dict[str, Any]]], None]

_WAIT_S = 0.5
# POSIX's signals for a kill, and for memory that a full disk cannot back; Windows names neither.
_SIGKILL, _SIGBUS = 9, 7
# Set aside while a training runs, so that on a full disk there is room to say that it failed.
_SPARE_NAME = "spare"
_SPARE_BYTES = 64 * 1024


def trainings_folder(root: Path) -> Path:
    """Where the trainings of a folder of experiments keep their state."""
    return root / ".training"


def work_folder(root: Path, name: str) -> Path:
    """Where a training of this name keeps its state until it is published."""
    return trainings_folder(root) / name


def read_progress(work: Path, frameworks: list[str]) -> dict[str, dict[str, Any]]:
    """How far each framework is: fold, folds, epoch, epochs, fraction, seconds_left (None until known)."""
    tracks = {}
    for framework in frameworks:
        path = work / framework / "progress.json"
        tracks[framework] = json.loads(path.read_text()) if path.exists() else {"fraction": 0.0}
    return tracks


def last_line(path: Path) -> str:
    """The last line of a log that says something; empty when there is none."""
    if not path.exists():
        return ""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def tell_end(code: int, log: Path) -> str:
    """Why a process ended, in words: killed by the system, or the last line of its log."""
    if code == -_SIGKILL:
        return "the system killed it, most likely because memory ran out"
    if code == -_SIGBUS:
        return "a file could not be written to, most likely because the disk is full"
    return last_line(log) or f"exit code {code}"


@contextlib.contextmanager
def only_one(root: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the one slot for trainings of this folder of experiments; wait for it while another one holds it.

    The system gives the lock back when its holder ends, however it ends.

    Args:
        root: where experiments live.
        on_wait: called once when it has to wait.
    """
    folder = trainings_folder(root)
    folder.mkdir(parents=True, exist_ok=True)
    slot = FileLock(folder / ".slot.lock", poll_interval=_WAIT_S)
    try:
        slot.acquire(timeout=0)
    except Timeout:
        on_wait()
        slot.acquire()
    try:
        yield
    finally:
        slot.release()


def write_job(work: Path, state: str, message: str = "", *, process: int = 0, **more: Any) -> None:
    """Write `job.json`: the state, why, whose it is (with the time that process began), and when."""
    born = read_start_time(process) if process else None
    values = {"name": work.name, "state": state, "message": message, "process": process, "born": born}
    write_whole(work / "job.json", json.dumps({**values, "heartbeat": time.time(), **more}).encode())


@contextlib.contextmanager
def record_job(work: Path) -> Iterator[Callable[[str, str], None]]:
    """Keep `job.json` true: running with a heartbeat, then done, failed or cancelled, with the reason."""
    started = time.time()

    def write(state: str, message: str) -> None:
        write_job(work, state, message, process=os.getpid(), started=started)

    def write_last(state: str, message: str) -> None:
        (work / _SPARE_NAME).unlink(missing_ok=True)
        # Where not even this can be written, the state stays "running" without a process: interrupted.
        with contextlib.suppress(StrokeError):
            write(state, message)

    write("running", "starting")
    write_whole(work / _SPARE_NAME, bytes(_SPARE_BYTES))
    try:
        yield write
    except KeyboardInterrupt:
        write_last("cancelled", "Cancelled; what was trained is kept, and resuming goes on.")
        raise
    except BaseException as error:
        write_last("failed", str(error) or type(error).__name__)
        raise
    write_last("done", "")


def and_report(on_progress: OnProgress, report: Callable[[str, str], None]) -> OnProgress:
    """Tell `on_progress`, and once a second the job's state as well."""
    last = 0.0

    def tell(stage: str, tracks: dict[str, dict[str, Any]]) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            report("running", stage)
        on_progress(stage, tracks)

    return tell
