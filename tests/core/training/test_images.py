"""The images, masks and planted copies of a training run."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.datasets import Dataset, index_dataset
from core.errors import StrokeError, TrainingError
from core.imaging import Augmentation, Recipe, prepare
from core.models.architectures import ARCHITECTURES
from core.synthetic.phantom_manifest import write_phantom_manifest
from core.training.images import check_space, name_pictures, prepare_data
from core.training.training_data import TrainingData, read_data

ARCHITECTURE = replace(
    ARCHITECTURES["framed"],
    recipe=Recipe(size=128, channels="gray", framing="head", intensity="tissue"),
    augmentation=Augmentation(planted=0.1, views=1),
    cell_weight=0.5,
    rough_outlines=False,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest of three made hospitals."""
    return write_phantom_manifest(tmp_path_factory.mktemp("made"), n_patients=4, size=128)


def prepare_made(
    work: Path, made: Path, finding: str, **changes: Any
) -> tuple[TrainingData, Dataset, np.ndarray]:
    """Prepare the slices whose label is known; return them, their data set and labels."""
    dataset = index_dataset(made).select_known("slice", finding)
    y_true = dataset.labels("slice", finding)
    work.mkdir(exist_ok=True)
    np.save(work / "labels.npy", y_true)
    architecture = replace(ARCHITECTURE, **changes)
    prepare_data(work, dataset, architecture, {"finding": finding, "seed": 3}, lambda stage, tracks: None)
    return read_data(work, architecture), dataset, y_true


@pytest.mark.parametrize(("finding", "sign"), [("hemorrhage", 1), ("ischemia", -1)])
def test_masks_lie_on_the_lesions(tmp_path: Path, made: Path, finding: str, sign: int) -> None:
    """Slices with an outlined finding have a mask, turned ones too; inside, the gray is another one."""
    data, dataset, y_true = prepare_made(tmp_path / "work", made, finding)
    assert data.masks is not None
    own = data.masks.rows < len(y_true)
    assert (
        np.flatnonzero((y_true == 1) & (dataset.table["mask"] != "")).tolist()
        == data.masks.rows[own].tolist()
    )
    for row, packed in zip(data.masks.rows[own], data.masks.packed[own], strict=True):
        mask, image = np.unpackbits(packed, axis=1).astype(bool), data.images[row, ..., 0].astype(float)
        brain = (image > 64) & (image < 192) & ~mask
        assert sign * (np.median(image[mask]) - np.median(image[brain])) > 5


@pytest.mark.parametrize(("finding", "sign"), [("hemorrhage", 1), ("ischemia", -1)])
def test_copies_show_the_finding_of_the_experiment(
    tmp_path: Path, made: Path, finding: str, sign: int
) -> None:
    """Copies of negative slices have lesions of the finding, brighter or darker, and their masks."""
    data, _, y_true = prepare_made(tmp_path / "work", made, finding)
    assert data.masks is not None
    assert 0 < len(data.sources) <= round(0.1 * len(y_true))
    assert not y_true[data.sources].any()
    assert len(data.planted) == len(data.sources) == (data.masks.rows >= len(y_true)).sum()
    masks = dict(zip(data.masks.rows.tolist(), data.masks.packed, strict=True))
    for number, source in enumerate(data.sources):
        mask = np.unpackbits(masks[len(y_true) + number], axis=1).astype(bool)
        change = data.planted[number].astype(float) - data.images[source]
        assert sign * change[mask].mean() > 5


def test_without_a_loss_of_cells_there_are_no_masks(tmp_path: Path, made: Path) -> None:
    """An architecture that learns from slices alone reads no mask."""
    data, dataset, _ = prepare_made(tmp_path / "work", made, "ischemia", cell_weight=0.0)
    assert data.masks is None
    assert not (tmp_path / "work" / "masks.npz").exists()
    assert len(data.images) == len(dataset.table)


def test_images_are_the_prepared_slices(tmp_path: Path, made: Path) -> None:
    """Each image is its slice after the recipe, and what is prepared is not prepared again."""
    from core.datasets import read_pixels

    data, dataset, _ = prepare_made(tmp_path / "work", made, "hemorrhage")
    recipe = ARCHITECTURE.recipe
    expected = prepare(read_pixels(dataset, dataset.table["file"][5], recipe.window), recipe)
    np.testing.assert_array_equal(np.rint(expected * 255), data.images[5])
    moved = replace(dataset, places={})
    prepare_data(
        tmp_path / "work",
        moved,
        ARCHITECTURE,
        {"finding": "hemorrhage", "seed": 3},
        lambda stage, tracks: None,
    )


def test_pictures_are_named_by_hash_and_angle(made: Path) -> None:
    """A picture that another manifest turns has another name."""
    dataset = index_dataset(made)
    names = name_pictures(dataset)
    assert set(dataset.table["sha256"]) == {name.split("-")[0] for name in names}
    turned = (dataset.table["source"] == "made-b").to_numpy()
    assert turned.tolist() == [name.endswith("-90") for name in names]


def test_a_blank_mask_is_refused_by_its_file(tmp_path: Path, made: Path) -> None:
    """A mask that was blanked after the data set was indexed ends the preparation, with the slice's name."""
    shutil.copytree(made.parent, tmp_path / "made")
    dataset = index_dataset(tmp_path / "made" / made.name).select_known("slice", "ischemia")
    row = dataset.table[(dataset.table["mask"] != "") & (dataset.table["ischemia"] == 1)].iloc[0]
    from PIL import Image

    path = dataset.places[row["file"]].mask
    assert path is not None
    with Image.open(path) as picture:
        Image.new("L", picture.size).save(path)
    np.save(tmp_path / "labels.npy", dataset.labels("slice", "ischemia"))
    with pytest.raises(StrokeError, match=path.name):
        prepare_data(
            tmp_path, dataset, ARCHITECTURE, {"finding": "ischemia", "seed": 0}, lambda stage, tracks: None
        )


@pytest.mark.parametrize("name", ["framed", "plain"])
def test_space_is_counted_with_feature_maps(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Images, copies and maps (float32, one view and copies in float16) are needed, and a reserve."""
    dataset = index_dataset(made)
    architecture = replace(
        ARCHITECTURES[name], recipe=ARCHITECTURE.recipe, augmentation=ARCHITECTURE.augmentation
    )
    n, n_planted = len(dataset.table), round(0.1 * len(dataset.table))
    bytes_of_maps = 8 * 8 * 232 * (n * 6 + n_planted * 2) if architecture.has_backbone else 0
    needed = (n + n_planted) * 128 * 128 + bytes_of_maps + 200_000_000
    free = SimpleNamespace(free=needed)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: free)
    check_space(tmp_path, dataset, architecture)
    free.free -= 1
    with pytest.raises(TrainingError, match="too little space"):
        check_space(tmp_path, dataset, architecture)


def test_outlines_alone_teach_only_where_all_lesions_are_outlined(tmp_path: Path, made: Path) -> None:
    """Without a loss of slices, a slice with the finding but without an outline ends the preparation."""
    with pytest.raises(TrainingError, match="learns only from outlines") as error:
        prepare_made(tmp_path / "work", made, "hemorrhage", slice_weight=0.0)
    assert "4 of 8 slices with the finding have none" in str(error.value)
    assert not (tmp_path / "work" / "images.npy").exists()
    assert prepare_made(tmp_path / "other", made, "ischemia", slice_weight=0.0)[0].masks is not None
