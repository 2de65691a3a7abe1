"""The folder, lock, state and progress of a training run, shared between processes."""

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

# Called with the stage ("waiting", "reading", "preparing", "training", "publishing") and the progress of each
# track of that stage (files, slices, a framework): at least {"fraction": share done}.
OnProgress = Callable[[str, dict[str, dict[str, Any]]], None]

_WAIT_S = 0.5
# POSIX signals: killed, and memory-mapped file on a full disk. Windows does not define them.
_SIGKILL, _SIGBUS = 9, 7
# Reserved while a training runs, so that its failure can be written even on a full disk.
_SPARE_NAME = "spare"
_SPARE_BYTES = 64 * 1024


def trainings_folder(root: Path) -> Path:
    """Return the folder of unfinished training runs in a folder of experiments."""
    return root / ".training"


def work_folder(root: Path, name: str) -> Path:
    """Return the folder of the training run of this name, used until it is published."""
    return trainings_folder(root) / name


def read_progress(work: Path, frameworks: list[str]) -> dict[str, dict[str, Any]]:
    """Return each framework's fold, folds, epoch, epochs, fraction and seconds_left (None until known).

    Until its child writes progress, a framework has only {"fraction": 0.0}.
    """
    tracks = {}
    for framework in frameworks:
        path = work / framework / "progress.json"
        tracks[framework] = json.loads(path.read_text()) if path.exists() else {"fraction": 0.0}
    return tracks


def last_line(path: Path) -> str:
    """Return the last non-blank line of a log; "" if there is none."""
    if not path.exists():
        return ""
    lines = [line.strip() for line in path.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else ""


def describe_end(code: int, log: Path) -> str:
    """Return why a process ended: killed by the system, the last line of its log, or its exit code."""
    if code == -_SIGKILL:
        return "the system killed it, most likely because memory ran out"
    if code == -_SIGBUS:
        return "a file could not be written to, most likely because the disk is full"
    return last_line(log) or f"exit code {code}"


@contextlib.contextmanager
def hold_slot(root: Path, on_wait: Callable[[], None] = lambda: None) -> Iterator[None]:
    """Hold the one training slot of a folder of experiments; wait while another training run holds it.

    The system releases the lock when the holder's process ends, even if it is killed.

    Args:
        root: the folder of experiments.
        on_wait: called once if it has to wait.
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
    """Write `job.json`: state, reason, process and its start time, and the current time."""
    born = read_start_time(process) if process else None
    values = {"name": work.name, "state": state, "message": message, "process": process, "born": born}
    write_whole(work / "job.json", json.dumps({**values, "heartbeat": time.time(), **more}).encode())


@contextlib.contextmanager
def record_job(work: Path) -> Iterator[Callable[[str, str], None]]:
    """Keep `job.json` up to date: running with a heartbeat, then done, failed or cancelled with a reason."""
    started = time.time()

    def write(state: str, message: str) -> None:
        write_job(work, state, message, process=os.getpid(), started=started)

    def write_last(state: str, message: str) -> None:
        (work / _SPARE_NAME).unlink(missing_ok=True)
        # If even this cannot be written, the state stays "running" without a process: interrupted.
        with contextlib.suppress(StrokeError):
            write(state, message)

    write("running", "starting")
    write_whole(work / _SPARE_NAME, bytes(_SPARE_BYTES))
    try:
        yield write
    except KeyboardInterrupt:
        write_last("cancelled", "Cancelled. Finished epochs are kept; resume it to continue.")
        raise
    except BaseException as error:
        write_last("failed", str(error) or type(error).__name__)
        raise
    write_last("done", "")


def report_stages(on_progress: OnProgress, report: Callable[[str, str], None]) -> OnProgress:
    """Return a callback that calls `on_progress`, and `report` with the stage at most once a second."""
    last = 0.0

    def report_both(stage: str, tracks: dict[str, dict[str, Any]]) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            last = time.monotonic()
            report("running", stage)
        on_progress(stage, tracks)

    return report_both
