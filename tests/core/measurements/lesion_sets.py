"""A manifest of made hospitals, and a tiny experiment trained on it, for tests of lesions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from core.datasets import Dataset, index_dataset
from core.experiments import Experiment, update_card
from core.imaging import Recipe
from core.measurements.unseen_slices import Answer
from core.serving import Served
from core.synthetic.phantom_manifest import write_phantom_manifest
from tests.builders import write_tiny_experiment

RECIPE = Recipe(size=64, channels="gray", framing="head", intensity="unit")
N_CELLS = 16

# Pixels -> probability and heat map.
Answering = Callable[[np.ndarray], tuple[float, np.ndarray]]


def write_made_set(folder: Path, *, dimmed: bool = False) -> Dataset:
    """Write the manifest of made hospitals, and index it; `dimmed` tells pictures of hospital C by gray."""
    manifest = write_phantom_manifest(folder, size=96)
    for path in (folder / "made-c").glob("*[0-9].png") if dimmed else ():
        with Image.open(path) as picture:
            dim = np.asarray(picture) * 0.7
        Image.fromarray(dim.astype(np.uint8)).save(path)
    return index_dataset(manifest)


def write_ischemia(models: Path, dataset: Dataset, **options: object) -> Experiment:
    """Write a tiny calibrated experiment on the slices of the set whose ischemia is known."""
    known = dataset.select_known("slice", "ischemia")
    experiment = write_tiny_experiment(
        models, table=known.table, fingerprint=dataset.fingerprint, recipe=RECIPE, calibrated=True, **options
    )
    finding = {"key": "ischemia", "name": "ischemic lesion", "counts": "A phantom's dark territory."}
    classes = {**experiment.card["classes"], "negative": "No ischemic lesion", "positive": "Ischemic lesion"}
    return update_card(experiment, {"finding": finding, "classes": classes})


class InventedReader:
    """Networks that answer what a function says, in place of `UnseenReader`."""

    answering: Answering

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.asked: list[int] = []

    def read(self, pixels: np.ndarray, fold: int) -> dict[str, Answer]:
        probability, heat = type(self).answering(pixels)
        answer = Answer(probability, heat.astype(np.float32), np.empty(0, np.float32))
        return dict.fromkeys(self.experiment.frameworks, answer)

    def serve(self, pixels: np.ndarray) -> dict[str, Served]:
        features = np.array([[np.median(pixels[pixels > 0.1]), pixels.std(), pixels.mean()]], np.float32)
        answer = Served(np.zeros(1, np.float32), np.zeros((1, N_CELLS, N_CELLS), np.float32), features)
        return dict.fromkeys(self.experiment.frameworks, answer)


def invent_reader(answering: Answering) -> type[InventedReader]:
    """Return a reader class whose networks answer so."""
    return type("Invented", (InventedReader,), {"answering": staticmethod(answering)})
