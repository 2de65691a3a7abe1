"""Synthetic head CT slices for tests, dashboard samples, and trial training runs without real data.

A phantom resembles a slice in a brain window (center 40 HU, width 120 HU) closely enough to show how the
program works. It says nothing about how well a model reads real patients.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import DatasetError
from core.synthetic.phantom_anatomy import BASE_POSITION, Canvas, Head, Pixels, sample_head
from core.synthetic.phantom_lesions import Lesion, render_blood, render_infarct

HIGHEST_LESION = 0.9
LESION_POSITIONS = (0.42, 0.8)
_JPEG_QUALITY = 95


@dataclass(frozen=True, eq=False)
class Phantom:
    """One synthetic slice.

    Attributes:
        pixels: (size, size) float32 in [0, 1].
        lesion_center: (row, column) in pixels; None without a lesion.
        lesion_radius: mean radius in pixels; 0 without a lesion.
        mask: (size, size) bool, True in the lesion.
    """

    pixels: Pixels
    lesion_center: tuple[float, float] | None
    lesion_radius: float
    mask: NDArray[np.bool_]


def render_phantom(
    rng: np.random.Generator,
    *,
    lesion: bool | Lesion,
    size: int = 256,
    position: float = 0.5,
    head: Head | None = None,
) -> Phantom:
    """Render one synthetic slice.

    Args:
        rng: random generator; the same state gives the same picture.
        lesion: the lesion in the brain: False for none; True or "hemorrhage" for fresh blood; "ischemia" for
            a dark patch in the territory of an artery. A slice without a lesion differs from one with
            ischemia in the lesion only.
        size: side of the square picture in pixels, at least 32.
        position: height of the slice, from 0 (neck) to 1 (vertex).
        head: the patient's head; by default a new random one.

    Returns:
        A `Phantom` with pixels of shape (size, size).

    Raises:
        ValueError: size or position is out of range, or a lesion is above position 0.9, where there is hardly
            any brain.
    """
    if size < 32 or not 0 <= position <= (HIGHEST_LESION if lesion else 1):
        raise ValueError(
            f"size must be >= 32 and position in [0, 1], with a lesion in [0, {HIGHEST_LESION}]; "
            f"got {size} and {position}"
        )
    head = sample_head(rng) if head is None else head
    canvas = Canvas(head, position, size, rng)
    canvas.render_soft_tissue()
    canvas.render_brain()
    if position < BASE_POSITION:
        canvas.render_face()
    elif position < 0.42:
        canvas.render_posterior_fossa()
    else:
        canvas.render_ventricles()
        canvas.render_falx()
    shape = None
    if lesion:
        shape = render_infarct(canvas) if lesion == "ischemia" else render_blood(canvas)
    canvas.render_skull()
    if shape is None:
        return Phantom(canvas.finish(), None, 0.0, np.zeros((size, size), bool))
    weight, axis = float(shape.sum()), np.arange(size) + 0.0
    center = (float(shape.sum(1) @ axis) / weight, float(shape.sum(0) @ axis) / weight)
    # In a small picture, a lesion may be no more than its soft edge.
    return Phantom(canvas.finish(), center, float(np.sqrt(weight / np.pi)), shape > 0.5 * shape.max())


def write_phantom_dataset(
    folder: Path,
    *,
    n_patients: int = 20,
    slices_per_patient: int = 10,
    seed: int = 0,
    size: int = 256,
) -> None:
    """Write a data set of phantoms in the layout of the published set.

    Half of the patients are in `Normal/`, half in `Stroke/`. Files are named "PATIENT (NUMBER).jpg" in
    anatomical order, and the number after a slice with a lesion is left out, so that the file-number rule of
    `core.datasets` finds the lesions. Each Stroke patient has lesions on two to about half of the slices, all
    adjacent.

    Args:
        folder: target folder, created if missing; must not hold class folders.
        n_patients: number of patients, at least 2.
        slices_per_patient: number of slices of each patient, at least 4.
        seed: the same seed writes the same pictures.
        size: side of the pictures in pixels, at least 32.

    Raises:
        DatasetError: the folder already holds `Normal` or `Stroke`, or there are too few patients or slices.
        ValueError: the size is below 32.
    """
    if n_patients < 2 or slices_per_patient < 4:
        raise DatasetError(
            "A set of phantoms needs at least 2 patients with 4 slices each",
            found=f"{n_patients} patients, {slices_per_patient} slices",
        )
    folder = Path(folder)
    if any((folder / name).exists() for name in ("Normal", "Stroke")):
        raise DatasetError(f"{str(folder)!r} already contains a data set", remedy="choose an empty folder")
    rng = np.random.default_rng(seed)
    n_normal = n_patients // 2
    for patient in range(1, n_patients + 1):
        is_stroke = patient > n_normal
        target = folder / ("Stroke" if is_stroke else "Normal")
        target.mkdir(parents=True, exist_ok=True)
        head = sample_head(rng)
        positions = np.linspace(0.3, 0.9, slices_per_patient) + rng.uniform(-0.02, 0.02)
        with_lesion = choose_lesions(positions, rng) if is_stroke else set()
        number = 1
        for index, position in enumerate(positions):
            phantom = render_phantom(
                rng, lesion=index in with_lesion, size=size, position=float(position), head=head
            )
            save_phantom(phantom, target / f"{patient} ({number}).jpg")
            number += 2 if index in with_lesion else 1


def save_phantom(phantom: Phantom, path: str | Path) -> None:
    """Write a phantom as an 8-bit gray picture in the format of the file's extension."""
    path = Path(path)
    options: dict[str, Any] = {"quality": _JPEG_QUALITY} if path.suffix.lower() in (".jpg", ".jpeg") else {}
    Image.fromarray(np.round(phantom.pixels * 255).astype(np.uint8)).save(path, **options)


def choose_lesions(positions: NDArray[np.float64], rng: np.random.Generator) -> set[int]:
    """Sample the indices of two to about half of the slices, adjacent ones of the vault.

    File numbers cannot encode a lesion on the last slice; that slice is above LESION_POSITIONS.
    """
    low, high = LESION_POSITIONS
    able = [i for i in range(len(positions)) if low <= positions[i] <= high]
    n_lesions = min(len(able), int(rng.integers(2, max(3, len(positions) // 2 + 1))))
    first = int(rng.integers(len(able) - n_lesions + 1))
    return set(able[first : first + n_lesions])
