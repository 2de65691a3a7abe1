"""Read a held-out slice with the networks that never trained on it: those of the fold that tested it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.evaluation import recalibrate
from core.experiments import Experiment
from core.imaging import prepare
from core.serving import MemberModel, predict_together


@dataclass(frozen=True, eq=False)
class HeldOutFinding:
    """One network's finding on one held-out slice.

    Attributes:
        probability: of the positive class, calibrated as in `Experiment.calibrated_predictions`; in [0, 1].
        raw_probability: the network's own output, in [0, 1].
        heat: (h', w') float32 in [0, 1]: evidence for the positive class, over the whole frame.
    """

    probability: float
    raw_probability: float
    heat: np.ndarray


class HeldOutReader:
    """A reader of held-out slices with the networks of one experiment, loaded once.

    Several threads may share one reader. It gives the recorded out-of-sample probabilities again, with their
    heat maps: there is no gate, and a slice is not turned.

    Args:
        experiment: from core.experiments.

    Raises:
        ExperimentError: a network is missing or damaged, or the networks of the folds cannot be told apart.
    """

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        n_folds = experiment.card["protocol"]["folds"]
        self._models = {
            framework: MemberModel(experiment.model_path(framework), n_folds, n_threads=1)
            for framework in experiment.frameworks
        }

    def read(self, pixels: np.ndarray, fold: int) -> dict[str, HeldOutFinding]:
        """Return the finding of each framework's network of a fold, PyTorch first.

        Args:
            pixels: (H, W) float32 gray in [0, 1], through the recipe's window.
            fold: the fold that tested the slice, from 0.

        Raises:
            ExperimentError: a network failed.
        """
        images = prepare(pixels, self.experiment.recipe)[None]
        served = predict_together(self._models, images, member=fold)
        raw = {name: float(answer.probability[0]) for name, answer in served.items()}
        table = pd.DataFrame({"fold": [fold], **{name: [value] for name, value in raw.items()}})
        calibrated = recalibrate(table, self.experiment.card.get("calibration", {}))
        return {
            name: HeldOutFinding(float(calibrated[name].iloc[0]), raw[name], answer.heat[0])
            for name, answer in served.items()
        }
