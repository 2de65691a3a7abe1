"""What a data set really holds, and what a split of it leaks.

Nothing here trains or judges a model. It counts: copies and near-copies, labels that belong to the patient
and not to the slice, and test slices whose patient or direct neighbour the model was developed on.
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

# A perceptual hash of 16 x 16 bits. In the published set, a picture saved again, made smaller or a little
# brighter differs by up to 10 bits, direct neighbours by 6 and more, pictures of different patients by 18 and
# more.
NEAR_DUPLICATE_BITS = 10

Pair = tuple[str, str, int]


@dataclass(frozen=True)
class LabelFindings:
    """How the folder labels relate to what the slices show; counts unless said otherwise.

    Attributes:
        n_positive_folder: slices in the positive class folder.
        n_showing_in_positive: those of them that show the finding.
        n_showing_in_negative: slices in the negative folder that show it.
        patients_showing_in_negative: the patients of the latter, in the order of the table.
    """

    n_positive_folder: int
    n_showing_in_positive: int
    n_showing_in_negative: int
    patients_showing_in_negative: tuple[str, ...]

    @property
    def share_showing_in_positive(self) -> float:
        """The share of slices in the positive folder that show the finding, 0 to 1."""
        return self.n_showing_in_positive / self.n_positive_folder


@dataclass(frozen=True)
class Audit:
    """What a data set holds.

    Attributes:
        folder: where it lies.
        fingerprint: of the set; `is_known` tells whether it is the published one, byte by byte.
        n_slices: readable pictures, and in `n_per_class` by class, (class, count), negative first.
        n_patients: 0 when patients are unknown; `patients_per_class` likewise by class.
        slices_per_patient: (fewest, most), (0, 0) when patients are unknown.
        patients_in_both: patients with pictures in both class folders.
        sizes: ((width, height) in pixels, count), commonest first.
        refused: unreadable files, as in `Dataset.refused`.
        duplicates: groups of files with equal bytes.
        n_duplicates_across_classes: groups with files in both class folders: one picture, two labels.
        near_duplicates: (file, file, differing bits of 256) of pictures that look the same, most alike first,
            without the exact duplicates.
        n_near_across_patients: pairs of the latter from different patients; 0 when patients are unknown.
        labels: findings on the labels; None without slice labels.
        warnings: of the data set.
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
    """Count what a data set holds; reads every picture once (the published set: about 10 seconds on two
    cores).

    Args:
        dataset: the indexed set.
        progress: called as progress(pictures done, pictures in all).

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
        labels=find_labels(table) if dataset.has_slice_labels else None,
        warnings=dataset.warnings,
    )


def find_near_duplicates(table: pd.DataFrame, hashes: NDArray[np.uint8]) -> tuple[Pair, ...]:
    """Pairs of pictures that look the same but are not byte for byte equal.

    Args:
        table: with the columns `file` and `sha256`.
        hashes: (n, bytes) perceptual hashes of its rows.

    Returns:
        (file, file, differing bits), at most `NEAR_DUPLICATE_BITS` apart, most alike first.
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
    """Count what each fold's test part shares with what the model was developed on.

    That is the training part together with the validation part, by which its epoch and threshold are chosen.

    Args:
        table: of a `Dataset`, with the columns `file`, `patient`, `number` and `sha256`.
        folds: partings of the table's rows.
        near_duplicates: pairs from `find_near_duplicates`.

    Returns:
        One dict per fold: `fold` (from 1), `n_train`, `n_validation`, `n_test`, `n_test_patients`, and of the
        test slices: `n_test_sharing_patient` (their patient is in training or validation),
        `n_test_with_direct_neighbour` (the slice before or after them in their patient is there),
        `n_test_with_copy` (an exact or near copy is there); each also as `share_sharing_patient`,
        `share_with_direct_neighbour`, `share_with_copy`, from 0 to 1. What depends on patients is None when
        they are unknown.
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
            beside = sum(any(developed_on[other] for other in neighbours[test]) for test in fold.test)
            row |= {
                "n_test_patients": len(np.unique(patients[fold.test])),
                "n_test_sharing_patient": sharing,
                "share_sharing_patient": sharing / n_test,
                "n_test_with_direct_neighbour": beside,
                "share_with_direct_neighbour": beside / n_test,
            }
        copied = sum(any(developed_on[other] for other in copies[test]) for test in fold.test)
        rows.append(row | {"n_test_with_copy": copied, "share_with_copy": copied / n_test})
    return rows


def _hash_pictures(
    dataset: Dataset, progress: Callable[[int, int], None] | None
) -> tuple[NDArray[np.uint8], list[tuple[int, int]]]:
    """The (n, 32) uint8 perceptual hashes, and the (width, height) of every picture."""

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


def find_labels(table: pd.DataFrame) -> LabelFindings:
    """Compare the folder labels with the slice labels of a `Dataset` table that has both."""
    positive = table["folder_label"] == 1
    showing = table["slice_label"] == 1
    wronged = table.loc[~positive & showing, "patient"]
    return LabelFindings(
        n_positive_folder=int(positive.sum()),
        n_showing_in_positive=int((positive & showing).sum()),
        n_showing_in_negative=len(wronged),
        patients_showing_in_negative=tuple(wronged.drop_duplicates()),
    )


def _list_neighbours(table: pd.DataFrame) -> list[list[int]]:
    """For each row, the rows just before and after it in the same patient; deleted masks leave no gap."""
    order = table.reset_index(drop=True).sort_values(["patient", "number"])
    rows, patients = order.index.to_list(), order["patient"].to_list()
    neighbours: list[list[int]] = [[] for _ in rows]
    for place in range(len(rows) - 1):
        if patients[place] == patients[place + 1]:
            neighbours[rows[place]].append(rows[place + 1])
            neighbours[rows[place + 1]].append(rows[place])
    return neighbours


def _list_copies(table: pd.DataFrame, near_duplicates: Iterable[Pair]) -> list[set[int]]:
    """For each row, the rows that hold an exact or near copy of it."""
    row_of = {file: row for row, file in enumerate(table["file"])}
    copies: list[set[int]] = [set() for _ in row_of]
    pairs = [(first, second) for first, second, _ in near_duplicates]
    pairs += [pair for group in _find_duplicates(table) for pair in combinations(group, 2)]
    for first, second in pairs:
        copies[row_of[first]].add(row_of[second])
        copies[row_of[second]].add(row_of[first])
    return copies
