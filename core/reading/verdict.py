"""What the slices of one study say together, for each network.

The rule is the one by which patients are scored in the evaluation: the mean of the slices' calibrated
probabilities, of those slices that show brain, compared with an operating point chosen on validation patients
scored in the same way. Slices through the neck or the bone of the vertex do not vote.
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

# The slices that drove a verdict are named, the strongest first; more than so many nobody looks at first.
_MOST_DRIVING = 5
RULE = "the mean of the calibrated probabilities of all slices that show brain"


@dataclass(frozen=True)
class StudyRule:
    """How one network's study is decided: positive from `threshold` on, in need of review within `band`."""

    threshold: float
    band: Band | None


@dataclass(frozen=True)
class Verdict:
    """What one network says of a whole study.

    Attributes:
        score: see RULE; in [0, 1]. It ranks studies and is no probability of anything.
        threshold: the operating point of patients.
        positive: whether the score reaches it.
        review: whether the score lies in the review band around it.
        n_counted: how many slices voted.
        driving: indices of at most five voting slices, the highest probability first.
    """

    score: float
    threshold: float
    positive: bool
    review: bool
    n_counted: int
    key_slices: tuple[int, ...]


def make_study_rules(experiment: Experiment) -> dict[str, StudyRule]:
    """The rule of each network; networks for which none can be estimated are left out.

    Validation patients are scored on their slices that show brain, where the experiment knows which do
    (properties.csv), otherwise on all. The operating point is the card's default kind.
    """
    # Only studies need tables; a single slice is read without.
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
    """The verdict on a scan of one slice: that slice's own decision, at the operating point of slices."""
    return Verdict(probability, threshold, probability >= threshold, review, n_counted=1, key_slices=(0,))


def reach_verdicts(
    probabilities: Mapping[str, Sequence[float]], voting: Sequence[bool], rules: Mapping[str, StudyRule]
) -> dict[str, Verdict]:
    """The verdict of each network that has a rule.

    Args:
        probabilities: framework -> (n,) calibrated probabilities of the study's slices.
        voting: (n,) which slices show brain and were not refused. Where none does, there is no verdict.
        rules: as `make_study_rules` gives them.
    """
    votes = np.flatnonzero(np.asarray(voting, dtype=bool))
    if not votes.size:
        return {}
    verdicts = {}
    for framework, rule in rules.items():
        values = np.asarray(probabilities[framework], dtype=np.float64)[votes]
        score = float(values.mean())
        order = votes[np.argsort(-values, kind="stable")]
        verdicts[framework] = Verdict(
            score=score,
            threshold=rule.threshold,
            positive=score >= rule.threshold,
            review=rule.band is not None and bool(in_band(score, rule.band)),
            n_counted=len(votes),
            key_slices=tuple(int(index) for index in order[:_MOST_DRIVING]),
        )
    return verdicts


def _validation_of_brain(experiment: Experiment) -> pd.DataFrame:
    table = experiment.calibrated_predictions()
    properties = experiment.properties()
    if properties is None or "brain_visible" not in properties:
        return table
    visible = properties.loc[properties["brain_visible"] == 1, "file"]
    return table[table["file"].isin(visible)]
