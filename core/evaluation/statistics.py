"""Figures of weighted groups, for the bootstrap: each maker takes labels (n,), scores (n,) and groups (n,).

What it returns is a `Statistic`: a function from weights (b, n_groups), one row per resample, to named values
(b,), NaN where a resample leaves them undefined. The slices are summed up per group once, beforehand.

>>> area = ranking_statistic([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], groups=["a", "a", "b", "b"])
>>> area(np.array([[1, 1], [2, 0], [0, 2]], np.float32))["auroc"].tolist()
[0.75, 1.0, 0.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.intervals import Statistic, Weights, group_codes
from core.evaluation.metrics import Floats, check_scores, ratio


def ranking_statistic(y_true: ArrayLike, y_score: ArrayLike, groups: ArrayLike) -> Statistic:
    """AUROC ("auroc") and average precision ("average_precision") for any weights of the groups (n,).

    NaN where a resample holds one class only. Equal to scikit-learn's figures with `sample_weight`.

    Both are sums over the positives' distinct scores, from high to low: of the precision there, and of the
    share of negatives that lie lower. So the slices are counted once per group and score level in sparse
    tables; a resample then costs one pass over the slices and one cumulative sum over the levels.
    """
    from scipy.sparse import csr_array

    positive, scores = check_scores(y_true, y_score)
    codes, n_groups = group_codes(groups)
    levels = np.unique(scores[positive])[::-1]
    n_levels = len(levels)

    def count(members: NDArray[np.bool_], level: NDArray[np.intp]) -> csr_array:
        ones = np.ones(len(level), np.float32)
        return csr_array((ones, (level, codes[members])), shape=(n_levels + 1, n_groups))

    # A negative belongs to the highest level that it reaches; the last row collects those below all levels.
    reached = np.searchsorted(-levels, -scores)
    positives, negatives = count(positive, reached[positive]), count(~positive, reached[~positive])
    tied = ~positive & np.isin(scores, levels)
    ties = count(tied, reached[tied]) if tied.any() else None

    def statistic(weights: Weights) -> dict[str, Floats]:
        drawn = np.ascontiguousarray(weights.T)
        at_level = positives @ drawn  # (n_levels + 1, b)
        true_calls = np.cumsum(at_level, axis=0)
        false_calls = np.cumsum(negatives @ drawn, axis=0)
        n_positive = true_calls[-1].astype(np.float64)
        n_negative = false_calls[-1].astype(np.float64)
        outscored = false_calls[-1] - false_calls
        if ties is not None:
            outscored += 0.5 * (ties @ drawn)
        outscored *= at_level
        precision = np.divide(
            true_calls, true_calls + false_calls, out=np.zeros_like(true_calls), where=true_calls > 0
        )
        precision *= at_level
        both = (n_positive > 0) & (n_negative > 0)
        area = ratio(outscored.sum(axis=0, dtype=np.float64), n_positive * n_negative)
        average = ratio(precision.sum(axis=0, dtype=np.float64), n_positive)
        return {"auroc": area, "average_precision": np.where(both, average, np.nan)}

    return statistic
