"""Decision curves: the net benefit of acting on the model's probabilities.

A reader acts if the probability of a hemorrhage is at least the threshold probability t. Choosing t means
that one missed hemorrhage is as bad as (1 - t) / t unnecessary actions.

Source: Vickers and Elkin, Medical Decision Making 2006, 26:565-574.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation.calibration import check_probabilities
from core.evaluation.intervals import Statistic, Weights, encode_groups
from core.evaluation.metrics import Floats

THRESHOLDS = np.arange(1, 100) / 100


@dataclass(frozen=True, eq=False)
class DecisionCurve:
    """Net benefit (k,) of acting if probability >= threshold (k,), in true positives per row.

    `act_on_all` (k,) is the net benefit of always acting; that of never acting is 0. The model is useful at a
    threshold only if its net benefit exceeds both.
    """

    thresholds: Floats
    net_benefit: Floats
    act_on_all: Floats


def decision_curve(y_true: ArrayLike, y_prob: ArrayLike, thresholds: ArrayLike = THRESHOLDS) -> DecisionCurve:
    """Return the decision curve of labels (n,) 0/1 and probabilities (n,) at thresholds (k,) in (0, 1).

    Net benefit = TP / n - FP / n * t / (1 - t). The probabilities must be calibrated.

    Raises:
        EvaluationError: see `calibration.check_probabilities`; a threshold outside (0, 1).

    >>> curve = decision_curve([0, 0, 0, 1], [0.1, 0.3, 0.6, 0.8], [0.2, 0.5])
    >>> curve.net_benefit.tolist(), curve.act_on_all.round(4).tolist()
    ([0.125, 0.0], [0.0625, -0.5])
    """
    once = np.ones((1, 1), np.float32)
    positive, _ = check_probabilities(y_true, y_prob)
    statistic = net_benefit_statistic(y_true, y_prob, np.zeros(positive.size), thresholds)
    share = positive.mean()
    t = np.asarray(thresholds, np.float64)
    return DecisionCurve(t, statistic(once)["net_benefit"][0], share - (1 - share) * t / (1 - t))


def net_benefit_statistic(
    y_true: ArrayLike, y_prob: ArrayLike, groups: ArrayLike, thresholds: ArrayLike = THRESHOLDS
) -> Statistic:
    """Return the statistic "net_benefit" (b, k), for the bootstrap. Errors as `decision_curve`."""
    positive, probability = check_probabilities(y_true, y_prob)
    t = np.asarray(thresholds, np.float64)
    if t.ndim != 1 or not np.all((t > 0) & (t < 1)):
        raise EvaluationError("threshold probabilities must be between 0 and 1", found=f"{t.tolist()}")
    codes, n_groups = encode_groups(groups)
    cost = t / (1 - t)
    worth = np.where(positive[:, None], 1.0, -cost)  # (n, k): benefit of acting on each row
    model = np.zeros((n_groups, len(t)))
    np.add.at(model, codes, worth * (probability[:, None] >= t))
    sizes = np.bincount(codes, minlength=n_groups).astype(float)

    def statistic(weights: Weights) -> dict[str, Floats]:
        exact = weights.astype(np.float64)
        return {"net_benefit": exact @ model / (exact @ sizes)[:, None]}

    return statistic
