"""A folder of pictures in two class folders -> one table of slices.

Slice labels. The published set "Brain Stroke CT Image Dataset" (Kaggle, afridirahman) holds the pictures of PhysioNet
CT-ICH (Hssayeni et al., "Intracranial Hemorrhage Segmentation Using a Deep Convolutional Model", Data 2020, 5(1):14;
82 patients after head trauma) under another name. Its folder label belongs to the patient and is copied to every
slice. The original folders held a mask behind every slice with a hemorrhage; masks and slices were numbered together
and the masks then deleted. So a slice shows a hemorrhage if the number after its own is missing in its patient. The
last slice of a patient has no such witness and counts as free of hemorrhage. Against the radiologists' labels this
rule is right on 2,491 of 2,501 slices; it misses nine slices of patient 49 and one of patient 51, and invents none.
The rule is only used where it can hold: folders named Normal and Stroke, every file named "PATIENT (NUMBER)", numbers
starting at 1, never two in a row missing.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import DatasetError, ScanError
from core.scans import read_scan_file

Progress = Callable[[int, int], None]
LABELS = ("folder", "slice")
Labels = Literal["folder", "slice"]
COLUMNS = ("file", "patient", "number", "folder_label", "slice_label", "sha256")

_NAME_RULE = re.compile(r"(\d+) \((\d+)\)")
_SLICE_CLASSES = ("No hemorrhage", "Hemorrhage")
_SLICE_RULE_FOLDERS = {"normal", "stroke"}
# Words at the start of a folder's name that mark the class without the finding.
_NEGATIVE_WORDS = {
    "normal",
    "no",
    "non",
    "not",
    "without",
    "healthy",
    "control",
    "controls",
    "negative",
    "benign",
}
_IGNORED_FOLDERS = {"__macosx", "$recycle.bin", "system volume information"}
_IGNORED_FILES = {"thumbs.db", "desktop.ini"}
_MAX_WRAPPERS = 4

_LAYOUT = "put the pictures into two folders, one for each class, such as Normal and Stroke"


@dataclass(frozen=True, eq=False)
class Dataset:
    """An indexed folder of slices.

    Attributes:
        folder: the folder that holds the two class folders.
        table: one row per readable slice, RangeIndex, in natural order of (class, patient, number):
            `file` (str, posix path below `folder`), `patient` (str, "" if unknown), `number` (Int64, <NA> if unknown),
            `folder_label` (int64, 0 or 1), `slice_label` (Int64, 0, 1 or <NA>), `sha256` (str).
        classes: the class folders' names, (negative, positive).
        fingerprint: sha256 over the sorted lines "file<TAB>sha256<NEWLINE>"; names the whole set.
        refused: unreadable files, each a dict with `file`, `code` and `message`; none of them is in the table.
        has_patients: whether every file names its patient.
        has_slice_labels: whether the file-number rule holds (see the module's text).
        warnings: what a user of the set must know, as sentences.
    """

    folder: Path
    table: pd.DataFrame
    classes: tuple[str, str]
    fingerprint: str
    refused: list[dict[str, str]] = field(default_factory=list)
    has_patients: bool = False
    has_slice_labels: bool = False
    warnings: tuple[str, ...] = ()

    def labels(self, which: Labels) -> NDArray[np.int64]:
        """The (n,) labels, 0 or 1, in the order of the table.

        Args:
            which: "folder" (the class folder's, in fact the patient's) or "slice" (what the slice itself shows).

        Raises:
            DatasetError: when the set has no slice labels, or when all labels are equal.
        """
        _check_labels_name(which)
        if which == "slice" and not self.has_slice_labels:
            raise DatasetError(
                "This set has no slice labels",
                came="they can only be recovered from the file numbers of the published set",
                remedy="use the folder labels",
            )
        y = self.table[f"{which}_label"].to_numpy(dtype=np.int64)
        if len(np.unique(y)) < 2:
            raise DatasetError(
                f"All {which} labels are equal",
                came=f"{len(y)} slices of class {self.class_names(which)[int(y[0])]!r}",
                remedy="add slices of the other class",
            )
        return y

    def class_names(self, which: Labels) -> tuple[str, str]:
        """The names of the classes, (negative, positive), for folder or slice labels."""
        _check_labels_name(which)
        return self.classes if which == "folder" else _SLICE_CLASSES


def index_dataset(folder: Path, progress: Progress | None = None) -> Dataset:
    """Read every picture of a two-class folder once and list what it holds.

    Takes any set of two class folders, also inside one or more wrapping folders; pictures may lie in subfolders of
    the classes. Hidden files and folders, and what archives and desktops leave behind, are passed over. The class
    whose name begins with a word such as "normal", "no" or "healthy" is the negative one; otherwise the first by name.

    Args:
        folder: holds the class folders.
        progress: called as progress(files done, files in all).

    Raises:
        DatasetError: for a folder that does not exist or holds no pictures, for a number of class folders other than
            two, and for a class without a single readable picture.
    """
    root, folders = _find_class_folders(Path(folder))
    classes = _order_classes([path.name for path in folders])
    files = [(root / name / path, label) for label, name in enumerate(classes) for path in _walk(root / name)]
    rows: list[dict[str, object]] = []
    refused: list[dict[str, str]] = []
    # Pillow decodes outside Python's lock, so two threads are nearly twice as fast as one.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        for done, ((path, label), outcome) in enumerate(
            zip(files, readers.map(_check_file, (path for path, _ in files)), strict=True), start=1
        ):
            file = path.relative_to(root).as_posix()
            if isinstance(outcome, ScanError):
                refused.append({"file": file, "code": outcome.code, "message": str(outcome)})
            else:
                rows.append({"file": file, "folder_label": label, "sha256": outcome})
            if progress:
                progress(done, len(files))
    for label, name in enumerate(classes):
        if not any(row["folder_label"] == label for row in rows):
            raise DatasetError(
                f"The class folder {name!r} holds no readable picture",
                came=f"{sum(item['file'].startswith(name + '/') for item in refused)} files refused",
                remedy="add pictures of this class",
            )
    return _assemble(root, classes, rows, refused)


def read_pixels(dataset: Dataset, file: str) -> NDArray[np.float32]:
    """Read one slice of the table.

    Args:
        dataset: the indexed set.
        file: a value of the table's `file` column.

    Returns:
        (H, W) float32 in [0, 1], read-only.

    Raises:
        ScanError: when the file has vanished or changed for the worse since it was indexed.
    """
    return read_scan_file(dataset.folder / file, file).slices[0].pixels


def _check_labels_name(which: str) -> None:
    if which not in LABELS:
        raise ValueError(f"labels must be one of {LABELS}, got {which!r}")


def _check_file(path: Path) -> str | ScanError:
    try:
        scan = read_scan_file(path)
    except ScanError as error:
        return error
    return scan.sha256


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path
        for path in folder.iterdir()
        if path.is_dir() and not path.name.startswith(".") and path.name.lower() not in _IGNORED_FOLDERS
    )


def _walk(folder: Path) -> Iterator[Path]:
    """Every file below a class folder that is no desktop's leftover, relative to it, in natural order."""
    found = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name.lower() not in _IGNORED_FOLDERS]
        found += [
            (Path(parent) / name).relative_to(folder)
            for name in names
            if name[0] != "." and name.lower() not in _IGNORED_FILES
        ]
    return iter(sorted(found, key=lambda path: natural_key(path.as_posix())))


