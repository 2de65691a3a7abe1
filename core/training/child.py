"""The child process for one framework: a backbone's maps, training and export, or native weights.

python -m core.training.child maps --work FOLDER --framework pytorch
python -m core.training.child train --work FOLDER --framework pytorch
python -m core.training.child probabilities --experiment FOLDER --framework pytorch --images IN --out OUT
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from core.datasets import Fold
from core.errors import ParityError, StrokeError, TrainingError
from core.frameworks import name_weights
from core.models import CNN, Architecture, architecture_of, build_cnn, scale
from core.serving import BACKBONE_FILES, load_backbone
from core.system import write_whole
from core.training.fitting import fit_fold
from core.training.images import embed_data
from core.training.training_data import open_maps, read_data

PARITY_TOLERANCE = 1e-4
_N_PARITY, _N_OWN = 64, 8
_PROGRESS_EVERY_S = 0.5
# The share of a training run's time in which a backbone computes its feature maps.
_EMBEDDING_SHARE = 0.5


def compute_maps(work: Path, framework: str) -> None:
    """Compute the backbone's feature maps for all frameworks of a plan; see `embed_data`.

    They are the first part of the work of every framework, and count in the progress of each.
    """
    plan = json.loads((work / "plan.json").read_text())
    architecture, seed = architecture_of(plan), plan["protocol"]["seed"]
    paths = [work / name / "progress.json" for name in plan["protocol"]["frameworks"]]
    folds = plan["protocol"]["folds"]
    progress = _Progress(paths, folds, architecture.epochs, embedding=_EMBEDDING_SHARE)
    backbone = architecture.backbone
    assert backbone is not None
    # One thread each: pictures are computed at the same time, which is faster than the parts of one.
    embedder = (
        ServedEmbedder(architecture)
        if backbone.name in BACKBONE_FILES
        else build_cnn(framework, architecture, seed=seed, n_threads=1)
    )
    embed_data(embedder, work, seed=seed, on_progress=progress.report_embedding)


@dataclass(frozen=True)
class ServedEmbedder:
    """A backbone in its served form: on a processor twice as fast as in either framework."""

    architecture: Architecture

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Return the feature maps of images (n, h, w, c) uint8."""
        backbone = self.architecture.backbone
        assert backbone is not None
        return load_backbone(backbone.name, 1).embed(scale(images))


def train(work: Path, framework: str) -> None:
    """Train every fold of a plan with one framework, export the served model and check it.

    Reads `plan.json`, `folds.npz` and the prepared slices or their feature maps. Writes
    `{framework}/progress.json` meanwhile, the weights of every fold and `model.onnx` to `built/{framework}/`,
    and at the end `{framework}/probabilities.npz` and `{framework}/result.json`.

    Raises:
        TrainingError: see `fit_fold`.
        ParityError: the probabilities of the served model differ from those of the networks.
    """
    plan = json.loads((work / "plan.json").read_text())
    architecture = architecture_of(plan)
    folds = _read_folds(work, plan["protocol"]["folds"])
    seed, n_threads = plan["protocol"]["seed"], plan["protocol"]["n_threads"]
    built = work / "built" / framework
    built.mkdir(parents=True, exist_ok=True)
    progress = _Progress(
        [work / framework / "progress.json"],
        len(folds),
        architecture.epochs,
        embedding=_EMBEDDING_SHARE if architecture.has_backbone else 0.0,
    )
    data = (open_maps if architecture.has_backbone else read_data)(work, architecture)

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
    """Export the mean of the networks, and compare its probabilities with theirs on evenly spaced slices.

    On some of the slices, each network in the file is compared with its own native one too.

    Args:
        members: the networks, one per fold.
        path: the ONNX file to write.
        images: (n, h, w, c) uint8.

    Returns:
        {"max_difference": largest difference in probability, "n_slices": number of slices compared}.

    Raises:
        ParityError: the difference is above 1e-4 or not a number; the file is removed.
    """
    from core.serving import MemberModel, ServedModel

    members[0].export_onnx(members, path)
    sample = np.array(images[np.unique(np.linspace(0, len(images) - 1, _N_PARITY).astype(int))])
    inputs = members[0].embed(sample)
    native = np.stack([cnn.predict_probability(inputs) for cnn in members])
    scaled = sample.astype(np.float32) / np.float32(255)
    difference = float(np.abs(native.mean(axis=0) - ServedModel(path).predict(scaled).probability).max())
    if len(members) > 1:
        model = MemberModel(path, len(members))
        own = [model.predict_member(scaled[:_N_OWN], k).probability for k in range(len(members))]
        # A NaN must not be lost: max() of Python's floats would lose it.
        difference = float(np.max([difference, np.abs(native[:, :_N_OWN] - own).max()]))
    if not difference <= PARITY_TOLERANCE:
        path.unlink()
        raise ParityError(
            f"The exported {members[0].framework} network and the trained one give different probabilities",
            found=f"a difference of {difference:.2g}; at most {PARITY_TOLERANCE:g} is allowed",
            remedy="the experiment is refused; check the versions of the framework and of its ONNX exporter",
        )
    return {"max_difference": difference, "n_slices": len(sample)}


