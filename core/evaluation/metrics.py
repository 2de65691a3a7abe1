"""Counts and rates at a threshold. A slice is called positive when its score >= the threshold.

Numpy alone, so that the dashboard can follow a slider: one call takes well under a millisecond for 2,501
slices. What cannot be estimated is NaN in the vectorised `rates` and is never replaced by a number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError

MEASURES = (
    "accuracy",
    "balanced_accuracy",
    "precision",
    "npv",
    "recall",
    "specificity",
    "f1",
    "likelihood_ratio_positive",
    "likelihood_ratio_negative",
)

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """The 2x2 table: true and false negatives, false and true positives, as counts.

    >>> Confusion(tn=5, fp=1, fn=0, tp=2).n
    8
    """

    tn: int
    fp: int
    fn: int
    tp: int

    @property
    def n(self) -> int:
        """How many were counted."""
        return self.tn + self.fp + self.fn + self.tp

    def to_dict(self) -> dict[str, int]:
        """{"tn", "fp", "fn", "tp"}."""
        return asdict(self)


def check_scores(y_true: ArrayLike, y_score: ArrayLike) -> tuple[Bools, Floats]:
    """Labels as booleans (n,) and scores as float64 (n,), or the reason why they are not.

    Raises:
        EvaluationError: not one-dimensional, lengths differ, labels other than 0 and 1, or scores that are
            no numbers, NaN or infinite.
    """
    labels = np.asarray(y_true)
    try:
        scores = np.asarray(y_score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError("scores must be numbers", came=str(error)) from error
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise EvaluationError(
            "labels and scores must be two lists of the same length",
            came=f"labels {labels.shape}, scores {scores.shape}",
        )
    positive = labels == 1
    known = positive | (labels == 0)
    if not np.all(known):
        raise EvaluationError("labels must be 0 or 1", came=f"also {labels[~known][:3].tolist()}")
    n_bad = int(np.count_nonzero(~np.isfinite(scores)))
    if n_bad:
        raise EvaluationError(
            "scores must be finite numbers",
            came=f"{n_bad} of {len(scores)} are NaN or infinite",
            remedy="train the experiment again: its network gave no usable answer there",
        )
    return positive, scores


def check_both_classes(positive: Bools, what: str) -> None:
    """Raises EvaluationError when `positive` (n,) is empty or holds one class only."""
    n_positive = int(np.count_nonzero(positive))
    if n_positive in (0, positive.size):
        raise EvaluationError(
            f"{what} needs both classes", came=f"{n_positive} positives among {positive.size}"
        )


def decide(y_score: ArrayLike, threshold: float) -> Bools:
    """The decision rule (n,): positive when score >= threshold.

    >>> decide([0.2, 0.5, 0.7], 0.5).tolist()
    [False, True, True]
    """
    if np.isnan(threshold):
        raise EvaluationError("a threshold must be a number", came="NaN")
    return np.asarray(y_score, dtype=np.float64) >= threshold


def confusion_at(y_true: ArrayLike, y_score: ArrayLike, threshold: float) -> Confusion:
    """The 2x2 table of `y_true` (n,) 0/1 against score >= threshold; an empty table counts nothing.

    Raises:
        EvaluationError: see `check_scores`; a threshold that is NaN.

    >>> confusion_at([0, 0, 1, 1], [0.1, 0.6, 0.5, 0.4], 0.5)
    Confusion(tn=1, fp=1, fn=1, tp=1)
    """
    positive, scores = check_scores(y_true, y_score)
    called = decide(scores, threshold)
    tp = int(np.count_nonzero(called & positive))
    n_called, n_positive = int(np.count_nonzero(called)), int(np.count_nonzero(positive))
    fp, fn = n_called - tp, n_positive - tp
    return Confusion(tn=positive.size - tp - fp - fn, fp=fp, fn=fn, tp=tp)


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """part / whole, elementwise; NaN where the whole is zero."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def rates(tn: ArrayLike, fp: ArrayLike, fn: ArrayLike, tp: ArrayLike) -> dict[str, Floats]:
    """The MEASURES of any number of 2x2 tables at once: counts (weighted or not) of any one shape.

    All lie in [0, 1], but for the likelihood ratios, in [0, inf). Precision and npv are the predictive values
    at the share of positives in the table itself; see `predictive_values` for a stated one.

    NaN where undefined: accuracy of nothing, precision without a positive call, npv without a negative one,
    recall and F1 without positives, specificity without negatives; a likelihood ratio that would be infinite.
    (scikit-learn calls F1 zero without positives; it is the mean of two rates of which one does not exist, so
    it is left undefined here.) Source of the ratios: Deeks and Altman, BMJ 2004, 329:168-169.

    >>> {name: float(v.round(3)) for name, v in rates(tn=5, fp=1, fn=0, tp=2).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'accuracy': 0.875, 'balanced_accuracy': 0.917, 'precision': 0.667, 'npv': 1.0, 'recall': 1.0,
     'specificity': 0.833, 'f1': 0.8, 'likelihood_ratio_positive': 6.0, 'likelihood_ratio_negative': 0.0}
    """
    tn, fp, fn, tp = (np.asarray(count, np.float64) for count in (tn, fp, fn, tp))
    recall, specificity = ratio(tp, tp + fn), ratio(tn, tn + fp)
    return {
        "accuracy": ratio(tn + tp, tn + fp + fn + tp),
        "balanced_accuracy": (recall + specificity) / 2,
        "precision": ratio(tp, tp + fp),
        "npv": ratio(tn, tn + fn),
        "recall": recall,
        "specificity": specificity,
        "f1": np.where(tp + fn > 0, ratio(2 * tp, 2 * tp + fp + fn), np.nan),
        "likelihood_ratio_positive": ratio(recall, 1 - specificity),
        "likelihood_ratio_negative": ratio(1 - recall, specificity),
    }


