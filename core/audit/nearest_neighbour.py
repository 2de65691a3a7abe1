"""The nearest-neighbor model of the leakage control (core.audit.leakage)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from core.datasets import Labels, Split, make_folds
from core.errors import StrokeError
from core.evaluation import auroc, percentile_interval, ranking_statistic, rate_statistic, resample

_N_RESAMPLES = 2000

Floats = NDArray[np.float32]
Codes = NDArray[np.int64]


@dataclass(frozen=True)
class Estimate:
    """A metric from 0 to 1 with its range, or None with a reason.

    Over several runs, `value` is the mean, `low` and `high` are the lowest and highest run. For one run
    (split by patient, true labels), `low` and `high` are a 95 % bootstrap interval over patients.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """The model's performance in one setting.

    Attributes:
        labels: "folder" or "slice".
        shuffled: whether the labels were shuffled between patients.
        split: "random" (90/10, slices of one patient in both sets) or "patient" (leave one patient out).
        n_runs: number of splits or shuffles summarized; 0 if nothing could be estimated.
        majority: accuracy of always answering the more common label, over all slices.
        accuracy: accuracy on the test slices.
        auroc: area under the ROC curve.
    """

    labels: Labels
    shuffled: bool
    split: Split
    n_runs: int
    majority: float
    accuracy: Estimate
    auroc: Estimate


class NearestNeighbour:
    """The nearest-neighbor model on (n, n) distances between slices, for use in several settings."""

    def __init__(self, distances: Floats, patients: NDArray[np.str_] | None, seed: int, n_runs: int) -> None:
        self._distances, self._patients, self._seed, self._n_runs = distances, patients, seed, n_runs
        self._codes = None if patients is None else np.unique(patients, return_inverse=True)[1]

    def run(self, labels: Labels, y: Codes, split: Split, shuffled: bool) -> Outcome:
        """Evaluate the model on (n,) labels in one setting."""
        reason = self._find_obstacle(y, split, shuffled)
        if reason:
            return _no_estimate(labels, shuffled, split, y, reason)
        if split == "patient" and not shuffled:
            return Outcome(
                labels, shuffled, split, 1, _majority_accuracy(y), *self._estimate_leave_one_out(y)
            )
        try:
            runs = list(self._run_repeatedly(y, split, shuffled))
        except StrokeError as error:
            return _no_estimate(labels, shuffled, split, y, str(error))
        hits = [float(((score >= 0.5) == (truth == 1)).mean()) for truth, score in runs]
        areas = [auroc(truth, score) for truth, score in runs if 0 < truth.sum() < len(truth)]
        return Outcome(
            labels, shuffled, split, len(runs), _majority_accuracy(y), _summarise(hits), _summarise(areas)
        )

    def _run_repeatedly(self, y: Codes, split: Split, shuffled: bool) -> Iterator[tuple[Codes, Floats]]:
        """Yield the (t,) labels and scores of the test slices of every run."""
        for run in range(self._n_runs):
            own = self._shuffle(y, run) if shuffled else y
            if split == "patient":
                yield own, self._score_leave_one_out(own)
                continue
            (fold,) = make_folds(
                y, [""] * len(y), split="random", folds=1, seed=self._seed * self._n_runs + run
            )
            training = np.concatenate([fold.train, fold.validation])
            near = self._distances[fold.test]
            yield own[fold.test], _score(near[:, training], own[training])

    def _estimate_leave_one_out(self, y: Codes) -> tuple[Estimate, Estimate]:
        """Estimate accuracy and AUROC with one patient left out at a time, with intervals over patients."""
        assert self._codes is not None
        score, n_patients = self._score_leave_one_out(y), int(self._codes.max()) + 1
        statistics = [rate_statistic(y, score, 0.5, self._codes), ranking_statistic(y, score, self._codes)]
        resampled = resample(statistics, n_patients, n_resamples=_N_RESAMPLES, seed=self._seed)
        values = {"accuracy": float(((score >= 0.5) == (y == 1)).mean()), "auroc": auroc(y, score)}
        accuracy, area = (
            Estimate(value, interval.low, interval.high, interval.reason)
            for name, value in values.items()
            for interval in [percentile_interval(resampled[name], n_groups=n_patients)]
        )
        return accuracy, area

    def _score_leave_one_out(self, y: Codes) -> Floats:
        """Return the (n,) scores of all slices, each from the slices of other patients."""
        return _score(self._distances_between_patients, y)

    @cached_property
    def _distances_between_patients(self) -> Floats:
        """Return the (n, n) distances, infinite within a patient."""
        assert self._codes is not None
        return np.where(self._codes[:, None] == self._codes[None, :], np.float32(np.inf), self._distances)

    def _shuffle(self, y: Codes, run: int) -> Codes:
        """Return (n,) labels after shuffling the patients' labels."""
        assert self._codes is not None
        rng = np.random.default_rng([self._seed, run])
        return rng.permutation(_label_patients(y, self._codes))[self._codes]

    def _find_obstacle(self, y: Codes, split: Split, shuffled: bool) -> str:
        """Return the reason why a setting cannot be run, or ""."""
        if 0 in np.bincount(y, minlength=2):
            return "all labels are equal"
        if split == "random" and not shuffled:
            return ""
        if self._codes is None:
            return "the patients of the slices are unknown"
        if shuffled:
            counts = np.bincount(_label_patients(y, self._codes), minlength=2)
        else:
            counts = np.array([len(np.unique(self._codes[y == label])) for label in (0, 1)])
        if counts.min() < 2:
            return (
                "each class needs at least two patients, one for training when the other is tested; "
                f"there are {counts[0]} and {counts[1]}"
            )
        return ""


def _label_patients(y: Codes, codes: Codes) -> Codes:
    """Return the label of each patient: the most common label of its slices."""
    return (np.bincount(codes, weights=y) >= 0.5 * np.bincount(codes)).astype(np.int64)


def _score(distances: Floats, y: Codes) -> Floats:
    """Return (t,) scores in [0, 1] from (t, n) distances to training slices with (n,) labels."""
    to_negative, to_positive = (distances[:, y == label].min(axis=1) for label in (0, 1))
    both = to_negative + to_positive
    # With a copy in both classes, both distances are 0 and the score is 0.5.
    return np.divide(to_negative, both, out=np.full_like(both, 0.5), where=both > 0)


def measure_distances(pictures: Floats) -> Floats:
    """Return (n, n) Euclidean distances between (n, k) pictures."""
    # Imported late, because importing scikit-learn takes longer than reading a scan.
    from sklearn.metrics.pairwise import euclidean_distances

    return euclidean_distances(pictures).astype(np.float32, copy=False)


def _majority_accuracy(y: Codes) -> float:
    positive = float(y.mean())
    return max(positive, 1 - positive)


def _summarise(values: Sequence[float]) -> Estimate:
    if not values:
        return Estimate(None, reason="no test set contained both classes")
    return Estimate(float(np.mean(values)), min(values), max(values))


def _no_estimate(labels: Labels, shuffled: bool, split: Split, y: Codes, reason: str) -> Outcome:
    nothing = Estimate(None, reason=reason)
    return Outcome(labels, shuffled, split, 0, _majority_accuracy(y), nothing, nothing)
