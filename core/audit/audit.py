"""Audit a data set without a model.

It counts copies and near-copies, slices of the published set under other names, slices whose folder label
differs from their slice label, and what each source of a manifest holds.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.audit.known_pictures import KnownPictures, find_known_pictures
from core.audit.source_counts import SourceCounts, count_sources
from core.audit.split_audit import Pair, find_duplicates
from core.datasets import Dataset, read_pixels
from core.imaging import count_differing_bits, hash_picture

# Largest difference of a near-copy, in bits of a 16 x 16 perceptual hash. In the published set, a picture
# saved again, reduced or slightly brightened differs in up to 10 bits, adjacent slices in 6 or more, and
# slices of different patients in 18 or more.
NEAR_DUPLICATE_BITS = 10


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

    The classes are the class folders; of a manifest, slices without and with the hemorrhage.

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
        n_duplicates_across_classes: groups with files of both classes (one picture, two labels).
        near_duplicates: (file, file, differing bits of 256), most similar first, without exact duplicates.
        n_near_across_patients: near-duplicates of different patients; 0 when patients are unknown.
        labels: folder labels against slice labels; None without slice labels.
        known: the files that are slices of the published set.
        warnings: the warnings of the data set.
        n_unlabeled: slices of a manifest whose label is unknown; they count in no class.
        n_unknown_patients: slices of unknown patients; 0 if all are unknown.
        sources: what a manifest's sources hold; () for class folders.
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
    known: KnownPictures
    warnings: tuple[str, ...]
    n_unlabeled: int = 0
    n_unknown_patients: int = 0
    sources: tuple[SourceCounts, ...] = ()


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
    duplicates = find_duplicates(table)
    # A manifest has no folders; its slices have labels of their own, or none.
    column = "folder_label" if dataset.manifest is None else "slice_label"
    labels = table[column].astype("Int64")
    label_of = dict(zip(table["file"], labels, strict=True))
    patient_of = dict(zip(table["file"], table["patient"], strict=True))
    near = find_near_duplicates(table, hashes)
    per_class = [table[(labels == label).fillna(False)] for label in (0, 1)]
    of_known = table[table["patient"] != ""]
    by_patient = (
        of_known[(of_known["folder_label"] == 0).fillna(False)],
        of_known[of_known["folder_label"] == 1],
    )
    patients = [set(part["patient"]) for part in by_patient]
    per_patient = of_known.groupby("patient").size() if dataset.has_patients else pd.Series([0])
    return Audit(
        folder=str(dataset.manifest or dataset.folder),
        fingerprint=dataset.fingerprint,
        is_known=dataset.is_known,
        n_slices=len(table),
        n_per_class=((dataset.classes[0], len(per_class[0])), (dataset.classes[1], len(per_class[1]))),
        n_unlabeled=int(labels.isna().sum()),
        n_patients=int(of_known["patient"].nunique()),
        n_unknown_patients=len(table) - len(of_known) if dataset.has_patients else 0,
        patients_per_class=(len(patients[0]), len(patients[1])),
        slices_per_patient=(int(per_patient.min()), int(per_patient.max())),
        patients_in_both=tuple(sorted(patients[0] & patients[1])),
        sizes=tuple(Counter(sizes).most_common()),
        refused=tuple(dataset.refused),
        duplicates=duplicates,
        n_duplicates_across_classes=sum(
            len({label_of[file] for file in group if not pd.isna(label_of[file])}) > 1 for group in duplicates
        ),
        near_duplicates=near,
        n_near_across_patients=sum(patient_of[first] != patient_of[second] for first, second, _ in near),
        labels=compare_labels(table) if dataset.has_slice_labels and dataset.manifest is None else None,
        sources=count_sources(dataset),
        known=find_known_pictures(dataset, hashes),
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
