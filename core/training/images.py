"""The images, masks, planted copies and feature maps of a training run, computed once for all frameworks."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.lib.format import open_memmap

from core.datasets import Dataset, read_mask, read_pixels
from core.errors import TrainingError
from core.gate import is_brain_visible
from core.imaging import Augmentation, Recipe, augment_many, frame_outline, prepare, prepare_frame, to_frame
from core.models import Architecture
from core.synthetic import plant_hemorrhage, plant_ischemia
from core.system import KeyedRows, count_cores, map_parallel, write_aside, write_whole
from core.training.state import OnProgress
from core.training.training_data import (
    CELLS_NAME,
    PICTURES_NAME,
    count_missing_bytes,
    open_stores,
    read_data,
    read_pictures,
)

T = TypeVar("T")

_PLANT = {"hemorrhage": plant_hemorrhage, "ischemia": plant_ischemia}
_PLANTING_TRIES = 20
_CHUNK = 32
# For checkpoints, weights and tables.
_RESERVE_BYTES = 200_000_000


def prepare_data(
    work: Path,
    dataset: Dataset,
    architecture: Architecture,
    protocol: dict[str, Any],
    on_progress: OnProgress,
) -> None:
    """Prepare all slices, their masks and the planted copies; what is there already is not prepared again.

    Writes `pictures.txt`, `images.npy`, and where the architecture uses them `masks.npz`, `planted.npy` and
    `planted.npz`, see `core.training.training_data.read_data`.

    Args:
        work: the folder of the training run, with `labels.npy`.
        dataset: its slices.
        architecture: its recipe and augmentation are used.
        protocol: as on the card: the finding and the seed.
        on_progress: see `core.training.state.OnProgress`.

    Raises:
        TrainingError: the disk has too little space; the message names the space needed and free. Or the
            architecture learns from outlines alone, and a slice with the finding has none.
        ScanError: a slice or a mask cannot be read, or a mask is blank.
    """
    y_true, finding = np.load(work / "labels.npy"), protocol.get("finding", "hemorrhage")
    if not architecture.slice_weight:
        _check_outlines(dataset, y_true, finding)
    check_space(work, dataset, architecture)
    write_whole(work / PICTURES_NAME, "".join(f"{name}\n" for name in name_pictures(dataset)).encode())
    prepare_images(work, dataset, architecture.recipe, on_progress)
    if architecture.cell_weight:
        prepare_masks(work, dataset, architecture.recipe, y_true, finding, on_progress)
    plant_copies(work, dataset, architecture, finding, protocol["seed"], on_progress)


def name_pictures(dataset: Dataset) -> list[str]:
    """Return for each slice its hash and the angle by which it is turned: equal for equal pictures."""
    turns = [place.rotate if (place := dataset.places.get(file)) else 0 for file in dataset.table["file"]]
    return [f"{digest}-{turn}" for digest, turn in zip(dataset.table["sha256"], turns, strict=True)]


def check_space(work: Path, dataset: Dataset, architecture: Architecture) -> None:
    """Raise unless the disk has space for the prepared slices and the backbone's feature maps.

    Some of these are written through memory maps: on a full disk the system kills the process without an
    error.

    Raises:
        TrainingError: the disk has too little space; the message names the space needed and free.
    """
    n_slices = len(dataset.table)
    n_planted = round(architecture.augmentation.planted * n_slices)
    images = (n_slices + n_planted) * math.prod(architecture.recipe.shape)
    written = sum(path.stat().st_size for path in work.rglob("*.np[yz]"))
    missing = max(0, images - written)
    if architecture.has_backbone:
        missing += count_missing_bytes(work, architecture, name_pictures(dataset), n_planted)
    free = shutil.disk_usage(work).free
    if free < missing + _RESERVE_BYTES:
        raise TrainingError(
            "The disk has too little space for this training run",
            found=f"{missing / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free",
            remedy=f"free space on the disk of {work.parent}, then resume the training run",
        )


def _check_outlines(dataset: Dataset, y_true: np.ndarray, finding: str) -> None:
    """Raise unless every slice with the finding has an outline of it."""
    positive = dataset.table["file"][y_true == 1]
    places = (dataset.places.get(file) for file in positive)
    n_missing = sum(place is None or place.mask is None or place.outlined != finding for place in places)
    if n_missing:
        raise TrainingError(
            "This architecture learns only from outlines of the finding",
            found=f"{n_missing:,} of {len(positive):,} slices with the finding have none",
            remedy="choose another architecture, such as evidence, or give the outlines in the column 'mask'",
        )


def prepare_images(work: Path, dataset: Dataset, recipe: Recipe, on_progress: OnProgress) -> None:
    """Prepare every slice once, into a file that all children map into memory."""
    path = work / "images.npy"
    if path.exists():
        return
    files = list(dataset.table["file"])
    aside = work / ".images.npy"
    images = open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(files), *recipe.shape))

    def prepare_one(index: int) -> None:
        images[index] = np.rint(prepare(read_pixels(dataset, files[index], recipe.window), recipe) * 255)

    for _ in _follow(prepare_one, range(len(files)), "slices", on_progress):
        pass
    images.flush()
    os.replace(aside, path)


def prepare_masks(
    work: Path, dataset: Dataset, recipe: Recipe, y_true: np.ndarray, finding: str, on_progress: OnProgress
) -> None:
    """Frame the masks of the slices with the finding like the slices; a slice without one has no mask."""
    path = work / "masks.npz"
    if path.exists():
        return
    files = dataset.table["file"].to_list()
    rows = np.flatnonzero((y_true == 1) & (dataset.table["mask"] != "").to_numpy())

    def frame_one(row: int) -> np.ndarray | None:
        outline = read_mask(dataset, files[row], finding)
        if outline is None:
            return None
        framed = frame_outline(read_pixels(dataset, files[row], recipe.window), outline, recipe)
        return np.packbits(framed >= 0.5, axis=1)

    masks = dict(zip(rows, _follow(frame_one, rows, "masks", on_progress), strict=True))
    _save_masks(path, {row: mask for row, mask in masks.items() if mask is not None})


def find_brain(dataset: Dataset, files: Sequence[str]) -> np.ndarray:
    """Return for each slice (n,) 1 if it shows brain, so that a study's score counts it, or 0."""
    with ThreadPoolExecutor(count_cores()) as pool:
        shown = pool.map(lambda file: is_brain_visible(read_pixels(dataset, file)), files)
        return np.fromiter(shown, np.int64, len(files))


