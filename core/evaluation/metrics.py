"""Counts and rates at a threshold. A slice is called positive if its score >= the threshold.

Only NumPy is used, so that the dashboard can follow a slider: one call takes well under a millisecond for
2,501 slices. Each rate is a function of the four counts tn, fp, fn, tp: arrays, weighted or not, of the same
shape. A rate that cannot be estimated is NaN. `core.evaluation.measures` lists the rates with their names.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError

# The cells of the 2x2 table in words: negatives before positives, called negative before called positive.
CELLS = {"tn": "true negative", "fp": "false positive", "fn": "false negative", "tp": "true positive"}
WRONG_CELLS = ("fp", "fn")
# Outcomes in the review band, if it is set aside, by label.
SET_ASIDE = ("indeterminate_negative", "indeterminate_positive")

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Confusion:
    """The counts of a 2x2 table: true negatives, false positives, false negatives, true positives.

    >>> Confusion(tn=5, fp=1, fn=0, tp=2).n
    8
    """

    tn: int
    fp: int
    fn: int
    tp: int

    @property
    def n(self) -> int:
        """Return the total count."""
        return self.tn + self.fp + self.fn + self.tp

    def to_dict(self) -> dict[str, int]:
        """Return {"tn", "fp", "fn", "tp"}."""
        return asdict(self)


def check_scores(y_true: ArrayLike, y_score: ArrayLike) -> tuple[Bools, Floats]:
    """Return labels as booleans (n,) and scores as float64 (n,).

    Raises:
        EvaluationError: they are not one-dimensional or differ in length, labels are not 0 or 1, or scores
            are not finite numbers.
    """
    labels = np.asarray(y_true)
    try:
        scores = np.asarray(y_score, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise EvaluationError("scores must be numbers", found=str(error)) from error
    if labels.ndim != 1 or labels.shape != scores.shape:
        raise EvaluationError(
            "labels and scores must be one-dimensional and of the same length",
            found=f"labels {labels.shape}, scores {scores.shape}",
        )
    positive = labels == 1
    known = positive | (labels == 0)
    if not np.all(known):
        raise EvaluationError("labels must be 0 or 1", found=f"also {labels[~known][:3].tolist()}")
    n_bad = int(np.count_nonzero(~np.isfinite(scores)))
    if n_bad:
        raise EvaluationError(
            "scores must be finite numbers",
            found=f"{n_bad:,} of {len(scores):,} are NaN or infinite",
            remedy="train the experiment again: its network gave no usable output for these",
        )
    return positive, scores


def check_both_classes(positive: Bools, what: str) -> None:
    """Raise an EvaluationError if `positive` (n,) is empty or holds one class only."""
    n_positive = int(np.count_nonzero(positive))
    if n_positive in (0, positive.size):
        raise EvaluationError(
            f"{what} needs both classes", found=f"{n_positive:,} positives among {positive.size:,}"
        )


def decide(y_score: ArrayLike, threshold: float) -> Bools:
    """Return the decisions (n,): positive where score >= threshold.

    >>> decide([0.2, 0.5, 0.7], 0.5).tolist()
    [False, True, True]
    """
    if np.isnan(threshold):
        raise EvaluationError("a threshold must be a number", found="NaN")
    return np.asarray(y_score, dtype=np.float64) >= threshold


def confusion_at(y_true: ArrayLike, y_score: ArrayLike, threshold: float) -> Confusion:
    """Return the 2x2 table of `y_true` (n,) 0/1 against score >= threshold; all counts are 0 for no rows.

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


def split_cells(positive: Bools, called: Bools) -> tuple[Bools, ...]:
    """Return which rows (n,) are in each of CELLS, from labels (n,) and calls (n,).

    >>> [cell.tolist() for cell in split_cells(np.array([False, True]), np.array([True, True]))]
    [[False, False], [True, False], [False, False], [False, True]]
    """
    return ~positive & ~called, ~positive & called, positive & ~called, positive & called


