"""Plans, refusals before a training starts, and messages when one fails."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets import read_pixels
from core.datasets.dataset import index_dataset
from core.errors import ExperimentError, StrokeError, TrainingError
from core.experiments import Experiment, read_experiment
from core.gate import is_brain_visible
from core.imaging import Recipe
from core.measurements import measure_properties, store_properties
from core.system.files import PART_PREFIX, write_whole
from core.training.jobs import read_job
from core.training.protocol import Protocol
from core.training.run import _gather, _plan, train_experiment
from core.training.state import hold_slot, work_folder
from core.training.training_data import maps_folder
from tests.builders import write_phantom_dataset, write_tiny_model
from tests.manifest_files import write_two_sources

# Without copies with planted lesions, which take seconds to render.
QUICK = Protocol(architecture="plain", folds=2, frameworks=("keras",))


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Twelve patients with four slices each."""
    folder = tmp_path / "few"
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=4, size=48)
    return folder


def test_a_name_that_is_taken_is_refused(tiny: Experiment, few: Path) -> None:
    """An experiment is never overwritten, and no folder is made."""
    with pytest.raises(ExperimentError, match="already"):
        train_experiment(few, Protocol(), tiny.name)
    assert not work_folder(tiny.folder.parent, tiny.name).exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden"])
def test_an_unfit_name_is_refused(models: Path, few: Path, name: str) -> None:
    """A name that is not a plain folder name is refused before anything is written."""
    with pytest.raises(ExperimentError):
        train_experiment(few, Protocol(), name)
    assert [] == list(models.iterdir())


def test_an_unfinished_training_is_not_started_again(models: Path, few: Path) -> None:
    """Without `resume` an existing plan is refused, and not changed."""
    work = work_folder(models, "half")
    work.mkdir(parents=True)
    (work / "plan.json").write_text("{}")
    with pytest.raises(TrainingError, match="--resume"):
        train_experiment(few, Protocol(), "half")
    assert "{}" == (work / "plan.json").read_text()


def test_a_plan_is_for_the_same_settings_only(tmp_path: Path, few: Path) -> None:
    """The same settings and data give the same plan and folds; a difference is named."""
    dataset = index_dataset(few)
    protocol = Protocol(folds=2, epochs=2)
    plan, folds = _plan(tmp_path, dataset, protocol, "one")
    again, same_folds = _plan(tmp_path, dataset, protocol, "one")
    assert json.loads(json.dumps(plan)) == json.loads(json.dumps(again))
    for fold, same in zip(folds, same_folds, strict=True):
        np.testing.assert_array_equal(fold.test, same.test)
    for change in ({"folds": 3}, {"epochs": 3}, {"seed": 1}, {"labels": "folder"}):
        with pytest.raises(TrainingError, match="different: protocol"):
            _plan(tmp_path, dataset, replace(protocol, **change), "one")
    with pytest.raises(TrainingError, match="recipe"):
        _plan(tmp_path, dataset, replace(protocol, architecture="plain"), "one")
    next((few / "Normal").iterdir()).unlink()
    with pytest.raises(TrainingError, match="different: dataset"):
        _plan(tmp_path, index_dataset(few), protocol, "one")


