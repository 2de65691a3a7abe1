"""The training slices and their planted copies, as images or as feature maps of a frozen backbone."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from core.datasets import Fold
from core.imaging import Augmentation, augment_many
from core.models import CNN

_CHUNK = 32


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The prepared data set: n slices, followed by m planted copies (rows n to n + m - 1).

    Args:
        images: (n, h, w, c) uint8, prepared values times 255; may be a memory map.
        y_true: (n,) int, 0 or 1.
        planted: (m, h, w, c) uint8: copies of slices without hemorrhage, each with a planted one.
        sources: (m,) the row of the original slice of each copy.
    """

    images: np.ndarray
    y_true: np.ndarray
    planted: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1, 1), np.uint8))
    sources: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def training_rows(self, fold: Fold) -> np.ndarray:
        """Return the rows to train on: the fold's training slices and their planted copies."""
        copies = np.flatnonzero(np.isin(self.sources, fold.train))
        return np.concatenate([fold.train, len(self.y_true) + copies])

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """Return the labels (k,) of rows; planted copies are positive."""
        return np.concatenate([self.y_true, np.ones(len(self.planted), self.y_true.dtype)])[rows]

    def is_planted(self, rows: np.ndarray) -> np.ndarray:
        """Return for each row whether it is a planted copy, (k,) bool."""
        return rows >= len(self.y_true)

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """Return the networks' inputs (k, ...) for rows of slices, without augmentation."""
        return np.asarray(self.images[rows])

    def augment_rows(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
        """Return the networks' inputs (k, ...) for any rows in one epoch, augmented."""
        planted = self.is_planted(rows)
        images = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        images[~planted] = self.images[rows[~planted]]
        if planted.any():
            images[planted] = self.planted[rows[planted] - len(self.y_true)]
        return augment_many(images, augmentation, seed, numbers=rows)


@dataclass(frozen=True, eq=False)
class EmbeddedData(TrainingData):
    """The data set as feature maps of a frozen backbone, of each slice and of its augmented views.

    Args:
        maps: (n, h', w', k) float32, of the unchanged slices.
        views: each (n, h', w', k) float16, of augmented slices.
        planted_maps: (m, h', w', k) float16, of augmented planted copies.
    """

    maps: np.ndarray = field(default_factory=lambda: np.empty(0))
    views: tuple[np.ndarray, ...] = ()
    planted_maps: np.ndarray = field(default_factory=lambda: np.empty(0))

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """See TrainingData."""
        return np.asarray(self.maps[rows])

    def augment_rows(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
        """See TrainingData; a slice is unchanged or one of its views, with equal probability."""
        chosen = np.random.default_rng(seed).integers(0, 1 + len(self.views), len(rows))
        planted = self.is_planted(rows)
        inputs = np.empty((len(rows), *self.maps.shape[1:]), np.float16)
        for view, maps in enumerate((self.maps, *self.views)):
            selected = ~planted & (chosen == view)
            inputs[selected] = maps[rows[selected]]
        if planted.any():
            inputs[planted] = self.planted_maps[rows[planted] - len(self.y_true)]
        return inputs


def embed_data(
    cnn: CNN, data: TrainingData, folder: Path, *, seed: int, on_progress: Callable[[float], None]
) -> EmbeddedData:
    """Compute the backbone's feature maps of every slice, its augmented views and the planted copies.

    Files that an earlier, interrupted call finished in `folder` are not computed again.

    Args:
        cnn: any network with the backbone.
        data: the slices.
        folder: for `maps.npy`, `view-1.npy`, ... and `planted.npy`, which are read as memory maps.
        seed: of the augmentation.
        on_progress: called with the share that is done.
    """
    augmentation = cnn.architecture.augmentation
    shape = cnn.architecture.input_shape
    plan: list[tuple[str, np.ndarray, type]] = [("maps", data.images, np.float32)]
    plan += [(f"view-{view}", data.images, np.float16) for view in range(1, augmentation.views + 1)]
    plan += [("planted", data.planted, np.float16)]
    total = sum(len(images) for _, images, _ in plan)
    done = 0
    found = []
    for number, (name, images, kind) in enumerate(plan):
        path = folder / f"{name}.npy"
        if not path.exists() and len(images):
            aside = folder / f".{name}.npy"
            maps = np.lib.format.open_memmap(aside, mode="w+", dtype=kind, shape=(len(images), *shape))
            for start in range(0, len(images), _CHUNK):
                rows = np.arange(start, min(start + _CHUNK, len(images)))
                chunk = np.asarray(images[rows])
                if number:
                    # Different numbers for each view: with equal numbers all views would be equal.
                    chunk = augment_many(chunk, augmentation, seed, numbers=rows + number * len(data.images))
                maps[rows] = cnn.embed(chunk)
                on_progress((done + rows[-1] + 1) / total)
            maps.flush()
            del maps
            os.replace(aside, path)
        done += len(images)
        found.append(np.load(path, mmap_mode="r") if len(images) else np.empty((0, *shape), kind))
    return EmbeddedData(
        data.images,
        data.y_true,
        data.planted,
        data.sources,
        maps=found[0],
        views=tuple(found[1:-1]),
        planted_maps=found[-1],
    )
