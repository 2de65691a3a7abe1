"""Similarity of slices in the features of the served networks."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets.dataset import Dataset, index_dataset, read_pixels
from core.errors import DatasetError
from core.experiments import OPTIONAL_TABLES, Experiment, find_experiment
from core.imaging.preprocessing import prepare
from core.measurements import feature_space
from core.measurements.feature_space import (
    N_NEIGHBOURS,
    find_copies,
    find_neighbours,
    measure_features,
    project_features,
    store_features,
)
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import POOLING, write_tiny_experiment

N_FOLDS = 2


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Phantoms of 12 patients; one picture occurs twice, in two patients."""
    folder = tmp_path_factory.mktemp("phantoms")
    write_phantom_dataset(folder, n_patients=12, slices_per_patient=5, size=64)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    shutil.copy(files[0], files[-1])
    return index_dataset(folder)


@pytest.fixture
def experiment(models: Path, phantoms: Dataset) -> Experiment:
    """Two folds on the phantoms; the features of each fold's network are the picture, pooled."""
    return write_tiny_experiment(
        models, table=phantoms.table, fingerprint=phantoms.fingerprint, folds=N_FOLDS
    )


def _pool(pixels: np.ndarray, experiment: Experiment) -> np.ndarray:
    """Return the features of the tiny networks, computed in NumPy."""
    image = prepare(pixels, experiment.recipe).mean(axis=2)
    side = image.shape[0] // POOLING
    return image.reshape(side, POOLING, side, POOLING).mean(axis=(1, 3)).ravel()


def test_neighbours_are_training_slices_of_the_fold_that_tested_the_slice(
    experiment: Experiment, phantoms: Dataset
) -> None:
    """Neighbors have the largest cosines in the features of the fold's network, after centering."""
    table, _ = measure_features(experiment, phantoms)
    slices = experiment.slices()
    features = np.stack([_pool(read_pixels(phantoms, file), experiment) for file in slices["file"]])
    n_tested = 0
    for row in range(len(slices)):
        (fold,) = [k for k in range(N_FOLDS) if slices[f"fold_{k}"][row] == "test"] or [None]
        found = find_neighbours(table, row)
        if fold is None:
            assert [] == found
            continue
        n_tested += 1
        trained = slices[f"fold_{fold}"] == "train"
        own = features - features[trained].mean(axis=0)
        cosine = own @ own[row] / (np.linalg.norm(own, axis=1) * np.linalg.norm(own[row]))
        cosine[~trained] = -2
        assert N_NEIGHBOURS == len(found)
        assert trained[[neighbour.row for neighbour in found]].all()
        expected = np.sort(cosine)[::-1][:N_NEIGHBOURS]
        np.testing.assert_allclose([cosine[one.row] for one in found], expected, atol=1e-5)
        np.testing.assert_allclose([one.similarity for one in found], expected, atol=0.00501)
    assert 0 < n_tested < len(slices)


def test_similarity_is_the_mean_over_frameworks(
    models: Path, phantoms: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cosine of 1 in one framework and 0 in the other gives a similarity of 0.5."""
    single = write_tiny_experiment(
        models, "single", table=phantoms.table, fingerprint=phantoms.fingerprint, folds=1
    )
    part = single.slices()["fold_0"].to_numpy()
    tested, trained = part == "test", part == "train"
    # Training slices are at both ends of an axis, with mean 0; test slices at one end or at a right angle.
    end = np.where(np.cumsum(trained) % 2, 1.0, -1.0)
    ends = np.column_stack([np.where(tested, 1, end - end[trained].mean()), np.zeros(len(part))])
    apart = np.where(tested[:, None], [0, 1], ends)
    served = {"pytorch": ends, "keras": apart}
    hashes = np.zeros((len(part), 32), np.uint8)
    monkeypatch.setattr(feature_space, "_read_features", lambda *args: (served, hashes))
    table, _ = measure_features(single, phantoms)
    assert {0.5} == {one.similarity for row in np.flatnonzero(tested) for one in find_neighbours(table, row)}


def test_copies_are_found_in_both_directions(experiment: Experiment, phantoms: Dataset) -> None:
    """Each of two identical pictures lists the other."""
    table, _ = measure_features(experiment, phantoms)
    digests = experiment.slices()["sha256"].to_numpy()
    first, second = np.flatnonzero(pd.Series(digests).duplicated(keep=False))
    assert second in find_copies(table, first)
    assert first in find_copies(table, second)


def test_the_map_has_the_principal_components() -> None:
    """Coordinates are projections on the first two eigenvectors; variances are shares of the total."""
    rng = np.random.default_rng(0)
    features = rng.normal(size=(50, 6)) @ rng.normal(size=(6, 6)) + 3
    features = np.column_stack(
        [features, np.full(50, 7.0)]
    )  # a feature that does not vary counts for nothing
    x, y = project_features(features.astype(np.float32))
    values, vectors = np.linalg.eigh(np.corrcoef(features[:, :6].T))
    np.testing.assert_allclose([x.var(), y.var()], values[[-1, -2]] / 6, rtol=1e-4)
    standard = (features[:, :6] - features[:, :6].mean(0)) / features[:, :6].std(0)
    for place, vector in ((x, vectors[:, -1]), (y, vectors[:, -2])):
        expected = standard @ vector / np.sqrt(6)
        np.testing.assert_allclose(np.abs(place), np.abs(expected), atol=1e-4)


def test_features_that_do_not_vary_have_no_map() -> None:
    """Constant features give NaN coordinates."""
    x, y = project_features(np.ones((5, 4), dtype=np.float32))
    assert np.isnan(x).all()
    assert np.isnan(y).all()


def test_one_fold_compares_its_test_slices_with_its_training(models: Path, phantoms: Dataset) -> None:
    """With a single fold only its test slices have neighbors, and all slices have coordinates."""
    single = write_tiny_experiment(
        models, "single", table=phantoms.table, fingerprint=phantoms.fingerprint, folds=1
    )
    table, _ = measure_features(single, phantoms)
    tested = single.slices()["fold_0"] == "test"
    assert list(tested) == [bool(find_neighbours(table, row)) for row in range(len(table))]
    assert table[["x", "y"]].notna().all(axis=None)


def test_the_table_is_stored_and_read_again(experiment: Experiment, phantoms: Dataset) -> None:
    """Texts are read as written, coordinates within 0.0005; a row takes at most 60 bytes."""
    steps: list[tuple[int, int]] = []
    table, familiarity = measure_features(
        experiment, phantoms, lambda done, total: steps.append((done, total))
    )
    n = len(table)
    assert (n, (2 * n, 2 * n)) == (len(phantoms.table), steps[-1])
    assert list(OPTIONAL_TABLES["features.csv"]) == list(table.columns)
    assert experiment.features() is None
    stored = store_features(experiment, table, familiarity).features()
    assert stored is not None
    texts = ["neighbours", "similarities", "copies"]
    pd.testing.assert_frame_equal(table[texts].astype("str"), stored[texts].astype("str"))
    assert float(np.abs(table[["x", "y"]] - stored[["x", "y"]]).max(axis=None)) <= 0.0005001
    found = find_experiment("tiny")
    assert [*find_neighbours(table, 3)] == [*find_neighbours(found.features(), 3)]
    assert (found.folder / "features.csv").stat().st_size <= 60 * n


def test_another_data_set_is_refused(models: Path, phantoms: Dataset) -> None:
    """Features are computed only on the data set that the experiment was trained on."""
    with pytest.raises(DatasetError, match="not the one"):
        measure_features(write_tiny_experiment(models), phantoms)
