"""Turn a raw probability into a decision: recalibrate it, then compare it with the operating point.

The recalibration and the operating points are those of the experiment's card, or those of one site (see
core.validation.site), which the user chooses by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.errors import ExperimentError
from core.evaluation import Band, Recalibration
from core.experiments import Experiment, tell_change

# `Findings.decided_by` if no site was chosen; no site has this name, because names hold no spaces.
CARD = "the card"


class Site(Protocol):
    """A calibration of one experiment for one site, used in place of the card's.

    Its methods are those of `core.experiments.Experiment`.
    """

    @property
    def name(self) -> str:
        """Return the name by which the user chooses it."""

    @property
    def experiment(self) -> str:
        """Return the name of the experiment it was made with."""

    @property
    def served(self) -> str:
        """Return the `served_digest` of the experiment it was made with."""

    @property
    def version(self) -> int:
        """Return the version of the experiment it was made with."""

    @property
    def operating_points(self) -> Mapping[str, Mapping[str, Mapping[str, float | None]]]:
        """Return {framework: {level: {rule: threshold}}}, as on the card."""

    def recalibration(self, framework: str) -> Recalibration:
        """Return the recalibration of raw probabilities."""

    def threshold(self, framework: str, level: str = "slice", rule: str | None = None) -> float:
        """Return the threshold that a rule chose; by default the card's default rule."""

    def review_band(
        self, framework: str, level: str = "slice", threshold: float | None = None
    ) -> Band | None:
        """Return the review band around a threshold; by default that of the default rule."""


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


def make_rules(
    experiment: Experiment, operating_points: Mapping[str, float], site: Site | None = None
) -> dict[str, Rule]:
    """Return the rule of each network of an experiment.

    Args:
        operating_points: framework -> threshold, in place of the default of the card or the site.
        site: what decides in place of the card.

    Raises:
        ExperimentError: an operating point is for a framework that the experiment lacks, or see `check_site`.
    """
    if unknown := [name for name in operating_points if name not in experiment.frameworks]:
        raise ExperimentError(
            f'Experiment "{experiment.name}" has no {unknown[0]} network',
            remedy=f"choose from: {', '.join(experiment.frameworks)}",
        )
    if site is not None:
        check_site(site, experiment)
    decider = site or experiment
    rules = {}
    for framework in experiment.frameworks:
        chosen = operating_points.get(framework)
        threshold = decider.threshold(framework) if chosen is None else float(chosen)
        band = decider.review_band(framework, threshold=threshold)
        rules[framework] = Rule(decider.recalibration(framework), threshold, band)
    return rules


def check_site(site: Site, experiment: Experiment) -> None:
    """Raise an ExperimentError unless the site calibration was made with what this experiment serves.

    The code is "other_experiment" or, if the experiment has changed since, "other_version".
    """
    if site.served == experiment.served_digest:
        return
    remedy = f"validate this experiment there, then run: stroke-ct calibrate {experiment.name} VALIDATION"
    if site.experiment != experiment.name:
        raise ExperimentError(
            f'The site calibration "{site.name}" is of another experiment',
            found=f'made with "{site.experiment}", used with "{experiment.name}"',
            remedy=remedy,
            code="other_experiment",
        )
    changed = site.version != experiment.version
    raise ExperimentError(
        f'The site calibration "{site.name}" is of another version of "{experiment.name}"',
        found=tell_change(site.version, experiment.version)
        if changed
        else "networks, calibration or thresholds of the experiment differ",
        remedy=f"calibrate again: {remedy}" if changed else remedy,
        code="other_version",
    )


def name_decider(site: Site | None) -> str:
    """Return the site's name, or CARD."""
    return CARD if site is None else site.name
