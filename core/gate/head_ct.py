"""Tell head CT from other images by the networks' features.

A logistic regression on the features of each framework's served network, averaged over frameworks, gives the
log odds that a slice is of a head CT, if head CT and other images were as frequent. It is fitted to head CT
of several sources, each counting alike, and to other images (`core.measurements.learn_gate`), and stored with
the experiment, in familiarity.safetensors.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.errors import ExperimentError
from core.gate.appearance import NEARLY_EMPTY, GateFinding

# Log odds: below the first, a slice is more like other images than like head CT; below the second, clearly.
UNLIKE, CLEARLY_UNLIKE = 0.0, -1.0


@dataclass(frozen=True, eq=False)
class HeadCt:
    """The logistic regression.

    Attributes:
        weights: framework -> (d + 1,) float32: one weight for each feature, then the constant.
    """

    weights: Mapping[str, NDArray[np.float32]]

    def scores(self, features: Mapping[str, NDArray[np.float32]]) -> NDArray[np.float64]:
        """Return the (n,) log odds of slices from their served features, framework -> (n, d).

        Raises:
            ExperimentError: the features are not from the experiment's networks.
        """
        parts = []
        for framework, weights in self.weights.items():
            own = features[framework]
            if own.shape[1] != len(weights) - 1:
                raise ExperimentError(
                    f"The gate's weights do not fit the {framework} network",
                    found=f"{own.shape[1]} features, {len(weights) - 1} weights",
                    remedy="run, with the experiment's name: stroke-ct gate NAME --learn",
                )
            parts.append(own @ weights[:-1] + weights[-1])
        return np.asarray(np.mean(parts, axis=0), dtype=np.float64)


def judge_features(found: GateFinding, score: float) -> GateFinding:
    """Add the evidence of the networks' features.

    Args:
        found: result of `judge` or `judge_hu` for the slice.
        score: the slice's log odds; see `HeadCt.scores`.

    Returns:
        `found`, unchanged if it is a refusal, the features are like those of head CT or the slice shows
        only a head's tip. Otherwise a warning is added, or a refusal if the picture is odd too or the
        features are clearly unlike.
    """
    if found.outcome == "refuse" or score >= UNLIKE or NEARLY_EMPTY.reasons[0] in found.reasons:
        return found
    reason = "To the networks, the slice looks less like a head CT than like other images."
    sure = found.odd or score < CLEARLY_UNLIKE
    return replace(found, outcome="refuse" if sure else "warn", reasons=(*found.reasons, reason), odd=True)
