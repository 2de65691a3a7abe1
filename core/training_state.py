"""A training's folder, its lock, its job's state and its progress, as other processes see them."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from core.errors import TrainingError
from core.files import write_whole

# Called with the stage ("reading", "preparing", "training", "publishing") and, per track of that stage, what
# is known of its progress: at least {"fraction": share done}.
OnProgress = Callable[[str, dict[str, dict[str, Any]]], None]


def work_folder(root: Path, name: str) -> Path:
    """Where a training of this name keeps its state until it is published."""
    return root / ".training" / name


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


@contextlib.contextmanager
def only_one(work: Path) -> Iterator[None]:
    """Refuse a second training in the same folder while the first lives."""
    path = work / "lock"
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        owner = path.read_text().strip()
        if owner.isdigit() and is_alive(int(owner)):
            raise TrainingError(
                f'The training "{work.name}" is running already',
                came=f"process {owner}",
                remedy="wait for it",
            ) from None
    write_whole(path, str(os.getpid()).encode())
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def is_alive(process: int) -> bool:
    """Whether a process of this id runs (and is no zombie, where the system tells)."""
    if os.name == "nt":
        listed = subprocess.run(
            ["tasklist", "/FI", f"PID eq {process}", "/NH"], capture_output=True, text=True, check=False
        )
        return str(process) in listed.stdout
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    status = Path(f"/proc/{process}/stat")
    return not (status.exists() and status.read_text().rpartition(")")[2].split()[0] == "Z")


@contextlib.contextmanager
def keep_job(work: Path, name: str) -> Iterator[Callable[[str, str], None]]:
    """Keep `job.json` true: running with a heartbeat, then done, failed or cancelled, with the reason."""
    started = time.time()

    def write(state: str, message: str) -> None:
        values = {
            "name": name,
            "state": state,
            "message": message,
            "process": os.getpid(),
            "started": started,
            "heartbeat": time.time(),
        }
        write_whole(work / "job.json", json.dumps(values).encode())

    write("running", "starting")
    try:
        yield write
    except KeyboardInterrupt:
        write("cancelled", "Cancelled; what was trained is kept, and --resume goes on.")
        raise
    except BaseException as error:
        write("failed", str(error) or type(error).__name__)
        raise
    write("done", "")


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
