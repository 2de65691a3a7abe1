"""The child process: progress, failures and native weights. The contract tests cover its networks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from core.errors import ParityError, TrainingError
from core.frameworks import name_weights
from core.models import ARCHITECTURES
from core.serving import load_backbone
from core.training import child
from core.training.child import _Progress
from tests.builders import MIDDLE, SLOPES, write_tiny_model
from tests.core.models.numpy_cnn import MeanGray
from tests.core.models.test_cnn_contract import make_images


def read(path: Path) -> dict[str, float]:
    """Return the values of a JSON file."""
    values: dict[str, float] = json.loads(path.read_text())
    return values


def test_progress_over_folds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Folds count from 1, the fraction is that of all folds, and the time left follows from the speed."""
    clock = iter([100.0, 110.0, 120.0, 130.0])
    monkeypatch.setattr(child.time, "monotonic", lambda: next(clock))
    progress = _Progress([tmp_path / "keras" / "progress.json"], 4, 10)
    progress.report(0, 0.0, 1)
    assert read(tmp_path / "keras/progress.json")["seconds_left"] is None
    progress.report(1, 0.0, 1)
    expected = {"fold": 2, "folds": 4, "epoch": 1, "epochs": 10, "fraction": 0.25, "seconds_left": 60.0}
    assert expected == read(tmp_path / "keras/progress.json")
    progress.report(3, 1.0, 10)
    ended = read(tmp_path / "keras/progress.json")
    assert (1.0, 0.0) == (ended["fraction"], ended["seconds_left"])


def test_a_served_backbone_computes_the_maps() -> None:
    """Images of bytes give the maps that a served network computes from the same images in [0, 1]."""
    architecture = ARCHITECTURES["evidence"]
    images = make_images()
    maps = child.ServedEmbedder(architecture).embed(images)
    expected = load_backbone(architecture.backbone.name, 1).embed(images.astype(np.float32) / np.float32(255))
    np.testing.assert_array_equal(expected, maps)
    assert architecture.input_shape[2] == maps.shape[3]


def test_a_resumed_training_measures_its_own_speed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The work of an earlier run does not count for the speed of this one."""
    clock = iter([0.0, 1.0, 10.0])
    monkeypatch.setattr(child.time, "monotonic", lambda: next(clock))
    progress = _Progress([tmp_path / "progress.json"], 2, 10)
    progress.report(1, 0.0, 1)
    progress.report(1, 0.5, 5)
    assert 10.0 == read(tmp_path / "progress.json")["seconds_left"]


def test_progress_is_written_twice_a_second_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reports in between are dropped, except the last one, which is forced."""
    clock = iter([10.0, 10.6, 10.7, 10.8])
    monkeypatch.setattr(child.time, "monotonic", lambda: next(clock))
    progress = _Progress([tmp_path / "progress.json"], 1, 10)
    progress.report(0, 0.1, 1)
    progress.report(0, 0.2, 2)
    assert 1 == read(tmp_path / "progress.json")["epoch"]
    progress.report(0, 1.0, 10, force=True)
    assert 10 == read(tmp_path / "progress.json")["epoch"]


def test_a_child_whose_training_was_killed_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When another process has become its parent, the next report raises, and nothing more is written."""
    progress = _Progress([tmp_path / "progress.json"], 1, 10)
    progress.report(0, 0.1, 1)
    parent = os.getppid()
    monkeypatch.setattr(os, "getppid", lambda: parent + 1)
    with pytest.raises(TrainingError, match="killed"):
        progress.report(0, 0.9, 9, force=True)
    assert 1 == read(tmp_path / "progress.json")["epoch"]


def test_weights_have_their_framework_s_name() -> None:
    """The names are those that cards and verification use."""
    assert "weights-3.pt" == name_weights("pytorch", 3)
    assert "model-3.keras" == name_weights("keras", 3)


def test_all_folds_or_one_are_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a fold every network is run, in order; with one, only its network."""
    folder = tmp_path / "experiment"
    (folder / "pytorch").mkdir(parents=True)
    card = {"protocol": {"folds": 3}, "recipe": {}}
    (folder / "experiment.json").write_text(json.dumps(card))
    for fold in range(3):
        np.save(folder / "pytorch" / f"weights-{fold}.npy", np.array([0.0, fold]))
    monkeypatch.setattr(child, "architecture_of", lambda *_: None)
    monkeypatch.setattr(child, "build_cnn", lambda *_, **__: MeanGray())
    monkeypatch.setattr(child, "name_weights", lambda framework, fold: f"weights-{fold}.npy")
    images = np.random.default_rng(0).integers(0, 255, (5, 8, 8, 1), dtype=np.uint8)
    np.save(tmp_path / "in.npy", images)
    words = ["probabilities", "--experiment", str(folder), "--framework", "pytorch"]
    words += ["--images", str(tmp_path / "in.npy"), "--out", str(tmp_path / "out.npy")]
    assert 0 == child.main(words)
    every = np.load(tmp_path / "out.npy")
    assert (3, 5) == every.shape
    assert 3 == len(np.unique(every[:, 0]))
    assert 0 == child.main([*words, "--fold", "2"])
    np.testing.assert_array_equal(every[2:], np.load(tmp_path / "out.npy"))


def test_a_failure_is_reported_in_one_line(tmp_path: Path) -> None:
    """An expected failure ends with code 1 and one line on standard error, which the training quotes."""
    folder = tmp_path / "experiment"
    folder.mkdir()
    card = {"protocol": {"architecture": "resnet", "folds": 1}, "recipe": {}, "layers": []}
    (folder / "experiment.json").write_text(json.dumps(card))
    np.save(tmp_path / "in.npy", np.zeros((1, 32, 32, 1), dtype=np.uint8))
    command = [sys.executable, "-m", "core.training.child", "probabilities", "--framework", "keras"]
    command += ["--experiment", str(folder)]
    command += ["--images", str(tmp_path / "in.npy"), "--out", str(tmp_path / "out.npy")]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert 1 == ended.returncode
    assert "resnet" in ended.stderr
    assert 1 == len(ended.stderr.strip().splitlines())
    assert not (tmp_path / "out.npy").exists()


@pytest.mark.parametrize("swapped", [False, True])
def test_networks_in_the_wrong_order_are_refused(tmp_path: Path, swapped: bool) -> None:
    """The mean of two networks is the same in either order, but each is compared with its own."""
    shifts, shape = (0.1, -0.1), (32, 32, 1)

    class Shifted:
        """A network whose probability is the sigmoid of a shifted mean gray."""

        framework = "keras"

        def __init__(self, shift: float) -> None:
            self.shift = shift

        def export_onnx(self, members: list[Shifted], path: Path) -> None:
            write_tiny_model(path, shape, shifts=shifts[::-1] if swapped else shifts)

        def embed(self, images: np.ndarray) -> np.ndarray:
            return images

        def predict_probability(self, inputs: np.ndarray) -> np.ndarray:
            means = inputs.mean(axis=(1, 2, 3)) / 255
            return 1 / (1 + np.exp(-SLOPES["pytorch"] * (means - MIDDLE - self.shift)))

    images = np.random.default_rng(0).integers(0, 256, (9, *shape)).astype(np.uint8)
    members: list[Any] = [Shifted(shift) for shift in shifts]
    if swapped:
        with pytest.raises(ParityError, match="different probabilities"):
            child.export(members, tmp_path / "model.onnx", images)
    else:
        assert child.export(members, tmp_path / "model.onnx", images)["max_difference"] < 1e-5