def plant_copies(
    work: Path,
    dataset: Dataset,
    architecture: Architecture,
    finding: str,
    seed: int,
    on_progress: OnProgress,
) -> None:
    """Prepare copies of negative slices with a planted lesion, as many as the protocol says."""
    path, recipe = work / "planted.npz", architecture.recipe
    y_true = np.load(work / "labels.npy")
    n_copies = round(architecture.augmentation.planted * len(y_true))
    if path.exists() or not n_copies:
        return
    files = list(dataset.table["file"])
    negatives = np.flatnonzero(y_true == 0)

    def plant_one(number: int) -> tuple[int, np.ndarray, np.ndarray] | None:
        rng = np.random.default_rng([seed, number])
        # Planting fails on slices that do not show the inside of the skull.
        for source in rng.choice(negatives, _PLANTING_TRIES):
            frame = to_frame(read_pixels(dataset, files[source], recipe.window), recipe)
            planted = _PLANT[finding](frame, rng)
            if planted is not None:
                image = np.rint(prepare_frame(planted[0], recipe) * 255).astype(np.uint8)
                return int(source), image, np.packbits(planted[1], axis=1)
        return None

    images = open_memmap(work / "planted.npy", mode="w+", dtype=np.uint8, shape=(n_copies, *recipe.shape))
    sources: list[int] = []
    masks: dict[int, np.ndarray] = {}
    for copy in _follow(plant_one, range(n_copies), "planted copies", on_progress):
        if copy is not None:
            source, images[len(sources)], masks[len(sources)] = copy
            sources.append(source)
    images.flush()
    _save_masks(path, masks, sources=np.array(sources, dtype=np.int64))


