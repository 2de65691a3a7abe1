"""Index class folders or a manifest as one table of slices, and find or download the published set.

`core.datasets.class_folders` recovers patients and slice labels from the file names.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from core.datasets.class_folders import (
    can_recover_slice_labels,
    find_class_folders,
    list_files,
    parse_name,
    recover_slice_labels,
)
from core.datasets.decoded import DecodedScans
from core.datasets.kaggle import KNOWN_DATASET, fetch_known_dataset, find_cached_dataset
from core.datasets.manifest_set import index_manifest
from core.datasets.places import open_scan, read_pixels as read_pixels
from core.datasets.slices import (
    COLUMNS as COLUMNS,
    HEMORRHAGE,
    Dataset as Dataset,
    Progress as Progress,
    Remark,
    fingerprint_table as fingerprint_table,
    remark_on_unknown_patients,
)
from core.errors import DatasetError, ScanError
from core.manifests import find_manifest
from core.system import natural_key

DATASET_VARIABLE = "STROKE_CT_DATA"
_DATASET_FOLDER = "brain-stroke-ct"


def index_dataset(
    folder: Path, progress: Progress | None = None, *, decoded: DecodedScans | None = None
) -> Dataset:
    """Index a folder of two class folders or a manifest, decoding every file once.

    The class folders may be inside wrapping folders, and pictures in subfolders of the classes. The published
    set takes 2 to 4 s on two cores.

    Args:
        folder: folder that holds the class folders; or a manifest (see `core.manifests.columns`), or a folder
            that holds one as `manifest.csv`.
        progress: called as progress(files done, total).
        decoded: keeps the decoded scans for `read_slice`: for a set whose slices are read once, soon.

    Raises:
        DatasetError: the folder does not exist, does not hold exactly two class folders, or a class has no
            readable picture; or the manifest cannot be used, or no line of it.
    """
    if manifest := find_manifest(Path(folder)):
        return index_manifest(manifest, progress, decoded)
    root, classes = find_class_folders(Path(folder))
    listed = [(path, label) for label, name in enumerate(classes) for path in list_files(root / name)]
    rows: list[tuple[str, int, str]] = []
    refused: list[dict[str, str]] = []
    # Pillow decodes outside Python's lock, so two threads are nearly twice as fast as one.
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        outcomes = readers.map(lambda path: _check_file(path, decoded), (path for path, _ in listed))
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
    return replace(_assemble(root, classes, rows, refused), decoded=decoded)


def find_dataset() -> Path | None:
    """Return the folder or manifest of the data set on this machine, or None.

    It searches the folder named by the environment variable STROKE_CT_DATA (the set itself, a folder that
    holds it as `brain-stroke-ct`, or a manifest), then kagglehub's cache. The content is not checked.
    """
    named = os.environ.get(DATASET_VARIABLE)
    if named:
        folder = Path(named).expanduser()
        for place in (folder / _DATASET_FOLDER, folder):
            if place.is_dir() or (place.is_file() and find_manifest(place)):
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


def _check_file(path: Path, decoded: DecodedScans | None) -> str | ScanError:
    try:
        return open_scan(path, decoded).sha256
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
    ).fillna(dict.fromkeys(COLUMNS[6:], ""))
    if has_slice_labels:
        table[HEMORRHAGE] = table["slice_label"]
    return Dataset(
        folder=root,
        table=table,
        classes=classes,
        fingerprint=fingerprint_table(table),
        refused=refused,
        has_patients=has_patients,
        has_slice_labels=has_slice_labels,
        remarks=tuple(_list_remarks(has_patients, has_slice_labels, refused)),
        findings=(HEMORRHAGE,) if has_slice_labels else (),
    )


def _list_remarks(
    has_patients: bool, has_slice_labels: bool, refused: list[dict[str, str]]
) -> Iterator[Remark]:
    if not has_patients:
        yield from remark_on_unknown_patients("the files are not named 'PATIENT (NUMBER)'")
    elif not has_slice_labels:
        # A validation reads the labels of the folders then, or compares without labels.
        yield Remark(
            "There are no slice labels: the file numbers do not follow the rule of the published data set.",
            ("training",),
        )
    if refused:
        yield Remark(f"{len(refused):,} unreadable files were skipped.")
