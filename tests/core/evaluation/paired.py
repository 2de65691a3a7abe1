"""The difference of two statistics on the same resamples, independent of the program's code."""

from __future__ import annotations

from core.evaluation.intervals import Statistic, Weights
from core.evaluation.metrics import Floats


def difference(first: Statistic, second: Statistic) -> Statistic:
    """Return first minus second, name by name, on the same weights: the paired comparison of two models."""

    def statistic(weights: Weights) -> dict[str, Floats]:
        others = second(weights)
        return {name: values - others[name] for name, values in first(weights).items()}

    return statistic
