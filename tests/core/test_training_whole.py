"""Whole training runs of both frameworks on phantoms, from data set to experiment, also when killed."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from core.datasets.as_manifest import describe_class_folders
from core.datasets.dataset import index_dataset
from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment, read_experiment
from core.frameworks import FRAMEWORKS
from core.imaging.perturbations import Perturbation
from core.manifests import Source, place_layout, write_manifest
from core.measurements.feature_space import measure_features
from core.measurements.robustness import measure_robustness
from core.measurements.verification import verify_experiment
from core.synthetic.phantoms import render_phantom, write_phantom_dataset
from core.system.processes import is_alive
from core.training.protocol import Protocol
from core.training.run import train_experiment
from core.training.state import work_folder
from tests.scan_files import write_dicom

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hundred phantoms: 20 patients with 10 slices each."""
    folder = tmp_path_factory.mktemp("phantoms") / "set"
    write_phantom_dataset(folder, n_patients=20, slices_per_patient=10, size=128)
    return folder


@pytest.fixture(scope="module")
def trained(phantoms: Path, tmp_path_factory: pytest.TempPathFactory) -> Experiment:
    """Both frameworks on two hundred phantoms: two epochs, two folds, by patient."""
    protocol = Protocol(labels="slice", split="patient", folds=2, architecture="framed", epochs=2)
    stages: dict[str, None] = {}

    def listen(stage: str, tracks: dict[str, dict[str, Any]]) -> None:
        stages[stage] = None
        assert all(0 <= values["fraction"] <= 1 for values in tracks.values())

    root = tmp_path_factory.mktemp("models")
    experiment = train_experiment(phantoms, protocol, "phantoms", root=root, on_progress=listen)
    assert ["reading", "preparing", "training", "publishing"] == list(stages)
    assert not work_folder(root, "phantoms").exists()
    return experiment


@pytest.mark.slow
def test_every_slice_is_tested_once(trained: Experiment) -> None:
    """Both frameworks predict the same slices; each is tested in one fold, and no patient is in two parts."""
    predictions, slices = trained.predictions(), trained.slices()
    assert 200 == len(slices)
    test = predictions[predictions["part"] == "test"]
    assert sorted(slices["file"]) == sorted(test["file"])
    for framework in FRAMEWORKS:
        assert predictions[framework].between(0, 1).all()
    for fold in (0, 1):
        parts = slices.set_index("file")[f"fold_{fold}"]
        rows = predictions[predictions["fold"] == fold]
        assert (parts[rows["file"]].to_numpy() == rows["part"].to_numpy()).all()
        assert 1 == slices.groupby("patient")[f"fold_{fold}"].nunique().max()


@pytest.mark.slow
def test_the_card_describes_the_training(trained: Experiment) -> None:
    """History, parity and files on the card match the training."""
    card, history = trained.card, trained.history()
    for framework in FRAMEWORKS:
        assert card["parity"][framework]["max_difference"] <= 1e-4
        assert card["training"][framework]["n_parameters"] > 10_000
        for fold in (0, 1):
            rows = history[(history["framework"] == framework) & (history["fold"] == fold)]
            assert [1, 2] == rows["epoch"].tolist()
            assert 1 == rows["best"].sum()
    parameters = {card["training"][framework]["n_parameters"] for framework in FRAMEWORKS}
    assert 1 == len(parameters)
    weights = {"pytorch/weights-0.pt", "pytorch/weights-1.pt", "keras/model-0.keras", "keras/model-1.keras"}
    assert weights <= set(card["files"])
    assert card == read_experiment(trained.folder).card
    assert {"slices.csv", "predictions.csv", "history.csv", "pytorch/model.onnx"} <= set(card["files"])


@pytest.mark.slow
def test_a_trained_experiment_can_be_evaluated(trained: Experiment) -> None:
    """Every slice counts in the evaluation of each framework."""
    record = evaluate_experiment(trained, n_resamples=50)
    for framework in FRAMEWORKS:
        assert 200 == record["models"][framework]["slice"]["n"]
        assert 20 == record["models"][framework]["patient"]["n"]


@pytest.mark.slow
def test_a_trained_experiment_passes_its_verification(trained: Experiment, phantoms: Path) -> None:
    """Native weights, served networks and recorded predictions agree within 1e-4."""
    verification = verify_experiment(trained, index_dataset(phantoms), n_slices=32)
    assert 4 == len(verification.checks)
    assert verification.passed, verification.checks


@pytest.mark.slow
def test_robustness_of_a_trained_experiment_is_measured(trained: Experiment, phantoms: Path) -> None:
    """The figures of unchanged slices are the recorded ones; those of perturbed slices differ."""
    changes = (Perturbation("noise", 0.1), Perturbation("scale", 0.9))
    found = measure_robustness(trained, index_dataset(phantoms), perturbations=changes)
    assert len(FRAMEWORKS) * 2 * (1 + len(changes)) == len(found)
    recorded = evaluate_experiment(trained, n_resamples=5)["models"]
    for framework in FRAMEWORKS:
        for level in ("slice", "patient"):
            chosen = found[(found["framework"] == framework) & (found["level"] == level)]
            assert recorded[framework][level]["auroc"]["value"] == pytest.approx(
                chosen["auroc"].iloc[0], abs=1e-3
            )
            assert 3 == chosen["auroc"].nunique() or level == "patient"


