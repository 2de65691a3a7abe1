"""The training slices and planted copies, as images and as feature maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.datasets.splits import Fold
from core.imaging.augmentation import Augmentation
from core.imaging.preprocessing import Recipe
from core.models.architecture import ARCHITECTURES, Architecture
from core.training.training_data import TrainingData, embed_data
from tests.core.models.numpy_cnn import MeanGray

ARCHITECTURE = replace(
    ARCHITECTURES["framed"],
    recipe=Recipe(size=32, channels="gray"),
    augmentation=Augmentation(flip=False, brightness=0.2, views=2),
)
FOLD = Fold(np.array([0, 2, 4]), np.array([1]), np.array([3, 5]))


class Backbone(MeanGray):
    """A backbone whose features are an image's mean gray at every position; it counts its images."""

    def __init__(self, architecture: Architecture = ARCHITECTURE) -> None:
        super().__init__(architecture)
        self.n_images = 0

    def embed(self, images: np.ndarray) -> np.ndarray:
        """See core.models.contract."""
        self.n_images += len(images)
        mean = images.mean(axis=(1, 2, 3), dtype=np.float32)
        return np.broadcast_to(mean[:, None, None, None], (len(images), *self.architecture.input_shape))


@pytest.fixture
def data() -> TrainingData:
    """Six slices of gray 50, 60, ... and planted copies of slices 2 and 3."""
    gray = np.arange(50, 110, 10, dtype=np.uint8)
    images = np.ones((6, 32, 32, 1), np.uint8) * gray[:, None, None, None]
    planted = images[[2, 3]] + np.uint8(100)
    return TrainingData(images, np.array([0, 1, 0, 0, 1, 0]), planted, np.array([2, 3]))


def test_a_copy_trains_where_its_slice_trains(data: TrainingData) -> None:
    """Only the copy of slice 2 is trained on, because slice 3 is a test slice of the fold."""
    assert [0, 2, 4, 6] == data.training_rows(FOLD).tolist()
    assert [0, 0, 1, 1] == data.labels(data.training_rows(FOLD)).tolist()
    assert [False, False, False, True] == data.is_planted(data.training_rows(FOLD)).tolist()


def test_slices_and_copies_are_unchanged_without_augmentation(data: TrainingData) -> None:
    """Rows after the slices are the planted copies."""
    inputs = data.augment_rows(np.array([6, 0, 7]), Augmentation(flip=False), seed=1)
    assert [170, 50, 180] == inputs[:, 0, 0, 0].tolist()


def test_another_seed_augments_differently(data: TrainingData) -> None:
    """The same seed gives the same image, in any batch; another seed gives another one."""
    augmentation, rows = Augmentation(flip=False, brightness=0.2), np.arange(6)
    first = data.augment_rows(rows, augmentation, seed=1)
    np.testing.assert_array_equal(first[3:], data.augment_rows(rows[3:], augmentation, seed=1))
    assert not np.array_equal(first, data.augment_rows(rows, augmentation, seed=2))


def test_maps_hold_the_slices_and_their_views(data: TrainingData, tmp_path: Path) -> None:
    """The maps are those of the unchanged slices; the views differ from them and from each other."""
    mapped = embed_data(Backbone(), data, tmp_path, seed=3, on_progress=lambda share: None)
    assert [50, 60, 70, 80, 90, 100] == mapped.inputs(np.arange(6))[:, 0, 0, 0].tolist()
    first, second = (view[:, 0, 0, 0].tolist() for view in mapped.views)
    assert 3 == len({tuple(mapped.maps[:, 0, 0, 0].tolist()), tuple(first), tuple(second)})
    assert (2, *ARCHITECTURE.input_shape) == mapped.planted_maps.shape


def test_each_epoch_samples_views(data: TrainingData, tmp_path: Path) -> None:
    """A slice is one of its three maps, and over many seeds each of them occurs."""
    mapped = embed_data(Backbone(), data, tmp_path, seed=3, on_progress=lambda share: None)
    known = {float(maps[0, 0, 0, 0]) for maps in (mapped.maps, *mapped.views)}
    rows = np.array([0, 6])
    sampled = [mapped.augment_rows(rows, Augmentation(), seed)[:, 0, 0, 0] for seed in range(40)]
    assert known == {float(np.float16(value)) for value, _ in sampled}
    assert {float(mapped.planted_maps[0, 0, 0, 0])} == {float(value) for _, value in sampled}


def test_an_interrupted_computation_is_resumed(data: TrainingData, tmp_path: Path) -> None:
    """Finished files are not computed again, and the result is the same."""
    whole = embed_data(Backbone(), data, tmp_path, seed=3, on_progress=lambda share: None)
    views = [np.array(view) for view in whole.views]
    (tmp_path / "view-2.npy").unlink()
    backbone = Backbone()
    again = embed_data(backbone, data, tmp_path, seed=3, on_progress=lambda share: None)
    assert 6 == backbone.n_images
    for one, other in zip(views, again.views, strict=True):
        np.testing.assert_array_equal(one, other)


def test_progress_climbs_to_one(data: TrainingData, tmp_path: Path) -> None:
    """Reported shares rise to 1."""
    shares: list[float] = []
    embed_data(Backbone(), data, tmp_path, seed=3, on_progress=shares.append)
    assert sorted(shares) == shares
    assert 1.0 == shares[-1]
