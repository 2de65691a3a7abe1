"""The prepared images of a training, computed once for both frameworks."""

from __future__ import annotations

import math
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from core.datasets import Dataset, read_pixels
from core.errors import TrainingError
from core.imaging import Recipe, prepare, prepare_frame, to_frame
from core.models import Architecture
from core.synthetic import plant_hemorrhage
from core.system import count_cores, write_aside
from core.training.state import OnProgress

_PLANTING_TRIES = 20
# For checkpoints, weights and tables.
_RESERVE_BYTES = 200_000_000


def check_space(work: Path, n_slices: int, architecture: Architecture, n_frameworks: int) -> None:
    """Raise unless the disk has space for the prepared slices and each framework's feature maps.

    They are written through memory maps: on a full disk the system kills the process without an error.

    Raises:
        TrainingError: the disk has too little space; the message names the space needed and free.
    """
    planted = round(architecture.augmentation.planted * n_slices)
    needed = (n_slices + planted) * math.prod(architecture.recipe.shape)
    if architecture.has_backbone:
        halves = 2 + architecture.augmentation.views
        n_numbers = math.prod(architecture.input_shape)
        needed += n_frameworks * 2 * (n_slices * halves + planted) * n_numbers
    written = sum(path.stat().st_size for path in work.rglob("*.np[yz]"))
    free = shutil.disk_usage(work).free
    if free < (needed - written) + _RESERVE_BYTES:
        raise TrainingError(
            "The disk has too little space for this training run",
            found=f"{(needed - written) / 1e9:.1f} GB are needed, {free / 1e9:.1f} GB are free",
            remedy=f"free space on the disk of {work.parent}, then resume the training run",
        )


def prepare_images(work: Path, dataset: Dataset, recipe: Recipe, on_progress: OnProgress) -> None:
    """Prepare every slice once, into a file that both children map into memory."""
    path = work / "images.npy"
    if path.exists():
        return
    files = list(dataset.table["file"])
    aside = work / ".images.npy"
    images = np.lib.format.open_memmap(aside, mode="w+", dtype=np.uint8, shape=(len(files), *recipe.shape))

    def prepare_one(index: int) -> None:
        images[index] = np.rint(prepare(read_pixels(dataset, files[index]), recipe) * 255)

    with ThreadPoolExecutor(count_cores()) as pool:
        for done, _ in enumerate(pool.map(prepare_one, range(len(files))), start=1):
            on_progress("preparing", {"slices": {"fraction": done / len(files)}})
    images.flush()
    os.replace(aside, path)


def plant_copies(
    work: Path, dataset: Dataset, architecture: Architecture, seed: int, on_progress: OnProgress
) -> None:
    """Prepare copies of negative slices with a planted hemorrhage, as many as the protocol says."""
    path, recipe = work / "planted.npz", architecture.recipe
    y_true = np.load(work / "labels.npy")
    n_copies = round(architecture.augmentation.planted * len(y_true))
    if path.exists() or not n_copies:
        return
    files = list(dataset.table["file"])
    negatives = np.flatnonzero(y_true == 0)

    def plant_one(number: int) -> tuple[int, np.ndarray] | None:
        rng = np.random.default_rng([seed, number])
        # Planting fails on slices that do not show the inside of the skull.
        for source in rng.choice(negatives, _PLANTING_TRIES):
            planted = plant_hemorrhage(to_frame(read_pixels(dataset, files[source]), recipe), rng)
            if planted is not None:
                return int(source), np.rint(prepare_frame(planted[0], recipe) * 255).astype(np.uint8)
        return None

    copies = []
    with ThreadPoolExecutor(count_cores()) as pool:
        for done, copy in enumerate(pool.map(plant_one, range(n_copies)), start=1):
            if copy is not None:
                copies.append(copy)
            on_progress("preparing", {"planted copies": {"fraction": done / n_copies}})
    images = np.stack([image for _, image in copies]) if copies else np.empty((0, *recipe.shape), np.uint8)
    with write_aside(path) as aside, open(aside, "wb") as file:
        np.savez(file, images=images, sources=np.array([source for source, _ in copies], dtype=np.int64))
