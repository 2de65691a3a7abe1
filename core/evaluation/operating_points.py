"""Choose decision thresholds, on validation data only.

Candidates are midway between neighboring distinct scores, so that rounding errors change no decision; one
more is below the lowest score (all positive) and one above the highest (none). A row is called positive if
score >= threshold.

RULES lists the rules; SOURCES_RULE is that of core.evaluation.sources, the others are here. If several
thresholds are equally good for `youden` or `f1`, the lowest is chosen, because it misses the fewest
positives. Source of Youden's index: Youden, Cancer 1950, 3:32-35.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Floats, check_both_classes, check_scores
from core.evaluation.patients import knows_patients, patient_level
from core.evaluation.review import Band, choose_band


class Rule(NamedTuple):
    """A rule to choose a threshold: its title, what it chooses, and when to use it."""

    title: str
    chosen: str
    reason: str


# By the key used on cards and in records.
RULES = {
    "youden": Rule(
        "Youden", "highest sensitivity + specificity", "sensitivity and specificity count equally"
    ),
    "sensitivity_90": Rule(
        "Sensitivity 90",
        "highest threshold with sensitivity of 90 % or more",
        "missed findings must be rare",
    ),
    "specificity_90": Rule(
        "Specificity 90",
        "lowest threshold with specificity of 90 % or more",
        "false alarms must be rare",
    ),
    "f1": Rule(
        "Highest F1", "highest F1", "sensitivity and precision count equally, true negatives do not count"
    ),
    "sources": Rule(
        "All sources",
        "highest mean sensitivity + mean specificity over the experiment's data and sets from elsewhere",
        "one threshold is to serve several hospitals",
    ),
}
DEFAULT_RULE = "youden"
# Chosen on the validation data and the stored validations together, by core.measurements.
SOURCES_RULE = "sources"


def choose_operating_points(y_true: ArrayLike, y_score: ArrayLike) -> dict[str, float]:
    """Return a threshold for each of RULES but SOURCES_RULE, from validation labels (n,) and scores (n,).

    Labels are 0 or 1, scores in [0, 1].

    Raises:
        EvaluationError: one class only, all scores equal, scores outside [0, 1] or NaN, different lengths.

    >>> points = choose_operating_points([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.75])
    >>> {rule: round(threshold, 3) for rule, threshold in points.items()}
    {'youden': 0.4, 'sensitivity_90': 0.4, 'specificity_90': 0.4, 'f1': 0.4}
    """
    positive, scores = check_scores(y_true, y_score)
    check_both_classes(positive, "choosing an operating point")
    if scores.min() < 0 or scores.max() > 1:
        raise EvaluationError(
            "an operating point needs scores between 0 and 1",
            found=f"scores from {scores.min():.3g} to {scores.max():.3g}",
        )
    distinct, codes = np.unique(scores, return_inverse=True)
    if len(distinct) == 1:
        raise EvaluationError(
            "no threshold separates scores that are all equal",
            found=f"{len(scores):,} times {distinct[0]:.6g}",
            remedy="train longer or with another seed: this network gives every slice the same score",
        )
    thresholds = _candidates(distinct)
    # tp[k], fp[k]: number of rows with score >= thresholds[k]; integers, so that ties are exact
    tp = _at_or_above(np.bincount(codes[positive], minlength=len(distinct)))
    fp = _at_or_above(np.bincount(codes[~positive], minlength=len(distinct)))
    n_positive, n_negative = int(tp[0]), int(fp[0])
    fn, tn = n_positive - tp, n_negative - fp
    youden = tp * n_negative - fp * n_positive
    f1 = 2 * tp / (2 * tp + fp + fn)
    return {
        "youden": float(thresholds[np.argmax(youden)]),
        "sensitivity_90": float(thresholds[np.flatnonzero(10 * tp >= 9 * n_positive)[-1]]),
        "specificity_90": float(thresholds[np.flatnonzero(10 * tn >= 9 * n_negative)[0]]),
        "f1": float(thresholds[np.argmax(f1)]),
    }


def validation_scores(table: pd.DataFrame, framework: str) -> dict[str, tuple[NDArray[np.int64], Floats]]:
    """Return the validation data for thresholds and review bands: {level: (labels (n,), scores (n,))}.

    Only rows with part == "validation" are used. Level "slice" pools the rows of all folds. Level "patient"
    counts each patient once per fold, because each fold's network scores it again; it is missing if all
    patients are unknown.

    Raises:
        EvaluationError: see `metrics.check_scores`.
    """
    validation = table[table["part"] == "validation"]
    scores = validation[framework].to_numpy(np.float64)
    found = {"slice": (check_scores(validation["label"].to_numpy(), scores)[0].astype(np.int64), scores)}
    if knows_patients(validation):
        found["patient"] = patient_level(validation, framework, by_fold=True)[:2]
    return found


def operating_points_of(
    table: pd.DataFrame, frameworks: Sequence[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """Return the card's "operating_points" for predictions: {framework: {level: {rule: threshold}}}.

    Level "patient" is missing if patients are unknown or no threshold can be chosen for them.

    Raises:
        EvaluationError: no operating point can be chosen for slices; see `choose_operating_points`.
    """
    points: dict[str, dict[str, dict[str, float]]] = {}
    for framework in frameworks:
        found = validation_scores(table, framework)
        points[framework] = {"slice": choose_operating_points(*found["slice"])}
        with contextlib.suppress(EvaluationError):  # evaluation says that the level has no operating point
            if "patient" in found:
                points[framework]["patient"] = choose_operating_points(*found["patient"])
    return points


def review_bands_of(
    table: pd.DataFrame, points: Mapping[str, Mapping[str, Mapping[str, float | None]]]
) -> dict[str, dict[str, dict[str, Band | None]]]:
    """Return the card's "review_bands" for operating points: {framework: {level: {rule: (low, high)}}}.

    A band is None if its threshold is, or if the level has no validation rows. Errors as `validation_scores`.
    """
    bands: dict[str, dict[str, dict[str, Band | None]]] = {}
    for framework, levels in points.items():
        found = validation_scores(table, framework)
        bands[framework] = {}
        for level, rules in levels.items():
            _, scores = found.get(level, (None, np.empty(0)))
            bands[framework][level] = {
                rule: choose_band(scores, threshold) if scores.size and threshold is not None else None
                for rule, threshold in rules.items()
            }
    return bands


def _candidates(scores: Floats) -> Floats:
    """Return thresholds (k + 1,) below, between and above the distinct scores (k,); both ascending."""
    between = scores[:-1] + np.diff(scores) / 2
    between = np.where(between > scores[:-1], between, scores[1:])  # neighbors one rounding step apart
    above = max((scores[-1] + 1) / 2, np.nextafter(scores[-1], 2.0))  # above 1 if a score is 1
    return np.concatenate([[scores[0] / 2], between, [above]])


def _at_or_above(counts: np.ndarray) -> np.ndarray:
    """Return the number of rows at or above each of the k + 1 candidates, from counts per score (k,)."""
    return np.append(counts[::-1].cumsum()[::-1], 0)
