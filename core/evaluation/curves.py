"""ROC and precision-recall curves with their areas, ready to plot.

Each point belongs to the rule "positive when score >= threshold", from the highest threshold to the lowest.
Points on the straight line between their neighbors are omitted, which does not change the areas.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.evaluation.metrics import Floats, check_both_classes, check_scores


@dataclass(frozen=True, eq=False)
class RocCurve:
    """Receiver operating characteristic: (k,) points from (0, 0) to (1, 1), all rates in [0, 1].

    `thresholds` descend; the first is infinite (nothing is called positive).
    """

    false_positive_rate: Floats
    true_positive_rate: Floats
    thresholds: Floats
    auroc: float


@dataclass(frozen=True, eq=False)
class PrCurve:
    """Precision against recall: (k,) points from recall 0 to recall 1, all in [0, 1].

    The first point, precision 1 at recall 0 with an infinite threshold, is a convention that starts the curve
    at the axis. `average_precision` is the sum of precision times the step in recall; the trapezoidal area
    would be too optimistic (Davis and Goadrich, ICML 2006).
    """

    precision: Floats
    recall: Floats
    thresholds: Floats
    average_precision: float


def auroc(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Return the area under the ROC curve, in [0, 1].

    It is the share of pairs in which the positive outscores the negative; a tie counts half.
    Source: Hanley and McNeil, Radiology 1982, 143:29-36. Computed by scikit-learn.

    Raises:
        EvaluationError: one class only, or see `metrics.check_scores`.

    >>> auroc([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    0.75
    """
    from sklearn.metrics import roc_auc_score

    positive, scores = check_scores(y_true, y_score)
    check_both_classes(positive, "AUROC")
    return float(roc_auc_score(positive, scores))


def average_precision(y_true: ArrayLike, y_score: ArrayLike) -> float:
    """Return average precision, in (0, 1]; chance is the share of positives. Computed by scikit-learn.

    Raises:
        EvaluationError: one class only, or see `metrics.check_scores`.

    >>> round(average_precision([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8]), 4)
    0.8333
    """
    from sklearn.metrics import average_precision_score

    positive, scores = check_scores(y_true, y_score)
    check_both_classes(positive, "average precision")
    return float(average_precision_score(positive, scores))


def roc_curve(y_true: ArrayLike, y_score: ArrayLike) -> RocCurve:
    """Return the ROC curve of `y_true` (n,) 0/1 and `y_score` (n,). Errors as `auroc`.

    >>> curve = roc_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.thresholds.tolist()
    [inf, 0.8, 0.4, 0.35, 0.1]
    """
    import sklearn.metrics

    area = auroc(y_true, y_score)
    positive, scores = check_scores(y_true, y_score)
    false_rate, true_rate, thresholds = sklearn.metrics.roc_curve(positive, scores)
    return RocCurve(false_rate, true_rate, thresholds, area)


def pr_curve(y_true: ArrayLike, y_score: ArrayLike) -> PrCurve:
    """Return the PR curve of `y_true` (n,) 0/1 and `y_score` (n,). Errors as `average_precision`.

    >>> curve = pr_curve([0, 0, 1, 1], [0.1, 0.4, 0.35, 0.8])
    >>> curve.recall.tolist(), curve.thresholds.tolist()
    ([0.0, 0.5, 0.5, 1.0, 1.0], [inf, 0.8, 0.4, 0.35, 0.1])
    """
    from sklearn.metrics import precision_recall_curve

    area = average_precision(y_true, y_score)
    positive, scores = check_scores(y_true, y_score)
    precision, recall, thresholds = precision_recall_curve(positive, scores, drop_intermediate=True)
    thresholds = np.append(thresholds, np.inf)
    return PrCurve(precision[::-1].copy(), recall[::-1].copy(), thresholds[::-1].copy(), area)
