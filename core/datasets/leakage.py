"""The leakage control: what a model scores that can only recognise patients.

The nearest neighbour among 48 x 48 pixels knows nothing of disease. Where it scores high on labels that were
shuffled between patients, so that they mean nothing, a high score proves nothing: slices of one patient lie
on both sides of the split, and the label is read off the patient. With patients kept apart the same model
shows what is left.

Each picture is brought to mean 0 and standard deviation 1 and compared by Euclidean distance. The score of a
slice is d0 / (d0 + d1), with d0 and d1 its distances to the nearest learned slice of the negative and of the
positive class; from 0.5 on it is called positive, which is exactly the nearest neighbour's label. "Patients
apart" leaves one patient out at a time; a random split is that of the experiments, its validation part
learned as well.

Source of the idea: Yagis et al., Scientific Reports 2021, 11:22544 (slice-level splits); Ojala and Garriga,
JMLR 2010, 11:1833-1863 (permuted labels).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.datasets.dataset import Dataset, Labels, read_pixels
from core.datasets.splits import Split, make_folds
from core.errors import StrokeError
from core.evaluation import auroc, percentile_interval, ranking_statistic, rate_statistic, resample

PICTURE_SIDE = 48
N_RUNS = 20
# Keeps the control below a minute on two cores, and the table of distances at 100 MB. Larger sets are
# represented by whole patients, drawn at random.
MOST_SLICES = 5000

# Slice labels are not shuffled: they do not belong to patients, so dealing them among patients means nothing.
_SETTINGS: tuple[tuple[Labels, Split, bool], ...] = (
    ("folder", "random", False),
    ("folder", "random", True),
    ("folder", "patient", False),
    ("folder", "patient", True),
    ("slice", "random", False),
    ("slice", "patient", False),
)
_NOTABLE = 0.05  # an accuracy this far above guessing is worth a word
_N_RESAMPLES = 2000
_READ_AHEAD = 64

Progress = Callable[[int, int], None]
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
    """What the model scored in one setting.

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


@dataclass(frozen=True)
class Control:
    """The outcomes of all settings on one data set.

    Attributes:
        fingerprint: of the data set.
        seed: of splits, shuffles and the choice of patients.
        classes: names of the folders, (negative, positive).
        n_slices, n_patients: that took part; 0 patients when they are unknown.
        n_slices_in_set: more than `n_slices` where the set was too large to take whole.
        outcomes: folder labels first, then slice labels where the set has them.
    """

    fingerprint: str
    seed: int
    classes: tuple[str, str]
    n_slices: int
    n_patients: int
    n_slices_in_set: int
    outcomes: tuple[Outcome, ...]

    def find(self, labels: Labels, split: Split, *, shuffled: bool = False) -> Outcome | None:
        """The outcome of a setting; None where there is none, as for slice labels that are unknown."""
        wanted = (labels, split, shuffled)
        return next((o for o in self.outcomes if (o.labels, o.split, o.shuffled) == wanted), None)