class Embedder(Protocol):
    """A network with a frozen backbone, or the backbone alone."""

    @property
    def architecture(self) -> Architecture: ...

    def embed(self, images: np.ndarray) -> np.ndarray: ...


def embed_data(embedder: Embedder, work: Path, *, seed: int, on_progress: Callable[[float], None]) -> None:
    """Compute the backbone's feature maps of every slice, its augmented views and the planted copies.

    Only those are computed that no training has computed before. Then their cells are marked.

    Args:
        embedder: what runs the backbone. It is called from several threads.
        work: the folder of the training run.
        seed: of the augmentation of planted copies, which belong to this training.
        on_progress: called with the share that is done.
    """
    data, augmentation = read_data(work, embedder.architecture), embedder.architecture.augmentation
    *views, planted = open_stores(work, embedder.architecture)
    pictures = read_pictures(work)
    keys = [*pictures, *map(str, range(len(data.planted)))]
    numbers = _number_rows(pictures, len(data.planted))
    firsts = np.unique(np.array(pictures), return_index=True)[1]
    # Each with the rows to compute, and the seed of their augmentation.
    plan = [(store, [row for row in firsts if keys[row] not in store], k) for k, store in enumerate(views)]
    plan.append((planted, list(range(len(pictures) + len(planted), len(keys))), seed))
    total, done = sum(len(rows) for _, rows, _ in plan), 0
    for store, rows, own_seed in plan:

        def embed(chunk: np.ndarray, store: KeyedRows = store, own_seed: int = own_seed) -> np.ndarray:
            images = data.read_images(chunk)
            if store is not views[0]:
                images = augment_many(images, augmentation, own_seed, numbers=numbers[chunk])
            return embedder.embed(images)

        chunks = [np.array(rows[start : start + _CHUNK]) for start in range(0, len(rows), _CHUNK)]
        for chunk, maps in zip(chunks, map_parallel(embed, chunks), strict=True):
            store.append([keys[row] for row in chunk], maps)
            done += len(chunk)
            on_progress(done / total)
    if data.masks is not None:
        slices, copies = np.split(np.arange(len(keys)), [len(pictures)])
        of_copies = data.mark_cells(copies, augmentation, seed, numbers=numbers[copies])
        parts = [data.mark_cells(slices, Augmentation(flip=False), 0, numbers=numbers[slices])]
        for k in range(1, len(views)):
            parts.append(data.mark_cells(slices, augmentation, k, numbers=numbers[slices]))
        joined = ([np.concatenate(pair) for pair in zip(part, of_copies, strict=True)] for part in parts)
        lesion, known = zip(*joined, strict=True)
        with write_aside(work / CELLS_NAME) as aside, open(aside, "wb") as file:
            np.savez(file, allow_pickle=False, lesion=np.stack(lesion), known=np.stack(known))


def _save_masks(path: Path, masks: dict[int, np.ndarray], **more: np.ndarray) -> None:
    """Write masks, packed into bits, by their rows."""
    packed = np.stack(list(masks.values())) if masks else np.empty((0, 0, 0), np.uint8)
    with write_aside(path) as aside, open(aside, "wb") as file:
        np.savez(file, allow_pickle=False, rows=np.array(list(masks), dtype=np.int64), packed=packed, **more)


def _follow(
    work: Callable[[int], T], rows: Sequence[int] | np.ndarray, track: str, on_progress: OnProgress
) -> Iterator[T]:
    """Yield the result for each row, computed in parallel, and report the share that is done."""
    with ThreadPoolExecutor(count_cores()) as pool:
        for done, result in enumerate(pool.map(work, rows), start=1):
            on_progress("preparing", {track: {"fraction": done / len(rows)}})
            yield result


def _number_rows(pictures: Sequence[str], n_planted: int) -> np.ndarray:
    """Return the numbers that the augmentation of each row follows from: of a slice, from its name."""
    digests = [int(hashlib.sha256(name.encode()).hexdigest()[:15], 16) for name in pictures]
    return np.array([*digests, *range(n_planted)], dtype=np.int64)
