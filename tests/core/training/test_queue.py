"""What a person may do with trainings: queue, resume, cancel, move up, delete."""

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
from tests.core.played_jobs import play_job

PROTOCOL = Protocol(labels="folder", split="random", folds=1, frameworks=("keras",), seed=5, epochs=3)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """The runners that would have been started."""
    calls: list[tuple[list[str], dict[str, Any]]] = []
    played = SimpleNamespace(Popen=lambda command, **more: calls.append((command, more)), DEVNULL=-3)
    monkeypatch.setattr(job_queue, "subprocess", played)
    return calls


def test_a_started_training_waits_with_every_choice(models: Path, tmp_path: Path, started: list[Any]) -> None:
    """It is queued with its choices, and a runner is started in a session of its own."""
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
    """While one runs, two more are taken, and wait as they came."""
    play_job(models, "now", "running", living.pid)
    for name in ("first", "second"):
        start_training(tmp_path, name, PROTOCOL)
    assert ["now", "first", "second"] == [job.name for job in list_jobs()]
    move_up("second")
    assert ["now", "second", "first"] == [job.name for job in list_jobs()]
    move_up("second")
    move_up("now")
    assert ["now", "second", "first"] == [job.name for job in list_jobs()]


def test_a_runner_is_started_only_where_one_is_missing(models: Path, started: list[Any]) -> None:
    """Not for an empty queue, nor beside a living runner; but when trainings wait for none."""
    play_job(models, "ended", "failed", 1)
    ensure_runner(models)
    assert [] == started
    play_job(models, "waiting", "queued", 0)
    with runner_lock(models):
        ensure_runner(models)
    assert [] == started
    ensure_runner(models)
    assert 1 == len(started)


def test_start_refuses_names(tiny: Experiment, models: Path, tmp_path: Path, started: list[Any]) -> None:
    """A taken name, an unfinished training's and one that is no folder name are refused."""
    play_job(models, "half", "cancelled", 1)
    for name, words in ((tiny.name, "already"), ("half", "unfinished")):
        with pytest.raises(TrainingError, match=words):
            start_training(tmp_path, name, PROTOCOL)
    with pytest.raises(ExperimentError):
        start_training(tmp_path, "../out", PROTOCOL)
    assert [] == started


@pytest.mark.parametrize("state", ["cancelled", "failed", "interrupted"])
def test_resume_queues_again(models: Path, started: list[Any], state: str) -> None:
    """A training that has ended waits again, with the choices it had; and a runner is started."""
    command = {"dataset": "/data", "folds": 2}
    play_job(models, "one", state, 1, command=command)
    job = resume_job("one")
    assert ("queued", command, 1) == (job.state, job.command, len(started))


def test_resume_refuses(models: Path, living: subprocess.Popen[bytes], started: list[Any]) -> None:
    """What runs or waits already, what was begun in a terminal, and what is not there."""
    play_job(models, "now", "running", living.pid, command={"folds": 1})
    play_job(models, "waiting", "queued", 0, command={"folds": 1})
    play_job(models, "terminal", "failed", 1)
    expected = {"now": "running already", "waiting": "queued already", "terminal": "--resume", "gone": "gone"}
    for name, words in expected.items():
        with pytest.raises(TrainingError, match=words):
            resume_job(name)
    assert [] == started


def test_discard_refuses_while_running(models: Path, living: subprocess.Popen[bytes]) -> None:
    """A running training stays; one that does not run is deleted with all it has."""
    running = play_job(models, "one", "running", living.pid)
    with pytest.raises(TrainingError, match="cancel"):
        discard_job("one")
    assert running.exists()
    for state in ("failed", "queued"):
        folder = play_job(models, state, state, 1)
        discard_job(state)
        assert not folder.exists()
    with pytest.raises(TrainingError, match="failed"):
        discard_job("failed")


def test_cancel_ends_the_process(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Cancelling asks the process to end and waits for it; cancelling what has ended does nothing."""
    play_job(models, "one", "running", living.pid)
    cancel_job("one")
    assert not is_alive(living.pid)
    assert "cancelled" == read_job("one").state
    cancel_job("one")
    play_job(models, "two", "failed", os.getpid())
    cancel_job("two")
    assert "failed" == read_job("two").state


def test_cancel_takes_out_of_the_queue(models: Path) -> None:
    """A waiting training is kept, and waits no more."""
    play_job(models, "one", "queued", 0, command={"folds": 1})
    cancel_job("one")
    job = read_job("one")
    assert ("cancelled", {"folds": 1}) == (job.state, job.command)


def test_cancel_names_a_process_that_does_not_end(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes no notice is told of, and not killed."""
    deaf = "from signal import *; signal(SIGTERM, SIG_IGN); print(flush=True); import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setattr(job_queue, "_CANCEL_WAIT_S", 0.3)
    play_job(models, "one", "running", process.pid)
    try:
        with pytest.raises(TrainingError, match="does not end"):
            cancel_job("one")
        assert is_alive(process.pid)
    finally:
        process.kill()
        process.communicate()


def test_a_restarted_dashboard_finds_what_waited(models: Path, tmp_path: Path, started: list[Any]) -> None:
    """The queue lies on the disk: another process reads the same, and starts a runner for it."""
    start_training(tmp_path, "one", PROTOCOL)
    ask = "from core.training.jobs import list_jobs; print([(job.name, job.state) for job in list_jobs()])"
    told = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
    assert "[('one', 'queued')]" == told.stdout.strip()
    assert json.loads((work_folder(models, "one") / "job.json").read_text())["process"] == 0
