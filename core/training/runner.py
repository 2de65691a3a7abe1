"""The runner of the queue: a process that starts one training run after the other, and then ends.

python -m core.training.runner ROOT

It is independent of the dashboard: closing the tab or the dashboard does not stop it or the runs. A lock
allows one runner per folder of experiments. In addition, each training run waits for the one slot
(`core.training.state`), so that two never train at once, even if a runner was killed and replaced.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from filelock import Timeout

from core.errors import TrainingError
from core.system import child_environment
from core.training.jobs import COMMAND_NAME, first_waiting, lock_queue, read_job
from core.training.queue import runner_lock
from core.training.state import describe_end, hold_slot, work_folder, write_job


def run_queue(root: Path) -> None:
    """Start the queued training runs one after the other until none is left; a second runner ends at once."""
    while first_waiting(root) is not None:
        lock = runner_lock(root)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return
        with lock:
            while first_waiting(root) is not None:
                with hold_slot(root):
                    pass  # wait for a training run that was started in a terminal, or by a killed runner
                _run_first(root)


def _run_first(root: Path) -> None:
    """Start the first training run of the queue, and wait for its end."""
    with lock_queue(root):
        name = first_waiting(root)
        if name is None:
            return
        work = work_folder(root, name)
        try:
            process = _start(root, work)
        except (OSError, ValueError) as error:
            write_job(work, "failed", str(error), started=read_job(name, root).started)
            return
        # This state is shown until the training run itself writes its own.
        write_job(work, "running", "starting", process=process.pid, started=time.time())
    code = process.wait()
    with lock_queue(root):
        _record_end(root, name, code)


def _start(root: Path, work: Path) -> subprocess.Popen[bytes]:
    choices = json.loads((work / COMMAND_NAME).read_text())
    with open(work / "log.txt", "ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "core", *write_command(work.name, choices)],
            cwd=root,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env={**child_environment(), "STROKE_CT_MODELS": str(root)},
            start_new_session=True,
        )


def write_command(name: str, choices: dict[str, Any]) -> list[str]:
    """Return the arguments of `python -m core` that start or resume a training run with these settings.

    Args:
        name: of the experiment.
        choices: the fields of a `Protocol`, and "dataset".
    """
    arguments = ["train", "--name", name, "--resume"]
    for key, value in choices.items():
        option = f"--{key.replace('_', '-')}"
        if isinstance(value, bool):
            arguments.append(option if value else option.replace("--", "--no-", 1))
        elif isinstance(value, list):
            arguments += [option, ",".join(value)]
        elif value is not None:
            arguments += [option, str(value)]
    return arguments


def _record_end(root: Path, name: str, code: int) -> None:
    """Write the state of a training run that could not do so itself: killed, or ended before it started."""
    try:
        job = read_job(name, root)
    except TrainingError:
        return  # it was published or deleted
    if job.state == "interrupted":
        state = "interrupted" if code < 0 else "failed"
        reason = f"Its process ended: {describe_end(code, job.folder / 'log.txt')}"
        write_job(job.folder, state, reason, started=job.started)


if __name__ == "__main__":
    run_queue(Path(sys.argv[1]))