def name_cells(positive: Bools, called: Bools) -> NDArray[np.str_]:
    """Return the cell (n,), one of CELLS, of each row, from labels (n,) and calls (n,).

    >>> name_cells(np.array([False, True]), np.array([True, True])).tolist()
    ['fp', 'tp']
    """
    return np.array(list(CELLS))[2 * positive.astype(int) + called]


def ratio(part: ArrayLike, whole: ArrayLike) -> Floats:
    """Return part / whole, elementwise; NaN where whole is zero."""
    part, whole = np.broadcast_arrays(np.asarray(part, np.float64), np.asarray(whole, np.float64))
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)


def accuracy(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the share of right calls; NaN without rows.

    >>> float(accuracy(5, 1, 0, 2))
    0.875
    """
    return ratio(tn + tp, tn + fp + fn + tp)


def balanced_accuracy(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the mean of recall and specificity; NaN without positives or negatives.

    >>> float(balanced_accuracy(5, 1, 0, 2).round(3))
    0.917
    """
    return (recall(tn, fp, fn, tp) + specificity(tn, fp, fn, tp)) / 2


def precision(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the positive predictive value at the table's own prevalence; NaN without a positive call.

    >>> float(precision(5, 1, 0, 2).round(3))
    0.667
    """
    return ratio(tp, tp + fp)


def npv(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the negative predictive value at the table's own prevalence; NaN without a negative call.

    >>> float(npv(5, 1, 0, 2))
    1.0
    """
    return ratio(tn, tn + fn)


def recall(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the sensitivity: the share of positives that are called positive; NaN without positives.

    >>> float(recall(5, 1, 0, 2))
    1.0
    """
    return ratio(tp, tp + fn)


def specificity(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the share of negatives that are called negative; NaN without negatives.

    >>> float(specificity(5, 1, 0, 2).round(3))
    0.833
    """
    return ratio(tn, tn + fp)


def f1(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return the harmonic mean of precision and recall; NaN without positives.

    scikit-learn returns zero there. Here it is undefined, because one of the two rates does not exist.

    >>> float(f1(5, 1, 0, 2))
    0.8
    """
    return np.where(tp + fn > 0, ratio(2 * tp, 2 * tp + fp + fn), np.nan)


def likelihood_ratio_positive(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return sensitivity / (1 - specificity), in [0, inf); NaN where it would be infinite.

    Source: Deeks and Altman, BMJ 2004, 329:168-169.

    >>> float(likelihood_ratio_positive(5, 1, 0, 2).round(3))
    6.0
    """
    return ratio(recall(tn, fp, fn, tp), 1 - specificity(tn, fp, fn, tp))


def likelihood_ratio_negative(tn: Floats, fp: Floats, fn: Floats, tp: Floats) -> Floats:
    """Return (1 - sensitivity) / specificity, in [0, inf); NaN where it would be infinite.

    Source: Deeks and Altman, BMJ 2004, 329:168-169.

    >>> float(likelihood_ratio_negative(5, 1, 0, 2))
    0.0
    """
    return ratio(1 - recall(tn, fp, fn, tp), specificity(tn, fp, fn, tp))


def predictive_values(recall: ArrayLike, specificity: ArrayLike, prevalence: float) -> tuple[Floats, Floats]:
    """Return positive and negative predictive values at a given prevalence in (0, 1), by Bayes' theorem.

    A predictive value without calls of its kind is NaN. Source: Altman and Bland, BMJ 1994, 309:102.

    Raises:
        EvaluationError: a prevalence outside (0, 1).

    >>> ppv, npv = predictive_values(0.8, 0.9, prevalence=0.01)
    >>> round(float(ppv), 3), round(float(npv), 3)
    (0.075, 0.998)
    """
    if not 0 < prevalence < 1:
        raise EvaluationError("a prevalence must be between 0 and 1", found=f"{prevalence}")
    recall, specificity = np.asarray(recall, np.float64), np.asarray(specificity, np.float64)
    true_positive, true_negative = recall * prevalence, specificity * (1 - prevalence)
    false_positive, false_negative = (1 - specificity) * (1 - prevalence), (1 - recall) * prevalence
    return (
        ratio(true_positive, true_positive + false_positive),
        ratio(true_negative, true_negative + false_negative),
    )
