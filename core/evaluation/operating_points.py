"""Thresholds that turn a score into a decision, chosen on validation data only.

Candidates lie midway between neighbouring distinct scores, so that a rounding error in a score changes no
decision; one more lies below the lowest score (all positive) and one above the highest (none). The decision
rule is "positive when score >= threshold".

youden          highest sensitivity + specificity - 1 (Youden, Cancer 1950, 3:32-35)
sensitivity_90  the highest threshold with sensitivity >= 0.90
specificity_90  the lowest threshold with specificity >= 0.90
f1              highest F1

Of several thresholds equally good for `youden` or `f1`, the lowest is taken: it misses fewest positives.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation.metrics import Floats, check_both_classes, check_scores
from core.evaluation.patients import patient_level

RULES = ("youden", "sensitivity_90", "specificity_90", "f1")


def choose_operating_points(y_true: ArrayLike, y_score: ArrayLike) -> dict[str, float]:
    """One threshold for each of RULES, from validation labels (n,) 0/1 and scores (n,) in [0, 1].

    Raises:
        EvaluationError: one class only, all scores equal, scores outside [0, 1], NaN, lengths that differ.

    >>> points = choose_operating_points([0, 0, 0, 1, 1], [0.1, 0.2, 0.3, 0.5, 0.75])
    >>> {rule: round(threshold, 3) for rule, threshold in points.items()}
    {'youden': 0.4, 'sensitivity_90': 0.4, 'specificity_90': 0.4, 'f1': 0.4}
    """
    positive, scores = check_scores(y_true, y_score)
    check_both_classes(positive, "choosing an operating point")
    if scores.min() < 0 or scores.max() > 1:
        raise EvaluationError(
            "an operating point is chosen among probabilities",
            came=f"scores from {scores.min():.3g} to {scores.max():.3g}",
        )
    levels, codes = np.unique(scores, return_inverse=True)
    if len(levels) == 1:
        raise EvaluationError(
            "no threshold separates scores that are all equal",
            came=f"{len(scores)} times {levels[0]:.6g}",
            remedy="train longer or with another seed: this network answers the same to everything",
        )
    thresholds = _candidates(levels)
    # tp[k], fp[k]: how many score >= thresholds[k], counted from the top down; integers, so ties are exact
    tp = _at_or_above(np.bincount(codes[positive], minlength=len(levels)))
    fp = _at_or_above(np.bincount(codes[~positive], minlength=len(levels)))
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


def operating_points_of(
    table: pd.DataFrame, frameworks: tuple[str, ...] | list[str]
) -> dict[str, dict[str, dict[str, float]]]:
    """The card's `operating_points` from a table of predictions: {framework: {level: {rule: threshold}}}.

    Only rows with part == "validation" are looked at. Level "slice" pools the rows of all folds; level
    "patient" takes each patient once per fold, because another fold's network scored it anew. A level that
    cannot be estimated (patients unknown, or validation patients of one class) is left out.

    Raises:
        EvaluationError: the slices themselves give no operating point; see `choose_operating_points`.
    """
    validation = table[table["part"] == "validation"]
    points: dict[str, dict[str, dict[str, float]]] = {}
    for framework in frameworks:
        labels = validation["label"].to_numpy(dtype=int)
        points[framework] = {"slice": choose_operating_points(labels, validation[framework].to_numpy())}
        try:
            y_true, y_score, _ = patient_level(validation, framework, by_fold=True)
            points[framework]["patient"] = choose_operating_points(y_true, y_score)
        except EvaluationError:
            continue  # evaluation then says that this level has no operating point
    return points


def _candidates(levels: Floats) -> Floats:
    """Thresholds (k + 1,) rising: below all of the rising levels (k,), between them, above all."""
    between = levels[:-1] + np.diff(levels) / 2
    between = np.where(between > levels[:-1], between, levels[1:])  # neighbours one rounding step apart
    above = max((levels[-1] + 1) / 2, np.nextafter(levels[-1], 2.0))  # above 1 if a score is 1
    return np.concatenate([[levels[0] / 2], between, [above]])


def _at_or_above(counts: np.ndarray) -> np.ndarray:
    """Counts per rising level (k,) -> how many lie at or above each of the k + 1 candidates."""
    return np.append(counts[::-1].cumsum()[::-1], 0)
