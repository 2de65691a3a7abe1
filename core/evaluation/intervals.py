"""95 % intervals by bootstrap over patients.

Slices of one patient resemble each other, so patients are resampled instead of slices: n patients, with
replacement. A patient sampled k times has weight k, so a resample is one row of a table of weights
(n_resamples, n_groups). A statistic is a function from weights to one value per row, computed for all
resamples together. Statistics with the same weights are paired, as needed for differences between models.

The statistics themselves are in core.evaluation.statistics and core.evaluation.calibration.

Source: Efron and Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13 (percentile interval); Rutter,
Acad Radiol 2000, 7:413-419 (resampling patients for clustered ROC data).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Floats

CONFIDENCE_LEVEL = 0.95
MIN_GROUPS = 3  # with fewer, an interval would be meaningless
MAX_UNDEFINED = 0.05  # with a larger share of undefined resamples, the others are a biased selection

Weights = NDArray[np.float32]
Statistic = Callable[[Weights], dict[str, Floats]]

_BLOCK_ROWS = 512  # resamples computed at once: a few MB for each intermediate table
_BLOCK_VALUES = 2_000_000  # limit of weights in memory at once, for data sets with very many groups
_CACHED_VALUES = 4_000_000  # limit of weights cached from one statistic to the next


@dataclass(frozen=True)
class Interval:
    """An interval (low, high), or None for both with the reason why there is none."""

    low: float | None
    high: float | None
    reason: str = ""

    def to_list(self) -> list[float] | None:
        """Return [low, high], or None."""
        return None if self.low is None or self.high is None else [self.low, self.high]


def encode_groups(groups: ArrayLike) -> tuple[NDArray[np.intp], int]:
    """Return codes (n,) in 0..k-1 for groups (n,) of any sortable type, and k.

    >>> encode_groups(["b", "a", "b"])
    (array([1, 0, 1]), 2)
    """
    values, codes = np.unique(np.asarray(groups), return_inverse=True)
    return codes.astype(np.intp), len(values)


def bootstrap_weights(n_groups: int, n_resamples: int, seed: int = 0) -> Iterator[Weights]:
    """Yield blocks (b, n_groups) of weights: how often each group is sampled; n_resamples rows in total.

    Each row sums to n_groups. The weights depend on nothing but the arguments.
    """
    rng = np.random.default_rng(seed)
    rows = min(_BLOCK_ROWS, max(1, _BLOCK_VALUES // max(n_groups, 1)))
    for start in range(0, n_resamples, rows):
        n = min(rows, n_resamples - start)
        sampled = rng.integers(0, n_groups, size=(n, n_groups))
        sampled += np.arange(n)[:, None] * n_groups
        counts = np.bincount(sampled.ravel(), minlength=n * n_groups)
        yield counts.reshape(n, n_groups).astype(np.float32)


def resample(
    statistics: Sequence[Statistic], n_groups: int, *, n_resamples: int = 2000, seed: int = 0
) -> dict[str, Floats]:
    """Return the values of all statistics on the same resamples: name -> (n_resamples,), NaN if undefined.

    A statistic with k values, for example a curve, gives (n_resamples, k).

    Raises:
        EvaluationError: `n_groups` or `n_resamples` is less than 1.
    """
    if n_groups < 1 or n_resamples < 1:
        raise EvaluationError(
            "a bootstrap needs groups and resamples", found=f"{n_groups} groups, {n_resamples} resamples"
        )
    return _apply(statistics, bootstrap_weights(n_groups, n_resamples, seed))


@dataclass(frozen=True, eq=False)
class Bootstrap:
    """The resamples for all figures of the same rows; figures from the same resamples are paired.

    Attributes:
        codes: (n,) the group of each row, in 0..n_groups-1.
        n_groups: number of groups; 0 without rows.
        unit: the groups in words: "patients", or "slices" if patients are unknown.
        n_resamples: number of resamples.
        seed: seed of the resampling.
    """

    codes: NDArray[np.intp]
    n_groups: int
    unit: str = "patients"
    n_resamples: int = 2000
    seed: int = 0

    @classmethod
    def over(cls, groups: ArrayLike | None, n: int, *, n_resamples: int = 2000, seed: int = 0) -> Bootstrap:
        """Create the bootstrap of n rows with groups (n,); None for unknown patients: each row is a group.

        >>> Bootstrap.over(["a", "b", "a"], 3).n_groups
        2
        """
        codes, n_groups = encode_groups(np.arange(n) if groups is None else groups)
        return cls(codes, n_groups, "slices" if groups is None else "patients", n_resamples, seed)

    def run(self, *statistics: Statistic) -> dict[str, Floats]:
        """Return the resampled values as `resample` does; an empty dict if there are no groups."""
        return _apply(statistics, self._weights()) if self.n_groups else {}

    def figure(self, value: float | None, resampled: ArrayLike | None, reason: str = "") -> dict[str, Any]:
        """Return one figure of a record: {"value", "interval", "reason"?}, from value and resampled values.

        A value of None or NaN could not be estimated; `reason` says why.
        """
        if value is None or np.isnan(value):
            return without_value(reason)
        none = Interval(None, None, "there is nothing to resample")
        interval = (
            none
            if resampled is None
            else percentile_interval(resampled, n_groups=self.n_groups, unit=self.unit)
        )
        return with_interval(float(value), interval)

    def _weights(self) -> Iterator[Weights]:
        if self.n_groups * self.n_resamples <= _CACHED_VALUES:
            return iter(self._cached_weights)
        return bootstrap_weights(self.n_groups, self.n_resamples, self.seed)

    @cached_property
    def _cached_weights(self) -> tuple[Weights, ...]:
        return tuple(bootstrap_weights(self.n_groups, self.n_resamples, self.seed))


def _apply(statistics: Sequence[Statistic], resamples: Iterator[Weights]) -> dict[str, Floats]:
    blocks: dict[str, list[Floats]] = {}
    for weights in resamples:
        for statistic in statistics:
            for name, values in statistic(weights).items():
                blocks.setdefault(name, []).append(values)
    return {name: np.concatenate(parts) for name, parts in blocks.items()}


def percentile_interval(
    values: ArrayLike, *, n_groups: int, unit: str = "patients", confidence_level: float = CONFIDENCE_LEVEL
) -> Interval:
    """Return the percentile interval of resampled values (n_resamples,); undefined ones are ignored.

    There is no interval, but a reason, if there are fewer than MIN_GROUPS groups (`unit` names them), or too
    many undefined resamples (a share above MAX_UNDEFINED), or if all values are equal. The last happens with
    a perfect score: the bootstrap sees no spread and would claim certainty.

    >>> percentile_interval([0.1, 0.2, 0.3, 0.4, 0.5], n_groups=5, confidence_level=0.5)
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
    low, high = np.quantile(defined, [(1 - confidence_level) / 2, (1 + confidence_level) / 2])
    if defined.max() - defined.min() < 1e-12:
        return Interval(None, None, "the same value in every resample, so its uncertainty is unknown")
    return Interval(float(low), float(high))