def test_a_plan_survives_another_number_of_cores(
    tmp_path: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Resumed on another machine, a training keeps the number of threads it was planned with."""
    dataset = index_dataset(few)
    monkeypatch.setattr("core.training.run.count_cores", lambda: 8)
    assert 4 == _plan(tmp_path, dataset, Protocol(folds=2), "one")[0]["protocol"]["n_threads"]
    monkeypatch.setattr("core.training.run.count_cores", lambda: 2)
    assert 4 == _plan(tmp_path, dataset, Protocol(folds=2), "one")[0]["protocol"]["n_threads"]


def test_a_plan_writes_the_parts_of_every_slice(tmp_path: Path, few: Path) -> None:
    """slices.csv and folds.npz agree; no patient is in two parts of a fold."""
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


def test_a_child_that_fails_says_why(models: Path, few: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error quotes the last line of the child's log, the job is failed, and its plan is kept."""

    def start(work: Path, framework: str, *_: object, **__: object) -> subprocess.Popen[bytes]:
        (work / framework).mkdir()
        (work / framework / "log.txt").write_text("Traceback\nno memory left\n")
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    monkeypatch.setattr("core.training.run._start_child", start)
    with pytest.raises(TrainingError, match="no memory left"):
        train_experiment(few, Protocol(folds=2, frameworks=("keras",)), "broken")
    work = work_folder(models, "broken")
    job = json.loads((work / "job.json").read_text())
    assert "failed" == job["state"]
    assert "no memory left" in job["message"]
    assert (work / "plan.json").exists()
    assert not (models / "broken").exists()
    with hold_slot(models, lambda: pytest.fail("the slot is held")):
        pass


def replace_children(monkeypatch: pytest.MonkeyPatch, code: str) -> None:
    """Run this code as every framework's child, with its folder as the first argument."""

    def start(work: Path, framework: str, *_: object, **__: object) -> subprocess.Popen[bytes]:
        (work / framework).mkdir(exist_ok=True)
        return subprocess.Popen([sys.executable, "-c", code, str(work / framework)])

    monkeypatch.setattr("core.training.run._start_child", start)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signals that kill")
@pytest.mark.parametrize(("signal", "words"), [(9, "memory ran out"), (7, "disk is full")])
def test_a_killed_child_has_a_reason_in_words(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch, signal: int, words: str
) -> None:
    """For a child that the system killed, the likely cause is named instead of a number."""
    replace_children(monkeypatch, f"import os; os.kill(os.getpid(), {signal})")
    with pytest.raises(TrainingError, match=words):
        train_experiment(few, QUICK, "broken")
    assert "failed" == read_job("broken").state


def keep_one(folder: Path) -> None:
    """Leave one slice of the positive class."""
    for path in sorted((folder / "Stroke").iterdir())[1:]:
        path.unlink()


def damage_all(folder: Path) -> None:
    """Leave no readable slice of the positive class."""
    for path in (folder / "Stroke").iterdir():
        path.write_bytes(b"no picture")


def empty(folder: Path) -> None:
    """Delete everything in the folder."""
    for path in folder.iterdir():
        shutil.rmtree(path)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (shutil.rmtree, "no folder"),
        (empty, "no class folders"),
        (lambda folder: shutil.rmtree(folder / "Stroke"), "one class only"),
        (keep_one, "slices"),
        (damage_all, "no readable image"),
    ],
)
def test_dataset_faults(models: Path, few: Path, spoil: Callable[[Path], None], words: str) -> None:
    """A missing, empty, one-class, one-slice or damaged set fails before the training, with the reason."""
    spoil(few)
    with pytest.raises(StrokeError, match=words):
        train_experiment(few, Protocol(labels="folder", split="random", folds=1), "one")
    job = read_job("one")
    assert ("failed", True) == (job.state, words in job.message)
    assert not (work_folder(models, "one") / "plan.json").exists()


