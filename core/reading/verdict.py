"""Combine the slices of a study into a verdict of each network.

The rule is the same as for patients in the evaluation: the mean of the calibrated probabilities of the slices
that show brain is compared with an operating point, which was chosen on validation patients scored in the
same way. Slices through the neck or the bone of the vertex are not counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from core.errors import EvaluationError
from core.evaluation import Band, choose_band, in_band
from core.experiments import Experiment

if TYPE_CHECKING:
    import pandas as pd

_MAX_KEY_SLICES = 5
RULE = "the mean of the calibrated probabilities of all slices that show brain"


@dataclass(frozen=True)
class StudyRule:
    """One network's rule for studies: positive from `threshold` on, in need of review within `band`."""

    threshold: float
    band: Band | None


@dataclass(frozen=True)
class Verdict:
    """One network's verdict on a study.

    Attributes:
        score: see RULE; in [0, 1]. It ranks studies; it is not a probability.
        threshold: the operating point of patients.
        positive: whether the score is at or above the threshold.
        review: whether the score is in the review band around the threshold.
        n_counted: number of slices counted.
        key_slices: indices of at most five counted slices, the highest probability first.
    """

    score: float
    threshold: float
    positive: bool
    review: bool
    n_counted: int
    key_slices: tuple[int, ...]


def make_study_rules(experiment: Experiment) -> dict[str, StudyRule]:
    """Return the rule of each network for which one can be estimated.

    Validation patients are scored on their slices that show brain if the experiment records them
    (properties.csv), otherwise on all slices. The operating point is of the card's default kind.
    """
    # Imported here: reading a single slice needs no tables.
    from core.evaluation import choose_operating_points, validation_scores

    table = _validation_of_brain(experiment)
    rules = {}
    for framework in experiment.frameworks:
        try:
            labels, scores = validation_scores(table, framework)["patient"]
            points = choose_operating_points(labels, scores)
        except (EvaluationError, KeyError):  # patients unknown, or of one class: no verdict on studies
            continue
        threshold = points[experiment.card["default_operating_point"]]
        rules[framework] = StudyRule(threshold, choose_band(scores, threshold))
    return rules


def judge_slice(probability: float, threshold: float, *, review: bool) -> Verdict:
    """Return the verdict on a scan of one slice: its own decision, at the operating point of slices."""
    return Verdict(probability, threshold, probability >= threshold, review, n_counted=1, key_slices=(0,))


def reach_verdicts(
    probabilities: Mapping[str, Sequence[float]], counted: Sequence[bool], rules: Mapping[str, StudyRule]
) -> dict[str, Verdict]:
    """Return the verdict of each network that has a rule.

    Args:
        probabilities: framework -> (n,) calibrated probabilities of the study's slices.
        counted: (n,) whether each slice shows brain and was not refused. If none does, there is no verdict.
        rules: from `make_study_rules`.
    """
    indices = np.flatnonzero(np.asarray(counted, dtype=bool))
    if not indices.size:
        return {}
    verdicts = {}
    for framework, rule in rules.items():
        values = np.asarray(probabilities[framework], dtype=np.float64)[indices]
        score = float(values.mean())
        order = indices[np.argsort(-values, kind="stable")]
        verdicts[framework] = Verdict(
            score=score,
            threshold=rule.threshold,
            positive=score >= rule.threshold,
            review=rule.band is not None and bool(in_band(score, rule.band)),
            n_counted=len(indices),
            key_slices=tuple(int(index) for index in order[:_MAX_KEY_SLICES]),
        )
    return verdicts


def _validation_of_brain(experiment: Experiment) -> pd.DataFrame:
    table = experiment.calibrated_predictions()
    properties = experiment.properties()
    if properties is None or "brain_visible" not in properties:
        return table
    visible = properties.loc[properties["brain_visible"] == 1, "file"]
    return table[table["file"].isin(visible)]
