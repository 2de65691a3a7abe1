"""Training runs as jobs: running, queued or ended.

A job is a folder in `trained_models/.training/` (see `core.training.run` and `core.training.state`). Its
state is read from `job.json`, which the queue or the training run itself writes; "running" without a living
process means "interrupted".

`core.training.queue` changes jobs; `core.training.runner` starts the queued ones.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from filelock import FileLock

from core.errors import TrainingError
from core.experiments import CARD_NAME, models_root
from core.system import is_alive, memory_of
from core.training.fitting import STATE_NAME
from core.training.state import read_progress, trainings_folder, work_folder

if TYPE_CHECKING:
    import pandas as pd

COMMAND_NAME = "command.json"
_LOG_TAIL = 4_000


@dataclass(frozen=True)
class Job:
    """A training run that is not published yet.

    Args:
        name: the name of its experiment.
        state: "queued", "running", "failed", "cancelled" or "interrupted" (its process ended without giving a
            reason).
        message: its stage, or the reason why it ended.
        started: seconds since 1970; for a queued job, when it was queued.
        command: its settings (the fields of a Protocol, and "dataset"); empty when it was started in a
            terminal.
        progress: for each framework: fold, folds, epoch, epochs, fraction, seconds_left (None until known).
        log_tail: the last lines of its logs.
        folder: its folder.
        memory: bytes used by its processes; 0 unless it is running.
    """

    name: str
    state: str
    message: str
    started: float
    command: dict[str, Any]
    progress: dict[str, dict[str, Any]]
    log_tail: str
    folder: Path
    memory: int = 0

    def read_history(self) -> pd.DataFrame:
        """Return the epochs so far, with the columns of an experiment's history.csv except `best`."""
        import pandas as pd

        rows = []
        for path in sorted(self.folder.glob(f"*/fold-*/{STATE_NAME}")):
            framework, fold = path.parent.parent.name, int(path.parent.name.removeprefix("fold-"))
            epochs = json.loads(path.read_text())["history"]
            rows += [{"framework": framework, "fold": fold, **row} for row in epochs]
        return pd.DataFrame(rows)


def list_jobs(root: Path | None = None) -> list[Job]:
    """Return all unpublished training runs: running, then queued in order, then ended (newest first)."""
    root = root or models_root()
    jobs = []
    for path in trainings_folder(root).glob("*/job.json"):
        # A job may be published or deleted at this moment.
        with contextlib.suppress(TrainingError):
            if not _is_leftover(path.parent):
                jobs.append(read_job(path.parent.name, root))
    ranks = {"running": 0, "queued": 1}
    return sorted(
        jobs,
        key=lambda job: (ranks.get(job.state, 2), job.started if job.state == "queued" else -job.started),
    )


def read_job(name: str, root: Path | None = None) -> Job:
    """Return the training run of this name.

    Raises:
        TrainingError: there is none; it may have been published or deleted since.
    """
    try:
        return _read(work_folder(root or models_root(), name))
    # The folder may vanish at any moment: a finished training run removes it.
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrainingError(
            f'There is no training run "{name}"', remedy="look among the experiments: it may have finished"
        ) from error


def clear_leftovers(root: Path) -> None:
    """Remove the folders of training runs that were killed after publication, before they removed them."""
    for path in trainings_folder(root).glob("*/job.json"):
        if _is_leftover(path.parent):
            shutil.rmtree(path.parent, ignore_errors=True)


@contextlib.contextmanager
def lock_queue(root: Path) -> Iterator[None]:
    """Lock the queue against changes by other visitors and other dashboards."""
    trainings_folder(root).mkdir(parents=True, exist_ok=True)
    with FileLock(trainings_folder(root) / ".queue.lock"):
        yield


def first_waiting(root: Path) -> str | None:
    """Return the name of the training run that starts next, or None."""
    return next((job.name for job in list_jobs(root) if job.state == "queued"), None)


def read_process(folder: Path) -> tuple[int, float | None]:
    """Return the id of a job's process, and the time when that process started."""
    values = json.loads((folder / "job.json").read_text())
    return int(values["process"]), values.get("born")


def _is_leftover(folder: Path) -> bool:
    """Return whether a training run's experiment is published and its process has ended."""
    published = (folder.parent.parent / folder.name / CARD_NAME).exists() and not (folder / "built").exists()
    try:
        return published and not is_alive(*read_process(folder))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _read(folder: Path) -> Job:
    values = json.loads((folder / "job.json").read_text())
    state, message, process = values["state"], values["message"], int(values["process"])
    if state == "running" and not is_alive(process, values.get("born")):
        state = "interrupted"
        message = "Its process ended without giving a reason, as after a power cut; resume it to continue."
    command = folder / COMMAND_NAME
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
        memory=memory_of(process) if state == "running" else 0,
    )
