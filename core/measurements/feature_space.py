"""Which slices look alike to the networks: nearest training slices, a map, and near-copies.

What a new slice is compared with, core.gate.familiarity, is learned in the same pass.

Both are read off the "features" of the served networks, the activations before their last layer. A served
network is the mean of K, one per fold, and its features are theirs side by side, in the order of the folds.

Neighbours of a slice that was tested in fold k are slices that fold k was trained on, compared by the part of
the features that is fold k's network's own. So the network that compares has not seen the slice it is asked
about, and the neighbours are what it can have learned its answer from. Similarity is the cosine of the angle
between two feature vectors, seen from the mean of the fold's training slices: from -1 through 0 (nothing in
common that others have not) to 1, the mean of both frameworks'. Seen from the origin all slices would be
alike by 0.97 and more, as activations are not negative.

The map is a principal component analysis of all served features, each brought to mean 0 and variance 1. It
is for looking around, not for measuring: every slice was training data to most of the networks, and two axes
hold only a part of what differs. They are scaled so that the variance of an axis is the share that it holds.

Near-copies are pictures that look the same by their perceptual hash, see `core.datasets`: a file saved
again, or neighbouring slices that hardly differ.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from core.datasets import audit_dataset, read_pixels
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.gate import (
    FAMILIARITY_FILE,
    Familiarity,
    fit_familiarity,
    hash_image,
    pack_familiarity,
    part_of_fold,
)
from core.imaging import prepare_many
from core.measurements.verification import check_dataset

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from core.datasets import Dataset, Progress

FEATURES_TABLE = "features.csv"
N_NEIGHBOURS = 6
_BLOCK = 32
_PERCENT = 100


class Neighbour(NamedTuple):
    """A slice like another one: its row in the experiment's `slices()`, and its similarity, -1 to 1."""

    row: int
    similarity: float


def nearest(features: pd.DataFrame, row: int) -> list[Neighbour]:
    """The training slices most like the slice in this row, the most similar first; none if never tested.

    Args:
        features: the experiment's `features()`.
        row: of the experiment's `slices()`.
    """
    rows, similarities = (features[column].iloc[row].split() for column in ("neighbours", "similarities"))
    return [
        Neighbour(int(other), int(percent) / _PERCENT)
        for other, percent in zip(rows, similarities, strict=True)
    ]


def copies(features: pd.DataFrame, row: int) -> list[int]:
    """The rows of copies and near-copies of the slice in this row, anywhere in the data set."""
    return [int(other) for other in features["copies"].iloc[row].split()]


def measure_features(
    experiment: Experiment, dataset: Dataset, on_progress: Progress | None = None
) -> tuple[pd.DataFrame, Familiarity]:
    """Compute the table features.csv and what the networks are familiar with; takes minutes on two cores.

    Args:
        experiment: its served networks are used.
        dataset: the data set it was trained on.
        on_progress: called as on_progress(done, total); a step is one slice read by the networks, or
            looked at for copies.

    Returns:
        The table, one row per slice, in the order of the experiment's `slices()`: `x`, `y` on the map (NaN
        where the features do not vary); `neighbours`, up to N_NEIGHBOURS rows with a blank between them, ""
        for a slice that no fold tested; `similarities`, theirs in percent; `copies`, rows. And what new
        slices are compared with.

    Raises:
        DatasetError: the data set is not the one the experiment was trained on.
        ExperimentError: the features of a network cannot be parted into those of its folds.
        ScanError: a file has vanished or been damaged since it was indexed.
        MissingExtraError: a library for finding copies is not installed.
    """
    check_dataset(experiment, dataset)
    slices = experiment.slices()
    n = len(slices)

    def step(done: int, offset: int) -> None:
        if on_progress:
            on_progress(offset + done, 2 * n)

    served, hashes = _read_features(experiment, dataset, list(slices["file"]), lambda done: step(done, 0))
    audit = audit_dataset(dataset, lambda done, _: step(done, n))
    pairs = [(first, second) for first, second, _ in audit.near_duplicates]
    pairs += [pair for group in audit.duplicates for pair in combinations(group, 2)]
    x, y = map_features(np.hstack(list(served.values())))
    neighbours, similarities = _find_neighbours(experiment, slices, served)
    table = pd.DataFrame(
        {
            "x": x,
            "y": y,
            "neighbours": neighbours,
            "similarities": similarities,
            "copies": _list_copies(list(slices["file"]), pairs),
        }
    )
    return table[list(OPTIONAL_TABLES[FEATURES_TABLE])], fit_familiarity(slices, served, hashes)


