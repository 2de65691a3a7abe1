"""The child process that holds one framework: it trains, exports and re-computes, and then ends.

python -m core.training.child train --work FOLDER --framework pytorch
python -m core.training.child probabilities --experiment FOLDER --framework pytorch --images IN --out OUT
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets import Fold
from core.errors import ParityError, StrokeError, TrainingError
from core.frameworks import name_weights
from core.models import CNN, architecture_of, build_cnn
from core.system import write_whole
from core.training.fitting import fit_fold
from core.training.training_data import TrainingData, map_data

PARITY_TOLERANCE = 1e-4
_N_PARITY = 64
_PROGRESS_EVERY_S = 0.5
# Of the time that a training with a backbone takes: mapping the slices.
_MAPPING_SHARE = 0.5


def train(work: Path, framework: str) -> None:
    """Train every fold of a plan with one framework, export the served model and check it.

    Reads `plan.json`, `images.npy` and `folds.npz` in `work`; writes `{framework}/progress.json`, and in
    `built/{framework}/` the weights of every fold and `model.onnx`, and last `{framework}/result.json` and
    `{framework}/probabilities.npz`.

    Raises:
        TrainingError: see `fit_fold`.
        ParityError: the served model does not compute what the networks compute.
    """
    plan = json.loads((work / "plan.json").read_text())
    architecture = architecture_of(plan)
    data = _read_data(work)
    folds = _read_folds(work, plan["protocol"]["folds"])
    seed, n_threads = plan["protocol"]["seed"], plan["protocol"]["n_threads"]
    built = work / "built" / framework
    built.mkdir(parents=True, exist_ok=True)
    progress = _Progress(
        work / framework / "progress.json",
        len(folds),
        architecture.epochs,
        mapping=_MAPPING_SHARE if architecture.has_backbone else 0.0,
    )
    if architecture.has_backbone:
        data = map_data(
            build_cnn(framework, architecture, seed=seed, n_threads=n_threads),
            data,
            work / framework,
            seed=seed,
            on_progress=progress.report_mapping,
        )

    history: list[dict[str, Any]] = []
    probabilities: dict[str, np.ndarray] = {}
    members: list[CNN] = []
    for index, fold in enumerate(folds):
        fold_seed = int(np.random.SeedSequence([seed, index]).generate_state(1)[0])
        folder = work / framework / f"fold-{index}"
        rows = fit_fold(
            partial(build_cnn, framework, architecture, seed=fold_seed, n_threads=n_threads),
            data,
            fold,
            folder,
            seed=fold_seed,
            class_weights=plan["protocol"]["class_weights"],
            on_progress=partial(progress.report, index),
        )
        history += [{"framework": framework, "fold": index, **row} for row in rows]
        cnn = build_cnn(framework, architecture, seed=fold_seed, n_threads=n_threads)
        cnn.load_weights(folder / f"best{cnn.weights_suffix}")
        cnn.save_weights(built / name_weights(framework, index))
        for part in ("validation", "test"):
            probabilities[f"{part}_{index}"] = cnn.predict_probability(data.inputs(getattr(fold, part)))
        members.append(cnn)

    parity = export(members, built / "model.onnx", data.images)
    np.savez(work / framework / "probabilities.npz", allow_pickle=False, **probabilities)
    result = {
        "history": history,
        "parity": parity,
        "seconds": round(sum(row["seconds"] for row in history), 1),
        "n_parameters": members[0].n_parameters,
    }
    write_whole(work / framework / "result.json", json.dumps(result).encode())
    progress.report(len(folds) - 1, 1.0, len(rows), force=True)


def export(members: list[CNN], path: Path, images: np.ndarray) -> dict[str, Any]:
    """Export the mean of the networks and compare it with them on evenly spaced slices.

    Returns:
        {"max_difference": largest difference in probability, "n_slices": compared slices}.

    Raises:
        ParityError: the difference is above 1e-4 or not a number; the file is removed.
    """
    from core.models import ServedModel

    members[0].export_onnx(members, path)
    sample = np.array(images[np.unique(np.linspace(0, len(images) - 1, _N_PARITY).astype(int))])
    inputs = members[0].embed(sample)
    native = np.mean([cnn.predict_probability(inputs) for cnn in members], axis=0)
    served = ServedModel(path).predict(sample.astype(np.float32) / np.float32(255)).probability
    difference = float(np.abs(native - served).max())
    if not difference <= PARITY_TOLERANCE:
        path.unlink()
        raise ParityError(
            f"The exported {members[0].framework} model does not compute what the network computes",
            found=f"a difference in probability of {difference:.2g}, at most {PARITY_TOLERANCE:g} is allowed",
            remedy="the experiment is refused; check the versions of the framework and of its ONNX exporter",
        )
    return {"max_difference": difference, "n_slices": len(sample)}


def compute_probabilities(
    experiment: Path, framework: str, images: np.ndarray, fold: int | None = None
) -> np.ndarray:
    """Probabilities (K, n) of an experiment's K networks, from their native weights.

    Args:
        experiment: the experiment's folder.
        framework: one of FRAMEWORKS.
        images: (n, h, w, c) uint8.
        fold: only this fold's network is asked, and the answer is (1, n).
    """
    card = json.loads((experiment / "experiment.json").read_text())
    architecture = architecture_of(card)
    rows: list[np.ndarray] = []
    for index in range(card["protocol"]["folds"]) if fold is None else [fold]:
        cnn = build_cnn(framework, architecture, seed=0)
        cnn.load_weights(experiment / framework / name_weights(framework, index))
        if not rows:
            inputs = cnn.embed(images)
        rows.append(cnn.predict_probability(inputs))
    return np.stack(rows)


class _Progress:
    """Writes how far a training is, at most twice a second, and ends a child whose training is gone."""

    def __init__(self, path: Path, n_folds: int, n_epochs: int, *, mapping: float = 0.0) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._parent = os.getppid()
        self._path, self._n_folds, self._n_epochs, self._mapping = path, n_folds, n_epochs, mapping
        self._started, self._start_fraction, self._last = time.monotonic(), -1.0, 0.0

    def report_mapping(self, share: float) -> None:
        """Report how much of the backbone's work, which comes before all folds, is done."""
        self._write(0, 0, self._mapping * share, force=False)

    def report(self, fold: int, share: float, epoch: int, *, force: bool = False) -> None:
        """How much of a fold (from 0) is done, and in which epoch it is."""
        fraction = (fold + share) / self._n_folds
        self._write(fold, epoch, self._mapping + (1 - self._mapping) * fraction, force=force)

    def _write(self, fold: int, epoch: int, fraction: float, *, force: bool) -> None:
        # A training that was killed cannot end its children: left alone, one would write into the folder in
        # which a resumed training works.
        if os.getppid() != self._parent:
            raise TrainingError(
                "The training that this process belongs to was killed", remedy="go on with --resume"
            )
        now = time.monotonic()
        if self._start_fraction < 0:
            # A resumed training starts further on; its speed is measured from there.
            self._start_fraction = fraction
        if now - self._last < _PROGRESS_EVERY_S and not force:
            return
        self._last = now
        done = fraction - self._start_fraction
        left = (now - self._started) * (1 - fraction) / done if done > 0 else None
        values = {
            "fold": fold + 1,
            "folds": self._n_folds,
            "epoch": epoch,
            "epochs": self._n_epochs,
            "fraction": fraction,
            "seconds_left": left,
        }
        write_whole(self._path, json.dumps(values).encode())


