"""The leakage control: score a model that can only recognize patients.

The model is the nearest neighbor among pictures of 48 x 48 pixels. It knows nothing about disease. Labels
are shuffled between patients and so carry no information about disease. If the model still scores high, a
high score on this split proves nothing: slices of one patient are in training and test, and the model
recognizes the patient. Splitting by patient shows what the same model scores without this leakage.

Each picture is scaled to mean 0 and standard deviation 1; pictures are compared by Euclidean distance. The
score of a slice is d0 / (d0 + d1), where d0 and d1 are its distances to the nearest training slice of the
negative and the positive class. Scores of 0.5 or more are called positive, so a slice gets the label of
its nearest neighbor. A split by patient leaves one patient out at a time. Random splits are made as in the
experiments, but their validation slices are used for training too.

Sources: Yagis et al., Scientific Reports 2021, 11:22544 (slice-level splits); Ojala and Garriga, JMLR 2010,
11:1833-1863 (permuted labels).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice

import numpy as np
from PIL import Image

from core.audit.nearest_neighbour import (
    Codes,
    Estimate,
    Floats,
    NearestNeighbour,
    Outcome,
    measure_distances,
)
from core.datasets import Dataset, Labels, Split, read_pixels

PICTURE_SIDE = 48
N_RUNS = 20
# Keeps the control below a minute on two cores and the distances at 100 MB. Of larger sets, whole patients
# are sampled.
MAX_SLICES = 5000

# Slice labels are not shuffled, because they do not belong to patients.
_SETTINGS: tuple[tuple[Labels, Split, bool], ...] = (
    ("folder", "random", False),
    ("folder", "random", True),
    ("folder", "patient", False),
    ("folder", "patient", True),
    ("slice", "random", False),
    ("slice", "patient", False),
)
_NOTABLE = 0.05  # an accuracy this far above guessing is reported
_READ_AHEAD = 64

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Control:
    """The outcomes of all settings on one data set.

    Attributes:
        fingerprint: fingerprint of the data set.
        seed: seed of splits, shuffles and the choice of patients.
        classes: names of the folders (negative, positive).
        n_slices: number of slices used.
        n_patients: number of patients used; 0 when patients are unknown.
        n_slices_in_set: number of slices in the set; more than `n_slices` if the set was too large, or some
            slices of a manifest are not used.
        outcomes: outcomes for folder labels, then for slice labels if the set has them.
    """

    fingerprint: str
    seed: int
    classes: tuple[str, str]
    n_slices: int
    n_patients: int
    n_slices_in_set: int
    outcomes: tuple[Outcome, ...]

    def find(self, labels: Labels, split: Split, *, shuffled: bool = False) -> Outcome | None:
        """Return the outcome of a setting, or None, for instance if slice labels are unknown."""
        setting = (labels, split, shuffled)
        return next((o for o in self.outcomes if (o.labels, o.split, o.shuffled) == setting), None)


def run_control(
    dataset: Dataset,
    *,
    seed: int = 0,
    n_runs: int = N_RUNS,
    reading: Progress | None = None,
    comparing: Progress | None = None,
) -> Control:
    """Run the leakage control on a data set (about 10 s for the published set on two cores).

    Args:
        dataset: the indexed set. Of a manifest, slices of unknown label and the kept part are not used, the
            folder label is the patient's, and a slice of an unknown patient counts as a patient of its own.
        seed: the same seed gives the same results.
        n_runs: number of random splits and of label shuffles, at least 1.
        reading: called as reading(pictures read, total).
        comparing: called as comparing(settings done, total).

    Returns:
        A `Control`. An outcome that cannot be estimated (unknown patients, a class with one patient, too few
        slices) has no value but a reason.

    Raises:
        ScanError: a picture was removed or damaged after indexing.
        ValueError: `n_runs` is below 1.
    """
    if n_runs < 1:
        raise ValueError(f"n_runs must be at least 1, got {n_runs}")
    n_in_set = len(dataset.table)
    if dataset.manifest is not None:
        dataset = dataset.select_known("slice")
    rows = _choose_rows(dataset, seed)
    patients = dataset.groups()[rows] if dataset.has_patients else None
    distances = measure_distances(_read_pictures(dataset, rows, reading))
    model = NearestNeighbour(distances, patients, seed, n_runs)
    settings = _SETTINGS if dataset.has_slice_labels else _SETTINGS[:4]
    outcomes = []
    for done, (labels, split, shuffled) in enumerate(settings, start=1):
        y = dataset.table[f"{labels}_label"].to_numpy(dtype=np.int64)[rows]
        outcomes.append(model.run(labels, y, split, shuffled))
        if comparing:
            comparing(done, len(settings))
    return Control(
        fingerprint=dataset.fingerprint,
        seed=seed,
        classes=dataset.classes,
        n_slices=len(rows),
        n_patients=0 if patients is None else _count_patients(dataset, rows),
        n_slices_in_set=n_in_set,
        outcomes=tuple(outcomes),
    )


def conclude(control: Control) -> str:
    """Return the conclusion from a control, in one to three sentences for non-statisticians."""
    naive = _find_accuracy(control, "random", shuffled=False)
    majority = control.outcomes[0].majority
    meaningless = _find_accuracy(control, "random", shuffled=True)
    apart = _find_accuracy(control, "patient", shuffled=False)
    if naive.value is None:
        return f"Nothing can be concluded: {naive.reason}."
    if meaningless.value is None or meaningless.low is None:
        return f"Leakage by a random split cannot be estimated: {meaningless.reason}."
    share = f"{100 * meaningless.value:.0f} %"
    always = f"always answering the more common folder would score {100 * majority:.0f} %"
    if meaningless.low <= majority:
        text = f"With shuffled labels the model scores {share}; {always}."
        if meaningless.value - majority > _NOTABLE:
            return f"{text} It recognizes some patients; the test sets are too small to say how many."
        return f"{text} With a random split of this set the model recognizes few patients, or none."
    text = f"A model that scores {share} with shuffled labels recognizes patients, not disease."
    if apart.value is not None:
        text += f" With patients kept apart it scores {100 * apart.value:.0f} %; {always}."
    return text


def _find_accuracy(control: Control, split: Split, *, shuffled: bool) -> Estimate:
    outcome = control.find("folder", split, shuffled=shuffled)
    assert outcome is not None  # folder labels always have outcomes
    return outcome.accuracy


def _choose_rows(dataset: Dataset, seed: int) -> Codes:
    """Return all rows, or those of as many whole patients as fit into `MAX_SLICES`."""
    n = len(dataset.table)
    if n <= MAX_SLICES:
        return np.arange(n)
    units = dataset.groups() if dataset.has_patients else dataset.table["file"].to_numpy(dtype=str)
    names, codes = np.unique(units, return_inverse=True)
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = np.bincount(codes)[order].cumsum()
    return np.flatnonzero(np.isin(codes, order[: max(1, int((sizes <= MAX_SLICES).sum()))]))


def _count_patients(dataset: Dataset, rows: Codes) -> int:
    patients = dataset.table["patient"].to_numpy(dtype=str)[rows]
    return len(np.unique(patients[patients != ""]))


def _read_pictures(dataset: Dataset, rows: Codes, progress: Progress | None) -> Floats:
    """Return the pictures of some rows, (n, 48 * 48), each with mean 0 and standard deviation 1."""

    def read(file: str) -> Floats:
        gray = Image.fromarray(np.round(read_pixels(dataset, file) * 255).astype(np.uint8))
        small = gray.resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BILINEAR)
        values = np.asarray(small, np.float32).ravel()
        return (values - values.mean()) / max(float(values.std()), 1e-6)

    files = iter(dataset.table["file"].to_numpy(dtype=str)[rows])
    pictures: list[Floats] = []
    # Read a few at a time, so that an error raised by `progress` stops the reading soon.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        while some := list(islice(files, _READ_AHEAD)):
            pictures += readers.map(read, some)
            if progress:
                progress(len(pictures), len(rows))
    return np.stack(pictures)
