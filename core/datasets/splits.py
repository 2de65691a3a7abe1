"""Split slices into training, validation and test sets, at random or by patient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import DatasetError

Split = Literal["random", "patient"]
SPLITS: tuple[Split, ...] = ("random", "patient")

# A single fold tests one part in ten; a random split also validates on one part in ten.
HOLD_OUT_PARTS = 10
# A split by patient validates on one part in seven of the rest; less would hold too few lesions.
PATIENT_VALIDATION_PARTS = 7

_SET_NAMES = ("training", "validation", "test")


@dataclass(frozen=True, eq=False)
class Fold:
    """The sets of one fold: disjoint, sorted int64 row numbers that together hold every row once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]


def make_folds(
    y: ArrayLike, patients: Sequence[str] | NDArray[np.str_], *, split: Split, folds: int, seed: int
) -> list[Fold]:
    """Split slices into training, validation and test sets.

    Validation and test sets are split by the same unit: slices for a random split, patients for a split by
    patient. All sets are stratified by label as far as the unit allows.

    Args:
        y: (n,) labels, 0 or 1.
        patients: (n,) patient of each slice; used only if `split` is "patient". A slice of an unknown
            patient ("") counts as a patient of its own, if others are known.
        split: "random" (slices of one patient may be in several sets) or "patient" (they never are).
        folds: 1 holds out about 10 % for testing; K > 1 gives K folds that test every slice once.
        seed: the same seed gives the same folds.

    Returns:
        One `Fold` per fold.

    Raises:
        DatasetError: a split by patient knows no patient, a class has too few patients or slices for the
            folds, or a set would hold one class only.
        ValueError: the split is unknown, `folds` is below 1 or the arrays differ in length.
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
    if split == "patient" and (groups == "").all():
        raise DatasetError(
            "Slices cannot be split by patient, because their patients are unknown",
            remedy="name the files 'PATIENT (NUMBER).jpg' or fill the column 'patient' of a manifest, or "
            "split at random and expect inflated results",
        )
    # No patient of a data set begins with a tab.
    groups = np.array([group or f"\t{row}" for row, group in enumerate(groups)], dtype=str)
    rows = np.arange(len(labels))
    if folds == 1:
        outer = [_hold_out(rows, labels, groups, split, HOLD_OUT_PARTS, seed)]
    else:
        outer = list(_split_rows(rows, labels, groups, split, folds, seed))
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
    """Return (rest, part) of `rows`; the part is one in `n_parts`, or larger if a class has fewer units.

    Take the first part with both classes on both sides; if there is none, take the first part.
    """
    n_parts = min(n_parts, max(_count_units(rows, labels, groups, split), 2))
    candidates = list(_split_rows(rows, labels, groups, split, n_parts, seed))
    both = (pair for pair in candidates if all(len(np.unique(labels[side])) == 2 for side in pair))
    return next(both, candidates[0])


def _count_units(
    rows: NDArray[np.int64], labels: NDArray[np.int64], groups: NDArray[np.str_], split: Split
) -> int:
    """Count the patients, or slices, of the rarer label: an upper bound on the number of parts."""
    units = groups[rows] if split == "patient" else rows
    return min(len(np.unique(units[labels[rows] == label])) for label in (0, 1))


def _split_rows(
    rows: NDArray[np.int64],
    labels: NDArray[np.int64],
    groups: NDArray[np.str_],
    split: Split,
    n_parts: int,
    seed: int,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield (rest, part) of `rows` for each of `n_parts` parts."""
    # Imported late, because importing scikit-learn takes longer than reading a scan.
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold

    n_units = _count_units(rows, labels, groups, split)
    if n_units < n_parts:
        noun = "patients" if split == "patient" else "slices"
        raise DatasetError(
            f"There are too few {noun} for this split",
            found=f"only {n_units} {noun} have the rarer label; at least {n_parts} are needed",
            remedy="choose fewer folds or add data",
        )
    kind = StratifiedGroupKFold if split == "patient" else StratifiedKFold
    of_patient = groups[rows] if split == "patient" else None
    splitter = kind(n_splits=n_parts, shuffle=True, random_state=seed)
    for rest, part in splitter.split(rows, labels[rows], of_patient):
        yield rows[rest], rows[part]


def _check_classes(fold: Fold, labels: NDArray[np.int64], number: int) -> None:
    for name, part in zip(_SET_NAMES, (fold.train, fold.validation, fold.test), strict=True):
        if len(np.unique(labels[part])) < 2:
            raise DatasetError(
                f"The {name} set of fold {number} would contain only one class",
                found=f"{len(part)} slices",
                remedy="choose fewer folds, another seed, or add data",
            )
