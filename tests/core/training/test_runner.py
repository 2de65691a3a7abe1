"""The runner of the queue: one training at a time; it records the end of those that were killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner

from core.cli import app as cli
from core.training import runner as queue_runner
from core.training.jobs import list_jobs, read_job
from core.training.protocol import Protocol
from core.training.runner import run_queue, write_command
from core.training.state import hold_slot, work_folder
from tests.core.job_folders import write_job_folder

COMMAND = {"dataset": "/nowhere", "folds": 1}


def replace_trainings(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run this code as every training, with its work folder as the first argument."""

    def start(root: Path, work: Path) -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-c", code, str(work)], stderr=subprocess.DEVNULL)

    monkeypatch.setattr(queue_runner, "_start", start)


_NOTE = """
import pathlib, shutil, sys, time
work = pathlib.Path(sys.argv[1])
notes = work.parent.parent / "notes"
with notes.open("a") as file:
    file.write(f"begin {work.name}\\n")
time.sleep(0.2)
with notes.open("a") as file:
    file.write(f"end {work.name}\\n")
shutil.rmtree(work)
"""


def test_waiting_trainings_run_one_after_the_other(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each starts when the one before has ended, in the order of the queue; then the runner ends."""
    replace_trainings(monkeypatch, _NOTE)
    write_job_folder(models, "second", "queued", 0, started=2.0, command=COMMAND)
    write_job_folder(models, "first", "queued", 0, started=1.0, command=COMMAND)
    run_queue(models)
    assert ["begin first", "end first", "begin second", "end second"] == (
        (models / "notes").read_text().splitlines()
    )
    assert [] == list_jobs()


def test_two_trainers(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two runners on one folder, such as those of two dashboards, start each training once, one at a time."""
    replace_trainings(monkeypatch, _NOTE)
    for place, name in enumerate("abc"):
        write_job_folder(models, name, "queued", 0, started=float(place), command=COMMAND)
    runners = [threading.Thread(target=run_queue, args=(models,)) for _ in range(2)]
    for runner in runners:
        runner.start()
    for runner in runners:
        runner.join(60)
    expected = [f"{word} {name}" for name in "abc" for word in ("begin", "end")]
    assert expected == (models / "notes").read_text().splitlines()


def test_the_runner_waits_for_a_training_started_elsewhere(
    models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the slot is held nothing is started; when it is released the queue continues."""
    replace_trainings(monkeypatch, _NOTE)
    write_job_folder(models, "one", "queued", 0, command=COMMAND)
    runner = threading.Thread(target=run_queue, args=(models,))
    with hold_slot(models):
        runner.start()
        runner.join(1.0)
        assert runner.is_alive()
        assert not (models / "notes").exists()
    runner.join(60)
    assert ["begin one", "end one"] == (models / "notes").read_text().splitlines()


@pytest.mark.parametrize(
    ("code", "state", "words"),
    [
        ("raise SystemExit('no such library')", "failed", "exit code|no such library"),
        ("import os; os.kill(os.getpid(), 9)", "interrupted", "memory ran out"),
    ],
)
def test_the_runner_records_the_end_of_a_training(
    models: Path, monkeypatch: pytest.MonkeyPatch, code: str, state: str, words: str
) -> None:
    """For a training that ended early or was killed the runner writes the reason, and starts the next."""
    replace_trainings(monkeypatch, code)
    for name in ("one", "two"):
        write_job_folder(models, name, "queued", 0, command=COMMAND)
    run_queue(models)
    for name in ("one", "two"):
        job = read_job(name)
        assert state == job.state
        assert any(word in job.message for word in words.split("|"))


def test_a_training_without_choices_fails_alone(models: Path) -> None:
    """A damaged entry is marked as failed, and does not stop the queue."""
    write_job_folder(models, "broken", "queued", 0)
    run_queue(models)
    assert "failed" == read_job("broken").state


def test_the_command_holds_every_setting(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The runner's arguments give the same protocol when the command reads them."""
    protocol = Protocol(
        "folder", "random", 2, "plain", ("keras",), 7, class_weights=False, epochs=3, batch_size=5,
        learning_rate=0.01, augmentation="strong",
    )  # fmt: skip
    calls = []
    monkeypatch.setattr(
        "core.training.run.train_experiment", lambda *args, **more: calls.append((args, more)) or 1 / 0
    )
    choices = {**vars(protocol), "frameworks": list(protocol.frameworks), "dataset": str(tmp_path)}
    CliRunner().invoke(cli.app, write_command("one", choices))
    ((args, more),) = calls
    assert (tmp_path, protocol, "one") == args
    assert more["resume"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_restart_mid_training(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training outlives the runner; other processes see it, and a new runner waits for its end."""
    holds = """
import sys, time, pathlib
sys.path.insert(0, sys.argv[2])
from core.training.state import record_job, hold_slot
root = pathlib.Path(sys.argv[1])
with hold_slot(root):
    (root / ".training" / "one").mkdir(parents=True, exist_ok=True)
    with record_job(root / ".training" / "one"):
        print("begun", flush=True)
        time.sleep(60)
"""
    project = Path(queue_runner.__file__).parents[2]
    command = [sys.executable, "-c", holds, str(models), str(project)]
    training = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert training.stdout is not None
        assert b"begun" == training.stdout.readline().strip()
        ask = "from core.training.jobs import read_job; print(read_job('one').state)"
        found = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=True)
        assert "running" == found.stdout.strip()
        replace_trainings(monkeypatch, _NOTE)
        write_job_folder(models, "two", "queued", 0, command=COMMAND)
        runner = threading.Thread(target=run_queue, args=(models,))
        runner.start()
        time.sleep(0.5)
        assert not (models / "notes").exists()
        training.send_signal(signal.SIGKILL)
        training.wait()
        runner.join(60)
        assert "begin two" in (models / "notes").read_text()
        assert "interrupted" == read_job("one").state
        assert work_folder(models, "one").exists()
    finally:
        training.kill()
        training.communicate()
