"""Combine the slices of a study into a verdict of each network.

The rule is the same as for patients in the evaluation: the score of `core.evaluation.patients.score_study` is
compared with the operating point of patients, which was chosen on patients scored in the same way. Slices
through the neck or the bone of the vertex are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from core.errors import ExperimentError
from core.evaluation import PATIENT_SCORE, Band, score_study
from core.experiments import Experiment
from core.reading.decision import Site
from core.reading.outcome import UNUSABLE, Outcome, decide, describe_near, needs_review

_MAX_KEY_SLICES = 5
RULE = PATIENT_SCORE


@dataclass(frozen=True)
class StudyRule:
    """One network's rule for studies: positive from `threshold` on, uncertain within `band`."""

    threshold: float
    band: Band | None


@dataclass(frozen=True)
class Verdict:
    """One network's verdict on a scan.

    Attributes:
        score: of a study, see RULE; of one slice, its probability; in [0, 1]. It ranks studies; it is not a
            probability. None if no slice is counted.
        threshold: the operating point of patients, or of slices if the scan is one slice.
        band: the review band around the threshold, (low, high); None if there is none.
        outcome: one of core.reading.outcome.OUTCOMES; what is said of the whole scan is part of it.
        reasons: why it is uncertain or not judged, as sentences.
        review: it is uncertain or not judged, or the scan is incomplete. Every result needs a person.
        n_counted: number of slices counted.
        key_slices: indices of at most five counted slices, the highest probability first.
    """

    score: float | None
    threshold: float
    band: Band | None
    outcome: Outcome
    reasons: tuple[str, ...]
    review: bool
    n_counted: int
    key_slices: tuple[int, ...]


def make_study_rules(experiment: Experiment, site: Site | None = None) -> dict[str, StudyRule]:
    """Return the rule of each network that has an operating point for patients, on the card or at the site.

    It is that of the default rule, with its review band.
    """
    decider = experiment if site is None else site
    rules = {}
    for framework in experiment.frameworks:
        try:
            threshold = decider.threshold(framework, "patient")
        except ExperimentError:  # none could be chosen: patients are unknown, or of one class
            continue
        rules[framework] = StudyRule(threshold, decider.review_band(framework, "patient"))
    return rules


def judge_slice(probability: float, threshold: float, band: Band | None, *, counted: bool = True) -> Verdict:
    """Return the verdict on a scan of one slice: its own decision, at the operating point of slices."""
    score, order = (probability, (0,)) if counted else (None, ())
    return _make_verdict(score, threshold, band, order, what="probability")


def reach_verdicts(
    probabilities: Mapping[str, Sequence[float]],
    counted: Sequence[bool],
    rules: Mapping[str, StudyRule],
    positions_mm: Sequence[float | None] | None = None,
) -> dict[str, Verdict]:
    """Return the verdict of each network that has a rule.

    Args:
        probabilities: framework -> (n,) calibrated probabilities of the study's slices.
        counted: (n,) whether each slice shows brain and was not refused. If none does, nothing is judged.
        rules: from `make_study_rules`.
        positions_mm: (n,) of the slices along the head; None where unknown.
    """
    indices = np.flatnonzero(np.asarray(counted, dtype=bool))
    known = None if positions_mm is None else np.asarray(positions_mm, dtype=np.float64)[indices]
    verdicts = {}
    for framework, rule in rules.items():
        values = np.asarray(probabilities[framework], dtype=np.float64)[indices]
        score = score_study(values, known) if values.size else None
        order = tuple(int(index) for index in indices[np.argsort(-values, kind="stable")])
        verdicts[framework] = _make_verdict(score, rule.threshold, rule.band, order)
    return verdicts


def _make_verdict(
    score: float | None, threshold: float, band: Band | None, order: tuple[int, ...], what: str = "score"
) -> Verdict:
    """Return the verdict of a score alone; `order`: indices of the counted slices, the strongest first."""
    outcome = decide(score, threshold, band)
    reasons = {"uncertain": (describe_near(what, band),), "not_judged": (UNUSABLE,)}.get(outcome, ())
    return Verdict(
        score=score,
        threshold=threshold,
        band=band,
        outcome=outcome,
        reasons=reasons,
        review=needs_review(outcome, ()),
        n_counted=len(order),
        key_slices=order[:_MAX_KEY_SLICES],
    )
