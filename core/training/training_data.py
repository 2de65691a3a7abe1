"""The training slices and their planted copies, as images or as feature maps of a frozen backbone.

The maps of slices lie in a folder that trainings share, `.training/.maps/KEY/`, one for each recipe, backbone
and augmentation. A slice is found there by its hash and the angle by which it is turned. Its views are
augmented by a seed that follows from these and the number of the view, not from the training's seed: so both
frameworks use the same maps, and so does a later training of another finding or seed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np

from core.datasets import Fold
from core.imaging import Augmentation, augment_many, mark_beyond, mark_cells, move_masks
from core.models import Architecture, CellTargets, Inputs
from core.system import KeyedRows

PICTURES_NAME = "pictures.txt"
_CHUNK = 32
# Changed when the maps of equal slices change.
_MAPS_VERSION = 1
# The cells of this training, in its folder.
CELLS_NAME = "cells.npz"


class Epoch(NamedTuple):
    """The inputs of one epoch, and their cells; None without masks."""

    inputs: Inputs
    cells: CellTargets | None


@dataclass(frozen=True)
class Rows:
    """Inputs that are read when a batch needs them.

    Args:
        n: their number.
        read: returns the inputs (k, ...) for k of the numbers 0 to n - 1.
    """

    n: int
    read: Callable[[np.ndarray], np.ndarray]

    def __len__(self) -> int:
        return self.n

    def __getitem__(self, rows: slice | np.ndarray, /) -> np.ndarray:
        return self.read(np.arange(self.n)[rows])


class Masks(NamedTuple):
    """Outlines of some rows.

    Attributes:
        rows: (k,) the rows with an outline.
        packed: (k, h, w / 8) uint8, their masks as bits, see `np.packbits`.
    """

    rows: np.ndarray
    packed: np.ndarray


@dataclass(frozen=True, eq=False)
class TrainingData:
    """The prepared data set: n slices, followed by m planted copies (rows n to n + m - 1).

    Args:
        images: (n, h, w, c) uint8, prepared values times 255; may be a memory map.
        y_true: (n,) int, 0 or 1.
        planted: (m, h, w, c) uint8: copies of slices without the finding, each with a planted one.
        sources: (m,) the row of the original slice of each copy.
        masks: outlines of rows with the finding; None: they are not used.
        cell_shape: (h', w') of the evidence map.
        rough: outlines of slices do not follow the lesion, see `core.models.Architecture`; those of copies
            do.
    """

    images: np.ndarray
    y_true: np.ndarray
    planted: np.ndarray = field(default_factory=lambda: np.empty((0, 1, 1, 1), np.uint8))
    sources: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    masks: Masks | None = None
    cell_shape: tuple[int, int] = (1, 1)
    rough: bool = False

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

    def read_images(self, rows: np.ndarray) -> np.ndarray:
        """Return the images (k, h, w, c) of any rows."""
        planted = self.is_planted(rows)
        images = np.empty((len(rows), *self.images.shape[1:]), np.uint8)
        images[~planted] = self.images[rows[~planted]]
        if planted.any():
            images[planted] = self.planted[rows[planted] - len(self.y_true)]
        return images

    def inputs(self, rows: np.ndarray) -> Inputs:
        """Return the networks' inputs (k, ...) for rows of slices, without augmentation."""
        return Rows(len(rows), lambda places: self.images[rows[places]])

    def augment_rows(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> Epoch:
        """Return the networks' inputs (k, ...) for any rows in one epoch, augmented, and their cells."""

        def read(places: np.ndarray) -> np.ndarray:
            chosen = rows[places]
            return augment_many(self.read_images(chosen), augmentation, seed, numbers=chosen)

        cells = None if self.masks is None else self.mark_cells(rows, augmentation, seed, numbers=rows)
        return Epoch(Rows(len(rows), read), cells)

    def mark_cells(
        self, rows: np.ndarray, augmentation: Augmentation, seed: int, *, numbers: np.ndarray
    ) -> CellTargets:
        """Return the cells (k, h', w') of any rows, moved as `augment_many` moves their images.

        See `core.imaging.mark_cells` and, for rough outlines, `mark_beyond`. Nothing is known of a row with
        the finding but without an outline.
        """
        assert self.masks is not None
        targets = CellTargets(*np.zeros((2, len(rows), *self.cell_shape), np.uint8))
        place_of = {row: place for place, row in enumerate(self.masks.rows.tolist())}
        for start in range(0, len(rows), _CHUNK):
            part = slice(start, start + _CHUNK)
            outlines = np.zeros((len(rows[part]), *self.images.shape[1:3]), bool)
            is_known = self.labels(rows[part]) == 0
            for number, row in enumerate(rows[part].tolist()):
                if row in place_of:
                    packed = self.masks.packed[place_of[row]]
                    outlines[number] = np.unpackbits(packed, axis=1, count=outlines.shape[2])
                    is_known[number] = True
            moved = move_masks(outlines, augmentation, seed, numbers=numbers[part])
            lesion, known = mark_cells(moved, self.cell_shape)
            if self.rough:
                own = ~self.is_planted(rows[part])
                lesion[own], known[own] = False, mark_beyond(moved[own], self.cell_shape)
            targets.lesion[part], targets.known[part] = lesion, known & is_known[:, None, None]
        return targets


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddedData(TrainingData):
    """The data set as feature maps of a frozen backbone, of each slice and of its augmented views.

    Args:
        views: for the unchanged slice and for each view, the maps of many slices, (N, h', w', k): float32 of
            the unchanged slices, float16 of the views; memory maps.
        places: (1 + views, n) the place of each slice in them.
        planted_maps: (m, h', w', k) float16, of augmented planted copies.
        cells: (1 + views, n + m, h', w'), those of slices and copies; None without masks.
    """

    views: tuple[np.ndarray, ...]
    places: np.ndarray
    planted_maps: np.ndarray
    cells: CellTargets | None = None

    def inputs(self, rows: np.ndarray) -> Inputs:
        """See TrainingData."""
        return Rows(len(rows), lambda places: np.asarray(self.views[0][self.places[0][rows[places]]]))

    def augment_rows(self, rows: np.ndarray, augmentation: Augmentation, seed: int) -> Epoch:
        """See TrainingData; a slice is unchanged or one of its views, with equal probability."""
        chosen = np.random.default_rng(seed).integers(0, len(self.views), len(rows))
        planted = self.is_planted(rows)

        def read(places: np.ndarray) -> np.ndarray:
            inputs = np.empty((len(places), *self.planted_maps.shape[1:]), np.float16)
            copied = planted[places]
            for view, maps in enumerate(self.views):
                own = ~copied & (chosen[places] == view)
                inputs[own] = maps[self.places[view][rows[places[own]]]]
            if copied.any():
                inputs[copied] = self.planted_maps[rows[places[copied]] - len(self.y_true)]
            return inputs

        cells = self.cells and CellTargets(*(part[chosen, rows] for part in self.cells))
        return Epoch(Rows(len(rows), read), cells)


def read_data(work: Path, architecture: Architecture) -> TrainingData:
    """Return the slices, masks and planted copies that `core.training.images` prepared."""
    images, y_true = np.load(work / "images.npy", mmap_mode="r"), np.load(work / "labels.npy")
    data = TrainingData(
        images, y_true, cell_shape=architecture.feature_shape[:2], rough=architecture.rough_outlines
    )
    masks: list[Masks] = []
    for name, offset in (("masks.npz", 0), ("planted.npz", len(y_true))):
        if (work / name).exists():
            with np.load(work / name, allow_pickle=False) as found:
                masks += [Masks(found["rows"] + offset, found["packed"])] if len(found["rows"]) else []
                if "sources" in found:
                    sources = found["sources"]
                    planted = np.load(work / "planted.npy", mmap_mode="r")[: len(sources)]
                    data = replace(data, planted=planted, sources=sources)
    if not (architecture.cell_weight and masks):
        return data
    return replace(data, masks=Masks(*map(np.concatenate, zip(*masks, strict=True))))


def maps_folder(work: Path) -> Path:
    """Return the folder of the feature maps that this training run shares with those beside it."""
    return work.parent / ".maps"


def count_missing_bytes(
    work: Path, architecture: Architecture, pictures: Sequence[str], n_planted: int
) -> int:
    """Return the size of the feature maps that are not computed yet, for slices of these names."""
    *views, planted = open_stores(work, architecture)
    missing = sum(view.row_bytes * sum(name not in view for name in set(pictures)) for view in views)
    return missing + planted.row_bytes * max(0, n_planted - len(planted))


def has_maps(work: Path, architecture: Architecture) -> bool:
    """Return whether `embed_data` has done all its work for a training run."""
    data = read_data(work, architecture)
    is_marked = data.masks is None or (work / CELLS_NAME).exists()
    return is_marked and not count_missing_bytes(work, architecture, read_pictures(work), len(data.planted))


def open_maps(work: Path, architecture: Architecture) -> EmbeddedData:
    """Return the feature maps that `embed_data` computed."""
    data = read_data(work, architecture)
    *views, planted = open_stores(work, architecture)
    cells = None
    if data.masks is not None:
        with np.load(work / CELLS_NAME, allow_pickle=False) as found:
            cells = CellTargets(found["lesion"], found["known"])
    return EmbeddedData(
        **{**vars(data), "masks": None},
        views=tuple(view.open() for view in views),
        places=np.stack([view.find(read_pictures(work)) for view in views]),
        planted_maps=planted.open(),
        cells=cells,
    )


def open_stores(work: Path, architecture: Architecture) -> list[KeyedRows]:
    """Return the feature maps of the unchanged slices, of each view, and of the planted copies."""
    backbone, augmentation = architecture.backbone, architecture.augmentation
    assert backbone is not None
    described = {
        "version": _MAPS_VERSION,
        "recipe": architecture.recipe.to_dict(),
        "backbone": [backbone.name, backbone.sha256],
        "augmentation": asdict(replace(augmentation, planted=0.0, views=0)),
    }
    key = hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]
    shape = architecture.input_shape
    # The unchanged slices in full precision: from these the recorded probabilities are computed.
    return [
        KeyedRows(maps_folder(work) / key / f"view-{k}", shape, np.float16 if k else np.float32)
        for k in range(1 + augmentation.views)
    ] + [KeyedRows(work / "planted-maps", shape, np.float16)]


def read_pictures(work: Path) -> list[str]:
    """Return the names of the slices' pictures, equal for equal pictures."""
    return (work / PICTURES_NAME).read_text().splitlines()
