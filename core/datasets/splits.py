"""Parting slices into training, validation and test: at random, as others do, or with patients kept apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import DatasetError

Split = Literal["random", "patient"]
SPLITS: tuple[Split, ...] = ("random", "patient")

# A single hold-out takes one part in ten; so does validation of a random split.
HOLD_OUT_PARTS = 10
# With patients kept apart, one part in seven of the rest validates: fewer slices would hold too few lesions.
PATIENT_VALIDATION_PARTS = 7

_PART_NAMES = ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Fold:
    """One parting of all slices: sorted row numbers (int64), disjoint, together every row once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def make_folds(
    y: ArrayLike, patients: Sequence[str] | NDArray[np.str_], *, split: Split, folds: int, seed: int
) -> list[Fold]:
    """Part the slices into training, validation and test.

    Validation is taken by the same unit as the test part: slices of a random split, patients of a patient
    split. All parts are stratified by label as far as the unit allows.

    Args:
        y: (n,) labels, 0 or 1.
        patients: (n,) patient of each slice; only looked at when `split` is "patient".
        split: "random" (slices of one patient may lie in several parts) or "patient" (they never do).
        folds: 1 holds out about 10 % for testing; K > 1 gives K folds whose test parts cover every slice
            once.
        seed: of the shuffling; the same seed gives the same folds.

    Returns:
        One `Fold` per fold.

    Raises:
        DatasetError: for a patient split without patients or with too few of them, for more folds than a
            class has slices, or when a part would hold one class only.
        ValueError: for an unknown split, folds below 1 or arrays of different length.
    """
    labels = np.asarray(y).astype(np.int64)
    groups = np.asarray(patients, dtype=str)
    if split not in SPLITS:
        raise ValueError(f"split must be one of {SPLITS}, got {split!r}")
    if folds < 1:
        raise ValueError(f"folds must be at least 1, got {folds}")
    if labels.shape != groups.shape or labels.ndim != 1:
        raise ValueError(
            f"labels {labels.shape} and patients {groups.shape} must be (n,) arrays of one length"
        )
    if split == "patient" and ((groups == "").any() or not groups.size):
        raise DatasetError(
            "Slices cannot be split by patient, because their patients are unknown",
            remedy="name the files 'PATIENT (NUMBER).jpg', or split at random and distrust the figures",
        )
    rows = np.arange(len(labels))
    if folds == 1:
        outer = [_hold_out(rows, labels, groups, split, HOLD_OUT_PARTS, seed)]
    else:
        outer = list(_part(rows, labels, groups, split, folds, seed))
    n_validation = PATIENT_VALIDATION_PARTS if split == "patient" else HOLD_OUT_PARTS
    result = []
    for number, (rest, test) in enumerate(outer, start=1):
        train, validation = _hold_out(rest, labels, groups, split, n_validation, seed)
        fold = Fold(train, validation, test)
        _check_classes(fold, labels, number)
        result.append(fold)
    return result


def _hold_out(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    split: Split,
    n_parts: int,
    seed: int,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rest, part) of `rows`: about one part in `n_parts`, larger where a class has fewer patients or slices.

    The first part in which both classes are left on both sides; in small sets not every part is such.
    """
    n_parts = min(n_parts, max(_count_units(rows, labels, groups, split), 2))
    candidates = list(_part(rows, labels, groups, split, n_parts, seed))
    both = (pair for pair in candidates if all(len(np.unique(labels[side])) == 2 for side in pair))
    return next(both, candidates[0])


def _count_units(
    rows: NDArray[np.int64], labels: NDArray[np.int64], groups: NDArray[np.str_], split: Split
) -> int:
    """How many patients, or slices, the rarer label has: a class can be in no more parts than that."""
    units = groups[rows] if split == "patient" else rows
    return min(len(np.unique(units[labels[rows] == label])) for label in (0, 1))


def _part(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    split: Split,
    n_parts: int,
    seed: int,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (rest, part) of `rows` for each of `n_parts` parts."""
    # Late, because importing scikit-learn takes longer than reading a scan.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    n_units = _count_units(rows, labels, groups, split)
    if n_units < n_parts:
        noun = "patients" if split == "patient" else "slices"
        raise DatasetError(
            f"There are too few {noun} for this split",
            found=f"{n_units} {noun} with the rarer label; {n_parts} parts are needed",
            remedy="choose fewer folds or add data",
        )
    kind = StratifiedGroupKFold if split == "patient" else StratifiedKFold
    of_patient = groups[rows] if split == "patient" else None
    splitter = kind(n_splits=n_parts, shuffle=True, random_state=seed)
    for rest, part in splitter.split(rows, labels[rows], of_patient):
        yield rows[rest], rows[part]


def _check_classes(fold: Fold, labels: NDArray[np.int64], number: int) -> None:
    for name, part in zip(_PART_NAMES, (fold.train, fold.validation, fold.test), strict=True):
        if len(np.unique(labels[part])) < 2:
            raise DatasetError(
                f"The {name} part of fold {number} would hold one class only",
                found=f"{len(part)} slices",
                remedy="choose fewer folds, another seed, or add data",
            )