def run_control(
    dataset: Dataset,
    *,
    seed: int = 0,
    n_runs: int = N_RUNS,
    reading: Progress | None = None,
    comparing: Progress | None = None,
) -> Control:
    """Run the control on a data set (the published one: about 10 seconds on two cores).

    Args:
        dataset: the indexed set; only its pictures and labels are looked at.
        seed: the same seed gives the same figures.
        n_runs: random splits, and shuffles of the labels, at least 1.
        reading: called as reading(pictures read, pictures in all).
        comparing: called as comparing(settings done, settings in all).

    Returns:
        A `Control`; what cannot be estimated (patients unknown, a class with one patient, too few slices)
        is there without a value and with its reason.

    Raises:
        ScanError: when a picture has vanished or been damaged since the set was indexed.
        ValueError: for `n_runs` below 1.
    """
    if n_runs < 1:
        raise ValueError(f"n_runs must be at least 1, got {n_runs}")
    rows = _choose_rows(dataset, seed)
    patients = dataset.table["patient"].to_numpy(dtype=str)[rows] if dataset.has_patients else None
    distances = _measure_distances(_read_pictures(dataset, rows, reading))
    bench = _Bench(distances, patients, seed, n_runs)
    settings = _SETTINGS if dataset.has_slice_labels else _SETTINGS[:4]
    outcomes = []
    for done, (labels, split, shuffled) in enumerate(settings, start=1):
        y = dataset.table[f"{labels}_label"].to_numpy(dtype=np.int64)[rows]
        outcomes.append(bench.run(labels, y, split, shuffled))
        if comparing:
            comparing(done, len(settings))
    return Control(
        fingerprint=dataset.fingerprint,
        seed=seed,
        classes=dataset.classes,
        n_slices=len(rows),
        n_patients=0 if patients is None else len(np.unique(patients)),
        n_slices_in_set=len(dataset.table),
        outcomes=tuple(outcomes),
    )


def conclude(control: Control) -> str:
    """What follows from a control, in one or two sentences for a reader who is no statistician."""
    naive = _find_accuracy(control, "random", shuffled=False)
    majority = control.outcomes[0].majority
    meaningless = _find_accuracy(control, "random", shuffled=True)
    apart = _find_accuracy(control, "patient", shuffled=False)
    if naive.value is None:
        return f"Nothing can be concluded: {naive.reason}."
    if meaningless.value is None or meaningless.low is None:
        return f"Whether a random split leaks cannot be told here: {meaningless.reason}."
    share = f"{100 * meaningless.value:.0f} %"
    always = f"always answering the commoner folder is right in {100 * majority:.0f} %"
    if meaningless.low <= majority:
        told = f"With meaningless labels the model scores {share}; {always}."
        if meaningless.value - majority > _NOTABLE:
            return f"{told} It recognises some patients; the test parts are too small to say how many."
        return f"{told} On this set a random split lets this model recognise few patients, or none."
    told = f"A model that scores {share} with meaningless labels recognises patients, not disease."
    if apart.value is not None:
        told += f" With patients kept apart it scores {100 * apart.value:.0f} %; {always}."
    return told


def _find_accuracy(control: Control, split: Split, *, shuffled: bool) -> Estimate:
    outcome = control.find("folder", split, shuffled=shuffled)
    assert outcome is not None  # folder labels are always there
    return outcome.accuracy


class _Bench:
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


def _choose_rows(dataset: Dataset, seed: int) -> Codes:
    """The rows that take part: all, or as many whole patients as stay below `MOST_SLICES`."""
    n = len(dataset.table)
    if n <= MOST_SLICES:
        return np.arange(n)
    units = dataset.table["patient" if dataset.has_patients else "file"].to_numpy(dtype=str)
    names, codes = np.unique(units, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(codes)[order].cumsum()
    return np.flatnonzero(np.isin(codes, order[: max(1, int((sizes <= MOST_SLICES).sum()))]))


def _read_pictures(dataset: Dataset, rows: Codes, progress: Progress | None) -> Floats:
    """The pictures (n, 48 * 48) of some rows, each with mean 0 and standard deviation 1."""

    def read(file: str) -> Floats:
        gray = Image.fromarray(np.round(read_pixels(dataset, file) * 255).astype(np.uint8))
        small = gray.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR)
        values = np.asarray(small, np.float32).ravel()
        return (values - values.mean()) / max(float(values.std()), 1e-6)

    files = iter(dataset.table["file"].to_numpy(dtype=str)[rows])
    pictures: list[Floats] = []
    # A few at a time: whoever stops waiting (by an error out of `progress`) does not wait for the rest.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        while some := list(islice(files, _READ_AHEAD)):
            pictures += readers.map(read, some)
            if progress:
                progress(len(pictures), len(rows))
    return np.stack(pictures)


def _measure_distances(pictures: Floats) -> Floats:
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
