"""Which window makes Hounsfield units look most like the pictures that the networks learned from.

The pictures of the data set have their window burnt in, so it cannot be read off them. But the networks' own
features tell how far a slice is from those of training (core.gate): slices of other head CT, known in
Hounsfield units, are handed over through one window after the other, and the nearest wins.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ExperimentError, ScanError
from core.experiments import Experiment
from core.gate import is_brain_visible
from core.imaging import prepare_many
from core.models import BATCH_SIZE, ServedModel
from core.scans import Window, window_hu

LEVELS_HU = (30.0, 35.0, 40.0, 45.0)
WIDTHS_HU = (80.0, 100.0, 120.0, 140.0, 160.0, 200.0)


@dataclass(frozen=True)
class Match:
    """How far slices are from those of training when seen through a window: the median distance."""

    window: Window
    distance: float


def compare_windows(
    experiment: Experiment,
    slices_hu: Sequence[NDArray[np.float32]],
    on_window: Callable[[int, int], None] | None = None,
) -> list[Match]:
    """Measure slices through the experiment's own window and through all of LEVELS_HU and WIDTHS_HU.

    Args:
        experiment: its networks' features measure.
        slices_hu: (H, W) float32 each, in Hounsfield units; those that show no brain are left out.
        on_window: called with the number of windows done and their total after each.

    Returns:
        One for each window, nearest first.

    Raises:
        ExperimentError: the experiment does not know what its networks are familiar with.
        ScanError: code "empty": no slice shows brain.
    """
    familiarity = experiment.familiarity()
    if familiarity is None:
        raise ExperimentError(
            f'"{experiment.name}" does not know what its networks are familiar with',
            remedy=f"measure it with: python -m core features {experiment.name}",
        )
    own = experiment.recipe
    shown = [pixels for pixels in slices_hu if is_brain_visible(window_hu(pixels, own.window))]
    if not shown:
        raise ScanError("No slice shows brain", remedy="hand in axial head CT", code="empty")
    models = {name: ServedModel(experiment.model_path(name)) for name in experiment.frameworks}
    windows = {own.window} | {Window(level, width) for level in LEVELS_HU for width in WIDTHS_HU}
    matches = []
    for done, window in enumerate(sorted(windows, key=lambda one: (one.width_hu, one.center_hu)), start=1):
        recipe = replace(own, level_hu=window.center_hu, width_hu=window.width_hu)
        distances = []
        for start in range(0, len(shown), BATCH_SIZE):
            grays = [window_hu(pixels, recipe.window) for pixels in shown[start : start + BATCH_SIZE]]
            images = prepare_many(grays, recipe)
            features = {name: model.predict(images).features for name, model in models.items()}
            distances.append(familiarity.distances(features))
        matches.append(Match(window, float(np.median(np.concatenate(distances)))))
        if on_window:
            on_window(done, len(windows))
    return sorted(matches, key=lambda match: match.distance)
