"""The slices that networks train on, and copies with planted hemorrhage, changed at random or mapped."""

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
    """The prepared data set: n slices, and behind them m planted copies (rows n to n + m - 1).

    Args:
        images: (n, h, w, c) uint8, prepared values times 255; may be a memory map.
        y_true: (n,) int, 0 or 1.
        planted: (m, h, w, c) uint8: copies of slices without hemorrhage, with one planted.
        sources: (m,) the row of the slice that each is a copy of.
    """

    images: np.ndarray
    y_true: np.ndarray
    planted: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1, 1), np.uint8))
    sources: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    def training_rows(self, fold: Fold) -> np.ndarray:
        """Rows that train: the fold's own, and the planted copies of slices among these."""
        copies = np.flatnonzero(np.isin(self.sources, fold.train))
        return np.concatenate([fold.train, len(self.y_true) + copies])

    def labels(self, rows: np.ndarray) -> np.ndarray:
        """(k,) labels of rows; a planted hemorrhage is positive."""
        return np.concatenate([self.y_true, np.ones(len(self.planted), self.y_true.dtype)])[rows]

    def is_planted(self, rows: np.ndarray) -> np.ndarray:
        """(k,) whether a row is a planted copy."""
        return rows >= len(self.y_true)

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """(k, ...) what the networks take for rows of slices, unchanged."""
        return np.asarray(self.images[rows])

    def draw(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
        """(k, ...) what the networks take for any rows in one epoch, changed at random."""
        planted = self.is_planted(rows)
        images = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        images[~planted] = self.images[rows[~planted]]
        if planted.any():
            images[planted] = self.planted[rows[planted] - len(self.y_true)]
        return augment_many(images, augmentation, seed, numbers=rows)


@dataclass(frozen=True, eq=False)
class MappedData(TrainingData):
    """The same, mapped by a frozen backbone once and for all: `views` changed copies of each slice are drawn.

    Args:
        maps: (n, h', w', k) float32 of the unchanged slices.
        views: each (n, h', w', k) float16 of changed slices.
        planted_maps: (m, h', w', k) float16 of changed planted copies.
    """

    maps: np.ndarray = field(default_factory=lambda: np.empty(0))
    views: tuple[np.ndarray, ...] = ()
    planted_maps: np.ndarray = field(default_factory=lambda: np.empty(0))

    def inputs(self, rows: np.ndarray) -> np.ndarray:
        """See TrainingData."""
        return np.asarray(self.maps[rows])

    def draw(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> np.ndarray:
        """See TrainingData; a slice comes unchanged or as one of its views, each as likely."""
        chosen = np.random.default_rng(seed).integers(0, 1 + len(self.views), len(rows))
        planted = self.is_planted(rows)
        drawn = np.empty((len(rows), *self.maps.shape[1:]), np.float16)
        for view, maps in enumerate((self.maps, *self.views)):
            taken = ~planted & (chosen == view)
            drawn[taken] = maps[rows[taken]]
        if planted.any():
            drawn[planted] = self.planted_maps[rows[planted] - len(self.y_true)]
        return drawn


def map_data(
    cnn: CNN, data: TrainingData, folder: Path, *, seed: int, on_progress: Callable[[float], None]
) -> MappedData:
    """Let a network's backbone map every slice, its changed views and the planted copies.

    What an earlier, interrupted call finished is taken from `folder`.

    Args:
        cnn: any network with the backbone.
        data: the slices.
        folder: for `maps.npy`, `view-1.npy`, ... and `planted.npy`, which stay there as memory maps.
        seed: of the changes.
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
                    # Another number for each view: the seed alone would change all views alike.
                    chunk = augment_many(chunk, augmentation, seed, numbers=rows + number * len(data.images))
                maps[rows] = cnn.embed(chunk)
                on_progress((done + rows[-1] + 1) / total)
            maps.flush()
            del maps
            os.replace(aside, path)
        done += len(images)
        found.append(np.load(path, mmap_mode="r") if len(images) else np.empty((0, *shape), kind))
    return MappedData(
        data.images,
        data.y_true,
        data.planted,
        data.sources,
        maps=found[0],
        views=tuple(found[1:-1]),
        planted_maps=found[-1],
    )
