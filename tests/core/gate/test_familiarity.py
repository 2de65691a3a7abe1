"""What networks are familiar with: distances in their features, copies of their slices, the file of both."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import ndimage

from core.datasets.dataset import Dataset, index_dataset, read_pixels
from core.errors import ExperimentError
from core.experiments import Experiment, add_files
from core.gate.familiarity import (
    COPY_BITS,
    FAMILIARITY_FILE,
    Familiarity,
    Space,
    fit_familiarity,
    hash_image,
    pack_familiarity,
    part_of_fold,
    unpack_familiarity,
)
from core.imaging.preprocessing import Recipe, prepare
from core.measurements.feature_space import measure_features
from core.synthetic.phantoms import render_phantom, write_phantom_dataset
from tests.builders import write_tiny_experiment

HEAD = Recipe(size=256, channels="gray", framing="head", intensity="tissue")


@pytest.fixture
def phantoms(tmp_path: Path) -> Dataset:
    """Slices of twelve synthetic patients."""
    write_phantom_dataset(tmp_path / "phantoms", n_patients=12, slices_per_patient=5, size=64)
    return index_dataset(tmp_path / "phantoms")


@pytest.fixture
def experiment(models: Path, phantoms: Dataset) -> Experiment:
    """Two folds on the phantoms."""
    return write_tiny_experiment(models, table=phantoms.table, fingerprint=phantoms.fingerprint, folds=2)


@pytest.fixture
def features() -> np.ndarray:
    """(400, 30) features that vary in five directions, and a little in all."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(400, 5)) @ rng.normal(size=(5, 30)) + 0.05 * rng.normal(size=(400, 30))).astype(
        np.float32
    )


def _slices(n: int) -> pd.DataFrame:
    """Two folds, each testing a quarter and keeping another for validation."""
    quarter = np.arange(n) % 4
    return pd.DataFrame(
        {
            f"fold_{fold}": np.select([quarter == fold, quarter == fold + 2], ["test", "validation"], "train")
            for fold in range(2)
        }
    )


def test_distances_are_those_of_hotelling(features: np.ndarray) -> None:
    """With all components kept the distance is the Mahalanobis distance over the root of their number."""
    space = Space.fit(features[:, :10])
    standard = (features[:, :10] - features[:, :10].mean(0)) / features[:, :10].std(0)
    inverse = np.linalg.inv(np.cov(standard.T, bias=True))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", standard, inverse, standard) / 10)
    np.testing.assert_allclose(expected, space.distances(features[:, :10]), rtol=2e-2)


def test_what_lies_off_the_components_is_far(features: np.ndarray) -> None:
    """A point of usual coordinates that leaves the components is farther than any training slice."""
    space = Space.fit(np.hstack([features] * 2)[:, :40])
    usual = np.hstack([features] * 2)[:, :40]
    off = usual[:1] + np.random.default_rng(1).normal(size=(1, 40)).astype(np.float32)
    assert space.distances(off)[0] > space.distances(usual).max()


def test_features_that_never_vary_count_nothing(features: np.ndarray) -> None:
    """A constant feature changes no distance, whatever a new slice shows there; alone it gives 0."""
    constant = np.full((400, 1), 3, np.float32)
    space, plain = Space.fit(np.hstack([features, constant])), Space.fit(features)
    new = np.hstack([features[:5], constant[:5] + 9])
    np.testing.assert_allclose(plain.distances(features[:5]), space.distances(new), rtol=0.05)
    assert [0.0] == Space.fit(constant).distances(constant[:1]).tolist()


def test_limits_are_those_of_held_out_slices(features: np.ndarray) -> None:
    """The farthest is a held-out slice's, by its own fold's space; training and validation set no limit."""
    slices = _slices(400)
    served = {"pytorch": np.hstack([features, features[::-1]])}
    found = fit_familiarity(slices, served, np.zeros((400, 32), np.uint8))
    expected = []
    for fold in range(2):
        own = part_of_fold(served["pytorch"], fold, 2)
        space = Space.fit(own[slices[f"fold_{fold}"] == "train"])
        expected.append(space.distances(own[slices[f"fold_{fold}"] == "test"]))
    assert float(np.concatenate(expected).max()) == found.farthest
    assert float(np.quantile(np.concatenate(expected), 0.995)) == found.limit


def test_served_distances_are_the_mean_over_folds_and_frameworks(features: np.ndarray) -> None:
    """Each fold's part of each framework's features is measured in its own space."""
    served = {"pytorch": np.hstack([features, features[::-1]]), "keras": np.hstack([features * 2, -features])}
    found = fit_familiarity(_slices(400), served, np.zeros((400, 32), np.uint8))
    parts = [
        space.distances(part_of_fold(served[name], fold, 2))
        for name, spaces in found.spaces.items()
        for fold, space in enumerate(spaces)
    ]
    np.testing.assert_allclose(np.mean(parts, axis=0), found.distances(served))
    with pytest.raises(ExperimentError, match="does not fit the pytorch network"):
        found.distances({name: one[:, :10] for name, one in served.items()})


