"""Choose a threshold and its review band that hold on several sources, each counting alike.

A source is a hospital or collection with rows (slices or patients) of one class or both. The threshold has
the highest sensitivity plus specificity, each averaged over the sources that have its class. One of one class
thus pulls no harder than another. Differences below TIE are noise at the size of these sources, so of all
thresholds that are as good up to it, the middle one is chosen.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Bools, Floats
from core.evaluation.review import MAX_SHARE, Band, choose_band, in_band

# Fewest rows of a class for a source to count for it.
MIN_ROWS = 20
TIE = 0.01
# The upper edge of a band of studies: with this confidence, at most this share without the finding reach it.
MAX_FALSE = 0.05
CONFIDENCE = 0.9
# Fewest studies without the finding that allow this: of fewer, even the highest score is no such limit.
FEWEST_NEGATIVES = math.ceil(math.log(1 - CONFIDENCE) / math.log(1 - MAX_FALSE))
_MAX_CANDIDATES = 2000


class Source(NamedTuple):
    """The labels (n,) and scores (n,) of one source."""

    positive: Bools
    score: Floats

    def has(self, positive: bool) -> bool:
        """Return whether the source has enough rows of a class to count for it."""
        return bool(np.count_nonzero(self.positive == positive) >= MIN_ROWS)


Sources = Mapping[str, Source]


def choose_threshold(sources: Sources) -> float:
    """Return the threshold of the module's docstring, from scores in [0, 1].

    Raises:
        EvaluationError: there is no source, or none has enough rows with, or without, the finding.

    >>> home = Source(np.repeat([False, True], 20), np.repeat([0.1, 0.6], 20))
    >>> there = Source(np.repeat([False], 20), np.repeat([0.3], 20))
    >>> round(choose_threshold({"home": home, "there": there}), 2)
    0.45
    """
    if not sources:
        raise EvaluationError("there is no other source to choose on")
    pooled = np.unique(np.concatenate([one.score for one in sources.values()]))
    candidates = (pooled[1:] + pooled[:-1]) / 2
    if candidates.size > _MAX_CANDIDATES:
        candidates = np.quantile(candidates, np.linspace(0, 1, _MAX_CANDIDATES))
    rates = [_average_rate(sources, candidates, positive) for positive in (True, False)]
    if not candidates.size:
        raise EvaluationError("no threshold separates scores that are all equal")
    youden = rates[0] + rates[1]
    good = candidates[youden >= youden.max() - 2 * TIE]
    return float(good[(good.size - 1) // 2])


def rate_source(source: Source, threshold: float) -> dict[str, float | None]:
    """Return recall, specificity and balanced accuracy at a threshold, and the highest at any threshold.

    With one class, "balanced_accuracy" is its rate, and "best" None: some threshold is always right.
    """
    grid = np.append(np.unique(source.score), threshold)
    found = {positive: _rate(source, grid, positive) for positive in (True, False)}
    balanced = np.mean([rates for rates in found.values() if rates is not None], axis=0)
    recall, specificity = (None if rates is None else float(rates[-1]) for rates in found.values())
    return {
        "recall": recall,
        "specificity": specificity,
        "balanced_accuracy": float(balanced[-1]),
        "best": None if recall is None or specificity is None else float(balanced.max()),
    }


def choose_slice_band(sources: Sources, threshold: float, *, share: float = MAX_SHARE) -> Band:
    """Return the widest symmetric band around a threshold that holds at most `share` of every source."""
    bands = [choose_band(one.score, threshold, share=share) for one in sources.values()]
    return max(low for low, _ in bands), min(high for _, high in bands)


def choose_study_band(sources: Sources, threshold: float) -> Band:
    """Return the band below which a study is not flagged and above which it is.

    Its upper edge is the highest of `bound_sources`, so that the worst source decides, but not below the
    threshold. A source too small for the limit can decide, too, with its highest score. Its lower edge is the
    threshold; or lower, as far as the band then holds no more than MAX_SHARE of any source.
    """
    high = max([threshold, *bound_sources(sources).values()])
    low = threshold
    below = np.unique(np.concatenate([one.score for one in sources.values()]))
    for candidate in below[below < threshold][::-1]:
        if any(in_band(one.score, (candidate, high)).mean() > MAX_SHARE for one in sources.values()):
            break
        low = float(candidate)
    return low, high


def bound_sources(sources: Sources) -> dict[str, float]:
    """Return `bound_negatives` of each source that has enough studies without the finding to count."""
    return {
        name: bound_negatives(one.score[~one.positive]) for name, one in sources.items() if one.has(False)
    }


def bound_negatives(scores: Floats) -> float:
    """Return a score that, with CONFIDENCE, at most MAX_FALSE of the studies without the finding exceed.

    It is an order statistic, the one-sided tolerance limit without assumptions on the distribution (Wilks,
    Ann Math Stat 1941, 12:91-96). Fewer scores (n,) than FEWEST_NEGATIVES allow no such limit: the
    highest of them is returned, of which this cannot be said.

    >>> [round(bound_negatives(np.arange(n) / 100), 4) for n in (30, 45, 90)]
    [0.29, 0.44, 0.88]
    """
    from scipy.stats import binom

    ordered = np.sort(scores)[::-1]
    n_above = 0
    while binom.cdf(n_above + 1, ordered.size, MAX_FALSE) <= 1 - CONFIDENCE:
        n_above += 1
    return float(np.nextafter(ordered[n_above], 2.0))


def leave_each_out(sources: Sources, scored: Sources) -> dict[str, dict[str, Any]]:
    """Return for each source the threshold that the others choose, and its rates there.

    Args:
        sources: to choose on.
        scored: name -> rows that are rated in place of the source's own, for some of them.

    Returns:
        {name: {"threshold", and see `rate_source`}}; {"reason": why} where the others choose none.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, own in sources.items():
        try:
            threshold = choose_threshold({other: one for other, one in sources.items() if other != name})
        except EvaluationError as error:
            found[name] = {"reason": str(error)}
            continue
        found[name] = {"threshold": threshold, **rate_source(scored.get(name, own), threshold)}
    return found


def _rate(source: Source, thresholds: Floats, positive: bool) -> Floats | None:
    """Return the share of right decisions (k,) on the rows of a class; None without any."""
    scores = np.sort(source.score[source.positive == positive])
    if not scores.size:
        return None
    below: NDArray[np.float64] = np.searchsorted(scores, thresholds, side="left") / scores.size
    return 1 - below if positive else below


def _average_rate(sources: Sources, thresholds: Floats, positive: bool) -> Floats:
    rates = [rate for one in sources.values() if one.has(positive)
             if (rate := _rate(one, thresholds, positive)) is not None]  # fmt: skip
    if not rates:
        raise EvaluationError(
            f"no source has {MIN_ROWS} rows {'with' if positive else 'without'} the finding to choose on"
        )
    average: Floats = np.mean(rates, axis=0)
    return average
