"""95 % intervals by bootstrap over patients.

Slices of one patient resemble each other, so patients, not slices, are drawn: with replacement, as many as
there are. A patient drawn k times enters with weight k, so a resample is one row of a table of weights
(n_resamples, n_groups), and a statistic is a function from such weights to one value per row. All resamples
are computed together; nothing loops over slices. Two statistics given the same weights are paired, which is
what the difference between two models needs.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval); Rutter,
Acad Radiol 2000, 7:413-419 (resampling patients for clustered ROC data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Floats, check_scores, decide, rates, ratio

LEVEL = 0.95
MIN_GROUPS = 3  # below this, resampling says nothing
MAX_UNDEFINED = 0.05  # a larger share of resamples without a value makes the rest a biased choice

Weights = NDArray[np.float32]
Statistic = Callable[[Weights], dict[str, Floats]]

_BLOCK_ROWS = 512  # resamples computed at once: a few MB for each intermediate table
_BLOCK_VALUES = 2_000_000  # weights held at once, for data sets with very many groups


@dataclass(frozen=True)
class Interval:
    """An interval (low, high), or None for both with the reason why there is none."""

    low: float | None
    high: float | None
    reason: str = ""

    def to_list(self) -> list[float] | None:
        """[low, high], or None."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def group_codes(groups: ArrayLike) -> tuple[NDArray[np.intp], int]:
    """Groups (n,) of any sortable kind as codes (n,) in 0..k-1, and k.

    >>> group_codes(["b", "a", "b"])
    (array([1, 0, 1]), 2)
    """
    values, codes = np.unique(np.asarray(groups), return_inverse=True)
    return codes.astype(np.intp), len(values)


def draw_weights(n_groups: int, n_resamples: int, seed: int = 0) -> Iterator[Weights]:
    """Blocks (b, n_groups) of how often each group was drawn; their rows add up to n_resamples.

    Each row sums to n_groups. The rows depend on the three arguments alone.
    """
    rng = np.random.default_rng(seed)
    rows = min(_BLOCK_ROWS, max(1, _BLOCK_VALUES // max(n_groups, 1)))
    for start in range(0, n_resamples, rows):
        n = min(rows, n_resamples - start)
        drawn = rng.integers(0, n_groups, size=(n, n_groups))
        drawn += np.arange(n)[:, None] * n_groups
        counts = np.bincount(drawn.ravel(), minlength=n * n_groups)
        yield counts.reshape(n, n_groups).astype(np.float32)


def rate_statistic(y_true: ArrayLike, y_score: ArrayLike, threshold: float, groups: ArrayLike) -> Statistic:
    """The `metrics.MEASURES` at a threshold, for any weights of the groups (n,). Errors as `confusion_at`."""
    positive, scores = check_scores(y_true, y_score)
    codes, n_groups = group_codes(groups)
    called = decide(scores, threshold)
    tables = np.stack(
        [np.bincount(codes[cell], minlength=n_groups) for cell in _cells(positive, called)], axis=1
    ).astype(np.float64)

    def statistic(weights: Weights) -> dict[str, Floats]:
        tn, fp, fn, tp = (weights @ tables).T
        return rates(tn, fp, fn, tp)

    return statistic


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


def resample(
    statistics: Sequence[Statistic], n_groups: int, *, n_resamples: int = 2000, seed: int = 0
) -> dict[str, Floats]:
    """Every named value of every statistic on the same resamples: name -> (n_resamples,), NaN if undefined.

    Raises:
        EvaluationError: no resamples asked for, or nothing to resample.
    """
    if n_groups < 1 or n_resamples < 1:
        raise EvaluationError(
            "a bootstrap needs groups and resamples", came=f"{n_groups} groups, {n_resamples} resamples"
        )
    blocks: dict[str, list[Floats]] = {}
    for weights in draw_weights(n_groups, n_resamples, seed):
        for statistic in statistics:
            for name, values in statistic(weights).items():
                blocks.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in blocks.items()}


def percentile_interval(
    values: ArrayLike, *, n_groups: int, unit: str = "patients", level: float = LEVEL
) -> Interval:
    """The middle `level` of the resampled values (n_resamples,); resamples without a value are left out.

    No interval, with the reason, when there are fewer than MIN_GROUPS groups (`unit` names them), when more
    than MAX_UNDEFINED of the resamples have no value, or when all have the same one (a perfect score: the
    bootstrap then sees no spread and would claim certainty).

    >>> percentile_interval([0.1, 0.2, 0.3, 0.4, 0.5], n_groups=5, level=0.5)
    Interval(low=0.2, high=0.4, reason='')
    >>> percentile_interval([0.1, 0.2], n_groups=2).reason
    'an interval needs at least 3 patients; there are 2'
    """
    values = np.asarray(values, np.float64)
    if n_groups < MIN_GROUPS:
        return Interval(None, None, f"an interval needs at least {MIN_GROUPS} {unit}; there are {n_groups}")
    defined = values[np.isfinite(values)]
    n_undefined = values.size - defined.size
    if n_undefined > MAX_UNDEFINED * values.size or not values.size:
        return Interval(None, None, f"undefined in {n_undefined} of {values.size} resamples")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    if defined.max() - defined.min() < 1e-12:
        return Interval(None, None, "the same value in every resample, so its uncertainty is unknown")
    return Interval(float(low), float(high))


def _cells(positive: NDArray[np.bool_], called: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], ...]:
    """Who is in which cell: tn, fp, fn, tp."""
    return ~positive & ~called, ~positive & called, positive & ~called, positive & called