def _read_data(work: Path) -> TrainingData:
    images, y_true = np.load(work / "images.npy", mmap_mode="r"), np.load(work / "labels.npy")
    if not (work / "planted.npz").exists():
        return TrainingData(images, y_true)
    with np.load(work / "planted.npz", allow_pickle=False) as planted:
        return TrainingData(images, y_true, planted["images"], planted["sources"])


def _read_folds(work: Path, n_folds: int) -> list[Fold]:
    with np.load(work / "folds.npz", allow_pickle=False) as arrays:
        return [
            Fold(*(arrays[f"{part}_{index}"] for part in ("train", "validation", "test")))
            for index in range(n_folds)
        ]


def main(arguments: list[str] | None = None) -> int:
    """Run one job; 0 when it is done, 1 with the reason on stderr when it failed."""
    parser = argparse.ArgumentParser(prog="python -m core.training.child", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    train_parser = jobs.add_parser("train")
    train_parser.add_argument("--work", type=Path, required=True)
    probabilities = jobs.add_parser("probabilities")
    probabilities.add_argument("--experiment", type=Path, required=True)
    probabilities.add_argument("--images", type=Path, required=True)
    probabilities.add_argument("--out", type=Path, required=True)
    probabilities.add_argument("--fold", type=int, help="ask this fold's network only")
    for one in (train_parser, probabilities):
        one.add_argument("--framework", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.job == "train":
            train(options.work, options.framework)
        else:
            images = np.load(options.images, mmap_mode="r", allow_pickle=False)
            answers = compute_probabilities(options.experiment, options.framework, images, options.fold)
            np.save(options.out, answers)
    except StrokeError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
