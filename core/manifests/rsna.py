"""RSNA Intracranial Hemorrhage Detection Challenge 2019 (Flanders et al., Radiology: AI 2020, 2(3):e190211).

As published: `stage_2_train.csv` with the lines "ID_000012eaf_epidural,0", six for each slice, and
`stage_2_train/ID_000012eaf.dcm`; both may lie in wrapping folders. Patients are taken from the files. Or
`slices.csv` with the columns `slice` and `any`, and pictures in `images/`, without patients.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path

import pydicom

from core.errors import DatasetError
from core.manifests.columns import KEPT, Source
from core.manifests.kept_aside import is_kept_aside
from core.manifests.layouts import (
    SLICES_NAME,
    Layout,
    Line,
    OnProgress,
    hide_id,
    index_stems,
    read_flag,
    read_table,
)

NAME = "rsna-2019"
_ISCHEMIA_REASON = (
    "the set was collected for hemorrhage, and nobody looked for ischemia: some slices show old infarcts "
    "that no label tells; slices that show a hemorrhage are left out, because bleeding may look like an "
    "infarct or hide one"
)
_SOURCE = Source(
    NAME,
    "RSNA Intracranial Hemorrhage Detection Challenge 2019",
    "RSNA's terms of use: non-commercial; cite Flanders et al. 2020, doi:10.1148/ryai.2020190211",
    {"hemorrhage": ("unknown", ""), "ischemia": ("presumed absent", _ISCHEMIA_REASON)},
)
_TABLE = "stage_2_train.csv"
_PICTURES = (".jpg", ".jpeg", ".png")
_ANY = "any"
_EVERY = 1000


def describe(folder: Path, on_progress: OnProgress) -> Layout:
    """Describe the folder; see `core.manifests.describe_folder`.

    A quarter of the slices, or of the patients where the files name them, is marked as kept aside.
    """
    table = next(iter(sorted(folder.rglob(_TABLE))), None)
    if table is not None:
        return _describe_published(folder, table, on_progress)
    if not (folder / SLICES_NAME).is_file():
        raise DatasetError(
            f"The folder {folder.name!r} is not the set of RSNA 2019",
            found=f"neither {_TABLE} nor {SLICES_NAME}",
            remedy=f"give the folder that holds {_TABLE} and stage_2_train",
        )
    names = index_stems(folder / "images", _PICTURES)
    lines = [
        _write_line(
            f"images/{names.get(row['slice'], row['slice'] + '.jpg')}", row["slice"], "", read_flag(row, _ANY)
        )
        for row in read_table(folder / SLICES_NAME, ("slice", _ANY))
    ]
    return Layout(lines, (_SOURCE,))


def _write_line(file: str, stem: str, patient: str, label: str) -> Line:
    part = KEPT if is_kept_aside(NAME, patient or stem) else ""
    ischemia = "" if label == "absent" else "unknown"
    return {
        "file": file,
        "source": NAME,
        "patient": patient,
        "hemorrhage": label,
        "ischemia": ischemia,
        "part": part,
    }


def _describe_published(folder: Path, table: Path, on_progress: OnProgress) -> Layout:
    labels = _read_labels(table)
    pictures = table.parent / table.stem
    names = index_stems(pictures, (".dcm",))
    if not names:
        raise DatasetError(f"The folder {pictures.name!r} beside {_TABLE} holds no DICOM file")
    place = pictures.relative_to(folder).as_posix()
    lines = []
    for done, (stem, name) in enumerate(names.items(), start=1):
        patient = _read_patient(pictures / name)
        lines.append(_write_line(f"{place}/{name}", stem, patient, labels.get(stem, "")))
        if done % _EVERY == 0 or done == len(names):
            on_progress(done, len(names))
    n_missing = len(labels.keys() - names.keys())
    note = f"{n_missing:,} slices of {_TABLE} have no file." if n_missing else ""
    return Layout(lines, (_SOURCE,), (note,) if note else ())


def _read_labels(path: Path) -> Mapping[str, str]:
    """Return slice -> label of "any"; a slice whose lines contradict each other is "unknown"."""
    words = {"0": "absent", "1": "present"}
    labels: dict[str, str] = {}
    with path.open(encoding="utf-8-sig", newline="") as stream:
        rows = csv.reader(stream)
        if next(rows, None) != ["ID", "Label"]:
            raise DatasetError(f"{path.name} must begin with the line ID,Label")
        for number, row in enumerate(rows, start=2):
            stem, _, kind = row[0].rpartition("_") if row else ("", "", "")
            if len(row) != 2 or not stem or row[1] not in words:
                raise DatasetError(f"Line {number} of {path.name} is not like ID_000012eaf_any,0")
            if kind == _ANY:
                word = words[row[1]]
                labels[stem] = word if labels.get(stem, word) == word else "unknown"
    return labels


def _read_patient(path: Path) -> str:
    """Return a digest of the patient's published pseudonym; "" if the file has none or cannot be read."""
    try:
        header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=["PatientID"])
    except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError):
        return ""
    return hide_id(NAME, str(header.get("PatientID", "") or "").strip())
