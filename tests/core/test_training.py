"""Protocols, plans, locks, and what is refused before a training begins."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.dataset import index_dataset
from core.errors import ExperimentError, StrokeError, TrainingError
from core.experiments import FRAMEWORKS, Experiment
from core.models.architecture import SCHEDULE, get_architecture
from core.phantoms import write_phantom_dataset
from core.protocol import Protocol
from core.training import _plan, train_experiment
from core.training_state import is_alive, last_line, only_one, read_progress, work_folder


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Twelve patients with four slices each."""
    folder = tmp_path / "few"
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=4, size=48)
    return folder


def dead_process() -> int:
    """The id of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": "file"}, "labels"),
        ({"split": "hospital"}, "split"),
        ({"frameworks": ()}, "none"),
        ({"frameworks": ("pytorch", "jax")}, "jax"),
        ({"folds": 0}, "folds"),
        ({"folds": 21}, "folds"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"architecture": "resnet"}, "resnet"),
    ],
)
def test_an_unfit_protocol_is_refused(change: dict[str, Any], word: str) -> None:
    """Each choice out of its range or kind raises a StrokeError that names it."""
    with pytest.raises(StrokeError, match=word):
        Protocol(**change)


def test_a_protocol_spells_every_choice_out() -> None:
    """What is not chosen is the architecture's own; what is chosen counts; frameworks have one order."""
    own = Protocol(architecture="framed").to_dict()
    framed = get_architecture("framed")
    assert {name: getattr(framed, name) for name in SCHEDULE} == {name: own[name] for name in SCHEDULE}
    assert framed.augmentation.rotation_degrees == own["augmentation"]["rotation_degrees"]
    chosen = Protocol(epochs=2, batch_size=5, learning_rate=0.1, frameworks=("keras", "pytorch")).to_dict()
    assert [2, 5, 0.1] == [chosen[name] for name in ("epochs", "batch_size", "learning_rate")]
    assert list(FRAMEWORKS) == chosen["frameworks"]
    assert json.loads(json.dumps(chosen)) == chosen


def test_a_name_that_is_taken_is_refused(tiny: Experiment, few: Path) -> None:
    """An experiment is never overwritten, and nothing is begun."""
    with pytest.raises(ExperimentError, match="already"):
        train_experiment(few, Protocol(), tiny.name)
    assert not work_folder(tiny.folder.parent, tiny.name).exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_an_unfit_name_is_refused(models: Path, few: Path, name: str) -> None:
    """A name that is no plain folder name is refused before anything is written."""
    with pytest.raises(ExperimentError):
        train_experiment(few, Protocol(), name)
    assert [] == list(models.iterdir())


def test_an_unfinished_training_is_not_begun_anew(models: Path, few: Path) -> None:
    """Without `resume` a plan that is there is refused, and left as it is."""
    work = work_folder(models, "half")
    work.mkdir(parents=True)
    (work / "plan.json").write_text("{}")
    with pytest.raises(TrainingError, match="--resume"):
        train_experiment(few, Protocol(), "half")
    assert "{}" == (work / "plan.json").read_text()


def test_a_plan_holds_for_the_same_choices_only(tmp_path: Path, few: Path) -> None:
    """The same choices and data give the same plan and folds; another choice or data set is named."""
    dataset = index_dataset(few)
    protocol = Protocol(folds=2, epochs=2)
    plan, folds = _plan(tmp_path, dataset, protocol, "one")
    again, same_folds = _plan(tmp_path, dataset, protocol, "one")
    assert json.loads(json.dumps(plan)) == json.loads(json.dumps(again))
    for fold, same in zip(folds, same_folds, strict=True):
        np.testing.assert_array_equal(fold.test, same.test)
    for change in ({"folds": 3}, {"epochs": 3}, {"seed": 1}, {"labels": "folder"}):
        with pytest.raises(TrainingError, match="another protocol"):
            _plan(tmp_path, dataset, replace(protocol, **change), "one")
    with pytest.raises(TrainingError, match="recipe"):
        _plan(tmp_path, dataset, replace(protocol, architecture="plain"), "one")
    next((few / "Normal").iterdir()).unlink()
    with pytest.raises(TrainingError, match="another dataset"):
        _plan(tmp_path, index_dataset(few), protocol, "one")


