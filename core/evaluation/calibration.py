"""Calibration of probabilities: Brier score, calibration error and line, reliability, recalibration.

All functions take `y_true` (n,) 0/1 and `y_prob` (n,) probabilities in [0, 1]. For logits, probabilities are
clipped to [CLIP, 1 - CLIP], since a network's float32 output saturates at 0 and 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError
from core.evaluation.intervals import Statistic, Weights, clopper_pearson, encode_groups
from core.evaluation.logistic import distribute_to_nodes, fit_lines
from core.evaluation.metrics import Bools, Floats, check_both_classes, check_scores, ratio

CLIP = 1e-6
N_BINS = 10


def check_probabilities(y_true: ArrayLike, y_prob: ArrayLike) -> tuple[Bools, Floats]:
    """Return labels and probabilities as arrays; raise an EvaluationError if none, or any outside [0, 1]."""
    positive, probability = check_scores(y_true, y_prob)
    if probability.size == 0:
        raise EvaluationError("calibration needs at least one probability", found="none")
    if probability.min() < 0 or probability.max() > 1:
        raise EvaluationError(
            "probabilities must be between 0 and 1",
            found=f"{probability.min():.3g} to {probability.max():.3g}",
        )
    return positive, probability


def logit(y_prob: ArrayLike) -> Floats:
    """Return log(p / (1 - p)) for probabilities of any shape, clipped to [CLIP, 1 - CLIP].

    >>> logit([0.5, 0.75]).round(4).tolist()
    [0.0, 1.0986]
    """
    clipped = np.clip(np.asarray(y_prob, np.float64), CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def brier(y_true: ArrayLike, y_prob: ArrayLike) -> float:
    """Return the mean squared difference of probability and label, in [0, 1]; lower is better.

    Source: Brier, Monthly Weather Review 1950, 78:1-3.

    >>> round(brier([0, 1], [0.2, 0.6]), 4)
    0.1
    """
    positive, probability = check_probabilities(y_true, y_prob)
    return float(np.mean((probability - positive) ** 2))


def calibration_error(y_true: ArrayLike, y_prob: ArrayLike, *, n_bins: int = N_BINS) -> float:
    """Return the expected calibration error (ECE), in [0, 1]; lower is better.

    It is the absolute difference of mean probability and share of positives, averaged over bins of equal
    width and weighted by bin size. It depends on the number of bins, and is biased upwards for small bins.
    Source: Naeini et al., AAAI 2015; Guo et al., ICML 2017.

    >>> round(calibration_error([0, 1, 1, 1], [0.1, 0.1, 0.9, 0.9]), 4)
    0.25
    """
    positive, probability = check_probabilities(y_true, y_prob)
    gap = np.bincount(_bin_of(probability, n_bins), weights=probability - positive, minlength=n_bins)
    return float(np.abs(gap).sum() / probability.size)


@dataclass(frozen=True)
class CalibrationLine:
    """The line logit(chance of a positive) = joint_intercept + slope * logit(probability).

    slope: 1 is ideal; below 1 the probabilities are too extreme.
    intercept: with the slope fixed at 1 ("calibration in the large"); 0 is ideal; below 0 the
        probabilities are too high.
    """

    slope: float
    joint_intercept: float
    intercept: float


def calibration_line(y_true: ArrayLike, y_prob: ArrayLike) -> CalibrationLine:
    """Return calibration slope and intercept, from logistic regression on the logit.

    Source: Cox, Biometrika 1958, 45:562-565; Van Calster et al., BMC Medicine 2019, 17:230.

    Raises:
        EvaluationError: one class only, all probabilities equal, or classes perfectly separated by the
            probabilities (the slope would be infinite).

    >>> line = calibration_line([0, 0, 0, 1] * 5 + [1, 1, 1, 0] * 5, [0.1] * 20 + [0.9] * 20)
    >>> round(line.slope, 3), abs(round(line.intercept, 3))
    (0.5, 0.0)
    """
    positive, probability = check_probabilities(y_true, y_prob)
    check_both_classes(positive, "a calibration line")
    x = logit(probability)
    joint_intercept, slope = _fit_line(x, positive)
    if np.isnan(slope):
        raise EvaluationError(
            "no calibration line fits",
            found="all probabilities are equal"
            if np.ptp(x) == 0
            else "the probabilities separate the classes",
        )
    return CalibrationLine(slope, joint_intercept, _fit_line(x, positive, slope=1.0)[0])


@dataclass(frozen=True, eq=False)
class ReliabilityDiagram:
    """Observed share of positives against mean probability, in k non-empty bins in ascending order.

    edges (k, 2); counts (k,) and positives (k,); mean_probability (k,) and observed (k,) share of positives;
    low, high (k,): Clopper-Pearson interval of `observed`, which assumes independent slices.
    """

    edges: Floats
    counts: NDArray[np.int64]
    positives: NDArray[np.int64]
    mean_probability: Floats
    observed: Floats
    low: Floats
    high: Floats


def reliability_diagram(
    y_true: ArrayLike, y_prob: ArrayLike, *, n_bins: int = N_BINS, bins: str = "width"
) -> ReliabilityDiagram:
    """Return the points of a reliability diagram; bins of equal "width" on [0, 1] or about equal "count".

    Raises:
        EvaluationError: see `check_probabilities`; another value of `bins`; fewer than one bin.

    >>> diagram = reliability_diagram([0, 1, 1], [0.1, 0.9, 0.95], n_bins=2)
    >>> diagram.counts.tolist(), diagram.observed.tolist()
    ([1, 2], [0.0, 1.0])
    """
    positive, probability = check_probabilities(y_true, y_prob)
    if n_bins < 1 or bins not in ("width", "count"):
        raise EvaluationError(
            'bins must be "width" or "count", and at least one', found=f"{n_bins} by {bins!r}"
        )
    edges = np.linspace(0, 1, n_bins + 1)
    if bins == "count":
        edges = np.unique(np.quantile(probability, edges))
        edges = edges if len(edges) > 1 else np.repeat(edges, 2)
    which = np.searchsorted(edges[1:-1], probability, side="right")
    n = len(edges) - 1
    counts = np.bincount(which, minlength=n)
    positives = np.bincount(which[positive], minlength=n)
    sums = np.bincount(which, weights=probability, minlength=n)
    full = counts > 0
    counts, positives = counts[full], positives[full]
    low, high = clopper_pearson(positives, counts)
    pairs = np.stack([edges[:-1], edges[1:]], axis=1)[full]
    return ReliabilityDiagram(
        pairs, counts, positives, sums[full] / counts, ratio(positives, counts), low, high
    )


@dataclass(frozen=True)
class Recalibration:
    """The function p -> sigmoid(intercept + slope * logit(p)); slope > 0, so it preserves the ranking."""

    slope: float = 1.0
    intercept: float = 0.0

    @property
    def temperature(self) -> float:
        """Return the temperature that the logit is divided by; above 1 makes probabilities less extreme."""
        return 1 / self.slope

    def apply(self, y_prob: ArrayLike) -> Floats:
        """Return recalibrated probabilities of the same shape; inputs are clipped to [CLIP, 1 - CLIP].

        The identity returns every probability exactly unchanged.

        >>> Recalibration(slope=0.5).apply([0.9]).round(3).tolist()
        [0.75]
        """
        if self == IDENTITY:
            return np.array(y_prob, np.float64)
        return 1 / (1 + np.exp(-(self.intercept + self.slope * logit(y_prob))))


IDENTITY = Recalibration()


def fit_recalibration(y_true: ArrayLike, y_prob: ArrayLike, *, with_intercept: bool = False) -> Recalibration:
    """Fit a recalibration by minimal log loss: temperature scaling, or Platt scaling (with an intercept).

    A network trained with class weights gives probabilities that are too high everywhere. A temperature alone
    cannot correct this; the intercept can. Fit on data that the network was not trained on.
    Source: Guo et al., ICML 2017; Platt 1999.

    Raises:
        EvaluationError: one class only; the probabilities separate the classes perfectly, are all equal (with
            an intercept), or fall with the labels, so that no positive slope fits.

    >>> fitted = fit_recalibration([0, 0, 0, 1] * 5 + [1, 1, 1, 0] * 5, [0.1] * 20 + [0.9] * 20)
    >>> round(fitted.temperature, 3)
    2.0
    """
    positive, probability = check_probabilities(y_true, y_prob)
    check_both_classes(positive, "recalibration")
    fixed = None if with_intercept else 0.0
    intercept, slope = _fit_line(logit(probability), positive, intercept=fixed)
    if not slope > 0:
        raise EvaluationError(
            "no recalibration fits",
            found="probabilities are all equal or separate the classes perfectly"
            if np.isnan(slope)
            else "higher probabilities go with fewer positives",
        )
    return Recalibration(slope, intercept)


def cross_fit_recalibration(
    y_true: ArrayLike, y_prob: ArrayLike, folds: ArrayLike, *, with_intercept: bool = False
) -> tuple[Floats, dict[int, Recalibration]]:
    """Recalibrate the probabilities (n,) of each fold by a fit on the other folds (cross-fitting).

    Return them (n,) with the recalibration of each fold. For serving, use `fit_recalibration` on all rows.

    Raises:
        EvaluationError: fewer than two folds, or see `fit_recalibration`.
    """
    positive, probability = check_probabilities(y_true, y_prob)
    fold_of = np.asarray(folds)
    values: Sequence[int] = np.unique(fold_of).tolist()
    if len(values) < 2:
        raise EvaluationError("cross-fitting needs at least two folds", found=f"{len(values)}")
    calibrated, fitted = np.empty_like(probability), {}
    for fold in values:
        inside = fold_of == fold
        fitted[fold] = fit_recalibration(
            positive[~inside], probability[~inside], with_intercept=with_intercept
        )
        calibrated[inside] = fitted[fold].apply(probability[inside])
    return calibrated, fitted


def calibration_statistic(
    y_true: ArrayLike, y_prob: ArrayLike, groups: ArrayLike, *, n_bins: int = N_BINS
) -> Statistic:
    """Return the statistic of all calibration metrics, for the bootstrap; NaN where a line does not exist.

    Its keys are "brier", "calibration_error", "calibration_slope" and "calibration_intercept". Errors as
    `check_probabilities`.
    """
    positive, probability = check_probabilities(y_true, y_prob)
    codes, n_groups = encode_groups(groups)
    x = logit(probability)
    nodes, masses = distribute_to_nodes(x, codes, n_groups)
    of_positives = np.stack(
        [np.bincount(codes[positive], minlength=n_groups), np.bincount(codes, x * positive, n_groups)], axis=1
    )
    sizes = np.bincount(codes, minlength=n_groups).astype(float)
    squares = np.bincount(codes, weights=(probability - positive) ** 2, minlength=n_groups)
    cells = codes * n_bins + _bin_of(probability, n_bins)
    gaps = np.bincount(cells, weights=probability - positive, minlength=n_groups * n_bins)
    gaps = gaps.reshape(n_groups, n_bins)
    both, only_intercept = _fit_line(x, positive), _fit_line(x, positive, slope=1.0)

    def statistic(weights: Weights) -> dict[str, Floats]:
        size = weights @ sizes
        sums = (weights @ masses, *(weights @ of_positives).T)
        return {
            "brier": ratio(weights @ squares, size),
            "calibration_error": ratio(np.abs(weights @ gaps).sum(axis=1), size),
            "calibration_slope": fit_lines(nodes, *sums, start=both)[:, 1],
            "calibration_intercept": fit_lines(nodes, *sums, slope=1.0, start=only_intercept)[:, 0],
        }

    return statistic


def _fit_line(
    x: Floats, positive: Bools, *, intercept: float | None = None, slope: float | None = None
) -> tuple[float, float]:
    """Return intercept and slope of one unweighted, exact fit to x (n,); NaN if there is none."""
    once = np.ones((1, x.size))
    totals = [positive.sum()], [x[positive].sum()]
    line = fit_lines(x, once, *totals, intercept=intercept, slope=slope)[0]
    return float(line[0]), float(line[1])


def _bin_of(probability: Floats, n_bins: int) -> NDArray[np.intp]:
    """Return the bin (n,) of each probability; a bin includes its lower edge, the last bin both edges."""
    return np.searchsorted(np.linspace(0, 1, n_bins + 1)[1:-1], probability, side="right")
