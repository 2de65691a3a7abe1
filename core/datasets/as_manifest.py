"""Describe class folders with slice labels, such as the Kaggle set, as lines of a manifest."""

from __future__ import annotations

from core.datasets.kaggle import KNOWN_DATASET
from core.datasets.slices import Dataset
from core.errors import DatasetError
from core.manifests import Layout, Line, Source

NAME = "brain-stroke-ct"
_TERMS = "license unclear; the pictures are those of PhysioNet CT-ICH (CC BY 4.0, Hssayeni et al. 2020)"
_WORDS = {0: "absent", 1: "present"}
_ISCHEMIA_REASON = (
    "the patients were scanned after head trauma, and nobody looked for ischemia; slices that show a "
    "hemorrhage are left out, because bleeding may look like an infarct or hide one"
)
_SOURCE = Source(
    NAME,
    KNOWN_DATASET["name"],
    _TERMS,
    {"hemorrhage": ("unknown", ""), "ischemia": ("presumed absent", _ISCHEMIA_REASON)},
)


def describe_class_folders(dataset: Dataset) -> Layout:
    """Return the lines of a manifest for class folders; their paths are below the data set's folder.

    Raises:
        DatasetError: the set has no slice labels.
    """
    if not dataset.has_slice_labels or dataset.manifest is not None:
        raise DatasetError(
            "The slice labels of these class folders are unknown",
            found="they can only be inferred from file numbers like those of the published data set",
            remedy="write a manifest with a column 'hemorrhage'",
        )
    table = dataset.table
    lines: list[Line] = [
        {
            "file": file,
            "source": NAME,
            "patient": patient,
            "hemorrhage": _WORDS[label],
            "ischemia": "unknown" if label else "",
        }
        for file, patient, label in zip(
            table["file"], table["patient"], table["slice_label"].astype(int), strict=True
        )
    ]
    notes = (f"{len(dataset.refused):,} unreadable files were skipped.",) if dataset.refused else ()
    return Layout(lines, (_SOURCE,), notes)
