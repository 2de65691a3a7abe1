"""Reference slices to compare with: a typical one from the data set, else a phantom, labeled as such."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np

from core.datasets import HEMORRHAGE, locate_slices, read_pixels, read_slice
from core.errors import StrokeError
from core.experiments import Experiment
from core.imaging import to_frame
from core.synthetic import Lesion, render_phantom

if TYPE_CHECKING:
    import pandas as pd

_SIZE = 512
_SEED = 5


@dataclass(frozen=True, eq=False)
class Reference:
    """A slice to compare with.

    Attributes:
        label: 0 or 1; for a phantom, whether it contains a simulated lesion of the experiment's finding.
        picture: (512, 512) uint8, framed as the networks see it.
        file: name of the file in the data set; None for a phantom.
        probabilities: framework -> calibrated probability, out of sample; empty for a phantom.
    """

    label: int
    picture: np.ndarray
    file: str | None = None
    probabilities: dict[str, float] = field(default_factory=dict)


def load_reference(experiment: Experiment, label: int, folder: Path | None) -> Reference:
    """Return a typical slice of this label from the experiment's data set.

    Among the test slices that every network classified correctly at the default operating point, it is the
    one whose probability, averaged over the networks, is the median. If its recorded file is not in `folder`,
    a phantom is returned.
    """
    finer = replace(experiment.recipe, size=_SIZE)

    def to_gray(pixels: np.ndarray) -> np.ndarray:
        return np.rint(to_frame(pixels, finer) * 255).astype(np.uint8)

    chosen = find_typical(experiment, label)
    try:
        if folder is not None and chosen is not None:
            places = locate_slices(folder)
            if read_slice(places, chosen["file"]).sha256 == chosen["sha256"]:
                probabilities = {name: float(chosen[name]) for name in experiment.frameworks}
                pixels = read_pixels(places, chosen["file"], experiment.recipe.window)
                return Reference(label, to_gray(pixels), chosen["file"], probabilities)
    except StrokeError:
        pass  # `folder` holds no data set, or not this file
    lesion = cast(Lesion, experiment.finding_key or HEMORRHAGE)
    phantom = render_phantom(np.random.default_rng(_SEED), lesion=lesion if label else False, size=_SIZE)
    return Reference(label, to_gray(phantom.pixels))


def find_typical(experiment: Experiment, label: int) -> pd.Series | None:
    """Return the typical test slice's row in the calibrated predictions; None if no slice was correct."""
    table = experiment.calibrated_predictions()
    correct = table[(table["part"] == "test") & (table["label"] == label)]
    for name in experiment.frameworks:
        correct = correct[(correct[name] >= experiment.threshold(name)) == bool(label)]
    if correct.empty:
        return None
    mean = correct[list(experiment.frameworks)].mean(axis=1)
    return correct.loc[mean.sort_values(kind="stable").index[len(mean) // 2]]
