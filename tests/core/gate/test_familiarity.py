"""Distance from training in the networks' features, copies of training slices, and the file for both."""

from __future__ import annotations

from dataclasses import replace
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
    select_fold_features,
    unpack_familiarity,
)
from core.gate.head_ct import HeadCt
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
    """(400, 30) features that vary mainly in five directions."""
    rng = np.random.default_rng(0)
    return (rng.normal(size=(400, 5)) @ rng.normal(size=(5, 30)) + 0.05 * rng.normal(size=(400, 30))).astype(
        np.float32
    )


def _slices(n: int) -> pd.DataFrame:
    """Return two folds, each with a quarter for test and another for validation."""
    quarter = np.arange(n) % 4
    return pd.DataFrame(
        {
            f"fold_{fold}": np.select([quarter == fold, quarter == fold + 2], ["test", "validation"], "train")
            for fold in range(2)
        }
    )


def test_distances_are_those_of_hotelling(features: np.ndarray) -> None:
    """With all components the distance is the Mahalanobis distance over the root of their number."""
    space = Space.fit(features[:, :10])
    standard = (features[:, :10] - features[:, :10].mean(0)) / features[:, :10].std(0)
    inverse = np.linalg.inv(np.cov(standard.T, bias=True))
    expected = np.sqrt(np.einsum("ni,ij,nj->n", standard, inverse, standard) / 10)
    np.testing.assert_allclose(expected, space.distances(features[:, :10]), rtol=2e-2)


def test_points_off_the_components_are_far(features: np.ndarray) -> None:
    """A point with usual component scores but a large residual is farther than any training slice."""
    space = Space.fit(np.hstack([features] * 2)[:, :40])
    usual = np.hstack([features] * 2)[:, :40]
    off = usual[:1] + np.random.default_rng(1).normal(size=(1, 40)).astype(np.float32)
    assert space.distances(off)[0] > space.distances(usual).max()


def test_constant_features_are_ignored(features: np.ndarray) -> None:
    """A constant feature changes no distance; alone it gives 0."""
    constant = np.full((400, 1), 3, np.float32)
    space, plain = Space.fit(np.hstack([features, constant])), Space.fit(features)
    new = np.hstack([features[:5], constant[:5] + 9])
    np.testing.assert_allclose(plain.distances(features[:5]), space.distances(new), rtol=0.05)
    assert [0.0] == Space.fit(constant).distances(constant[:1]).tolist()


def test_limits_are_those_of_held_out_slices(features: np.ndarray) -> None:
    """Limits come from test slices in their own fold's space, not from training or validation."""
    slices = _slices(400)
    served = {"pytorch": np.hstack([features, features[::-1]])}
    found = fit_familiarity(slices, served, np.zeros((400, 32), np.uint8))
    expected = []
    for fold in range(2):
        own = select_fold_features(served["pytorch"], fold, 2)
        space = Space.fit(own[slices[f"fold_{fold}"] == "train"])
        expected.append(space.distances(own[slices[f"fold_{fold}"] == "test"]))
    assert float(np.concatenate(expected).max()) == found.farthest
    assert float(np.quantile(np.concatenate(expected), 0.995)) == found.limit


def test_served_distances_are_the_mean_over_folds_and_frameworks(features: np.ndarray) -> None:
    """Each fold's features of each framework are measured in their own space."""
    served = {"pytorch": np.hstack([features, features[::-1]]), "keras": np.hstack([features * 2, -features])}
    found = fit_familiarity(_slices(400), served, np.zeros((400, 32), np.uint8))
    parts = [
        space.distances(select_fold_features(served[name], fold, 2))
        for name, spaces in found.spaces.items()
        for fold, space in enumerate(spaces)
    ]
    np.testing.assert_allclose(np.mean(parts, axis=0), found.distances(served))
    with pytest.raises(ExperimentError, match="does not fit the pytorch network"):
        found.distances({name: one[:, :10] for name, one in served.items()})


def test_only_training_and_validation_slices_have_hashes() -> None:
    """Slices that every fold only tested have no hash; the others have one each."""
    slices = pd.DataFrame({"fold_0": ["train", "train", "validation", "test"] * 10})
    hashes = np.repeat(np.array([[1], [1], [2], [3]], np.uint8), 32, axis=1)
    features = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
    found = fit_familiarity(slices, {"pytorch": features}, np.tile(hashes, (10, 1)))
    assert [1, 2] == found.hashes[:, 0].tolist()


def _image(pixels: np.ndarray) -> np.ndarray:
    return prepare(np.clip(pixels, 0, 1).astype(np.float32), HEAD)


