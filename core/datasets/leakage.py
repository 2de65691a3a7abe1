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
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from core.datasets.dataset import Dataset, Labels, read_pixels
from core.datasets.nearest_neighbour import Bench, Codes, Estimate, Floats, Outcome, measure_distances
from core.datasets.splits import Split

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
_READ_AHEAD = 64

Progress = Callable[[int, int], None]


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
    distances = measure_distances(_read_pictures(dataset, rows, reading))
    bench = Bench(distances, patients, seed, n_runs)
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
