"""The model behind the leakage control: the nearest neighbour, tested in one setting after another.

See core.datasets.leakage for what it is for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.datasets.dataset import Labels
from core.datasets.splits import Split, make_folds
from core.errors import StrokeError
from core.evaluation import auroc, percentile_interval, ranking_statistic, rate_statistic, resample

_N_RESAMPLES = 2000

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A figure from 0 to 1 with its spread; None, with the reason, where there is none.

    Over several runs, `value` is their mean, `low` and `high` the lowest and highest of them. Over one run
    (patients apart, true labels), they are a 95 % interval by bootstrap over patients.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """Scores of the model in one setting.

    Attributes:
        labels: "folder" or "slice".
        shuffled: whether the labels were dealt anew among the patients.
        split: "random" (90/10, slices of one patient on both sides) or "patient" (one left out at a time).
        n_runs: splits or shuffles that the figures summarise; 0 when nothing could be estimated.
        majority: accuracy of always answering the commoner label, over all slices.
        accuracy: share of the tested slices called rightly.
        auroc: area under the ROC curve.
    """

    labels: Labels
    shuffled: bool
    split: Split
    n_runs: int
    majority: float
    accuracy: Estimate
    auroc: Estimate


class Bench:
    """Runs one setting after another on the same distances (n, n)."""

    def __init__(self, distances: Floats, patients: NDArray[np.str_] | None, seed: int, n_runs: int) -> None:
        self._distances, self._patients, self._seed, self._n_runs = distances, patients, seed, n_runs
        self._codes = None if patients is None else np.unique(patients, return_inverse=True)[1]

    def run(self, labels: Labels, y: Codes, split: Split, shuffled: bool) -> Outcome:
        """The model on labels (n,) in one setting."""
        reason = self._why_not(y, split, shuffled)
        if reason:
            return _give_up(labels, shuffled, split, y, reason)
        if split == "patient" and not shuffled:
            return Outcome(labels, shuffled, split, 1, _majority(y), *self._estimate_apart(y))
        try:
            runs = list(self._run_often(y, split, shuffled))
        except StrokeError as error:
            return _give_up(labels, shuffled, split, y, str(error))
        hits = [float(((score >= 0.5) == (truth == 1)).mean()) for truth, score in runs]
        areas = [auroc(truth, score) for truth, score in runs if 0 < truth.sum() < len(truth)]
        return Outcome(labels, shuffled, split, len(runs), _majority(y), _summarise(hits), _summarise(areas))

    def _run_often(self, y: Codes, split: Split, shuffled: bool) -> Iterator[tuple[Codes, Floats]]:
        """The labels and scores (t,) of the tested slices of every run."""
        for run in range(self._n_runs):
            own = self._shuffle(y, run) if shuffled else y
            if split == "patient":
                yield own, self._score_apart(own)
                continue
            (fold,) = make_folds(
                y, [""] * len(y), split="random", folds=1, seed=self._seed * self._n_runs + run
            )
            learned = np.concatenate([fold.train, fold.validation])
            near = self._distances[fold.test]
            yield own[fold.test], _score(near[:, learned], own[learned])

    def _estimate_apart(self, y: Codes) -> tuple[Estimate, Estimate]:
        """Accuracy and AUROC with one patient left out at a time, with intervals over patients."""
        assert self._codes is not None
        score, n_patients = self._score_apart(y), int(self._codes.max()) + 1
        statistics = [rate_statistic(y, score, 0.5, self._codes), ranking_statistic(y, score, self._codes)]
        drawn = resample(statistics, n_patients, n_resamples=_N_RESAMPLES, seed=self._seed)
        values = {"accuracy": float(((score >= 0.5) == (y == 1)).mean()), "auroc": auroc(y, score)}
        accuracy, area = (
            Estimate(value, interval.low, interval.high, interval.reason)
            for name, value in values.items()
            for interval in [percentile_interval(drawn[name], n_groups=n_patients)]
        )
        return accuracy, area

    def _score_apart(self, y: Codes) -> Floats:
        """The scores (n,) of all slices, each by the slices of other patients."""
        return _score(self._distances_apart, y)

    @cached_property
    def _distances_apart(self) -> Floats:
        """Distances (n, n) with no way from a slice to one of the same patient."""
        assert self._codes is not None
        return np.where(self._codes[:, None] == self._codes[None, :], np.float32(np.inf), self._distances)

    def _shuffle(self, y: Codes, run: int) -> Codes:
        """Labels (n,) that belong to patients as before, but to the wrong ones."""
        assert self._codes is not None
        rng = np.random.default_rng([self._seed, run])
        return rng.permutation(_label_patients(y, self._codes))[self._codes]

    def _why_not(self, y: Codes, split: Split, shuffled: bool) -> str:
        """Why a setting cannot be run; empty when it can."""
        if 0 in np.bincount(y, minlength=2):
            return "all labels are equal"
        if split == "random" and not shuffled:
            return ""
        if self._codes is None:
            return "it is not known which slices belong to one patient"
        if shuffled:
            counts = np.bincount(_label_patients(y, self._codes), minlength=2)
        else:
            counts = np.array([len(np.unique(self._codes[y == label])) for label in (0, 1)])
        if counts.min() < 2:
            return (
                "each class needs at least two patients, one to learn from when the other is tested; "
                f"there are {counts[0]} and {counts[1]}"
            )
        return ""


def _label_patients(y: Codes, codes: Codes) -> Codes:
    """The label of each patient: that of most of its slices."""
    return (np.bincount(codes, weights=y) >= 0.5 * np.bincount(codes)).astype(np.int64)


def _score(distances: Floats, y: Codes) -> Floats:
    """Scores (t,) in [0, 1] from distances (t, n) to the learned slices with labels (n,)."""
    to_negative, to_positive = (distances[:, y == label].min(axis=1) for label in (0, 1))
    both = to_negative + to_positive
    # A copy in either class leaves no distance at all: nobody can tell.
    return np.divide(to_negative, both, out=np.full_like(both, 0.5), where=both > 0)


def measure_distances(pictures: Floats) -> Floats:
    """Euclidean distances (n, n) between pictures (n, k)."""
    # Late, because importing scikit-learn takes longer than reading a scan.
    from sklearn.metrics.pairwise import euclidean_distances

    return euclidean_distances(pictures).astype(np.float32, copy=False)


def _majority(y: Codes) -> float:
    positive = float(y.mean())
    return max(positive, 1 - positive)


def _summarise(values: Sequence[float]) -> Estimate:
    if not values:
        return Estimate(None, reason="no test part held both classes")
    return Estimate(float(np.mean(values)), min(values), max(values))


def _give_up(labels: Labels, shuffled: bool, split: Split, y: Codes, reason: str) -> Outcome:
    nothing = Estimate(None, reason=reason)
    return Outcome(labels, shuffled, split, 0, _majority(y), nothing, nothing)
