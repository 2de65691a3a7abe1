"""The queue of training runs: start, resume, cancel, move up, delete."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from core.errors import ExperimentError, TrainingError
from core.experiments import Experiment
from core.system.processes import is_alive
from core.training import queue as job_queue
from core.training.jobs import list_jobs, read_job
from core.training.protocol import Protocol
from core.training.queue import (
    cancel_job,
    discard_job,
    ensure_runner,
    move_up,
    resume_job,
    runner_lock,
    start_training,
)
from core.training.state import work_folder
from tests.core.job_folders import write_job_folder

PROTOCOL = Protocol(labels="folder", split="random", folds=1, frameworks=("keras",), seed=5, epochs=3)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """A list of the runners that would have been started."""
    calls: list[tuple[list[str], dict[str, Any]]] = []
    recorder = SimpleNamespace(Popen=lambda command, **more: calls.append((command, more)), DEVNULL=-3)
    monkeypatch.setattr(job_queue, "subprocess", recorder)
    return calls


def test_a_started_training_is_queued_with_its_settings(
    models: Path, tmp_path: Path, started: list[Any]
) -> None:
    """A training is queued with its settings, and a runner is started in its own session."""
    job = start_training(tmp_path, "one", PROTOCOL)
    assert ("queued", str(tmp_path)) == (job.state, job.command["dataset"])
    assert (["keras"], 3, None, "usual") == tuple(
        job.command[key] for key in ("frameworks", "epochs", "batch_size", "augmentation")
    )
    ((command, options),) = started
    assert [sys.executable, "-m", "core.training.runner", str(models)] == command
    assert options["start_new_session"]


def test_others_wait_in_their_order(
    models: Path, tmp_path: Path, living: subprocess.Popen[bytes], started: list[Any]
) -> None:
    """While one training runs, two more are queued in the order of their start."""
    write_job_folder(models, "now", "running", living.pid)
    for name in ("first", "second"):
        start_training(tmp_path, name, PROTOCOL)
    assert ["now", "first", "second"] == [job.name for job in list_jobs()]
    move_up("second")
    assert ["now", "second", "first"] == [job.name for job in list_jobs()]
    move_up("second")
    move_up("now")
    assert ["now", "second", "first"] == [job.name for job in list_jobs()]


def test_a_runner_is_started_only_where_one_is_missing(models: Path, started: list[Any]) -> None:
    """No runner is started for an empty queue or next to a running one, but for queued training runs."""
    write_job_folder(models, "ended", "failed", 1)
    ensure_runner(models)
    assert [] == started
    write_job_folder(models, "waiting", "queued", 0)
    with runner_lock(models):
        ensure_runner(models)
    assert [] == started
    ensure_runner(models)
    assert 1 == len(started)


def test_start_refuses_names(tiny: Experiment, models: Path, tmp_path: Path, started: list[Any]) -> None:
    """A taken name, that of an unfinished training, and one that is not a folder name are refused."""
    write_job_folder(models, "half", "cancelled", 1)
    for name, words in ((tiny.name, "already"), ("half", "unfinished")):
        with pytest.raises(TrainingError, match=words):
            start_training(tmp_path, name, PROTOCOL)
    with pytest.raises(ExperimentError):
        start_training(tmp_path, "../out", PROTOCOL)
    assert [] == started


@pytest.mark.parametrize("state", ["cancelled", "failed", "interrupted"])
def test_resume_queues_again(models: Path, started: list[Any], state: str) -> None:
    """An ended training is queued again with the same settings, and a runner is started."""
    command = {"dataset": "/data", "folds": 2}
    write_job_folder(models, "one", state, 1, command=command)
    job = resume_job("one")
    assert ("queued", command, 1) == (job.state, job.command, len(started))


def test_resume_refuses(models: Path, living: subprocess.Popen[bytes], started: list[Any]) -> None:
    """Running, queued and missing training runs and those started in a terminal are not resumed."""
    write_job_folder(models, "now", "running", living.pid, command={"folds": 1})
    write_job_folder(models, "waiting", "queued", 0, command={"folds": 1})
    write_job_folder(models, "terminal", "failed", 1)
    expected = {"now": "already running", "waiting": "already queued", "terminal": "--resume", "gone": "gone"}
    for name, words in expected.items():
        with pytest.raises(TrainingError, match=words):
            resume_job(name)
    assert [] == started


def test_discard_refuses_while_running(models: Path, living: subprocess.Popen[bytes]) -> None:
    """A running training is not deleted; others are deleted with their folder."""
    running = write_job_folder(models, "one", "running", living.pid)
    with pytest.raises(TrainingError, match="cancel"):
        discard_job("one")
    assert running.exists()
    for state in ("failed", "queued"):
        folder = write_job_folder(models, state, state, 1)
        discard_job(state)
        assert not folder.exists()
    with pytest.raises(TrainingError, match="failed"):
        discard_job("failed")


def test_cancel_ends_the_process(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Cancelling asks the process to end and waits for it; on an ended training it does nothing."""
    write_job_folder(models, "one", "running", living.pid)
    cancel_job("one")
    assert not is_alive(living.pid)
    assert "cancelled" == read_job("one").state
    cancel_job("one")
    write_job_folder(models, "two", "failed", os.getpid())
    cancel_job("two")
    assert "failed" == read_job("two").state


def test_cancel_removes_from_the_queue(models: Path) -> None:
    """A queued training becomes cancelled, and keeps its settings."""
    write_job_folder(models, "one", "queued", 0, command={"folds": 1})
    cancel_job("one")
    job = read_job("one")
    assert ("cancelled", {"folds": 1}) == (job.state, job.command)


def test_cancel_names_a_process_that_does_not_end(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that ignores the signal raises an error, and is not killed."""
    code = "from signal import *; signal(SIGTERM, SIG_IGN); print(flush=True); import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setattr(job_queue, "_CANCEL_WAIT_S", 0.3)
    write_job_folder(models, "one", "running", process.pid)
    try:
        with pytest.raises(TrainingError, match="did not stop"):
            cancel_job("one")
        assert is_alive(process.pid)
    finally:
        process.kill()
        process.communicate()


def test_a_restarted_dashboard_finds_the_queue(models: Path, tmp_path: Path, started: list[Any]) -> None:
    """The queue is on the disk, so another process reads the same queue."""
    start_training(tmp_path, "one", PROTOCOL)
    code = "from core.training.jobs import list_jobs; print([(job.name, job.state) for job in list_jobs()])"
    listed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "[('one', 'queued')]" == listed.stdout.strip()
    assert json.loads((work_folder(models, "one") / "job.json").read_text())["process"] == 0