def percentile_band(
    values: ArrayLike, *, n_groups: int, confidence_level: float = CONFIDENCE_LEVEL
) -> tuple[Floats, Floats]:
    """Return pointwise intervals of a resampled curve (n_resamples, k): low (k,) and high (k,).

    They are NaN where `percentile_interval` gives none. The band covers each point, not the whole curve.
    """
    columns = np.asarray(values, np.float64).T
    pairs = [
        percentile_interval(column, n_groups=n_groups, confidence_level=confidence_level).to_list()
        for column in columns
    ]
    low, high = zip(*((np.nan, np.nan) if pair is None else pair for pair in pairs), strict=True)
    return np.array(low), np.array(high)


def clopper_pearson(
    successes: ArrayLike, n: ArrayLike, *, confidence_level: float = CONFIDENCE_LEVEL
) -> tuple[Floats, Floats]:
    """Return the exact binomial interval of successes (k,) out of n (k,): low (k,), high (k,); NaN if n is 0.

    It assumes independent trials. Source: Clopper and Pearson, Biometrika 1934, 26:404-413.

    >>> low, high = clopper_pearson([0, 5], [10, 10])
    >>> low.round(3).tolist(), high.round(3).tolist()
    ([0.0, 0.187], [0.308, 0.813])
    """
    from scipy.stats import beta

    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(n, np.float64))
    tail = (1 - confidence_level) / 2
    low = np.where(k > 0, beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return np.where(n > 0, low, np.nan), np.where(n > 0, high, np.nan)


def with_interval(value: float, interval: Interval) -> dict[str, Any]:
    """Return one figure of a record: {"value", "interval"}, and "reason" if there is no interval."""
    figure: dict[str, Any] = {"value": value, "interval": interval.to_list()}
    if interval.reason:
        figure["reason"] = interval.reason
    return figure


def without_value(reason: str) -> dict[str, Any]:
    """Return one figure of a record that cannot be estimated, with the reason."""
    return {"value": None, "interval": None, "reason": reason}
