"""Phantoms: pictures, lesions and data sets."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from core.datasets.dataset import index_dataset
from core.errors import DatasetError
from core.synthetic.phantoms import HIGHEST_LESION, render_phantom, sample_head, write_phantom_dataset


@pytest.mark.parametrize("position", [0.0, 0.15, 0.3, 0.36, 0.5, 0.65, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("size", [32, 100, 256])
def test_pixels_are_gray_in_range(position, size):
    """At every position and size the picture is float32 in [0, 1] with black corners and bright bone."""
    pixels = render_phantom(np.random.default_rng(0), lesion=False, size=size, position=position).pixels
    assert ((size, size), np.float32) == (pixels.shape, pixels.dtype)
    assert 0 == pixels.min() == pixels[[0, 0, -1, -1], [0, -1, 0, -1]].max()
    assert 0.7 < pixels.max() <= 1


@pytest.mark.parametrize("seed", range(20))
def test_lesion_is_brighter_than_brain_and_darker_than_bone(seed):
    """The gray at the center of a lesion is between brain and bone."""
    rng = np.random.default_rng(seed)
    phantom = render_phantom(rng, lesion=True, position=rng.uniform(0.45, 0.75))
    row, column = map(round, phantom.lesion_center)
    center = phantom.pixels[row - 1 : row + 2, column - 1 : column + 2].mean()
    tissue = phantom.pixels[(phantom.pixels > 0.3) & (phantom.pixels < 0.6)].mean()
    assert tissue + 0.15 < center < 0.95


@pytest.mark.parametrize("seed", range(5))
def test_lesion_is_all_that_differs(seed):
    """A slice with and without its lesion differs most at the lesion's center."""
    head = sample_head(np.random.default_rng(seed))
    pair = [
        render_phantom(np.random.default_rng(seed + 50), lesion=lesion, head=head, position=0.55)
        for lesion in (False, True)
    ]
    change = np.abs(pair[1].pixels - pair[0].pixels)
    blurred = change.reshape(32, 8, 32, 8).mean((1, 3))
    row, column = np.unravel_index(blurred.argmax(), blurred.shape)
    distance = np.hypot(row * 8 + 4 - pair[1].lesion_center[0], column * 8 + 4 - pair[1].lesion_center[1])
    assert distance < pair[1].lesion_radius + 8
    assert (None, 0.0) == (pair[0].lesion_center, pair[0].lesion_radius)


@pytest.mark.parametrize("size", [32, 64, 256])
@pytest.mark.parametrize("position", [0.0, 0.29, 0.3, HIGHEST_LESION])
def test_lesion_fits_everywhere(size, position):
    """At every allowed position a lesion has an area and a center inside the picture."""
    for seed in range(10):
        phantom = render_phantom(np.random.default_rng(seed), lesion=True, size=size, position=position)
        assert phantom.lesion_radius > 0
        assert all(0 < value < size for value in phantom.lesion_center)


def test_same_seed_same_picture():
    """The same seed renders the same picture, another seed a different one."""
    first, again, other = (
        render_phantom(np.random.default_rng(seed), lesion=True).pixels for seed in (4, 4, 5)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_patients_keep_their_identity():
    """Slices of one head resemble each other more than those of other heads."""
    slices = []
    for patient in range(8):
        rng = np.random.default_rng(patient)
        head = sample_head(rng)
        slices.append(
            [render_phantom(rng, lesion=False, head=head, size=64, position=p).pixels for p in (0.55, 0.56)]
        )
    distances = np.array([[np.abs(a[0] - b[1]).mean() for b in slices] for a in slices])
    assert list(range(8)) == distances.argmin(axis=1).tolist()


def test_patients_keep_their_texture():
    """The texture of brain and bone belongs to the head, not to the slice."""
    head = sample_head(np.random.default_rng(0))
    other = replace(head, texture_seed=head.texture_seed + 1)
    first, again, foreign = (
        render_phantom(np.random.default_rng(seed), lesion=False, head=who).pixels
        for seed, who in ((1, head), (2, head), (3, other))
    )
    assert np.abs(first - again).mean() < 0.8 * np.abs(first - foreign).mean()


@pytest.mark.parametrize(
    "arguments",
    [
        {"size": 31, "lesion": False},
        {"position": -0.1, "lesion": False},
        {"position": 1.1, "lesion": False},
        {"position": 0.95, "lesion": True},
    ],
)
def test_impossible_phantoms_are_refused(arguments):
    """A size below 32, a position outside the head and a lesion above the brain raise a ValueError."""
    with pytest.raises(ValueError, match="position in"):
        render_phantom(np.random.default_rng(0), **arguments)


def test_data_set_has_the_published_layout(tmp_path):
    """Each patient is in one folder, and the file-number rule finds lesions in Stroke patients only."""
    write_phantom_dataset(tmp_path, n_patients=7, slices_per_patient=8, seed=1, size=64)
    found = index_dataset(tmp_path)
    table = found.table
    assert (56, True, True) == (len(table), found.has_patients, found.has_slice_labels)
    assert (table.groupby("patient")["folder_label"].nunique() == 1).all()
    assert (table.groupby("patient").size() == 8).all()
    assert (3, 4) == tuple(table.groupby("folder_label")["patient"].nunique())
    lesions = table.groupby("patient")["slice_label"].sum()
    is_stroke = table.groupby("patient")["folder_label"].first() == 1
    assert (lesions[~is_stroke] == 0).all()
    assert lesions[is_stroke].between(2, 4).all()


def test_planted_lesions_are_where_the_labels_say(tmp_path):
    """Slices labeled by the file-number rule hold more bright tissue than any other Stroke slice."""
    write_phantom_dataset(tmp_path, n_patients=6, slices_per_patient=10, seed=2)
    table = index_dataset(tmp_path).table
    bright = []
    for file in table["file"]:
        blocks = (np.asarray(Image.open(tmp_path / file)) / 255).reshape(64, 4, 64, 4).swapaxes(1, 2)
        mean, spread = blocks.mean((2, 3)), blocks.std((2, 3))
        # Evenly bright blocks; the edge of the skull is bright, but not evenly.
        bright.append(((mean > 0.62) & (mean < 0.85) & (spread < 0.08)).sum())
    counts = table.assign(bright=bright)[table["folder_label"] == 1].groupby("slice_label")["bright"]
    assert counts.min()[1] > counts.max()[0]


def test_data_set_is_reproducible(tmp_path):
    """The same seed writes the same bytes."""
    for name in ("a", "b"):
        write_phantom_dataset(tmp_path / name, n_patients=2, slices_per_patient=4, size=64)
    assert index_dataset(tmp_path / "a").fingerprint == index_dataset(tmp_path / "b").fingerprint


def test_existing_data_set_is_not_mixed_with(tmp_path):
    """A folder that already contains classes and a set that is too small are refused."""
    write_phantom_dataset(tmp_path, n_patients=2, slices_per_patient=4, size=64)
    with pytest.raises(DatasetError, match="already contains"):
        write_phantom_dataset(tmp_path)
    with pytest.raises(DatasetError, match="at least 2 patients"):
        write_phantom_dataset(tmp_path / "new", n_patients=1)
