"""Verification: served networks, native weights and recorded predictions give the same probabilities."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.errors import DatasetError, ExperimentError, MissingExtraError
from core.experiments import Experiment
from core.frameworks import BY_NAME
from core.imaging import prepare
from core.system import child_environment

if TYPE_CHECKING:
    from core.datasets import Dataset

# The largest difference allowed between two probabilities of a slice.
TOLERANCE = 1e-4
N_PHANTOMS = 24
_SERVED_BATCH = 32

# Experiment, framework, (n, h, w, c) uint8 images -> (K, n) float64 probabilities, one row a fold.
RunNative = Callable[[Experiment, str, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Check:
    """One comparison: its two sides, its number of slices, and the largest difference in probability."""

    framework: str
    compared: str
    n_slices: int
    max_difference: float

    @property
    def passed(self) -> bool:
        """Return whether the difference is at most TOLERANCE; NaN does not pass."""
        return self.max_difference <= TOLERANCE


@dataclass(frozen=True)
class Verification:
    """All checks of one experiment, and notes on checks that were not possible."""

    experiment: str
    checks: tuple[Check, ...]
    notes: tuple[str, ...]

    @property
    def passed(self) -> bool:
        """Return whether every check passed."""
        return all(check.passed for check in self.checks)


def verify_experiment(
    experiment: Experiment,
    dataset: Dataset | None = None,
    *,
    n_slices: int | None = 64,
    seed: int = 0,
    run_native: RunNative | None = None,
) -> Verification:
    """Compare the served networks with the native weights, and these with the recorded predictions.

    Args:
        experiment: its files' hashes were checked when it was read.
        dataset: the data set it was trained on. None: synthetic phantoms are used instead, and the recorded
            predictions are not checked.
        n_slices: size of the sample of test slices; None for all of them.
        seed: of the sample.
        run_native: runs the native weights; None: `run_in_child`.

    Raises:
        DatasetError: the data set is not the one the experiment was trained on.
        MissingExtraError: a framework of the experiment is not installed.
        ExperimentError: the native weights cannot be run.
    """
    from core.serving import ServedModel

    run_native = run_native or run_in_child
    if dataset is None:
        images, rows = _render_phantoms(experiment, seed), None
        notes = [
            "Without the data set, only phantoms were compared. To check the recorded predictions too, give "
            "the folder of the data set with --dataset."
        ]
        place = "phantoms"
    else:
        check_dataset(experiment, dataset)
        table = experiment.predictions()
        rows = table[table["part"] == "test"]
        if n_slices is not None and n_slices < len(rows):
            rows = rows.sample(n_slices, random_state=seed)
        images, notes, place = _read_images(experiment, dataset, list(rows["file"])), [], "test slices"
    checks: list[Check] = []
    for framework in experiment.frameworks:
        native = run_native(experiment, framework, images)
        model = ServedModel(experiment.model_path(framework))
        served = np.concatenate(
            [
                model.predict(images[start : start + _SERVED_BATCH] / np.float32(255)).probability
                for start in range(0, len(images), _SERVED_BATCH)
            ]
        )
        difference = float(np.abs(native.mean(axis=0) - served).max())
        checks.append(Check(framework, f"ONNX network and weights, on {place}", len(images), difference))
        if rows is not None:
            held_out = native[rows["fold"].to_numpy(), np.arange(len(rows))]
            difference = float(np.abs(held_out - rows[framework].to_numpy()).max())
            checks.append(Check(framework, "recorded predictions and weights", len(rows), difference))
    return Verification(experiment.name, tuple(checks), tuple(notes))


def check_dataset(experiment: Experiment, dataset: Dataset) -> None:
    """Raise a DatasetError unless the data set is the one that the experiment was trained on."""
    expected = experiment.card["dataset"]["fingerprint"]
    if dataset.fingerprint != expected:
        raise DatasetError(
            f'The data set is not the one that "{experiment.name}" was trained on',
            found=f"fingerprint {dataset.fingerprint[:12]}..., expected {expected[:12]}...",
            remedy="choose the folder of that data set, or download it again",
        )


def run_in_child(
    experiment: Experiment, framework: str, images: np.ndarray, fold: int | None = None
) -> np.ndarray:
    """Run the native weights of one framework in its own process; see RunNative.

    With `fold`, run only this fold's network and return (1, n).

    Raises:
        MissingExtraError: the framework is not installed.
        ExperimentError: the process failed; the message quotes its last line.
    """
    # An export has no native weights; its card holds the digest of the original.
    if "original" in experiment.card:
        raise ExperimentError(
            f'"{experiment.name}" has no {framework} weights',
            found="it was imported",
            remedy="run this on the machine where it was trained",
        )
    for library in BY_NAME[framework].libraries:
        if importlib.util.find_spec(library) is None:
            raise MissingExtraError(
                f"The {framework} weights need {library}, which is not installed",
                remedy='install the libraries for training (in a clone: pip install ".[train]")',
            )
    with tempfile.TemporaryDirectory(prefix="stroke-ct-") as folder:
        source, target = Path(folder, "images.npy"), Path(folder, "probabilities.npy")
        np.save(source, images, allow_pickle=False)
        command = [sys.executable, "-m", "core.training.child", "probabilities"]
        command += ["--experiment", str(experiment.folder.resolve()), "--framework", framework]
        command += ["--images", str(source), "--out", str(target)]
        command += [] if fold is None else ["--fold", str(fold)]
        ended = subprocess.run(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            env=child_environment(),
            check=False,
        )
        lines = ended.stderr.decode("utf-8", "replace").strip().splitlines()
        if ended.returncode != 0 or not target.is_file():
            raise ExperimentError(
                f'The {framework} weights of "{experiment.name}" could not be run',
                found=lines[-1][:300] if lines else f"exit code {ended.returncode}",
            )
        probabilities: np.ndarray = np.load(target, allow_pickle=False)
    n_rows = experiment.card["protocol"]["folds"] if fold is None else 1
    if probabilities.shape != (n_rows, len(images)):
        raise ExperimentError(
            f'The {framework} weights of "{experiment.name}" gave an array of the wrong shape',
            found=str(probabilities.shape),
        )
    return probabilities


def _read_images(experiment: Experiment, dataset: Dataset, files: list[str]) -> np.ndarray:
    from core.datasets import read_pixels

    images = np.empty((len(files), *experiment.recipe.shape), dtype=np.uint8)
    for index, file in enumerate(files):
        pixels = read_pixels(dataset, file, experiment.recipe.window)
        images[index] = as_bytes(prepare(pixels, experiment.recipe))
    return images


def _render_phantoms(experiment: Experiment, seed: int) -> np.ndarray:
    from core.synthetic import render_phantom

    rng = np.random.default_rng(seed)
    phantoms = [
        render_phantom(rng, lesion=bool(index % 2), position=0.2 + 0.6 * index / N_PHANTOMS)
        for index in range(N_PHANTOMS)
    ]
    return np.stack([as_bytes(prepare(phantom.pixels, experiment.recipe)) for phantom in phantoms])


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Return a prepared image as uint8; nothing is lost, because its values are multiples of 1/255."""
    return np.rint(image * 255).astype(np.uint8)
