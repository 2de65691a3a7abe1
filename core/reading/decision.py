"""How a raw probability becomes a decision: recalibrated, then compared with the operating point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from core.errors import ExperimentError
from core.evaluation import Band, Recalibration, in_band
from core.experiments import Experiment


@dataclass(frozen=True)
class Rule:
    """The rule of one network.

    Attributes:
        recalibration: what raw probabilities go through.
        threshold: the operating point, on recalibrated probabilities.
        band: the recalibrated probabilities around it that need review, (low, high); None without one.
    """

    recalibration: Recalibration
    threshold: float
    band: Band | None

    def decide(self, probability: float) -> tuple[bool, bool]:
        """Whether a recalibrated probability is positive, and whether it needs review."""
        review = self.band is not None and bool(in_band(probability, self.band))
        return probability >= self.threshold, review


def make_rules(experiment: Experiment, operating_points: Mapping[str, float]) -> dict[str, Rule]:
    """The rule of every network of an experiment.

    Args:
        operating_points: framework -> threshold instead of the card's default one.

    Raises:
        ExperimentError: an operating point names no framework of the experiment.
    """
    if unknown := [name for name in operating_points if name not in experiment.frameworks]:
        raise ExperimentError(
            f'Experiment "{experiment.name}" has no model to give this operating point to',
            found=unknown[0],
            remedy=f"choose from: {', '.join(experiment.frameworks)}",
        )
    rules = {}
    for framework in experiment.frameworks:
        chosen = operating_points.get(framework)
        threshold = experiment.threshold(framework) if chosen is None else float(chosen)
        band = experiment.review_band(framework, threshold=threshold)
        rules[framework] = Rule(experiment.recalibration(framework), threshold, band)
    return rules