def test_a_plan_survives_another_number_of_cores(
    tmp_path: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed on another machine, a training keeps the number of threads it was planned with."""
    dataset = index_dataset(few)
    monkeypatch.setattr("core.training.count_cores", lambda: 8)
    assert 4 == _plan(tmp_path, dataset, Protocol(folds=2), "one")[0]["protocol"]["n_threads"]
    monkeypatch.setattr("core.training.count_cores", lambda: 2)
    assert 4 == _plan(tmp_path, dataset, Protocol(folds=2), "one")[0]["protocol"]["n_threads"]


def test_a_plan_writes_the_parts_of_every_slice(tmp_path: Path, few: Path) -> None:
    """slices.csv and folds.npz say the same; no patient stands in two parts of a fold."""
    dataset = index_dataset(few)
    _, folds = _plan(tmp_path, dataset, Protocol(folds=2), "one")
    table = pd.read_csv(tmp_path / "slices.csv", dtype={"patient": str})
    assert list(dataset.table["file"]) == list(table["file"])
    assert (
        dataset.labels("slice").tolist()
        == table["label"].tolist()
        == np.load(tmp_path / "labels.npy").tolist()
    )
    for index, fold in enumerate(folds):
        for part in ("train", "validation", "test"):
            expected = np.flatnonzero(table[f"fold_{index}"] == part)
            np.testing.assert_array_equal(expected, getattr(fold, part))
        assert 1 == table.groupby("patient")[f"fold_{index}"].nunique().max()


def test_only_one_training_at_a_time(tmp_path: Path) -> None:
    """A lock of a living process is refused and kept; the lock is gone when the training ends."""
    with only_one(tmp_path):
        assert str(os.getpid()) == (tmp_path / "lock").read_text()
        with pytest.raises(TrainingError, match="running already"), only_one(tmp_path):
            pass
        assert (tmp_path / "lock").exists()
    assert not (tmp_path / "lock").exists()


@pytest.mark.parametrize("left", ["dead", "", "nonsense"])
def test_a_lock_left_behind_is_taken_over(tmp_path: Path, left: str) -> None:
    """The lock of a dead process, or one that was never filled in, does not stop a training."""
    (tmp_path / "lock").write_text(str(dead_process()) if left == "dead" else left)
    with only_one(tmp_path):
        assert str(os.getpid()) == (tmp_path / "lock").read_text()
    assert not (tmp_path / "lock").exists()


def test_the_lock_goes_when_a_training_fails(tmp_path: Path) -> None:
    """An error inside gives the lock back."""
    with pytest.raises(ZeroDivisionError), only_one(tmp_path):
        raise ZeroDivisionError
    assert not (tmp_path / "lock").exists()


def test_is_alive() -> None:
    """This process lives; one that ended does not, waited for or not."""
    assert is_alive(os.getpid())
    assert not is_alive(dead_process())
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 20
    while is_alive(zombie.pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not is_alive(zombie.pid)
    zombie.wait()


def test_progress_and_last_words(tmp_path: Path) -> None:
    """Before a child has spoken its share is 0; the last line that says something is the reason."""
    (tmp_path / "keras").mkdir()
    (tmp_path / "keras/progress.json").write_text('{"fraction": 0.5}')
    assert {"pytorch": {"fraction": 0.0}, "keras": {"fraction": 0.5}} == read_progress(
        tmp_path, list(FRAMEWORKS)
    )
    (tmp_path / "log.txt").write_text("one\n  two \n\n")
    assert "two" == last_line(tmp_path / "log.txt")
    assert "" == last_line(tmp_path / "none.txt")


def test_a_child_that_fails_says_why(models: Path, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error carries the child's last words, the job says failed, and what is there can be resumed."""

    def start(work: Path, framework: str, n_threads: int) -> subprocess.Popen[bytes]:
        (work / framework).mkdir()
        (work / framework / "log.txt").write_text("Traceback\nno memory left\n")
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    monkeypatch.setattr("core.training._start_child", start)
    with pytest.raises(TrainingError, match="no memory left"):
        train_experiment(few, Protocol(folds=2, frameworks=("keras",)), "broken")
    work = work_folder(models, "broken")
    job = json.loads((work / "job.json").read_text())
    assert "failed" == job["state"]
    assert "no memory left" in job["message"]
    assert (work / "plan.json").exists()
    assert not (work / "lock").exists()
    assert not (models / "broken").exists()
