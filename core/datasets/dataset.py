"""Index a folder of two class folders as one table of slices, and find or download the published set.

`core.datasets.file_names` recovers patients and slice labels from the file names.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets.class_folders import find_class_folders, list_files
from core.datasets.file_names import can_recover_slice_labels, parse_name, recover_slice_labels
from core.datasets.kaggle import KNOWN_DATASET, fetch_known_dataset, find_cached_dataset
from core.errors import DatasetError, ScanError
from core.scans import read_scan
from core.system import natural_key

Progress = Callable[[int, int], None]
LABELS = ("folder", "slice")
Labels = Literal["folder", "slice"]
COLUMNS = ("file", "patient", "number", "folder_label", "slice_label", "sha256")

DATASET_VARIABLE = "STROKE_CT_DATA"
_DATASET_FOLDER = "brain-stroke-ct"
_SLICE_CLASSES = ("No hemorrhage", "Hemorrhage")


@dataclass(frozen=True, eq=False)
class Dataset:
    """An indexed folder of slices.

    Attributes:
        folder: the folder that holds the two class folders.
        table: one row per readable slice, RangeIndex, in natural order of (class, patient, number):
            `file` (str, posix path below `folder`), `patient` (str, "" if unknown),
            `number` (Int64, <NA> if unknown), `folder_label` (int64, 0 or 1),
            `slice_label` (Int64, 0, 1 or <NA>), `sha256` (str).
        classes: the class folders' names, (negative, positive).
        fingerprint: sha256 of the sorted lines "file<TAB>sha256<NEWLINE>"; identifies the whole set.
        refused: unreadable files, each a dict with `file`, `code` and `message`; not in the table.
        has_patients: whether every file name gives a patient.
        has_slice_labels: whether the file-number rule holds (see `core.datasets.file_names`).
        warnings: sentences about unknown patients or labels and unreadable files.
    """

    folder: Path
    table: pd.DataFrame
    classes: tuple[str, str]
    fingerprint: str
    refused: list[dict[str, str]] = field(default_factory=list)
    has_patients: bool = False
    has_slice_labels: bool = False
    warnings: tuple[str, ...] = ()

    @property
    def is_known(self) -> bool:
        """Return whether this is the published set, byte by byte."""
        return self.fingerprint == KNOWN_DATASET["fingerprint"]

    def labels(self, which: Labels) -> NDArray[np.int64]:
        """Return the (n,) int64 labels, 0 or 1, in the order of the table.

        Args:
            which: "folder" (label of the class folder, hence of the patient) or "slice" (label of the slice).

        Raises:
            DatasetError: the set has no slice labels, or all labels are equal.
            ValueError: `which` is neither.
        """
        _check_labels_name(which)
        if which == "slice" and not self.has_slice_labels:
            raise DatasetError(
                "This set has no slice labels",
                found="they can only be inferred from file numbers like those of the published data set",
                remedy="use the folder labels",
            )
        y = self.table[f"{which}_label"].to_numpy(dtype=np.int64)
        if len(np.unique(y)) < 2:
            raise DatasetError(
                f"All {which} labels are equal",
                found=f"{len(y)} slices of class {self.class_names(which)[int(y[0])]!r}",
                remedy="add slices of the other class",
            )
        return y

    def class_names(self, which: Labels) -> tuple[str, str]:
        """Return the class names (negative, positive) for folder or slice labels."""
        _check_labels_name(which)
        return self.classes if which == "folder" else _SLICE_CLASSES


def index_dataset(folder: Path, progress: Progress | None = None) -> Dataset:
    """Index a folder of two class folders, decoding every picture once.

    The class folders may be inside wrapping folders, and pictures in subfolders of the classes. The published
    set takes 2 to 4 s on two cores.

    Args:
        folder: folder that holds the class folders.
        progress: called as progress(files done, total).

    Raises:
        DatasetError: the folder does not exist, does not hold exactly two class folders, or a class has no
            readable picture.
    """
    root, classes = find_class_folders(Path(folder))
    listed = [(path, label) for label, name in enumerate(classes) for path in list_files(root / name)]
    rows: list[tuple[str, int, str]] = []
    refused: list[dict[str, str]] = []
    # Pillow decodes outside Python's lock, so two threads are nearly twice as fast as one.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        outcomes = readers.map(_check_file, (path for path, _ in listed))
        for done, ((path, label), outcome) in enumerate(zip(listed, outcomes, strict=True), start=1):
            file = path.relative_to(root).as_posix()
            if isinstance(outcome, ScanError):
                refused.append({"file": file, "code": outcome.code, "message": str(outcome)})
            else:
                rows.append((file, label, outcome))
            if progress:
                progress(done, len(listed))
    for label, name in enumerate(classes):
        if not any(row[1] == label for row in rows):
            raise DatasetError(
                f"The class folder {name!r} contains no readable image",
                found=f"{sum(item['file'].startswith(name + '/') for item in refused)} files were refused",
                remedy="add images of this class",
            )
    return _assemble(root, classes, rows, refused)


def read_pixels(dataset: Dataset, file: str) -> NDArray[np.float32]:
    """Read one slice of the table; of a file with several slices, the first.

    Args:
        dataset: the indexed set.
        file: a value of the table's `file` column.

    Returns:
        (H, W) float32 in [0, 1], read-only.

    Raises:
        ScanError: the file was removed or damaged after indexing.
    """
    return read_scan(dataset.folder / file, file).slices[0].pixels


def fingerprint_table(table: pd.DataFrame) -> str:
    """Return the fingerprint of a table with the columns `file` and `sha256`; see `Dataset`."""
    pairs = zip(table["file"], table["sha256"], strict=True)
    return hashlib.sha256(
        "".join(sorted(f"{file}\t{digest}\n" for file, digest in pairs)).encode()
    ).hexdigest()


def find_dataset() -> Path | None:
    """Return the folder of the data set on this machine, or None.

    It searches the folder named by the environment variable STROKE_CT_DATA (the set itself, or a folder that
    holds it as `brain-stroke-ct`), then kagglehub's cache. The folder's content is not checked.
    """
    named = os.environ.get(DATASET_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        for place in (folder / _DATASET_FOLDER, folder):
            if place.is_dir():
                return place
    return find_cached_dataset()


def download(progress: Progress | None = None, checking: Progress | None = None) -> Path:
    """Download the published set from Kaggle into kagglehub's cache, and check its fingerprint.

    A set that is already in the cache is only checked.

    Args:
        progress: called as progress(bytes so far, estimated total).
        checking: called as checking(files done, total) while the set is checked.

    Returns:
        The folder that holds the class folders.

    Raises:
        DatasetError: Kaggle cannot be reached or refuses, the disk is full, or the downloaded set is not the
            published one.
        MissingExtraError: kagglehub is not installed.
    """
    dataset = index_dataset(fetch_known_dataset(progress), checking)
    if not dataset.is_known:
        raise DatasetError(
            "The data set from Kaggle is not the one that this program was evaluated on",
            found=f"{len(dataset.table):,} readable images of {KNOWN_DATASET['n_files']:,},"
            f" {len(dataset.refused):,} unreadable, fingerprint {dataset.fingerprint[:12]}...",
            remedy=f"delete the folder {str(dataset.folder)!r} and download again; if this message "
            f"returns, the set at {KNOWN_DATASET['url']} has changed",
        )
    return dataset.folder


def _check_labels_name(which: str) -> None:
    if which not in LABELS:
        raise ValueError(f"labels must be one of {LABELS}, got {which!r}")


def _check_file(path: Path) -> str | ScanError:
    try:
        return read_scan(path).sha256
    except ScanError as error:
        return error


def _assemble(
    root: Path, classes: tuple[str, str], rows: list[tuple[str, int, str]], refused: list[dict[str, str]]
) -> Dataset:
    places = {row[0]: place for row in rows if (place := parse_name(row[0]))}
    has_patients = len(places) == len(rows)
    # The number of an unreadable file counts as used too.
    taken = {place for item in refused if (place := parse_name(item["file"]))} | set(places.values())
    has_slice_labels = has_patients and can_recover_slice_labels(classes, taken)
    if has_patients:
        rows = sorted(rows, key=lambda row: (row[1], natural_key(places[row[0]][0]), places[row[0]][1]))
    files, folder_labels, digests = zip(*rows, strict=True)
    known = [places[file] for file in files] if has_patients else []
    unknown = [pd.NA] * len(files)
    table = pd.DataFrame(
        {
            "file": files,
            "patient": [patient for patient, _ in known] or [""] * len(files),
            "number": pd.array([number for _, number in known] or unknown, dtype="Int64"),
            "folder_label": np.asarray(folder_labels, dtype=np.int64),
            "slice_label": pd.array(
                recover_slice_labels(known, taken) if has_slice_labels else unknown, dtype="Int64"
            ),
            "sha256": digests,
        },
        columns=list(COLUMNS),
    )
    return Dataset(
        folder=root,
        table=table,
        classes=classes,
        fingerprint=fingerprint_table(table),
        refused=refused,
        has_patients=has_patients,
        has_slice_labels=has_slice_labels,
        warnings=tuple(_warn(has_patients, has_slice_labels, refused)),
    )


def _warn(has_patients: bool, has_slice_labels: bool, refused: list[dict[str, str]]) -> Iterator[str]:
    if not has_patients:
        yield (
            "Patients are unknown: the files are not named 'PATIENT (NUMBER)'. The set can only be split at "
            "random; if slices of one patient are in both training and test, test results are inflated."
        )
    elif not has_slice_labels:
        yield "There are no slice labels: the file numbers do not follow the rule of the published data set."
    if refused:
        yield f"{len(refused):,} unreadable files were skipped."