def compute_probabilities(
    experiment: Path, framework: str, images: np.ndarray, fold: int | None = None
) -> np.ndarray:
    """Return the probabilities (K, n) of an experiment's K networks, from their native weights.

    Args:
        experiment: the experiment's folder.
        framework: one of FRAMEWORKS.
        images: (n, h, w, c) uint8.
        fold: run only this fold's network, and return (1, n).
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
    """Writes a run's progress, at most twice a second, and ends the child if its parent has ended."""

    def __init__(self, paths: list[Path], n_folds: int, n_epochs: int, *, embedding: float = 0.0) -> None:
        for path in paths:
            path.parent.mkdir(parents=True, exist_ok=True)
        self._parent = os.getppid()
        self._paths, self._n_folds, self._n_epochs, self._embedding = paths, n_folds, n_epochs, embedding
        self._started, self._start_fraction, self._last = time.monotonic(), -1.0, 0.0

    def report_embedding(self, share: float) -> None:
        """Report the share done of the backbone's work, which comes before all folds."""
        self._write(0, 0, self._embedding * share, force=False)

    def report(self, fold: int, share: float, epoch: int, *, force: bool = False) -> None:
        """Report the share done of a fold (from 0), and its epoch (from 1)."""
        fraction = (fold + share) / self._n_folds
        self._write(fold, epoch, self._embedding + (1 - self._embedding) * fraction, force=force)

    def _write(self, fold: int, epoch: int, fraction: float, *, force: bool) -> None:
        # A killed training run cannot end its children. A child that went on would write into the folder of
        # the resumed run.
        if os.getppid() != self._parent:
            raise TrainingError(
                "The training run that this process belongs to was killed",
                remedy="resume the training run (in a terminal: --resume)",
            )
        now = time.monotonic()
        if self._start_fraction < 0:
            # A resumed training run does not start at 0: measure its speed from where it starts.
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
        for path in self._paths:
            write_whole(path, json.dumps(values).encode())


def _read_folds(work: Path, n_folds: int) -> list[Fold]:
    with np.load(work / "folds.npz", allow_pickle=False) as arrays:
        return [
            Fold(*(arrays[f"{part}_{index}"] for part in ("train", "validation", "test")))
            for index in range(n_folds)
        ]


def main(arguments: list[str] | None = None) -> int:
    """Run one job; return 0 on success, 1 on failure with the reason on stderr."""
    parser = argparse.ArgumentParser(prog="python -m core.training.child", description=__doc__)
    jobs = parser.add_subparsers(dest="job", required=True)
    trainings = [jobs.add_parser(name) for name in ("maps", "train")]
    for one in trainings:
        one.add_argument("--work", type=Path, required=True)
    probabilities = jobs.add_parser("probabilities")
    probabilities.add_argument("--experiment", type=Path, required=True)
    probabilities.add_argument("--images", type=Path, required=True)
    probabilities.add_argument("--out", type=Path, required=True)
    probabilities.add_argument("--fold", type=int, help="run only the network of this fold (from 0)")
    for one in (*trainings, probabilities):
        one.add_argument("--framework", required=True)
    options = parser.parse_args(arguments)
    try:
        if options.job == "maps":
            compute_maps(options.work, options.framework)
        elif options.job == "train":
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
