"""The window in which Hounsfield units look most like the training pictures.

The window of the training pictures is burnt in and not recorded. It is estimated from the networks' features,
which give the distance of a slice from the training slices (`core.gate`): slices of other head CT, in
Hounsfield units, are shown through many windows, and the window with the smallest distance is the estimate.
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
from core.scans import Window, window_hu
from core.serving import BATCH_SIZE, ServedModel, predict_together

CENTERS_HU = (30.0, 35.0, 40.0, 45.0)
WIDTHS_HU = (80.0, 100.0, 120.0, 140.0, 160.0, 200.0)


@dataclass(frozen=True)
class Match:
    """A window, and the median distance to training of the slices shown through it."""

    window: Window
    distance: float


def compare_windows(
    experiment: Experiment,
    slices_hu: Sequence[NDArray[np.float32]],
    on_window: Callable[[int, int], None] | None = None,
) -> list[Match]:
    """Measure the distance of slices through the experiment's window and all of CENTERS_HU and WIDTHS_HU.

    Args:
        experiment: its networks' features are used.
        slices_hu: (H, W) float32 each, in Hounsfield units; slices that show no brain are left out.
        on_window: called after each window with the number of windows done and their total.

    Returns:
        One match for each window, the smallest distance first.

    Raises:
        ExperimentError: the experiment has no reference for familiarity.
        ScanError: code "empty": no slice shows brain.
    """
    familiarity = experiment.familiarity()
    if familiarity is None:
        raise ExperimentError(
            f'"{experiment.name}" has no measured features to compare with',
            remedy=f"measure them with: stroke-ct features {experiment.name}",
        )
    own = experiment.recipe
    shown = [pixels for pixels in slices_hu if is_brain_visible(window_hu(pixels, own.window))]
    if not shown:
        raise ScanError("No slice shows brain", remedy="choose axial head CT", code="empty")
    models = {name: ServedModel(experiment.model_path(name)) for name in experiment.frameworks}
    windows = {own.window} | {Window(center, width) for center in CENTERS_HU for width in WIDTHS_HU}
    matches = []
    for done, window in enumerate(sorted(windows, key=lambda one: (one.width_hu, one.center_hu)), start=1):
        recipe = replace(own, level_hu=window.center_hu, width_hu=window.width_hu)
        distances = []
        for start in range(0, len(shown), BATCH_SIZE):
            grays = [window_hu(pixels, recipe.window) for pixels in shown[start : start + BATCH_SIZE]]
            images = prepare_many(grays, recipe)
            features = {name: one.features for name, one in predict_together(models, images).items()}
            distances.append(familiarity.distances(features))
        matches.append(Match(window, float(np.median(np.concatenate(distances)))))
        if on_window:
            on_window(done, len(windows))
    return sorted(matches, key=lambda match: match.distance)
