"""Audit a data set and the leakage of a split, without a model.

It counts copies and near-copies, slices whose folder label differs from their slice label, and test slices
whose patient or adjacent slice is in training or validation.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets.dataset import Dataset, read_pixels
from core.datasets.splits import Fold
from core.imaging import count_differing_bits, hash_picture

# Largest difference of a near-copy, in bits of a 16 x 16 perceptual hash. In the published set, a picture
# saved again, reduced or slightly brightened differs in up to 10 bits, adjacent slices in 6 or more, and
# slices of different patients in 18 or more.
NEAR_DUPLICATE_BITS = 10

Pair = tuple[str, str, int]


@dataclass(frozen=True)
class LabelFindings:
    """Counts that compare the folder labels with the slice labels.

    Attributes:
        n_positive_folder: slices in the positive class folder.
        n_showing_in_positive: slices in the positive class folder that show the finding.
        n_showing_in_negative: slices in the negative class folder that show it.
        patients_showing_in_negative: patients of these slices, in the order of the table.
    """

    n_positive_folder: int
    n_showing_in_positive: int
    n_showing_in_negative: int
    patients_showing_in_negative: tuple[str, ...]

    @property
    def share_showing_in_positive(self) -> float:
        """Return the share of slices in the positive folder that show the finding, 0 to 1."""
        return self.n_showing_in_positive / self.n_positive_folder


@dataclass(frozen=True)
class Audit:
    """The content of a data set.

    Attributes:
        folder: path of the data set.
        fingerprint: fingerprint of the data set.
        is_known: whether it is the published set, byte by byte.
        n_slices: number of readable pictures.
        n_per_class: (class, count), negative first.
        n_patients: 0 when patients are unknown.
        patients_per_class: (negative, positive); (0, 0) when patients are unknown.
        slices_per_patient: (fewest, most); (0, 0) when patients are unknown.
        patients_in_both: patients with pictures in both class folders.
        sizes: ((width, height) in pixels, count), most common first.
        refused: unreadable files, as in `Dataset.refused`.
        duplicates: groups of files with equal bytes.
        n_duplicates_across_classes: groups with files in both class folders (one picture, two labels).
        near_duplicates: (file, file, differing bits of 256), most similar first, without exact duplicates.
        n_near_across_patients: near-duplicates of different patients; 0 when patients are unknown.
        labels: folder labels against slice labels; None without slice labels.
        warnings: the warnings of the data set.
    """

    folder: str
    fingerprint: str
    is_known: bool
    n_slices: int
    n_per_class: tuple[tuple[str, int], tuple[str, int]]
    n_patients: int
    patients_per_class: tuple[int, int]
    slices_per_patient: tuple[int, int]
    patients_in_both: tuple[str, ...]
    sizes: tuple[tuple[tuple[int, int], int], ...]
    refused: tuple[dict[str, str], ...]
    duplicates: tuple[tuple[str, ...], ...]
    n_duplicates_across_classes: int
    near_duplicates: tuple[Pair, ...]
    n_near_across_patients: int
    labels: LabelFindings | None
    warnings: tuple[str, ...]


def audit_dataset(dataset: Dataset, progress: Callable[[int, int], None] | None = None) -> Audit:
    """Audit a data set, reading every picture once (about 10 s for the published set on two cores).

    Args:
        dataset: the indexed set.
        progress: called as progress(pictures done, total).

    Raises:
        MissingExtraError: when ImageHash is not installed.
        ScanError: when a picture has vanished or been damaged since the set was indexed.
    """
    table = dataset.table
    hashes, sizes = _hash_pictures(dataset, progress)
    duplicates = _find_duplicates(table)
    label_of = dict(zip(table["file"], table["folder_label"], strict=True))
    patient_of = dict(zip(table["file"], table["patient"], strict=True))
    near = find_near_duplicates(table, hashes)
    per_class = [table[table["folder_label"] == label] for label in (0, 1)]
    patients = [set(part["patient"]) if dataset.has_patients else set() for part in per_class]
    per_patient = table.groupby("patient").size() if dataset.has_patients else pd.Series([0])
    return Audit(
        folder=str(dataset.folder),
        fingerprint=dataset.fingerprint,
        is_known=dataset.is_known,
        n_slices=len(table),
        n_per_class=((dataset.classes[0], len(per_class[0])), (dataset.classes[1], len(per_class[1]))),
        n_patients=len(patients[0] | patients[1]),
        patients_per_class=(len(patients[0]), len(patients[1])),
        slices_per_patient=(int(per_patient.min()), int(per_patient.max())),
        patients_in_both=tuple(sorted(patients[0] & patients[1])),
        sizes=tuple(Counter(sizes).most_common()),
        refused=tuple(dataset.refused),
        duplicates=duplicates,
        n_duplicates_across_classes=sum(len({label_of[file] for file in group}) > 1 for group in duplicates),
        near_duplicates=near,
        n_near_across_patients=sum(patient_of[first] != patient_of[second] for first, second, _ in near),
        labels=compare_labels(table) if dataset.has_slice_labels else None,
        warnings=dataset.warnings,
    )


def find_near_duplicates(table: pd.DataFrame, hashes: NDArray[np.uint8]) -> tuple[Pair, ...]:
    """Find pairs of pictures that look the same but differ in their bytes.

    Args:
        table: (n rows) with the columns `file` and `sha256`.
        hashes: (n, 32) uint8 perceptual hashes of the rows.

    Returns:
        (file, file, differing bits) of pairs within `NEAR_DUPLICATE_BITS`, most similar first.
    """
    files, digests = table["file"].to_list(), table["sha256"].to_list()
    pairs = []
    for row in range(len(files) - 1):
        distances = count_differing_bits(hashes[row], hashes[row + 1 :])
        for other in np.flatnonzero(distances <= NEAR_DUPLICATE_BITS):
            column = row + 1 + int(other)
            if digests[row] != digests[column]:
                pairs.append((files[row], files[column], int(distances[other])))
    return tuple(sorted(pairs, key=lambda pair: pair[2]))


def audit_split(
    table: pd.DataFrame, folds: Sequence[Fold], near_duplicates: Iterable[Pair] = ()
) -> list[dict[str, Any]]:
    """Count how many test slices of each fold leak from its development data.

    Development data are the training and validation slices; validation selects the epoch and the threshold.

    Args:
        table: the table of a `Dataset`, with the columns `file`, `patient`, `number` and `sha256`.
        folds: folds of the table's rows.
        near_duplicates: pairs from `find_near_duplicates`.

    Returns:
        One dict per fold with `fold` (from 1), `n_train`, `n_validation`, `n_test`, `n_test_patients`, and
        the number of test slices that have in the development data
        - another slice of their patient: `n_test_sharing_patient`;
        - an adjacent slice of their patient: `n_test_with_direct_neighbour`;
        - an exact or near copy: `n_test_with_copy`.
        `share_sharing_patient`, `share_with_direct_neighbour` and `share_with_copy` are these numbers as
        shares of `n_test`, 0 to 1. Values that depend on patients are None when patients are unknown.
    """
    patients = table["patient"].to_numpy(dtype=str)
    knows_patients = bool((patients != "").all())
    neighbours = _list_neighbours(table) if knows_patients else []
    copies = _list_copies(table, near_duplicates)
    rows = []
    for number, fold in enumerate(folds, start=1):
        developed_on = np.zeros(len(table), bool)
        developed_on[fold.train] = developed_on[fold.validation] = True
        n_test = len(fold.test)
        row: dict[str, Any] = {
            "fold": number,
            "n_train": len(fold.train),
            "n_validation": len(fold.validation),
            "n_test": n_test,
            "n_test_patients": None,
            "n_test_sharing_patient": None,
            "share_sharing_patient": None,
            "n_test_with_direct_neighbour": None,
            "share_with_direct_neighbour": None,
        }
        if knows_patients:
            sharing = int(np.isin(patients[fold.test], patients[developed_on]).sum())
            adjacent = sum(any(developed_on[other] for other in neighbours[test]) for test in fold.test)
            row |= {
                "n_test_patients": len(np.unique(patients[fold.test])),
                "n_test_sharing_patient": sharing,
                "share_sharing_patient": sharing / n_test,
                "n_test_with_direct_neighbour": adjacent,
                "share_with_direct_neighbour": adjacent / n_test,
            }
        copied = sum(any(developed_on[other] for other in copies[test]) for test in fold.test)
        rows.append(row | {"n_test_with_copy": copied, "share_with_copy": copied / n_test})
    return rows


def _hash_pictures(
    dataset: Dataset, progress: Callable[[int, int], None] | None
) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """Return (n, 32) uint8 perceptual hashes and the (width, height) of every picture."""

    def hash_file(file: str) -> tuple[NDArray[np.uint8], tuple[int, int]]:
        pixels = read_pixels(dataset, file)
        height, width = pixels.shape
        return hash_picture(pixels), (width, height)

    files = dataset.table["file"].to_list()
    hashes, sizes = [], []
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        for done, (bits, size) in enumerate(readers.map(hash_file, files), start=1):
            hashes.append(bits)
            sizes.append(size)
            if progress:
                progress(done, len(files))
    return np.stack(hashes), sizes


def _find_duplicates(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    groups: dict[str, list[str]] = {}
    for file, digest in zip(table["file"], table["sha256"], strict=True):
        groups.setdefault(digest, []).append(file)
    return tuple(tuple(files) for files in groups.values() if len(files) > 1)


def compare_labels(table: pd.DataFrame) -> LabelFindings:
    """Compare the folder labels with the slice labels of a `Dataset` table that has both."""
    positive = table["folder_label"] == 1
    showing = table["slice_label"] == 1
    mislabeled = table.loc[~positive & showing, "patient"]
    return LabelFindings(
        n_positive_folder=int(positive.sum()),
        n_showing_in_positive=int((positive & showing).sum()),
        n_showing_in_negative=len(mislabeled),
        patients_showing_in_negative=tuple(mislabeled.drop_duplicates()),
    )


def _list_neighbours(table: pd.DataFrame) -> list[list[int]]:
    """List for each row the rows of the adjacent slices; gaps in the file numbers are ignored."""
    order = table.reset_index(drop=True).sort_values(["patient", "number"])
    rows, patients = order.index.to_list(), order["patient"].to_list()
    neighbours: list[list[int]] = [[] for _ in rows]
    for place in range(len(rows) - 1):
        if patients[place] == patients[place + 1]:
            neighbours[rows[place]].append(rows[place + 1])
            neighbours[rows[place + 1]].append(rows[place])
    return neighbours


def _list_copies(table: pd.DataFrame, near_duplicates: Iterable[Pair]) -> list[set[int]]:
    """List for each row the rows with an exact or near copy of it."""
    row_of = {file: row for row, file in enumerate(table["file"])}
    copies: list[set[int]] = [set() for _ in row_of]
    pairs = [(first, second) for first, second, _ in near_duplicates]
    pairs += [pair for group in _find_duplicates(table) for pair in combinations(group, 2)]
    for first, second in pairs:
        copies[row_of[first]].add(row_of[second])
        copies[row_of[second]].add(row_of[first])
    return copies
