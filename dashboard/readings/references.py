"""A slice to compare with: a typical one of the data set, else a phantom, named for what it is."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from core.datasets import find_class_folders
from core.errors import StrokeError
from core.experiments import Experiment
from core.imaging import to_frame
from core.scans import read_scan
from core.synthetic import render_phantom

if TYPE_CHECKING:
    import pandas as pd

_SIZE = 512
_SEED = 5


@dataclass(frozen=True, eq=False)
class Reference:
    """A slice to compare with.

    Attributes:
        label: 0 or 1; of a phantom: whether a bright spot was planted.
        picture: (512, 512) uint8, framed as the networks see it.
        file: name of the file in the data set; None for a phantom.
        probabilities: framework -> what the network said that had not seen the slice; empty for a phantom.
    """

    label: int
    picture: np.ndarray
    file: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)


def load_reference(experiment: Experiment, label: int, folder: Path | None) -> Reference:
    """A typical slice of this label in the data set of the experiment; a phantom when it is not in `folder`.

    Typical is the test slice that every network called right at the default operating point and whose mean
    probability is the middle one of these.
    """
    finer = replace(experiment.recipe, size=_SIZE)

    def draw(pixels: np.ndarray) -> np.ndarray:
        return np.rint(to_frame(pixels, finer) * 255).astype(np.uint8)

    chosen = find_typical(experiment, label)
    try:
        if folder is not None and chosen is not None:
            path = find_class_folders(folder)[0] / chosen["file"]
            if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == chosen["sha256"]:
                said = {name: float(chosen[name]) for name in experiment.frameworks}
                return Reference(label, draw(read_scan(path).slices[0].pixels), chosen["file"], said)
    except StrokeError:
        pass  # no data set after all
    phantom = render_phantom(np.random.default_rng(_SEED), lesion=bool(label), size=_SIZE)
    return Reference(label, draw(phantom.pixels))


def find_typical(experiment: Experiment, label: int) -> pd.Series | None:
    """Row of the typical test slice in the calibrated predictions; None when no slice was called right."""
    table = experiment.calibrated_predictions()
    right = table[(table["part"] == "test") & (table["label"] == label)]
    for name in experiment.frameworks:
        right = right[(right[name] >= experiment.threshold(name)) == bool(label)]
    if right.empty:
        return None
    mean = right[list(experiment.frameworks)].mean(axis=1)
    return right.loc[mean.sort_values(kind="stable").index[len(mean) // 2]]
