"""Trainings as jobs: what their folders say, and starting, cancelling and discarding them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core import jobs
from core.errors import ExperimentError, TrainingError
from core.experiments import FRAMEWORKS, Experiment
from core.jobs import cancel_job, discard_job, list_jobs, read_job, start_training
from core.protocol import Protocol
from core.training_state import is_alive, work_folder


@pytest.fixture
def living() -> Iterator[subprocess.Popen[bytes]]:
    """A process that lives until it is ended."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def dead_process() -> int:
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def write_job(
    root: Path, name: str, state: str, process: int, *, started: float = 1.0, message: str = ""
) -> Path:
    """A training's folder as core.training leaves it."""
    folder = work_folder(root, name)
    folder.mkdir(parents=True)
    values = {"name": name, "state": state, "message": message, "process": process, "started": started}
    (folder / "job.json").write_text(json.dumps({**values, "heartbeat": started}))
    return folder


def test_a_running_job_is_told_with_its_progress(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Stage, progress, history, command and the tails of all logs are read from the folder."""
    folder = write_job(models, "one", "running", living.pid, message="training")
    for framework, fraction in zip(FRAMEWORKS, (0.25, 0.5), strict=True):
        fold = folder / framework / "fold-0"
        fold.mkdir(parents=True)
        (folder / framework / "progress.json").write_text(json.dumps({"fraction": fraction, "epoch": 1}))
        (folder / framework / "log.txt").write_text(f"{framework} speaks\n")
        history = [{"epoch": 1, "train_loss": 0.7}, {"epoch": 2, "train_loss": 0.6}]
        (fold / "state.json").write_text(json.dumps({"history": history}))
    (folder / "log.txt").write_text("x" * 10_000 + "the end\n")
    (folder / "command.json").write_text('{"folds": 3}')
    job = read_job("one")
    assert ("one", "running", "training", 1.0) == (job.name, job.state, job.message, job.started)
    assert {"folds": 3} == job.command
    assert [0.25, 0.5] == [job.progress[framework]["fraction"] for framework in FRAMEWORKS]
    assert all(f"{framework} speaks" in job.log_tail for framework in FRAMEWORKS)
    assert "the end" in job.log_tail
    assert len(job.log_tail) < 5_000
    table = job.read_history()
    assert 4 == len(table)
    assert sorted(FRAMEWORKS) == sorted(table["framework"].unique())
    assert [0] == table["fold"].unique().tolist()
    assert [1, 2] == table.loc[table["framework"] == "keras", "epoch"].tolist()


def test_a_job_without_epochs_has_an_empty_history(models: Path) -> None:
    """Before the first epoch there is a table, and nothing in it."""
    write_job(models, "one", "failed", 1)
    job = read_job("one")
    assert 0 == len(job.read_history())
    assert ({}, {}, "") == (job.command, job.progress, job.log_tail)


def test_running_without_a_process_is_interrupted(models: Path) -> None:
    """A job that says it runs, and whose process is gone, was interrupted; resuming is told of."""
    write_job(models, "one", "running", dead_process(), message="training")
    job = read_job("one")
    assert "interrupted" == job.state
    assert "resume" in job.message


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_ended_job_keeps_its_word(models: Path, state: str) -> None:
    """State and reason are what the training wrote, whether or not its process id is in use again."""
    write_job(models, "gone", state, dead_process(), message="no memory left")
    write_job(models, "reused", state, os.getpid(), message="no memory left")
    for name in ("gone", "reused"):
        job = read_job(name)
        assert (state, "no memory left") == (job.state, job.message)


def test_jobs_are_listed_newest_first(models: Path) -> None:
    """The order is that of starting; folders without a job are no jobs."""
    for name, started in (("old", 10.0), ("new", 30.0), ("middle", 20.0)):
        write_job(models, name, "failed", 1, started=started)
    (models / ".training" / "empty").mkdir()
    assert ["new", "middle", "old"] == [job.name for job in list_jobs()]


def test_without_trainings_the_list_is_empty(models: Path) -> None:
    """No folder of trainings is needed."""
    assert [] == list_jobs()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"state": "running"}'])
def test_a_job_that_cannot_be_read_is_named(models: Path, content: str | None) -> None:
    """A missing or damaged job.json raises a TrainingError with the job's name, and spoils no list."""
    if content is not None:
        work_folder(models, "one").mkdir(parents=True)
        (work_folder(models, "one") / "job.json").write_text(content)
    with pytest.raises(TrainingError, match="one"):
        read_job("one")
    write_job(models, "other", "failed", 1)
    assert ["other"] == [job.name for job in list_jobs()]


def test_discard_refuses_while_running(models: Path, living: subprocess.Popen[bytes]) -> None:
    """A running training stays; one that does not run is deleted with all it has."""
    running = write_job(models, "one", "running", living.pid)
    with pytest.raises(TrainingError, match="cancel"):
        discard_job("one")
    assert running.exists()
    failed = write_job(models, "two", "failed", 1)
    discard_job("two")
    assert not failed.exists()
    with pytest.raises(TrainingError, match="two"):
        discard_job("two")


def test_cancel_ends_the_process(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Cancelling asks the process to end and waits for it; cancelling what does not run does nothing."""
    write_job(models, "one", "running", living.pid)
    cancel_job("one")
    assert not is_alive(living.pid)
    assert "interrupted" == read_job("one").state
    cancel_job("one")
    write_job(models, "two", "failed", os.getpid())
    cancel_job("two")
    assert "failed" == read_job("two").state


def test_cancel_names_a_process_that_does_not_end(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that takes no notice is told of, and not killed."""
    deaf = "from signal import *; signal(SIGTERM, SIG_IGN); print(flush=True); import time; time.sleep(60)"
    process = subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    monkeypatch.setattr(jobs, "_CANCEL_WAIT_S", 0.3)
    write_job(models, "one", "running", process.pid)
    try:
        with pytest.raises(TrainingError, match="does not end"):
            cancel_job("one")
        assert is_alive(process.pid)
    finally:
        process.kill()
        process.communicate()


class Started:
    """Stands for subprocess.Popen in `start_training`: remembers, and starts nothing."""

    calls: list[tuple[list[str], dict[str, Any]]]

    def __init__(self, arguments: list[str], **options: Any) -> None:
        self.calls.append((arguments, options))
        self.pid = os.getpid()


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[tuple[list[str], dict[str, Any]]]:
    """What `start_training` would have started."""
    Started.calls = []
    monkeypatch.setattr(jobs.subprocess, "Popen", Started)
    return Started.calls


def test_start_gives_the_command_every_choice(models: Path, tmp_path: Path, started: list[Any]) -> None:
    """The command names all choices, goes on in a session of its own, and the job runs at once."""
    protocol = Protocol(labels="folder", split="random", folds=1, frameworks=("keras",), seed=5, epochs=3)
    job = start_training(tmp_path, "one", protocol)
    ((arguments, options),) = started
    assert [sys.executable, "-m", "core", "train", "--name", "one"] == arguments[:6]
    given = dict(zip(arguments[6::2], arguments[7::2], strict=True))
    assert {
        "--dataset": str(tmp_path),
        "--labels": "folder",
        "--split": "random",
        "--folds": "1",
        "--architecture": "framed",
        "--frameworks": "keras",
        "--seed": "5",
        "--epochs": "3",
    } == given
    assert options["start_new_session"]
    assert str(models) == options["env"]["STROKE_CT_MODELS"]
    assert ("running", "keras", None) == (job.state, job.command["frameworks"], job.command["batch_size"])


def test_start_refuses_a_second_training(
    models: Path, tmp_path: Path, living: subprocess.Popen[bytes], started: list[Any]
) -> None:
    """While one runs no other is started, and no folder is made for it."""
    write_job(models, "one", "running", living.pid)
    for name in ("one", "two"):
        with pytest.raises(TrainingError, match='"one" is running'):
            start_training(tmp_path, name, Protocol(), resume=True)
    assert [] == started
    assert not work_folder(models, "two").exists()


def test_start_goes_on_only_when_asked(models: Path, tmp_path: Path, started: list[Any]) -> None:
    """An unfinished training is resumed with `resume` and refused without; others do not stand in the way."""
    write_job(models, "one", "cancelled", 1)
    with pytest.raises(TrainingError, match="unfinished"):
        start_training(tmp_path, "one", Protocol())
    assert [] == started
    start_training(tmp_path, "one", Protocol(), resume=True)
    assert "--resume" == started[0][0][-1]


def test_start_refuses_names(tiny: Experiment, tmp_path: Path, started: list[Any]) -> None:
    """A taken name and one that is no folder name are refused."""
    with pytest.raises(TrainingError, match="already"):
        start_training(tmp_path, tiny.name, Protocol())
    with pytest.raises(ExperimentError):
        start_training(tmp_path, "../out", Protocol())
    assert [] == started


def test_a_started_training_that_fails_says_why(models: Path, tmp_path: Path) -> None:
    """The real command on a folder without classes ends by itself: failed, with the data set's error."""
    (tmp_path / "nothing").mkdir()
    job = start_training(tmp_path / "nothing", "one", Protocol())
    process = json.loads((job.folder / "job.json").read_text())["process"]
    os.waitpid(process, 0)
    ended = read_job("one")
    assert "failed" == ended.state
    assert ended.message
    assert ended.message in ended.log_tail
