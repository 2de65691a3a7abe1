"""Trainings as jobs: start one in a process of its own, find it again, watch it, cancel it.

A job is a folder in `trained_models/.training/` (see core.training and core.training_state). Its state is
what the training wrote into `job.json`, never guessed from its log; "running" without a living process means
"interrupted".
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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import TrainingError
from core.experiments import models_root
from core.experiments.cards import check_name
from core.files import write_whole
from core.models.fitting import STATE_NAME
from core.protocol import Protocol
from core.training_state import is_alive, read_progress, work_folder

if TYPE_CHECKING:
    import pandas as pd

_LOG_TAIL = 4_000
_CANCEL_WAIT_S = 20.0


@dataclass(frozen=True)
class Job:
    """A training that is not published yet.

    Args:
        name: of the experiment that it makes.
        state: "running", "failed", "cancelled" or "interrupted" (its process ended without a word).
        message: the stage it is in, or why it ended.
        started: seconds since 1970.
        command: the choices it was started with (see `start_training`); empty when it was started elsewhere.
        progress: for each framework: fold, folds, epoch, epochs, fraction, seconds_left (None until known).
        log_tail: the last lines that the processes wrote.
    """

    name: str
    state: str
    message: str
    started: float
    command: dict[str, Any]
    progress: dict[str, dict[str, Any]]
    log_tail: str
    folder: Path

    def read_history(self) -> pd.DataFrame:
        """The epochs so far, with the columns of an experiment's history.csv (but `best`)."""
        import pandas as pd

        rows = []
        for path in sorted(self.folder.glob(f"*/fold-*/{STATE_NAME}")):
            framework, fold = path.parent.parent.name, int(path.parent.name.removeprefix("fold-"))
            epochs = json.loads(path.read_text())["history"]
            rows += [{"framework": framework, "fold": fold, **row} for row in epochs]
        return pd.DataFrame(rows)


def start_training(
    dataset: Path, name: str, protocol: Protocol, *, root: Path | None = None, resume: bool = False
) -> Job:
    """Start `python -m core train` in a process that outlives the caller.

    Raises:
        TrainingError: a training runs already (one at a time: both would be slow), or this one is unfinished
            and `resume` is False.
    """
    root = root or models_root()
    check_name(name)
    if (root / name).exists():
        raise TrainingError(f'There is an experiment "{name}" already', remedy="choose another name")
    for job in list_jobs(root):
        if job.state == "running":
            raise TrainingError(
                f'The training "{job.name}" is running', remedy="wait until it is done, or cancel it"
            )
        if job.name == name and not resume:
            raise TrainingError(f'A training "{name}" is unfinished', remedy="resume or discard it")
    work = work_folder(root, name)
    work.mkdir(parents=True, exist_ok=True)
    choices = {
        "dataset": str(dataset),
        "labels": protocol.labels,
        "split": protocol.split,
        "folds": protocol.folds,
        "architecture": protocol.architecture,
        "frameworks": ",".join(protocol.frameworks),
        "seed": protocol.seed,
        "epochs": protocol.epochs,
        "batch_size": protocol.batch_size,
        "learning_rate": protocol.learning_rate,
    }
    write_whole(work / "command.json", json.dumps(choices).encode())
    arguments = [sys.executable, "-m", "core", "train", "--name", name]
    for key, value in choices.items():
        if value is not None:
            arguments += [f"--{key.replace('_', '-')}", str(value)]
    if resume:
        arguments.append("--resume")
    with open(work / "log.txt", "ab") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**os.environ, "STROKE_CT_MODELS": str(root)},
            start_new_session=True,
        )
    # Until the training itself speaks.
    values = {"name": name, "state": "running", "message": "starting", "process": process.pid}
    write_whole(work / "job.json", json.dumps({**values, "started": time.time()}).encode())
    return read_job(name, root)


def list_jobs(root: Path | None = None) -> list[Job]:
    """All trainings that are not published yet, newest first."""
    root = root or models_root()
    jobs = []
    for path in (root / ".training").glob("*/job.json"):
        # One that is published or discarded at this moment is no job any more.
        with contextlib.suppress(TrainingError):
            jobs.append(read_job(path.parent.name, root))
    return sorted(jobs, key=lambda job: -job.started)


def read_job(name: str, root: Path | None = None) -> Job:
    """The training of this name.

    Raises:
        TrainingError: there is none; it may have been published or discarded meanwhile.
    """
    try:
        return _read(work_folder(root or models_root(), name))
    # The folder may go at any moment, as a training that is done removes it.
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f'There is no training "{name}"', remedy="look among the experiments: it may be done"
        ) from error


def _read(folder: Path) -> Job:
    values = json.loads((folder / "job.json").read_text())
    state, message, process = values["state"], values["message"], int(values["process"])
    if state == "running" and not is_alive(process):
        state, message = "interrupted", "Its process ended without a word, as at a power cut; resume goes on."
    command = folder / "command.json"
    frameworks = [path.parent.name for path in folder.glob("*/progress.json")]
    logs = [folder / "log.txt", *(folder / framework / "log.txt" for framework in frameworks)]
    tails = [path.read_text(errors="replace")[-_LOG_TAIL:] for path in logs if path.exists()]
    return Job(
        name=folder.name,
        state=state,
        message=message,
        started=float(values["started"]),
        command=json.loads(command.read_text()) if command.exists() else {},
        progress=read_progress(folder, frameworks),
        log_tail="\n".join(tail for tail in tails if tail.strip()),
        folder=folder,
    )


def cancel_job(name: str, root: Path | None = None) -> None:
    """End a training; what it has trained is kept, and it can be resumed.

    Raises:
        TrainingError: there is no such training, or it does not end.
    """
    job = read_job(name, root)
    if job.state != "running":
        return
    process = json.loads((job.folder / "job.json").read_text())["process"]
    os.kill(process, signal.SIGTERM)
    deadline = time.monotonic() + _CANCEL_WAIT_S
    while is_alive(process):
        if time.monotonic() > deadline:
            raise TrainingError(f'The training "{name}" does not end', came=f"process {process}")
        time.sleep(0.1)


def discard_job(name: str, root: Path | None = None) -> None:
    """Delete a training that does not run, with all it has trained.

    Raises:
        TrainingError: it is running, or there is none.
    """
    job = read_job(name, root)
    if job.state == "running":
        raise TrainingError(f'The training "{name}" is running', remedy="cancel it first")
    shutil.rmtree(job.folder)