def _find_class_folders(folder: Path) -> tuple[Path, list[Path]]:
    """Follow wrapping folders down to the two that hold the classes."""
    if not folder.is_dir():
        raise DatasetError(
            f"There is no folder {str(folder)!r}", remedy="check the path, or download the data set"
        )
    root = folder
    for _ in range(_MAX_WRAPPERS):
        filled = [path for path in _subfolders(root) if next(_walk(path), None) is not None]
        if len(filled) == 2:
            return root, filled
        if len(filled) > 2:
            names = ", ".join(path.name for path in filled[:6]) + (", ..." if len(filled) > 6 else "")
            raise DatasetError(
                "The folder holds more than two class folders", came=f"{len(filled)}: {names}", remedy=_LAYOUT
            )
        if not filled:
            break
        if not _subfolders(filled[0]):
            raise DatasetError(
                "The folder holds one class only", came=f"the folder {filled[0].name!r}", remedy=_LAYOUT
            )
        root = filled[0]
    raise DatasetError(f"The folder {folder.name!r} holds no class folders with pictures", remedy=_LAYOUT)


def _order_classes(names: list[str]) -> tuple[str, str]:
    """(negative, positive)"""
    first, second = sorted(names, key=natural_key)
    marked = [re.split(r"[^a-z]+", name.lower())[0] in _NEGATIVE_WORDS for name in (first, second)]
    return (second, first) if marked == [False, True] else (first, second)


