"""The review band around an operating point: scores in it need review.

The band is symmetric on the logit scale: the odds of its scores differ from the odds of the operating point
by less than a constant factor in both directions. It is the widest band that contains at most a given share
of the validation rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation.calibration import logit
from core.evaluation.metrics import Bools, Floats

MAX_SHARE = 0.15

Band = tuple[float, float]


def choose_band(y_score: ArrayLike, threshold: float, *, share: float = MAX_SHARE) -> Band:
    """Return the review band (low, high) around a threshold, from validation scores (n,) in [0, 1].

    On the logit scale, its half-width is midway between the distances of the farthest row inside and the
    nearest row outside. The band contains no validation row if the share allows none, or if several
    rows are equally near the threshold and are more than the share allows.

    Raises:
        EvaluationError: no scores, NaN in scores or threshold, a share outside [0, 1).

    >>> low, high = choose_band([0.1, 0.2, 0.45, 0.55, 0.8, 0.9], 0.5, share=0.4)
    >>> round(low, 3), round(high, 3)
    (0.311, 0.689)
    """
    scores = np.asarray(y_score, np.float64)
    if not scores.size or np.isnan(scores).any() or np.isnan(threshold):
        raise EvaluationError(
            "a review band needs a threshold and validation scores",
            found=f"{scores.size:,} scores, {np.count_nonzero(np.isnan(scores)):,} of them NaN",
        )
    if not 0 <= share < 1:
        raise EvaluationError("the share of a review band must be in [0, 1)", found=f"{share}")
    centre = float(logit(threshold))
    distances = np.sort(np.abs(logit(scores) - centre))
    first_out = distances[int(share * scores.size)]  # rows at this distance are outside
    inside = distances[distances < first_out]
    reach = (first_out + (inside[-1] if inside.size else 0.0)) / 2
    low, high = 1 / (1 + np.exp(-(centre + np.array([-reach, reach]))))
    return float(low), float(high)


def in_band(y_score: ArrayLike, band: Band) -> Bools:
    """Return which scores (n,) need review: those strictly between the edges.

    >>> in_band([0.3, 0.5, 0.7], (0.3, 0.6)).tolist()
    [False, True, False]
    """
    scores: Floats = np.asarray(y_score, np.float64)
    return (scores > band[0]) & (scores < band[1])