def store_features(experiment: Experiment, table: pd.DataFrame, familiarity: Familiarity) -> Experiment:
    """Keep both with the experiment, in the place of older ones; errors as `add_files`."""
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.3f")
    return add_files(
        experiment, {FEATURES_TABLE: text.encode(), FAMILIARITY_FILE: pack_familiarity(familiarity)}
    )


def map_features(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The places x and y, (n,) each, of features (n, d) on a map; NaN when they do not vary.

    The variance of x is the share of the standardised features' variance that it holds, as is that of y.
    """
    from sklearn.decomposition import PCA

    spread = features.std(axis=0, dtype=np.float64)
    varying = features[:, spread > 0]
    n, d = varying.shape
    if min(n, d) < 2:
        unknown = np.full(len(features), np.nan)
        return unknown, unknown.copy()
    standard = (varying - varying.mean(axis=0, dtype=np.float64)) / spread[spread > 0]
    # The signs of the axes are fixed by scikit-learn; with a seed the same features make the same map.
    places = PCA(n_components=2, svd_solver="randomized", random_state=0).fit_transform(standard)
    x, y = (places / np.sqrt(d)).T
    return x, y


def _read_features(
    experiment: Experiment, dataset: Dataset, files: list[str], on_file: Callable[[int], None]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Framework -> (n, d) float32 served features of these files, and the (n, 32) hashes of their images."""
    from core.models import ServedModel

    models = {name: ServedModel(experiment.model_path(name)) for name in experiment.frameworks}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in models}
    hashes: list[np.ndarray] = []
    for start in range(0, len(files), _BLOCK):
        block = files[start : start + _BLOCK]
        images = prepare_many([read_pixels(dataset, file) for file in block], experiment.recipe)
        hashes += map(hash_image, images)
        for name, model in models.items():
            parts[name].append(model.predict(images).features)
        on_file(start + len(block))
    return {name: np.concatenate(rows) for name, rows in parts.items()}, np.stack(hashes)


def _find_neighbours(
    experiment: Experiment, slices: pd.DataFrame, served: dict[str, np.ndarray]
) -> tuple[list[str], list[str]]:
    """The texts of the columns neighbours and similarities."""
    neighbours, similarities = [""] * len(slices), [""] * len(slices)
    n_folds = experiment.card["protocol"]["folds"]
    for fold in range(n_folds):
        part = slices[f"fold_{fold}"].to_numpy()
        tested, trained = np.flatnonzero(part == "test"), np.flatnonzero(part == "train")
        parts = [part_of_fold(features, fold, n_folds) for features in served.values()]
        cosine = np.mean([_compare(own[tested], own[trained]) for own in parts], axis=0)
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :N_NEIGHBOURS]
        for row, best, similarity in zip(tested, order, cosine, strict=True):
            neighbours[row] = " ".join(str(trained[place]) for place in best)
            similarities[row] = " ".join(f"{_PERCENT * similarity[place]:.0f}" for place in best)
    return neighbours, similarities


def _compare(tested: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """(n, m) cosines between n tested and m training slices, seen from the mean of the latter."""
    middle = trained.mean(axis=0)
    cosines: np.ndarray = _unit(tested - middle) @ _unit(trained - middle).T
    return cosines


def _unit(features: np.ndarray) -> np.ndarray:
    """Rows of length 1; a row of zeros stays one, and is like no other."""
    length = np.linalg.norm(features, axis=1, keepdims=True)
    unit: np.ndarray = np.divide(features, length, out=np.zeros_like(features), where=length > 0)
    return unit


def _list_copies(files: list[str], pairs: Iterable[tuple[str, str]]) -> list[str]:
    row_of = {file: row for row, file in enumerate(files)}
    found: list[set[int]] = [set() for _ in files]
    for first, second in pairs:
        found[row_of[first]].add(row_of[second])
        found[row_of[second]].add(row_of[first])
    return [" ".join(map(str, sorted(rows))) for rows in found]
