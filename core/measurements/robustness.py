"""Robustness: an experiment's ranking figures on slices with noise, blur, rotation and other perturbations.

Every test slice is perturbed (`core.imaging`), prepared as usual, scored by the network of its own fold,
which did not train on it, and calibrated by the fit of this fold. The figures of unchanged slices therefore
equal those of `python -m core evaluate`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from core.datasets import read_pixels
from core.errors import ExperimentError
from core.evaluation import (
    Bootstrap,
    list_columns,
    measure_ranking,
    patient_level,
    recalibrate,
    unit_names,
)
from core.experiments import Experiment
from core.imaging import PERTURBATIONS, UNCHANGED, Perturbation, perturb, prepare
from core.measurements.verification import as_bytes, check_dataset, run_in_child

if TYPE_CHECKING:
    from core.datasets import Dataset, Progress

# Unchanged slices must get their recorded predictions, or the weights are not the published ones.
TOLERANCE = 1e-3
_BLOCK_BYTES = 500_000_000
_THREADS = 2

# Experiment, framework, (n, h, w, c) uint8 images, fold -> (1, n) float64 probabilities of its network.
RunFold = Callable[[Experiment, str, np.ndarray, int], np.ndarray]


def measure_robustness(
    experiment: Experiment,
    dataset: Dataset,
    *,
    perturbations: tuple[Perturbation, ...] = PERTURBATIONS,
    n_slices: int | None = None,
    seed: int = 0,
    on_progress: Progress | None = None,
    run_fold: RunFold = run_in_child,
) -> pd.DataFrame:
    """Measure the experiment's ranking figures under each perturbation, on slices and on patients.

    At most about 500 MB of images (uint8) are in memory at a time. The frameworks score at the same time,
    each in its own process.

    Args:
        experiment: its native weights are used.
        dataset: the data set it was trained on.
        perturbations: the perturbations; the unchanged slices are always measured first.
        n_slices: size of a sample of the test slices; None for all of them.
        seed: of the noise, together with the file's name, and of the sample.
        on_progress: called as on_progress(done, total); a step is one slice prepared under all perturbations,
            or scored under all of them by one framework.
        run_fold: runs the native weights of one fold.

    Returns:
        The table robustness.csv of `core.experiments.OPTIONAL_TABLES`: a row per perturbation, framework and
        level ("slice" and, where patients are known, "patient"), with 95 % intervals by bootstrap over
        patients, on the same resamples for all. A figure that cannot be estimated is NaN, with the reason.

    Raises:
        DatasetError: the data set is not the one the experiment was trained on.
        ExperimentError: the weights cannot be run, or do not give the recorded predictions.
        MissingExtraError: a framework of the experiment is not installed.
    """
    check_dataset(experiment, dataset)
    table = experiment.predictions()
    rows = table[table["part"] == "test"]
    if n_slices is not None and n_slices < len(rows):
        rows = rows.sample(n_slices, random_state=seed)
    rows = rows.sort_values("fold", kind="stable", ignore_index=True)
    conditions = (UNCHANGED, *perturbations)
    scores = {name: np.empty((len(conditions), len(rows))) for name in experiment.frameworks}
    steps = _Steps(on_progress, len(rows) * (1 + len(experiment.frameworks)))
    for fold, block in _blocks(rows, len(conditions) * int(np.prod(experiment.recipe.shape))):
        images = _prepare_block(experiment, dataset, list(rows["file"][block]), conditions, seed, steps)
        with ThreadPoolExecutor(len(scores)) as children:
            answers = children.map(run_fold, repeat(experiment), scores, repeat(images), repeat(fold))
            for name, answer in zip(scores, answers, strict=True):
                scores[name][:, block] = answer.reshape(len(conditions), -1)
                _check_unchanged(experiment, name, scores[name][0, block], rows[name][block].to_numpy())
                steps.add(block.stop - block.start)
    scored = [
        recalibrate(
            rows.assign(**{name: scores[name][place] for name in scores}),
            experiment.card.get("calibration", {}),
        )
        for place in range(len(conditions))
    ]
    bootstraps = _bootstrap_rows(scored[0], experiment.frameworks)
    return pd.DataFrame(
        {"perturbation": condition.name, "amount": condition.amount, "framework": name, **figures}
        for name in experiment.frameworks
        for condition, one in zip(conditions, scored, strict=True)
        for figures in _rank(one, name, bootstraps)
    )


class _Steps:
    """Counts the steps done and reports them."""

    def __init__(self, on_progress: Progress | None, total: int) -> None:
        self._on_progress, self._done, self._total = on_progress, 0, total

    def add(self, n: int) -> None:
        self._done += n
        if self._on_progress:
            self._on_progress(self._done, self._total)


def _blocks(rows: pd.DataFrame, n_bytes: int) -> Iterator[tuple[int, slice]]:
    """Yield fold and range of consecutive rows, sorted by fold, whose images (n_bytes a row) fit a block."""
    size = max(1, _BLOCK_BYTES // n_bytes)
    folds = rows["fold"].to_numpy()
    for fold in np.unique(folds):
        first, stop = np.searchsorted(folds, [fold, fold + 1])
        for start in range(first, stop, size):
            yield int(fold), slice(start, min(start + size, stop))


def _prepare_block(
    experiment: Experiment,
    dataset: Dataset,
    files: list[str],
    conditions: tuple[Perturbation, ...],
    seed: int,
    steps: _Steps,
) -> np.ndarray:
    """Return images (conditions * files, h, w, c) uint8, those of the first condition first."""
    recipe = experiment.recipe
    images = np.empty((len(conditions), len(files), *recipe.shape), dtype=np.uint8)

    def fill(index: int) -> None:
        pixels = read_pixels(dataset, files[index], recipe.window)
        for place, condition in enumerate(conditions):
            # Not Python's hash() of the name, which differs from run to run.
            rng = np.random.default_rng([seed, place, zlib.crc32(files[index].encode())])
            images[place, index] = as_bytes(prepare(perturb(pixels, condition, rng), recipe))

    with ThreadPoolExecutor(_THREADS) as workers:
        for _ in workers.map(fill, range(len(files))):
            steps.add(1)
    return images.reshape(-1, *recipe.shape)


def _check_unchanged(
    experiment: Experiment, framework: str, scored: np.ndarray, recorded: np.ndarray
) -> None:
    difference = float(np.abs(scored - recorded).max())
    if not difference <= TOLERANCE:
        raise ExperimentError(
            f'The {framework} weights of "{experiment.name}" do not give its recorded predictions',
            found=f"a difference in probability of {difference:.2g}; at most {TOLERANCE:g} is allowed",
            remedy=f"compare them with: stroke-ct verify {experiment.name}",
        )


def _bootstrap_rows(rows: pd.DataFrame, frameworks: Sequence[str]) -> dict[str, Bootstrap]:
    """Return the resamples of slices and, where patients are known, of patients."""
    names = unit_names(rows)
    slices = {"slice": Bootstrap.over(names, len(rows))}
    if names is None:
        return slices
    patients = patient_level(rows, next(iter(frameworks)))[2]
    return slices | {"patient": Bootstrap.over(patients, len(patients))}


def _rank(
    rows: pd.DataFrame, framework: str, bootstraps: Mapping[str, Bootstrap]
) -> Iterator[dict[str, object]]:
    """Yield the columns of a framework's figures on each level."""
    for level, bootstrap in bootstraps.items():
        if level == "slice":
            labels, scores = rows["label"].to_numpy(), rows[framework].to_numpy()
        else:
            labels, scores, _ = patient_level(rows, framework)
        columns: dict[str, object] = {"level": level, "n": len(labels)}
        for name, figure in measure_ranking(labels, scores, bootstrap)[0].items():
            columns |= list_columns(name, figure)
        yield columns
