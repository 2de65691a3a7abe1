"""The queue of training runs: start, resume, cancel, move up and delete.

Every change is made under one lock, so that two visitors or dashboards cannot start a training run twice.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

from filelock import FileLock, Timeout

from core.errors import TrainingError
from core.experiments import check_name, is_taken, models_root
from core.system import child_environment, is_alive, write_whole
from core.training.jobs import (
    COMMAND_NAME,
    Job,
    clear_leftovers,
    first_waiting,
    list_jobs,
    lock_queue,
    read_job,
    read_process,
)
from core.training.protocol import Protocol
from core.training.state import trainings_folder, work_folder, write_job

_CANCEL_WAIT_S = 20.0


def start_training(dataset: Path, name: str, protocol: Protocol, *, root: Path | None = None) -> Job:
    """Put a training run in the queue. It starts in its own process when those before it have ended.

    Raises:
        TrainingError: there is an experiment or an unfinished training run of this name.
        ExperimentError: the name is not a folder name.
    """
    root = root or models_root()
    check_name(name)
    with lock_queue(root):
        if is_taken(name, root):
            raise TrainingError(f'An experiment "{name}" already exists', remedy="choose another name")
        work = work_folder(root, name)
        if (work / "job.json").exists():
            raise TrainingError(
                f'An unfinished training run "{name}" already exists',
                remedy="resume or delete it, or choose another name",
            )
        work.mkdir(parents=True, exist_ok=True)
        choices = {
            **asdict(protocol),
            "frameworks": list(protocol.frameworks),
            "dataset": str(dataset.resolve()),
        }
        write_whole(work / COMMAND_NAME, json.dumps(choices).encode())
        _enqueue(work)
    ensure_runner(root)
    return read_job(name, root)


def resume_job(name: str, root: Path | None = None) -> Job:
    """Put a cancelled, interrupted or failed training run back in the queue; it continues where it stopped.

    Raises:
        TrainingError: there is none, it is running or queued, or it was started in a terminal, so that its
            settings are unknown here.
    """
    root = root or models_root()
    with lock_queue(root):
        job = read_job(name, root)
        if job.state in ("running", "queued"):
            raise TrainingError(f'The training run "{name}" is already {job.state}')
        if not job.command:
            raise TrainingError(
                f'The training run "{name}" was started in a terminal',
                remedy="resume it there, with the same settings and --resume",
            )
        _enqueue(job.folder)
    ensure_runner(root)
    return read_job(name, root)


def cancel_job(name: str, root: Path | None = None) -> None:
    """Stop a training run, or remove it from the queue. Finished epochs are kept, and it can be resumed.

    Raises:
        TrainingError: there is no such training run, or it does not end.
    """
    root = root or models_root()
    with lock_queue(root):
        job = read_job(name, root)
        if job.state == "queued":
            write_job(job.folder, "cancelled", "Removed from the queue.", started=job.started)
    if job.state != "running":
        return
    process, born = read_process(job.folder)
    with contextlib.suppress(ProcessLookupError):
        os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _CANCEL_WAIT_S
    while is_alive(process, born):
        if time.monotonic() > deadline:
            raise TrainingError(
                f'The training run "{name}" did not stop within {_CANCEL_WAIT_S:.0f} s',
                remedy=f"try again, or end process {process}",
            )
        time.sleep(0.1)
    # A process that ended before it could handle the signal did not write its state.
    with contextlib.suppress(TrainingError):
        if read_job(name, root).state == "interrupted":
            write_job(job.folder, "cancelled", "Cancelled before it started.", started=job.started)


def move_up(name: str, root: Path | None = None) -> None:
    """Swap a queued training run with the one before it; the first stays where it is."""
    root = root or models_root()
    with lock_queue(root):
        waiting = [job for job in list_jobs(root) if job.state == "queued"]
        places = [job.name for job in waiting]
        if name not in places[1:]:
            return
        later = waiting[places.index(name)]
        earlier = waiting[places.index(name) - 1]
        write_job(later.folder, "queued", started=earlier.started)
        write_job(earlier.folder, "queued", started=later.started)


def discard_job(name: str, root: Path | None = None) -> None:
    """Delete a training run that is not running, with everything it has trained.

    Raises:
        TrainingError: it is running, or there is none.
    """
    root = root or models_root()
    with lock_queue(root):
        job = read_job(name, root)
        if job.state == "running":
            raise TrainingError(f'The training run "{name}" is still running', remedy="cancel it first")
        shutil.rmtree(job.folder)


def ensure_runner(root: Path) -> None:
    """Start a runner if training runs are queued and none is running, as after a restart of the machine."""
    clear_leftovers(root)
    if first_waiting(root) is None:
        return
    lock = runner_lock(root)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return  # the runner looks at the queue once more after it releases the lock
    lock.release()
    with open(trainings_folder(root) / ".queue-log.txt", "ab") as log:
        subprocess.Popen(
            [sys.executable, "-m", "core.training.runner", str(root.resolve())],
            cwd=root,
            env=child_environment(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def runner_lock(root: Path) -> FileLock:
    """Return the lock that the one runner of a folder of experiments holds."""
    return FileLock(trainings_folder(root) / ".runner.lock")


def _enqueue(work: Path) -> None:
    write_job(work, "queued", started=time.time())
