"""Similarity of slices to the networks: nearest training slices, a map, and near-duplicates.

The reference for familiarity (`core.gate.familiarity`) is computed in the same pass.

Features are the activations before the last layer of a served network. A served network is the mean of K
networks, one per fold; its features are theirs, concatenated in the order of the folds.

The neighbors of a slice tested in fold k are training slices of fold k, compared in the features of fold k's
network alone. That network did not train on the tested slice, but it did train on the neighbors. Similarity
is the cosine between two feature vectors after subtracting the mean of the fold's training slices, averaged
over the frameworks: -1 to 1. Without the subtraction it would be 0.97 or more for all slices, because
activations are not negative.

The map is a principal component analysis of all served features, each scaled to mean 0 and variance 1. Use it
to explore, not to measure: any given slice was used to train most of the networks, and two axes hold only
part of the variance. The variance of an axis is its share of the total.

Near-duplicates are pictures that look the same by their perceptual hash, see `core.datasets`: a file saved
again, or adjacent slices that hardly differ.
"""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from core.audit import audit_dataset
from core.datasets import read_pixels
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.gate import (
    FAMILIARITY_FILE,
    Familiarity,
    fit_familiarity,
    hash_image,
    pack_familiarity,
    select_fold_features,
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
    """A similar slice: its row in the experiment's `slices()`, and its similarity, -1 to 1."""

    row: int
    similarity: float


def find_neighbours(features: pd.DataFrame, row: int) -> list[Neighbour]:
    """Return the most similar training slices, the most similar first; empty if the slice was never tested.

    Args:
        features: the experiment's `features()`.
        row: of the experiment's `slices()`.
    """
    rows, similarities = (features[column].iloc[row].split() for column in ("neighbours", "similarities"))
    return [
        Neighbour(int(other), int(percent) / _PERCENT)
        for other, percent in zip(rows, similarities, strict=True)
    ]


def find_copies(features: pd.DataFrame, row: int) -> list[int]:
    """Return the rows of all duplicates and near-duplicates of the slice in this row."""
    return [int(other) for other in features["copies"].iloc[row].split()]


def measure_features(
    experiment: Experiment, dataset: Dataset, on_progress: Progress | None = None
) -> tuple[pd.DataFrame, Familiarity]:
    """Compute the table features.csv and the reference for familiarity; this takes minutes on two cores.

    Args:
        experiment: its served networks are used.
        dataset: the data set it was trained on.
        on_progress: called as on_progress(done, total); a step is one slice read by the networks, or
            compared with others to find duplicates.

    Returns:
        The table, one row per slice, in the order of the experiment's `slices()`: `x`, `y` on the map (NaN
        where the features do not vary); `neighbours`, up to N_NEIGHBOURS rows separated by blanks, "" for a
        slice that no fold tested; `similarities`, theirs in percent; `copies`, rows. And the reference for
        familiarity, with which new slices are compared.

    Raises:
        DatasetError: the data set is not the one the experiment was trained on.
        ExperimentError: the features of a network cannot be divided among its folds.
        ScanError: a file has vanished or been damaged since it was indexed.
        MissingExtraError: a library for finding duplicates is not installed.
    """
    check_dataset(experiment, dataset)
    slices = experiment.slices()
    n = len(slices)

    def step(done: int, offset: int) -> None:
        if on_progress:
            on_progress(offset + done, 2 * n)

    served, hashes = _read_features(experiment, dataset, list(slices["file"]), lambda done: step(done, 0))
    trained_on = dataset.select_known(experiment.card["protocol"]["labels"], experiment.finding_key)
    audit = audit_dataset(trained_on, lambda done, _: step(done, n))
    pairs = [(first, second) for first, second, _ in audit.near_duplicates]
    pairs += [pair for group in audit.duplicates for pair in combinations(group, 2)]
    x, y = project_features(np.hstack(list(served.values())))
    neighbours, similarities = _list_neighbours(experiment, slices, served)
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
    """Store table and reference in the experiment, replacing older ones; return it. Errors as `add_files`."""
    text = table.to_csv(index=False, lineterminator="\n", float_format="%.3f")
    older = experiment.familiarity()
    if older is not None:
        # It depends on the networks only.
        familiarity = replace(familiarity, head_ct=older.head_ct)
    return add_files(
        experiment, {FEATURES_TABLE: text.encode(), FAMILIARITY_FILE: pack_familiarity(familiarity)}
    )


def project_features(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return map coordinates x and y, (n,) each, of features (n, d); NaN when these do not vary.

    They are the first two principal components of the standardised features. The variance of each is its
    share of the total variance.
    """
    from sklearn.decomposition import PCA

    spread = features.std(axis=0, dtype=np.float64)
    varying = features[:, spread > 0]
    n, d = varying.shape
    if min(n, d) < 2:
        unknown = np.full(len(features), np.nan)
        return unknown, unknown.copy()
    standard = (varying - varying.mean(axis=0, dtype=np.float64)) / spread[spread > 0]
    # Scikit-learn fixes the signs of the axes; with the seed, the same features give the same map.
    places = PCA(n_components=2, svd_solver="randomized", random_state=0).fit_transform(standard)
    x, y = (places / np.sqrt(d)).T
    return x, y


def _read_features(
    experiment: Experiment, dataset: Dataset, files: list[str], on_file: Callable[[int], None]
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return the served features (n, d) float32 of these files by framework, and their hashes (n, 32)."""
    from core.serving import ServedModel, predict_together

    models = {name: ServedModel(experiment.model_path(name)) for name in experiment.frameworks}
    parts: dict[str, list[np.ndarray]] = {name: [] for name in models}
    hashes: list[np.ndarray] = []
    for start in range(0, len(files), _BLOCK):
        block = files[start : start + _BLOCK]
        window = experiment.recipe.window
        images = prepare_many([read_pixels(dataset, file, window) for file in block], experiment.recipe)
        hashes += map(hash_image, images)
        for name, answer in predict_together(models, images).items():
            parts[name].append(answer.features)
        on_file(start + len(block))
    return {name: np.concatenate(rows) for name, rows in parts.items()}, np.stack(hashes)


def _list_neighbours(
    experiment: Experiment, slices: pd.DataFrame, served: dict[str, np.ndarray]
) -> tuple[list[str], list[str]]:
    """Return the columns neighbours and similarities."""
    neighbours, similarities = [""] * len(slices), [""] * len(slices)
    n_folds = experiment.card["protocol"]["folds"]
    for fold in range(n_folds):
        part = slices[f"fold_{fold}"].to_numpy()
        tested, trained = np.flatnonzero(part == "test"), np.flatnonzero(part == "train")
        parts = [select_fold_features(features, fold, n_folds) for features in served.values()]
        cosine = np.mean([_compare(own[tested], own[trained]) for own in parts], axis=0)
        order = np.argsort(-cosine, axis=1, kind="stable")[:, :N_NEIGHBOURS]
        for row, best, similarity in zip(tested, order, cosine, strict=True):
            neighbours[row] = " ".join(str(trained[place]) for place in best)
            similarities[row] = " ".join(f"{_PERCENT * similarity[place]:.0f}" for place in best)
    return neighbours, similarities


def _compare(tested: np.ndarray, trained: np.ndarray) -> np.ndarray:
    """Return cosines (n, m) between n tested and m training slices, after subtracting the latter's mean."""
    middle = trained.mean(axis=0)
    cosines: np.ndarray = _unit(tested - middle) @ _unit(trained - middle).T
    return cosines


def _unit(features: np.ndarray) -> np.ndarray:
    """Return the rows scaled to length 1; a row of zeros stays zero, so its similarities are 0."""
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
