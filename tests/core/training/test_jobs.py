"""Training runs as jobs, read from their folders."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from core.errors import TrainingError
from core.experiments import Experiment
from core.frameworks import FRAMEWORKS
from core.system.processes import read_start_time
from core.training.jobs import clear_leftovers, first_waiting, list_jobs, read_job
from core.training.state import work_folder
from tests.core.job_folders import dead_process, write_job_folder


def test_a_running_job_is_read_with_its_progress(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Stage, progress, history, command and the tails of all logs are read from the folder."""
    folder = write_job_folder(models, "one", "running", living.pid, message="training")
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
    """Before the first epoch the table is empty."""
    write_job_folder(models, "one", "failed", 1)
    job = read_job("one")
    assert 0 == len(job.read_history())
    assert ({}, {}, "") == (job.command, job.progress, job.log_tail)


def test_running_without_a_process_is_interrupted(models: Path) -> None:
    """A running job whose process has ended is interrupted; the message says that it can be resumed."""
    write_job_folder(models, "one", "running", dead_process(), message="training")
    job = read_job("one")
    assert "interrupted" == job.state
    assert "resume" in job.message


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_an_ended_job_keeps_its_state(models: Path, state: str) -> None:
    """State and reason are those that the training wrote, even if its process id is in use again."""
    write_job_folder(models, "gone", state, dead_process(), message="no memory left")
    write_job_folder(models, "reused", state, os.getpid(), message="no memory left")
    for name in ("gone", "reused"):
        job = read_job(name)
        assert (state, "no memory left") == (job.state, job.message)


def test_a_reused_process_id_is_not_a_running_training(models: Path, living: subprocess.Popen[bytes]) -> None:
    """After a restart another process may have the id; its start time shows that it is another one."""
    born = read_start_time(living.pid)
    assert born is not None
    write_job_folder(models, "mine", "running", living.pid, born=born)
    write_job_folder(models, "before", "running", living.pid, born=born - 3600)
    assert ("running", "interrupted") == (read_job("mine").state, read_job("before").state)


def test_memory_is_measured_for_running_jobs(models: Path, living: subprocess.Popen[bytes]) -> None:
    """A running training's memory is that of its processes; an ended one's is 0."""
    write_job_folder(models, "one", "running", living.pid)
    write_job_folder(models, "two", "failed", living.pid)
    assert read_job("one").memory > 1_000_000
    assert 0 == read_job("two").memory


def test_jobs_are_ordered_by_state(models: Path, living: subprocess.Popen[bytes]) -> None:
    """Running jobs come first, then the queued by time of queueing, then the ended, newest first."""
    write_job_folder(models, "ended", "failed", 1, started=99.0)
    write_job_folder(models, "second", "queued", 0, started=20.0)
    write_job_folder(models, "first", "queued", 0, started=10.0)
    assert "first" == first_waiting(models)
    write_job_folder(models, "now", "running", living.pid, started=5.0)
    assert ["now", "first", "second", "ended"] == [job.name for job in list_jobs()]


@pytest.mark.parametrize("state", ["running", "done"])
def test_leftovers_of_a_published_training_are_not_a_job(tiny: Experiment, state: str) -> None:
    """A training killed after publishing its experiment is not listed, and its folder is removed."""
    root = tiny.folder.parent
    left = write_job_folder(root, tiny.name, state, dead_process())
    assert [] == list_jobs()
    clear_leftovers(root)
    assert not left.exists()
    assert tiny.folder.exists()


def test_an_unfinished_training_is_not_a_leftover(models: Path, tiny: Experiment) -> None:
    """A training without a published experiment, or with a folder `built`, stays."""
    write_job_folder(models, "half", "running", dead_process())
    (write_job_folder(models, tiny.name, "running", dead_process()) / "built").mkdir()
    clear_leftovers(models)
    assert {"half", tiny.name} == {job.name for job in list_jobs()}
    shutil.rmtree(tiny.folder)
    assert {"half", tiny.name} == {job.name for job in list_jobs()}


def test_jobs_are_listed_newest_first(models: Path) -> None:
    """Ended jobs are ordered by start time; folders without job.json are not listed."""
    for name, started in (("old", 10.0), ("new", 30.0), ("middle", 20.0)):
        write_job_folder(models, name, "failed", 1, started=started)
    (models / ".training" / "empty").mkdir()
    assert ["new", "middle", "old"] == [job.name for job in list_jobs()]


def test_without_trainings_the_list_is_empty(models: Path) -> None:
    """A missing folder of training runs gives an empty list."""
    assert [] == list_jobs()


@pytest.mark.parametrize("content", [None, "{", "[]", "{}", '{"state": "running"}'])
def test_a_job_that_cannot_be_read_is_named(models: Path, content: str | None) -> None:
    """A missing or damaged job.json raises a TrainingError with the job's name; other jobs are listed."""
    if content is not None:
        work_folder(models, "one").mkdir(parents=True)
        (work_folder(models, "one") / "job.json").write_text(content)
    with pytest.raises(TrainingError, match="one"):
        read_job("one")
    write_job_folder(models, "other", "failed", 1)
    assert ["other"] == [job.name for job in list_jobs()]