def test_dataset_faults_while_the_slices_are_prepared(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder that vanishes meanwhile fails the training; when it is back, the training can be resumed."""

    def vanish(stage: str, tracks: dict[str, Any]) -> None:
        if stage == "preparing" and few.exists():
            few.rename(few.with_name("away"))

    replace_children(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(StrokeError):
        train_experiment(few, QUICK, "one", on_progress=vanish)
    assert "failed" == read_job("one").state
    with pytest.raises(StrokeError, match="no folder"):
        train_experiment(few, QUICK, "one", resume=True)
    few.with_name("away").rename(few)
    with pytest.raises(TrainingError, match="exit code 3"):  # it reached the children
        train_experiment(few, QUICK, "one", resume=True)


def test_enospc(models: Path, few: Path, tiny: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk the job is failed, with the reason; existing experiments do not change."""
    replace_children(monkeypatch, "")
    before = read_experiment(tiny.folder).digest

    def fill(*_: Any) -> None:
        def refuse(handle: int) -> None:
            # The file reserved for this message is the only space left.
            if (work_folder(models, "full") / "spare").exists():
                raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", refuse)
        write_whole(work_folder(models, "full") / "predictions.csv", b"")

    monkeypatch.setattr("core.training.run._gather", fill)
    with pytest.raises(StrokeError, match="No space left"):
        train_experiment(few, QUICK, "full")
    job = read_job("full")
    assert ("failed", True) == (job.state, "No space left" in job.message)
    monkeypatch.undo()
    assert before == read_experiment(tiny.folder).digest


def test_too_little_space_is_reported_before_the_work(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A training that does not fit on the disk ends before anything is prepared, with the space it needs."""
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=1_000_000))
    with pytest.raises(TrainingError, match="too little space"):
        train_experiment(few, Protocol(folds=2), "one")
    assert not (work_folder(models, "one") / "images.npy").exists()


def test_part_files_of_a_killed_writer_are_cleared(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A partly written file of a killed training is removed when the training starts again."""
    part = work_folder(models, "one") / "keras" / f"{PART_PREFIX}0123abcd-best.keras"
    part.parent.mkdir(parents=True)
    part.write_bytes(b"half")
    replace_children(monkeypatch, "raise SystemExit(3)")
    with pytest.raises(TrainingError):
        train_experiment(few, QUICK, "one")
    assert not part.exists()


def test_a_second_training_waits_for_the_first(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the slot is held, a training reports that it waits and writes nothing; then it continues."""
    replace_children(monkeypatch, "raise SystemExit(3)")
    stages: list[str] = []
    ended: list[str] = []

    def train() -> None:
        try:
            train_experiment(
                few, QUICK, "one",
                on_progress=lambda stage, tracks: stages.append(stage),
            )  # fmt: skip
        except TrainingError as error:
            ended.append(str(error))

    with hold_slot(models):
        second = threading.Thread(target=train)
        second.start()
        second.join(1)
        assert ["waiting"] == stages
        assert not work_folder(models, "one").exists()
    second.join(60)
    assert 1 == len(ended)
    assert "training" in stages


def test_a_manifest_is_planned_without_what_it_does_not_know(tmp_path: Path) -> None:
    """Unknown labels and the kept part are left out, patients are running numbers and stand on one side."""
    path = write_two_sources(tmp_path, n_patients=12)
    lines = path.read_text().splitlines()
    lines[0] += ",part"
    lines[1:] = [f"{line}," for line in lines[1:]]
    kept = [place for place, line in enumerate(lines) if line.startswith("north/1_")]
    for place in kept:
        lines[place] += "kept"
    unlabeled = next(place for place, line in enumerate(lines) if line.startswith("south/12_1"))
    lines[unlabeled] = lines[unlabeled].replace("absent", "unknown")
    path.write_text("\n".join(lines))
    dataset = index_dataset(path).select_known("slice")
    plan, folds = _plan(tmp_path, dataset, Protocol(folds=2), "one")
    assert {"kept part": 4, "unknown label": 1} == plan["dataset"]["left_out"]
    table = pd.read_csv(tmp_path / "slices.csv", dtype={"patient": str}, keep_default_na=False)
    assert 2 * 12 * 4 - 5 == len(table) == plan["dataset"]["n_slices"]
    assert {"north", "south"} == set(table["source"])
    assert not table["patient"].str.contains("/").any()
    known = table[table["patient"] != ""]
    assert plan["dataset"]["n_patients"] == known["patient"].nunique() == 11 + 6
    for index in range(len(folds)):
        assert 1 == known.groupby("patient")[f"fold_{index}"].nunique().max()


def test_patients_are_scored_on_slices_with_brain_from_the_start(tmp_path: Path) -> None:
    """A trained experiment knows which slices count, and its thresholds of patients are chosen on them."""
    folder = tmp_path / "phantoms"
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=6, size=64)
    rng = np.random.default_rng(0)
    for path in folder.rglob("*(1).*"):
        Image.fromarray(rng.integers(0, 255, (64, 64), np.uint8)).save(path)
    dataset = index_dataset(folder)
    work = tmp_path / "work"
    (work / "built" / "keras").mkdir(parents=True)
    plan, folds = _plan(work, dataset, QUICK, "fresh")
    parts = {
        f"{part}_{k}": rng.random(len(getattr(fold, part)))
        for k, fold in enumerate(folds)
        for part in ("test", "validation")
    }
    (work / "keras").mkdir()
    np.savez(work / "keras" / "probabilities.npz", **parts)
    history = [{"framework": "keras", "fold": 0, "epoch": 1, "train_loss": 1.0, "validation_loss": 1.0}]
    result = {"history": history, "parity": {}, "seconds": 1.0, "n_parameters": 1}
    (work / "keras" / "result.json").write_text(json.dumps(result))
    write_tiny_model(work / "built" / "keras" / "model.onnx", Recipe.from_dict(plan["recipe"]).shape)
    trained = _gather(work, plan, dataset, folds)
    table = trained.predictions()
    shown = {file: int(is_brain_visible(read_pixels(dataset, file))) for file in set(table["file"])}
    assert {0, 1} == set(shown.values())
    assert table["file"].map(shown).tolist() == table["counted"].tolist()
    known = store_properties(trained, measure_properties(dataset))
    assert trained.card["operating_points"] == known.card["operating_points"]
    assert table.equals(known.predictions())


@pytest.mark.parametrize(("architecture", "job"), [("plain", "train"), ("framed", "maps")])
def test_a_backbone_s_maps_are_computed_before_the_frameworks_train(
    models: Path, few: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, job: str
) -> None:
    """With a backbone, one child of the first framework runs alone; when it fails, nothing is trained."""
    started: list[tuple[str, str]] = []

    def start(work: Path, framework: str, n_threads: int, job: str = "train") -> subprocess.Popen[bytes]:
        (work / framework).mkdir(exist_ok=True)
        started.append((framework, job))
        return subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])

    monkeypatch.setattr("core.training.run._start_child", start)
    protocol = Protocol(labels="folder", architecture=architecture, folds=2)
    with pytest.raises(TrainingError, match="exit code 3"):
        train_experiment(few, protocol, "one")
    expected = ["pytorch"] if job == "maps" else ["pytorch", "keras"]
    assert [(framework, job) for framework in expected] == started


@pytest.mark.parametrize("keep_maps", [False, True])
def test_feature_maps_are_deleted_unless_they_are_kept(
    tiny: Experiment, few: Path, monkeypatch: pytest.MonkeyPatch, keep_maps: bool
) -> None:
    """After a training the maps that trainings share are deleted, or kept for the next one."""
    folders = []

    def write_maps(work: Path, *_: Any) -> None:
        folders.append(maps_folder(work))
        folders[0].mkdir()

    monkeypatch.setattr("core.training.run.train_frameworks", write_maps)
    monkeypatch.setattr("core.training.run._gather", lambda *_: tiny)
    monkeypatch.setattr("core.training.run.publish", lambda *_: tiny)
    train_experiment(few, QUICK, "one", keep_maps=keep_maps)
    assert keep_maps == folders[0].exists()
    assert not work_folder(tiny.folder.parent, "one").exists()