def test_only_slices_that_taught_are_copied() -> None:
    """Hashes of slices that every fold only tested are not kept; the others are, each once."""
    slices = pd.DataFrame({"fold_0": ["train", "train", "validation", "test"] * 10})
    hashes = np.repeat(np.array([[1], [1], [2], [3]], np.uint8), 32, axis=1)
    features = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    found = fit_familiarity(slices, {"pytorch": features}, np.tile(hashes, (10, 1)))
    assert [1, 2] == found.hashes[:, 0].tolist()


def _image(pixels: np.ndarray) -> np.ndarray:
    return prepare(np.clip(pixels, 0, 1).astype(np.float32), HEAD)


def test_copies_are_found_in_other_sizes_and_places() -> None:
    """A head made larger, moved, padded, or on a white page is a copy; another head is none."""
    drawn = [np.random.default_rng(seed) for seed in range(6)]
    heads = [render_phantom(rng, lesion=True, size=320).pixels for rng in drawn]
    known = Familiarity({}, 1.0, 1.0, np.stack([hash_image(_image(head)) for head in heads[1:4]]))
    larger = ndimage.zoom(heads[3], 1.3, order=1)
    padded = np.pad(heads[3], ((40, 80), (60, 20)))
    moved = np.roll(heads[3], (12, -8), (0, 1))
    page = np.pad(heads[3], 20, constant_values=1.0)
    assert [True] * 4 == [known.is_copy(_image(picture)) for picture in (larger, padded, moved, page)]
    assert [False] * 3 == [known.is_copy(_image(heads[other])) for other in (0, 4, 5)]


def test_a_copy_differs_in_few_bits() -> None:
    """The limit counts bits: at COPY_BITS a picture is a copy, with one more it is none."""
    image = _image(render_phantom(np.random.default_rng(0), lesion=False, size=256).pixels)
    bits = np.unpackbits(hash_image(image))
    found = []
    for n in (COPY_BITS, COPY_BITS + 1):
        changed = bits.copy()
        changed[:n] ^= 1
        found.append(Familiarity({}, 1.0, 1.0, np.packbits(changed)[None]).is_copy(image))
    assert [True, False] == found


def test_parts_of_folds() -> None:
    """The parts lie side by side in the order of the folds; an uneven number of features is an error."""
    features = np.arange(12).reshape(2, 6)
    assert [[2, 3], [8, 9]] == part_of_fold(features, 1, 3).tolist()
    with pytest.raises(ExperimentError, match="6 features, 4 folds"):
        part_of_fold(features, 0, 4)


def test_the_file_brings_back_what_was_learned(features: np.ndarray) -> None:
    """Distances from the file differ by less than a hundredth, hashes and limits not at all."""
    served = {"pytorch": np.hstack([features, features[::-1]])}
    rng = np.random.default_rng(3)
    found = fit_familiarity(_slices(400), served, rng.integers(0, 256, (400, 32), dtype=np.uint8))
    again = unpack_familiarity(pack_familiarity(found), ["pytorch"], 2)
    np.testing.assert_array_equal(found.hashes, again.hashes)
    assert (found.limit, found.farthest) == (again.limit, again.farthest)
    np.testing.assert_allclose(found.distances(served), again.distances(served), atol=0.01)


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"{}", lambda data: b""])
def test_damaged_files_are_named(features: np.ndarray, damage) -> None:
    """A file cut off, or of another kind, is no familiarity; neither is one of fewer folds."""
    found = fit_familiarity(
        _slices(400), {"pytorch": np.hstack([features] * 2)}, np.zeros((400, 32), np.uint8)
    )
    data = pack_familiarity(found)
    with pytest.raises(ValueError, match="not in the form"):
        unpack_familiarity(damage(data), ["pytorch"], 2)
    with pytest.raises(ValueError, match="not in the form"):
        unpack_familiarity(data, ["pytorch"], 3)


def test_an_experiment_keeps_it(experiment: Experiment, phantoms: Dataset) -> None:
    """It is read from the experiment's folder, its own slices are copies, damage is named with the file."""
    _, learned = measure_features(experiment, phantoms)
    assert experiment.familiarity() is None
    stored = add_files(experiment, {FAMILIARITY_FILE: pack_familiarity(learned)})
    found = stored.familiarity()
    assert found is not None
    taught = (stored.slices()[["fold_0", "fold_1"]] != "test").any(axis=1)
    pixels = [read_pixels(phantoms, file) for file in stored.slices()["file"][taught][:5]]
    assert [True] * 5 == [found.is_copy(prepare(one, stored.recipe)) for one in pixels]
    damaged = add_files(experiment, {FAMILIARITY_FILE: b"nothing"})
    with pytest.raises(ExperimentError, match=FAMILIARITY_FILE):
        damaged.familiarity()