def natural_key(text: str) -> list[tuple[int, int, str]]:
    """A sort key under which "2" comes before "10"."""
    return [
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part
    ]


def _assemble(
    root: Path, classes: tuple[str, str], rows: list[dict[str, object]], refused: list[dict[str, str]]
) -> Dataset:
    parsed = {file: _NAME_RULE.fullmatch(Path(file).stem) for file in map(str, (row["file"] for row in rows))}
    has_patients = all(parsed.values())
    for row in rows:
        match = parsed[str(row["file"])] if has_patients else None
        row["patient"], row["number"] = (match[1], int(match[2])) if match else ("", None)
    rows.sort(key=lambda row: (row["folder_label"], natural_key(str(row["patient"])), row["number"] or 0))
    table = pd.DataFrame(rows)
    table["number"] = table["number"].astype("Int64")
    # An unreadable file still proves that its number was given to a slice.
    taken = {
        (match[1], int(match[2]))
        for item in refused
        if (match := _NAME_RULE.fullmatch(Path(item["file"]).stem))
    }
    taken |= {(str(row["patient"]), int(str(row["number"]))) for row in rows if has_patients}
    has_slice_labels = (
        has_patients
        and {name.lower() for name in classes} == _SLICE_RULE_FOLDERS
        and _numbers_can_tell(taken)
    )
    table["slice_label"] = _read_slice_labels(table, taken) if has_slice_labels else pd.NA
    table["slice_label"] = table["slice_label"].astype("Int64")
    table["folder_label"] = table["folder_label"].astype("int64")
    return Dataset(
        folder=root,
        table=table[list(COLUMNS)],
        classes=classes,
        fingerprint=fingerprint_table(table),
        refused=refused,
        has_patients=has_patients,
        has_slice_labels=has_slice_labels,
        warnings=tuple(_warn(has_patients, has_slice_labels, refused)),
    )


def _numbers_can_tell(taken: set[tuple[str, int]]) -> bool:
    """Whether the gaps between file numbers can stem from deleted masks alone."""
    previous: dict[str, int] = {}
    for patient, number in sorted(taken):
        is_first_wrong = patient not in previous and number != 1
        if is_first_wrong or number - previous.get(patient, 0) > 2:
            return False
        previous[patient] = number
    return True


def _read_slice_labels(table: pd.DataFrame, taken: set[tuple[str, int]]) -> list[int]:
    last: dict[str, int] = {}
    for patient, number in taken:
        last[patient] = max(number, last.get(patient, 0))
    pairs = zip(table["patient"], table["number"].astype(int), strict=True)
    return [int(number < last[patient] and (patient, number + 1) not in taken) for patient, number in pairs]


def _warn(has_patients: bool, has_slice_labels: bool, refused: list[dict[str, str]]) -> Iterator[str]:
    if not has_patients:
        yield (
            "NO PATIENTS ARE KNOWN in this set, because its files are not named 'PATIENT (NUMBER)'. It can only be "
            "split by picture; where slices of one patient fall on both sides, test figures are far too good."
        )
    elif not has_slice_labels:
        yield "This set has no slice labels: its file numbers are not those of the published set."
    if refused:
        yield f"{len(refused)} unreadable files were skipped."


def fingerprint_table(table: pd.DataFrame) -> str:
    """sha256 over the sorted lines "file<TAB>sha256<NEWLINE>" of a table of slices."""
    lines = sorted(f"{file}\t{digest}\n" for file, digest in zip(table["file"], table["sha256"], strict=True))
    return hashlib.sha256("".join(lines).encode()).hexdigest()
