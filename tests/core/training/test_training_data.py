"""The training slices and planted copies, as images and as feature maps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.datasets.splits import Fold
from core.imaging.augmentation import Augmentation
from core.imaging.preprocessing import Recipe
from core.models.architecture import Architecture
from core.models.architectures import ARCHITECTURES
from core.training.images import embed_data
from core.training.training_data import (
    EmbeddedData,
    Masks,
    TrainingData,
    count_missing_bytes,
    has_maps,
    maps_folder,
    open_maps,
    read_data,
)
from tests.core.models.numpy_cnn import MeanGray

ARCHITECTURE = replace(
    ARCHITECTURES["framed"],
    recipe=Recipe(size=32, channels="gray"),
    augmentation=Augmentation(flip=False, brightness=0.2, views=2, planted=0.5),
    cell_weight=0.0,
    rough_outlines=False,
)
FOLD = Fold(np.array([0, 2, 4]), np.array([1]), np.array([3, 5]))
PICTURES = [f"hash{k}-0" for k in range(6)]
MOVING = Augmentation(flip=True, translation=0.3, views=2)
ALL = np.arange(8)


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


@pytest.fixture
def outlined(data: TrainingData) -> TrainingData:
    """The slices, with the left half of slice 1 and the upper half of copy 7 outlined; slice 4 has none."""
    left, upper = np.zeros((2, 32, 32), bool)
    left[:, :16], upper[:16] = True, True
    masks = Masks(np.array([1, 7]), np.packbits(np.stack([left, upper]), axis=2))
    return replace(data, masks=masks, cell_shape=(2, 2))


def write_work(work: Path, data: TrainingData, pictures: list[str] = PICTURES) -> Path:
    """Write the slices as `core.training.images` prepares them, and return their folder."""
    work.mkdir(exist_ok=True)
    np.save(work / "images.npy", data.images)
    np.save(work / "labels.npy", data.y_true)
    np.save(work / "planted.npy", np.concatenate([data.planted, data.planted]))
    (work / "pictures.txt").write_text("".join(f"{name}\n" for name in pictures))
    masks = data.masks or Masks(np.empty(0, int), np.empty((0, 0, 0), np.uint8))
    own, n = masks.rows < len(data.y_true), len(data.y_true)
    np.savez(work / "masks.npz", rows=masks.rows[own], packed=masks.packed[own])
    rows, packed = masks.rows[~own] - n, masks.packed[~own]
    np.savez(work / "planted.npz", rows=rows, packed=packed, sources=data.sources)
    return work


def embed(
    work: Path, backbone: Backbone | None = None, *, seed: int = 3, shares: list[float] | None = None
) -> EmbeddedData:
    """Compute the maps of a folder and open them."""
    backbone = backbone or Backbone()
    embed_data(backbone, work, seed=seed, on_progress=[].append if shares is None else shares.append)
    return open_maps(work, backbone.architecture)


def grays(maps: np.ndarray) -> list[float]:
    """Return the gray of each map."""
    found: list[float] = maps[:, 0, 0, 0].tolist()
    return found


def test_a_copy_trains_where_its_slice_trains(data: TrainingData) -> None:
    """Only the copy of slice 2 is trained on, because slice 3 is a test slice of the fold."""
    assert [0, 2, 4, 6] == data.training_rows(FOLD).tolist()
    assert [0, 0, 1, 1] == data.labels(data.training_rows(FOLD)).tolist()
    assert [False, False, False, True] == data.is_planted(data.training_rows(FOLD)).tolist()


def test_slices_and_copies_are_unchanged_without_augmentation(data: TrainingData) -> None:
    """Rows after the slices are the planted copies."""
    inputs, cells = data.augment_rows(np.array([6, 0, 7]), Augmentation(flip=False), seed=1)
    assert (3, [170, 50, 180]) == (len(inputs), grays(inputs[:]))
    assert cells is None


def test_another_seed_augments_differently(data: TrainingData) -> None:
    """The same seed gives the same image, in any batch; another seed gives another one."""
    augmentation = Augmentation(flip=False, brightness=0.2)
    first = data.augment_rows(ALL, augmentation, seed=1).inputs
    np.testing.assert_array_equal(first[:][3:], data.augment_rows(ALL[3:], augmentation, seed=1).inputs[:])
    np.testing.assert_array_equal(first[:][[7, 2]], first[np.array([7, 2])])
    assert not np.array_equal(first[:], data.augment_rows(ALL, augmentation, seed=2).inputs[:])


def test_cells_of_slices_and_copies(outlined: TrainingData) -> None:
    """Outlined halves are the lesion; of a positive slice without an outline nothing is known."""
    cells = outlined.augment_rows(ALL, Augmentation(flip=False), seed=1).cells
    assert cells is not None
    assert [[1, 0], [1, 0]] == cells.lesion[1].tolist()
    assert [[1, 1], [0, 0]] == cells.lesion[7].tolist()
    assert not cells.lesion[[0, 2, 3, 4, 5, 6]].any()
    assert [4, 4, 4, 4, 0, 4, 0, 4] == cells.known.sum((1, 2)).tolist()


def test_a_rough_outline_tells_only_what_lies_beyond_it(outlined: TrainingData) -> None:
    """Of slices, the cells in and beside the outline are unknown; outlines of copies are exact."""
    rough = replace(outlined, cell_shape=(4, 4), rough=True)
    cells = rough.mark_cells(ALL, Augmentation(flip=False), 0, numbers=ALL)
    assert [[0, 0, 0, 1]] * 4 == cells.known[1].tolist()
    assert not cells.lesion[1].any()
    assert [[1] * 4] * 2 + [[0] * 4] * 2 == cells.lesion[7].tolist()
    assert 16 == cells.known[7].sum()


def test_cells_move_with_their_images(outlined: TrainingData) -> None:
    """Bright lesions stay where the cells say they are."""
    outlined.images[1, :, :16] = 250
    rows = np.ones(20, int)
    cells = outlined.mark_cells(rows, MOVING, 5, numbers=np.arange(20))
    from core.imaging import augment_many

    images = augment_many(outlined.read_images(rows), MOVING, 5, numbers=np.arange(20))[..., 0]
    share = (images > 150).reshape(20, 2, 16, 2, 16).mean((2, 4))
    clear = (abs(share - 0.3) > 0.05) & (abs(share - 0.02) > 0.02)
    np.testing.assert_array_equal((share > 0.3)[clear], cells.lesion[clear] == 1)
    np.testing.assert_array_equal(((share < 0.02) | (share > 0.3))[clear], cells.known[clear] == 1)
    assert 0 < cells.lesion.mean() < 1


def test_prepared_slices_are_read(outlined: TrainingData, tmp_path: Path) -> None:
    """The files of a training are read again, masks only where the architecture uses them."""
    work = write_work(tmp_path / "work", outlined)
    plain = read_data(work, ARCHITECTURE)
    assert (None, 2) == (plain.masks, len(plain.planted))
    found = read_data(work, replace(ARCHITECTURE, cell_weight=0.5))
    assert found.masks is not None
    assert ([1, 7], (2, 2)) == (found.masks.rows.tolist(), found.cell_shape)
    np.testing.assert_array_equal(outlined.read_images(ALL), found.read_images(ALL))


def test_maps_hold_the_slices_and_their_views(data: TrainingData, tmp_path: Path) -> None:
    """The maps are those of the unchanged slices; the views differ from them and from each other."""
    mapped = embed(write_work(tmp_path / "work", data))
    assert [50, 60, 70, 80, 90, 100] == grays(mapped.inputs(np.arange(6))[:])
    assert [60, 50] == grays(mapped.inputs(np.array([3, 1, 0]))[1:])
    assert 3 == len({tuple(grays(view)) for view in mapped.views})
    assert [np.float32, np.float16, np.float16] == [view.dtype for view in mapped.views]
    assert (2, *ARCHITECTURE.input_shape) == mapped.planted_maps.shape


def test_each_epoch_samples_views(data: TrainingData, tmp_path: Path) -> None:
    """A slice is one of its three maps, and over many seeds each of them occurs; batches change nothing."""
    mapped = embed(write_work(tmp_path / "work", data))
    known = {
        float(np.float16(view[place[0], 0, 0, 0]))
        for view, place in zip(mapped.views, mapped.places, strict=True)
    }
    rows = np.array([0, 6])
    sampled = [mapped.augment_rows(rows, Augmentation(), seed).inputs[:][:, 0, 0, 0] for seed in range(40)]
    assert known == {float(value) for value, _ in sampled}
    assert {float(mapped.planted_maps[0, 0, 0, 0])} == {float(value) for _, value in sampled}
    inputs = mapped.augment_rows(ALL, Augmentation(), 9).inputs
    np.testing.assert_array_equal(inputs[:][[5, 7, 1]], inputs[np.array([5, 7, 1])])


def test_cells_belong_to_the_views(outlined: TrainingData, tmp_path: Path) -> None:
    """In each epoch the cells are those of the sampled views."""
    architecture = replace(ARCHITECTURE, augmentation=MOVING, cell_weight=0.5)
    mapped = embed(write_work(tmp_path / "work", outlined), Backbone(architecture))
    unchanged = outlined.mark_cells(ALL, Augmentation(flip=False), 0, numbers=ALL)
    seen = set()
    for seed in range(40):
        inputs, cells = mapped.augment_rows(ALL, MOVING, seed)
        assert cells is not None
        is_unchanged = inputs[:][1, 0, 0, 0] == 60
        seen.add(bool(is_unchanged))
        assert not is_unchanged or (cells.lesion[1] == unchanged.lesion[1]).all()
        assert 0 == cells.known[[4, 6]].sum()
    assert {True, False} == seen
    # Two views that are moved differently.
    assert mapped.cells is not None
    assert len(np.unique(mapped.cells.lesion[:, 1].reshape(3, -1), axis=0)) > 1


def test_an_interrupted_computation_is_resumed(data: TrainingData, tmp_path: Path) -> None:
    """Finished maps are not computed again, and the result is the same."""
    work = write_work(tmp_path / "work", data)
    expected = [np.array(view) for view in embed(work).views]
    assert has_maps(work, ARCHITECTURE)
    (file,) = maps_folder(work).glob("*/view-2.rows")
    file.write_bytes(file.read_bytes()[:-1])
    assert not has_maps(work, ARCHITECTURE)
    backbone = Backbone()
    again = embed(work, backbone)
    assert 1 == backbone.n_images
    for one, other in zip(expected, again.views, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_later_training_uses_the_maps_again(data: TrainingData, tmp_path: Path) -> None:
    """Another seed on some of the slices, in another order, and one more: only that and copies are new."""
    first = embed(write_work(tmp_path / "one", data))
    order = np.array([5, 0, 3])
    images = np.concatenate([data.images[order], data.images[:1] + np.uint8(3)])
    other = replace(data, images=images, y_true=np.array([1, 0, 0, 0]), sources=np.array([1, 2]))
    work = write_work(tmp_path / "two", other, [*np.array(PICTURES)[order], "new-0"])
    backbone = Backbone()
    second = embed(work, backbone, seed=8)
    assert 3 + 2 == backbone.n_images
    for view in range(3):
        one, two = (found.views[view][found.places[view]] for found in (first, second))
        np.testing.assert_array_equal(one[order], two[:3])
    assert grays(first.planted_maps) != grays(second.planted_maps)


def test_equal_pictures_have_one_map(data: TrainingData, tmp_path: Path) -> None:
    """A picture that occurs twice is computed once; turned otherwise, it is another picture."""
    backbone = Backbone()
    pictures = ["a-0", "b-0", "a-0", "a-90", "b-0", "c-0"]
    mapped = embed(write_work(tmp_path / "work", data, pictures), backbone)
    assert 3 * 4 + 2 == backbone.n_images
    assert [50, 60, 50, 80, 60, 100] == grays(mapped.inputs(np.arange(6))[:])


@pytest.mark.parametrize(
    "change",
    [
        {"recipe": Recipe(size=32, channels="gray", intensity="tissue")},
        {"augmentation": replace(ARCHITECTURE.augmentation, brightness=0.1)},
    ],
)
def test_another_recipe_has_other_maps(data: TrainingData, tmp_path: Path, change: dict) -> None:
    """Another recipe or augmentation computes everything again, beside the maps of the first."""
    work = write_work(tmp_path / "work", data)
    embed(work)
    other = replace(ARCHITECTURE, **change)
    assert not has_maps(work, other)
    backbone = Backbone(other)
    embed(work, backbone)
    assert 18 == backbone.n_images
    assert 2 == len(list(maps_folder(work).iterdir()))
    more = replace(other, augmentation=replace(other.augmentation, views=3, planted=0.1))
    embed(work, backbone := Backbone(more))
    assert 6 == backbone.n_images


def test_missing_maps_are_counted(data: TrainingData, tmp_path: Path) -> None:
    """The bytes of what is missing, in float32 for unchanged slices and float16 for the rest."""
    work = write_work(tmp_path / "work", data)
    n_numbers = int(np.prod(ARCHITECTURE.input_shape))
    assert n_numbers * (6 * (4 + 2 + 2) + 2 * 2) == count_missing_bytes(work, ARCHITECTURE, PICTURES, 2)
    embed(work)
    assert 0 == count_missing_bytes(work, ARCHITECTURE, PICTURES, 2)
    assert 8 * n_numbers == count_missing_bytes(work, ARCHITECTURE, [*PICTURES, "new-0", "new-0"], 2)


def test_progress_climbs_to_one(data: TrainingData, tmp_path: Path) -> None:
    """Reported shares rise to 1."""
    shares: list[float] = []
    embed(write_work(tmp_path / "work", data), shares=shares)
    assert sorted(shares) == shares
    assert 1.0 == shares[-1]