def predictive_values(recall: ArrayLike, specificity: ArrayLike, prevalence: float) -> tuple[Floats, Floats]:
    """Positive and negative predictive value, of one shape, at a stated prevalence in (0, 1), by Bayes.

    A positive one without any positive call is NaN, like a negative one without a negative call.
    Source: Altman and Bland, BMJ 1994, 309:102.

    Raises:
        EvaluationError: a prevalence outside (0, 1).

    >>> ppv, npv = predictive_values(0.8, 0.9, prevalence=0.01)
    >>> round(float(ppv), 3), round(float(npv), 3)
    (0.075, 0.998)
    """
    if not 0 < prevalence < 1:
        raise EvaluationError("a prevalence lies between 0 and 1", came=f"{prevalence}")
    recall, specificity = np.asarray(recall, np.float64), np.asarray(specificity, np.float64)
    true_positive, true_negative = recall * prevalence, specificity * (1 - prevalence)
    false_positive, false_negative = (1 - specificity) * (1 - prevalence), (1 - recall) * prevalence
    return (
        ratio(true_positive, true_positive + false_positive),
        ratio(true_negative, true_negative + false_negative),
    )


def measures_at(y_true: ArrayLike, y_score: ArrayLike, threshold: float) -> dict[str, float | None]:
    """The MEASURES at one threshold; None where undefined. Errors as `confusion_at`.

    >>> measures_at([0, 0, 1], [0.1, 0.2, 0.3], 0.5)["precision"] is None
    True
    """
    found = rates(**confusion_at(y_true, y_score, threshold).to_dict())
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def why_undefined(confusion: Confusion) -> Mapping[str, str]:
    """For each of the MEASURES that this table leaves undefined, the reason in words.

    >>> why_undefined(Confusion(tn=3, fp=1, fn=0, tp=0))["recall"]
    'there are no positives'
    """
    if confusion.n == 0:
        return dict.fromkeys(MEASURES, "there is nothing to count")
    reasons: dict[str, str] = {}
    if confusion.tn + confusion.fn == 0:
        reasons["npv"] = "nothing is called negative at this threshold"
    if confusion.tp + confusion.fp == 0:
        reasons["precision"] = "nothing is called positive at this threshold"
    if confusion.fp == 0:
        reasons["likelihood_ratio_positive"] = "without a false positive it is infinite"
    if confusion.tn == 0:
        reasons["likelihood_ratio_negative"] = "without a true negative it is infinite"
    needs_both = ("balanced_accuracy", "likelihood_ratio_positive", "likelihood_ratio_negative")
    if confusion.tp + confusion.fn == 0:
        reasons |= dict.fromkeys(("recall", "f1", *needs_both), "there are no positives")
    if confusion.tn + confusion.fp == 0:
        reasons |= dict.fromkeys(("specificity", *needs_both), "there are no negatives")
    return reasons
