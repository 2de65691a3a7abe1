"""Turn a raw probability into a decision: recalibrate it, then compare it with the operating point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ExperimentError
from core.evaluation import Band, Recalibration, in_band
from core.experiments import Experiment


@dataclass(frozen=True)
class Rule:
    """One network's rule for slices.

    Attributes:
        recalibration: applied to raw probabilities.
        threshold: the operating point, on calibrated probabilities.
        band: the review band around it, (low, high); None if there is none.
    """

    recalibration: Recalibration
    threshold: float
    band: Band | None

    def decide(self, probability: float) -> tuple[bool, bool]:
        """Return whether a calibrated probability is positive, and whether it needs review."""
        review = self.band is not None and bool(in_band(probability, self.band))
        return probability >= self.threshold, review


def make_rules(experiment: Experiment, operating_points: Mapping[str, float]) -> dict[str, Rule]:
    """Return the rule of each network of an experiment.

    Args:
        operating_points: framework -> threshold, in place of the card's default.

    Raises:
        ExperimentError: an operating point is for a framework that the experiment lacks.
    """
    if unknown := [name for name in operating_points if name not in experiment.frameworks]:
        raise ExperimentError(
            f'Experiment "{experiment.name}" has no {unknown[0]} network',
            remedy=f"choose from: {', '.join(experiment.frameworks)}",
        )
    rules = {}
    for framework in experiment.frameworks:
        chosen = operating_points.get(framework)
        threshold = experiment.threshold(framework) if chosen is None else float(chosen)
        band = experiment.review_band(framework, threshold=threshold)
        rules[framework] = Rule(experiment.recalibration(framework), threshold, band)
    return rules