def test_copies_are_found_in_other_sizes_and_places() -> None:
    """A head enlarged, moved, padded or on a white page is a copy; another head is not."""
    rngs = [np.random.default_rng(seed) for seed in range(6)]
    heads = [render_phantom(rng, lesion=True, size=320).pixels for rng in rngs]
    known = Familiarity({}, 1.0, 1.0, np.stack([hash_image(_image(head)) for head in heads[1:4]]))
    larger = ndimage.zoom(heads[3], 1.3, order=1)
    padded = np.pad(heads[3], ((40, 80), (60, 20)))
    moved = np.roll(heads[3], (12, -8), (0, 1))
    page = np.pad(heads[3], 20, constant_values=1.0)
    assert [True] * 4 == [known.is_copy(_image(picture)) for picture in (larger, padded, moved, page)]
    assert [False] * 3 == [known.is_copy(_image(heads[other])) for other in (0, 4, 5)]


def test_a_copy_differs_in_few_bits() -> None:
    """A picture that differs in COPY_BITS bits is a copy; with one more bit it is not."""
    image = _image(render_phantom(np.random.default_rng(0), lesion=False, size=256).pixels)
    bits = np.unpackbits(hash_image(image))
    found = []
    for n in (COPY_BITS, COPY_BITS + 1):
        changed = bits.copy()
        changed[:n] ^= 1
        found.append(Familiarity({}, 1.0, 1.0, np.packbits(changed)[None]).is_copy(image))
    assert [True, False] == found


def test_features_of_a_fold() -> None:
    """Features are in the order of the folds; a number of features that does not divide is an error."""
    features = np.arange(12).reshape(2, 6)
    assert [[2, 3], [8, 9]] == select_fold_features(features, 1, 3).tolist()
    with pytest.raises(ExperimentError, match="6 features, 4 folds"):
        select_fold_features(features, 0, 4)


def test_the_file_restores_the_reference_values(features: np.ndarray) -> None:
    """Distances from the file differ by less than 0.01; hashes and limits are equal."""
    served = {"pytorch": np.hstack([features, features[::-1]])}
    rng = np.random.default_rng(3)
    found = fit_familiarity(_slices(400), served, rng.integers(0, 256, (400, 32), dtype=np.uint8))
    again = unpack_familiarity(pack_familiarity(found), ["pytorch"], 2)
    np.testing.assert_array_equal(found.hashes, again.hashes)
    assert (found.limit, found.farthest) == (again.limit, again.farthest)
    np.testing.assert_allclose(found.distances(served), again.distances(served), atol=0.01)
    assert again.head_ct is None


def test_the_file_holds_the_regression_of_the_gate(features: np.ndarray) -> None:
    """Weights for every framework are stored; for some frameworks only, or not finite, they are refused."""
    served = {"pytorch": features, "keras": features}
    slices = _slices(400)[["fold_0"]]
    plain = fit_familiarity(slices, served, np.zeros((400, 32), np.uint8))
    weights = np.arange(31, dtype=np.float32)
    full = replace(plain, head_ct=HeadCt({"pytorch": weights, "keras": -weights}))
    again = unpack_familiarity(pack_familiarity(full), list(served), 1)
    assert again.head_ct is not None
    assert full.head_ct is not None
    np.testing.assert_array_equal(full.head_ct.scores(served), again.head_ct.scores(served))
    for wrong in ({"pytorch": weights}, {"pytorch": weights, "keras": weights * np.nan}):
        data = pack_familiarity(replace(plain, head_ct=HeadCt(wrong)))
        with pytest.raises(ValueError, match="weights of the gate"):
            unpack_familiarity(data, list(served), 1)


@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: b"{}", lambda data: b""])
def test_damaged_files_are_named(features: np.ndarray, damage) -> None:
    """A file that is cut off, of another kind or with fewer folds is refused."""
    found = fit_familiarity(
        _slices(400), {"pytorch": np.hstack([features] * 2)}, np.zeros((400, 32), np.uint8)
    )
    data = pack_familiarity(found)
    with pytest.raises(ValueError, match="another format"):
        unpack_familiarity(damage(data), ["pytorch"], 2)
    with pytest.raises(ValueError, match="another format"):
        unpack_familiarity(data, ["pytorch"], 3)


def test_an_experiment_stores_familiarity(experiment: Experiment, phantoms: Dataset) -> None:
    """It is read from the experiment's folder; its training slices are copies; a damaged file is named."""
    _, learned = measure_features(experiment, phantoms)
    assert experiment.familiarity() is None
    stored = add_files(experiment, {FAMILIARITY_FILE: pack_familiarity(learned)})
    found = stored.familiarity()
    assert found is not None
    developed_on = (stored.slices()[["fold_0", "fold_1"]] != "test").any(axis=1)
    pixels = [read_pixels(phantoms, file) for file in stored.slices()["file"][developed_on][:5]]
    assert [True] * 5 == [found.is_copy(prepare(one, stored.recipe)) for one in pixels]
    damaged = add_files(experiment, {FAMILIARITY_FILE: b"nothing"})
    with pytest.raises(ExperimentError, match=FAMILIARITY_FILE):
        damaged.familiarity()