def start_command(dataset: Path, root: Path, *more: str) -> subprocess.Popen[bytes]:
    """Start a small training of both frameworks by its command, in its own process group."""
    command = [sys.executable, "-m", "core", "train", "--dataset", str(dataset), "--name", "one"]
    choices = ["--folds", "1", "--epochs", "3", "--split", "random", "--architecture", "framed"]
    return subprocess.Popen(
        [*command, *choices, *more],
        cwd=ROOT,
        env={**os.environ, "STROKE_CT_MODELS": str(root)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[bytes], seconds: float) -> None:
    """Wait until the condition holds; fail if the process ends or the time is over."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, "the training ended too early"
        assert time.monotonic() < deadline, "the training is too slow"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows kills process groups differently")
def test_a_killed_training_resumes_to_the_same_result(phantoms: Path, tmp_path: Path) -> None:
    """A training killed with its children and resumed predicts the same as an uninterrupted one."""
    unbroken, broken = tmp_path / "unbroken", tmp_path / "broken"
    assert 0 == start_command(phantoms, unbroken).wait(timeout=540)
    work = work_folder(broken, "one")
    states = [work / framework / "fold-0" / "state.json" for framework in FRAMEWORKS]
    killed = start_command(phantoms, broken)
    try:
        wait_for(lambda: all(state.exists() for state in states), killed, 300)
    finally:
        os.killpg(killed.pid, signal.SIGKILL)
        killed.wait()
    epochs_before = [len(json.loads(state.read_text())["history"]) for state in states]
    assert all(1 <= n <= 3 for n in epochs_before)
    assert min(epochs_before) < 3
    assert not (broken / "one").exists()
    assert 1 == start_command(phantoms, broken).wait(timeout=120)
    assert 0 == start_command(phantoms, broken, "--resume").wait(timeout=540)
    expected, found = (read_experiment(root / "one").predictions() for root in (unbroken, broken))
    pd.testing.assert_frame_equal(
        expected.drop(columns=list(FRAMEWORKS)), found.drop(columns=list(FRAMEWORKS))
    )
    for framework in FRAMEWORKS:
        np.testing.assert_allclose(found[framework], expected[framework], atol=1e-3)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists a process's children")
def test_children_do_not_outlive_a_killed_training(phantoms: Path, tmp_path: Path) -> None:
    """When only the training is killed its children end by themselves and write no result."""
    work = work_folder(tmp_path, "one")
    training = start_command(phantoms, tmp_path, "--batch-size", "4")
    try:
        files = [work / framework / "progress.json" for framework in FRAMEWORKS]

        def are_training() -> bool:
            # Before the first epoch one child alone computes the backbone's maps.
            return all(file.exists() and json.loads(file.read_text())["epoch"] for file in files)

        wait_for(are_training, training, 300)
        tasks = Path(f"/proc/{training.pid}/task").glob("*/children")
        children = [int(child) for task in tasks for child in task.read_text().split()]
        training.kill()
        training.wait()
        assert 2 == len(children)
        deadline = time.monotonic() + 60
        while any(is_alive(child) for child in children):
            assert time.monotonic() < deadline, "a child is still running"
            time.sleep(0.1)
        assert not any((work / framework / "result.json").exists() for framework in FRAMEWORKS)
        logs = [(work / framework / "log.txt").read_text() for framework in FRAMEWORKS]
        assert all("was killed" in log for log in logs)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(training.pid, signal.SIGKILL)
        training.wait()


def _write_mixed_set(folder: Path) -> Path:
    """Write a manifest of phantoms: class folders of pictures, and DICOM slices of another source."""
    write_phantom_dataset(folder / "pictures", n_patients=8, slices_per_patient=6, size=96)
    pictures = index_dataset(folder / "pictures")
    layout = place_layout(describe_class_folders(pictures), folder / "pictures", folder / "set.csv")
    lines = list(layout.lines)
    (folder / "dicom").mkdir()
    for patient in range(8):
        rng = np.random.default_rng(100 + patient)
        for number in range(6):
            shows = patient % 2 == 0 and number in (2, 3)
            gray = render_phantom(rng, lesion=shows, size=96, position=0.2 + 0.1 * number).pixels
            name = f"dicom/{patient}-{number}.dcm"
            # Gray of the window that read_pixels uses: center 40 HU, width 120 HU.
            (folder / name).write_bytes(write_dicom(np.round(gray * 120 - 20).astype(np.int16)))
            word = ("absent", "present")[shows] if patient < 7 else "unknown"
            part = "kept" if patient == 6 else ""
            lines.append(
                {"file": name, "source": "B", "patient": f"MRN{patient}", "hemorrhage": word, "part": part}
            )
    write_manifest(folder / "set.csv", lines, [*layout.sources, Source("B", "Hospital B", "research")])
    return folder / "set.csv"


@pytest.mark.slow
def test_a_manifest_is_trained_on(tmp_path: Path) -> None:
    """Pictures and DICOM slices of two sources become one experiment; its files hold no id of a hospital."""
    path = _write_mixed_set(tmp_path)
    protocol = Protocol(folds=2, architecture="plain", epochs=1)
    experiment = train_experiment(path, protocol, "mixed", root=tmp_path / "models")
    dataset = index_dataset(path)
    assert 48 + 36 == len(experiment.slices())
    assert {"kept part": 6, "unknown label": 6} == experiment.card["dataset"]["left_out"]
    assert ["research"] == [
        one["terms"] for one in experiment.card["dataset"]["sources"] if one["name"] == "B"
    ]
    for file in experiment.folder.rglob("*"):
        assert not file.is_file() or b"MRN" not in file.read_bytes()
    assert verify_experiment(experiment, dataset, n_slices=20).passed
    evaluate_experiment(experiment, n_resamples=20)
    table, _ = measure_features(experiment, dataset)
    assert len(experiment.slices()) == len(table)
