"""Ranking metrics of weighted groups, for the bootstrap, from labels (n,), scores (n,) and groups (n,).

A `Statistic` is a function from weights (b, n_groups), one row per resample, to named values (b,), NaN where
undefined. The slices are summed per group once, in advance.

>>> area = ranking_statistic([0, 1, 0, 1], [0.1, 0.9, 0.6, 0.4], groups=["a", "a", "b", "b"])
>>> area(np.array([[1, 1], [2, 0], [0, 2]], np.float32))["auroc"].tolist()
[0.75, 1.0, 0.0]
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.evaluation.intervals import Statistic, Weights, encode_groups
from core.evaluation.metrics import Floats, check_scores, ratio


def ranking_statistic(y_true: ArrayLike, y_score: ArrayLike, groups: ArrayLike) -> Statistic:
    """Return the statistic of AUROC ("auroc") and average precision ("average_precision"), for groups (n,).

    Values are NaN for resamples with one class only, and equal to scikit-learn's with `sample_weight`.

    Both metrics are sums over the distinct scores of positives, from high to low: AUROC sums the share of
    lower negatives, average precision the precision. Slices are counted once per group and score, in sparse
    tables. A resample then costs one pass over the slices and one cumulative sum over the scores.
    """
    from scipy.sparse import csr_array

    positive, scores = check_scores(y_true, y_score)
    codes, n_groups = encode_groups(groups)
    thresholds = np.unique(scores[positive])[::-1]
    n_thresholds = len(thresholds)

    def count(members: NDArray[np.bool_], row: NDArray[np.intp]) -> csr_array:
        ones = np.ones(len(row), np.float32)
        return csr_array((ones, (row, codes[members])), shape=(n_thresholds + 1, n_groups))

    # A negative belongs to the highest threshold that it reaches; the last row is for those below all.
    reached = np.searchsorted(-thresholds, -scores)
    positives, negatives = count(positive, reached[positive]), count(~positive, reached[~positive])
    tied = ~positive & np.isin(scores, thresholds)
    ties = count(tied, reached[tied]) if tied.any() else None

    def statistic(weights: Weights) -> dict[str, Floats]:
        columns = np.ascontiguousarray(weights.T)
        n_at_threshold = positives @ columns  # (n_thresholds + 1, b)
        true_calls = np.cumsum(n_at_threshold, axis=0)
        false_calls = np.cumsum(negatives @ columns, axis=0)
        n_positive = true_calls[-1].astype(np.float64)
        n_negative = false_calls[-1].astype(np.float64)
        outscored = false_calls[-1] - false_calls
        if ties is not None:
            outscored += 0.5 * (ties @ columns)
        outscored *= n_at_threshold
        precision = np.divide(
            true_calls, true_calls + false_calls, out=np.zeros_like(true_calls), where=true_calls > 0
        )
        precision *= n_at_threshold
        both = (n_positive > 0) & (n_negative > 0)
        area = ratio(outscored.sum(axis=0, dtype=np.float64), n_positive * n_negative)
        average = ratio(precision.sum(axis=0, dtype=np.float64), n_positive)
        return {"auroc": area, "average_precision": np.where(both, average, np.nan)}

    return statistic
