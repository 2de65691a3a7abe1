"""The type of an indexed data set, its labels, and the groups that a split must not separate."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.datasets.decoded import DecodedScans
from core.datasets.kaggle import KNOWN_DATASET
from core.datasets.places import Place
from core.errors import DatasetError
from core.manifests import KEPT, Source, get_finding

Progress = Callable[[int, int], None]
LABELS = ("folder", "slice")
Labels = Literal["folder", "slice"]
Use = Literal["training", "validation"]
USES: tuple[Use, ...] = ("training", "validation")
COLUMNS = (
    "file", "patient", "number", "folder_label", "slice_label", "sha256", "source", "vendor", "mask", "part",
)  # fmt: skip
HEMORRHAGE = "hemorrhage"
# The code of a remark in `Dataset.refused` that leaves no slice out.
NOTE = "note"


class Remark(NamedTuple):
    """A sentence about what is doubtful in a data set, and the uses of the set that it matters for."""

    text: str
    uses: tuple[Use, ...] = USES


@dataclass(frozen=True, eq=False)
class Dataset:
    """A table of slices, from two class folders or from a manifest.

    Attributes:
        folder: the folder that holds the two class folders, or the manifest.
        table: one row per readable slice, RangeIndex. Of class folders in natural order of (class, patient,
            number), of a manifest in the order of (source, patient, name):
            `file` (str, unique name: posix path below `folder`; see `core.manifests.Row`),
            `patient` (str, "SOURCE/ID" if there are several sources, "" if unknown),
            `number` (Int64, <NA> if unknown; of a manifest, the place among the patient's slices by name),
            `folder_label` (int64, 0 or 1; of a manifest the patient's, Int64, 1 if any slice shows the
            hemorrhage, <NA> if unknown), `slice_label` (Int64, 0, 1 or <NA>: hemorrhage; both are those of
            the finding after `select_known`), `sha256` (str),
            `source`, `vendor`, `mask` (str, "" if unknown or none), `part` ("kept": never trained on; else
            ""), and for each of `findings` a column (Int64: 1 present, 0 absent, <NA> unknown).
        classes: the class folders' names, (negative, positive).
        fingerprint: of class folders sha256 of the sorted lines "file<TAB>sha256<NEWLINE>"; of a manifest
            the lines hold its other columns too. It identifies the whole set.
        refused: unreadable files, each a dict with `file`, `code` and `message`; not in the table. Those of
            a manifest have its `line` too; those with the code NOTE leave no slice out.
        has_patients: whether patients are known; of a manifest, whether any is.
        has_slice_labels: whether slice labels are known; of a manifest, whether any is.
        remarks: on unknown patients or labels and unreadable files.
        findings: the findings with a column in the table.
        sources: the sources of a manifest, with what their silence means; () for class folders.
        manifest: the file of a manifest; None for class folders.
        places: `file` -> where the slice of a manifest lies; empty for class folders.
        left_out: reason -> number of slices that `select_known` left out.
        decoded: scans that were kept in memory when the set was indexed, for `read_slice`.
    """

    folder: Path
    table: pd.DataFrame
    classes: tuple[str, str]
    fingerprint: str
    refused: list[dict[str, str]] = field(default_factory=list)
    has_patients: bool = False
    has_slice_labels: bool = False
    remarks: tuple[Remark, ...] = ()
    findings: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    manifest: Path | None = None
    places: Mapping[str, Place] = field(default_factory=dict)
    left_out: Mapping[str, int] = field(default_factory=dict)
    decoded: DecodedScans | None = None

    @property
    def is_known(self) -> bool:
        """Return whether this is the published set, byte by byte."""
        return self.fingerprint == KNOWN_DATASET["fingerprint"]

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return the remarks that matter when networks are trained on the set, as sentences."""
        return self.list_warnings("training")

    def list_warnings(self, use: Use) -> tuple[str, ...]:
        """Return the remarks that matter for a use of the set, as sentences."""
        return tuple(remark.text for remark in self.remarks if use in remark.uses)

    @property
    def n_unreadable(self) -> int:
        """Return the number of files, or lines of the manifest, that are left out."""
        return sum(item["code"] != NOTE for item in self.refused)

    def labels(self, which: Labels, finding: str = HEMORRHAGE) -> NDArray[np.int64]:
        """Return the (n,) int64 labels, 0 or 1, in the order of the table.

        Args:
            which: "folder" (label of the class folder, hence of the patient) or "slice" (label of the slice).
            finding: the finding of slice labels.

        Raises:
            DatasetError: the set has no such labels, some are unknown (see `select_known`), or all labels are
                equal.
            ValueError: `which` is neither.
        """
        column = self._find_labels(which, finding)
        n_unknown = int(column.isna().sum())
        if n_unknown:
            raise DatasetError(
                f"The {which} labels of some slices are unknown",
                found=f"{n_unknown:,} of {len(column):,}",
                remedy="leave these slices out",
            )
        y = column.to_numpy(dtype=np.int64)
        if len(np.unique(y)) < 2:
            names = self.class_names(which, finding)
            raise DatasetError(
                f"All {which} labels are equal",
                found=f"{len(y)} slices of class {names[int(y[0])]!r}" if len(y) else "no slice",
                remedy="add slices of the other class",
            )
        return y

    def select_known(self, which: Labels, finding: str = HEMORRHAGE) -> Dataset:
        """Return the slices that a training may use: with a known label, outside the kept part.

        The fingerprint stays that of the whole set. `left_out` counts the others, and a warning says it. For
        slice labels, the columns `slice_label` and `folder_label` are then those of the finding.

        Raises:
            DatasetError: the set has no such labels, or no slice is left.
        """
        unknown = self._find_labels(which, finding).isna().to_numpy()
        kept = (self.table["part"] == KEPT).to_numpy()
        if not (unknown | kept).any() and (which == "folder" or finding == HEMORRHAGE):
            return self
        left_out = {"kept part": int(kept.sum()), "unknown label": int((unknown & ~kept).sum())}
        table = self.table[~(unknown | kept)].reset_index(drop=True)
        if which == "slice":
            # Of the slices that are left, the patient's label is known.
            table["slice_label"] = table[finding]
            table["folder_label"] = label_patients(table["patient"], table[finding])
        counts = " and ".join(f"{n:,} ({reason})" for reason, n in left_out.items() if n)
        if table.empty:
            raise DatasetError(
                "No slice is left to train on", found=f"left out: {counts}", remedy="add labeled slices"
            )
        told = [Remark(f"Left out of {len(self.table):,} slices: {counts}.", ("training",))] if counts else []
        return replace(
            self,
            table=table,
            left_out={reason: n for reason, n in left_out.items() if n},
            has_patients=bool((table["patient"] != "").any()),
            has_slice_labels=self.has_slice_labels or which == "slice",
            remarks=(*self.remarks, *told),
        )

    def groups(self) -> NDArray[np.str_]:
        """Return for each slice the group that a split by patient must not separate, (n,) str.

        It is the patient. Of a manifest, patients who share a picture are one group, also across sources, and
        a slice of an unknown patient is a group of its own; if all patients are unknown, all groups are "".
        """
        patients = self.table["patient"].to_numpy(dtype=str)
        if self.manifest is None or not (patients != "").any():
            return patients
        units = [patient or f"\t{file}" for patient, file in zip(patients, self.table["file"], strict=True)]
        return join_copies(units, self.table["sha256"].to_list())

    def number_patients(self) -> list[str]:
        """Return for each slice its patient's running number in the table, from "1"; "" if unknown."""
        numbers: dict[str, str] = {"": ""}
        return [numbers.setdefault(patient, str(len(numbers))) for patient in self.table["patient"]]

    def class_names(self, which: Labels, finding: str = HEMORRHAGE) -> tuple[str, str]:
        """Return the class names (negative, positive) for folder labels, or for slice labels of a finding."""
        _check_labels_name(which)
        return self.classes if which == "folder" else get_finding(finding).classes

    def _find_labels(self, which: Labels, finding: str) -> pd.Series:
        _check_labels_name(which)
        if which == "folder":
            return self.table["folder_label"]
        known = self.has_slice_labels if finding == HEMORRHAGE else finding in self.findings
        if not known and self.manifest is None and finding != HEMORRHAGE:
            raise DatasetError(
                f"Class folders have no label of {finding}",
                remedy=f"write a manifest with a column {finding!r}; docs/data.md says how",
            )
        if not known and self.manifest is None:
            raise DatasetError(
                "This set has no slice labels",
                found="they can only be inferred from file numbers like those of the published data set",
                remedy="use the folder labels",
            )
        if not known or self.table[finding].isna().all():
            raise DatasetError(
                f"The manifest has no label of {finding}",
                remedy=f"fill its column {finding!r} with present or absent",
            )
        return self.table[finding]


def remark_on_unknown_patients(why: str) -> Iterator[Remark]:
    """Yield what it means for each use that no patient is known; `why` ends the first sentence."""
    yield Remark(
        f"Patients are unknown: {why}. The set can only be split at random; if slices of one patient are in "
        "both training and test, test results are inflated.",
        ("training",),
    )
    yield Remark(
        f"Patients are unknown: {why}. Slices count as independent, so intervals are too narrow if several "
        "slices come from one patient.",
        ("validation",),
    )


def label_patients(patients: Iterable[str], labels: pd.Series) -> pd.Series:
    """Return the label of each slice's patient, Int64.

    It is 1 if any slice of the patient is 1; <NA> if none is and any is <NA>; otherwise 0. A slice of an
    unknown patient ("") has its own label.
    """
    units = np.array([patient or f"\t{row}" for row, patient in enumerate(patients)], dtype=str)
    shown = labels.groupby(units).transform("max")
    unknown = labels.isna().groupby(units).transform("any")
    return shown.mask(unknown & (shown != 1).fillna(True)).astype("Int64")


def join_copies(units: list[str], digests: list[str]) -> NDArray[np.str_]:
    """Join units that share a picture.

    Args:
        units: (n,) unit of each slice.
        digests: (n,) hash of each slice.

    Returns:
        (n,) the first unit, by name, of all that are joined with the slice's.
    """
    leader = {unit: unit for unit in units}

    def find(unit: str) -> str:
        while leader[unit] != unit:
            leader[unit] = leader[leader[unit]]
            unit = leader[unit]
        return unit

    first_of: dict[str, str] = {}
    for unit, digest in zip(units, digests, strict=True):
        one, other = sorted((find(unit), find(first_of.setdefault(digest, unit))))
        leader[other] = one
    return np.array([find(unit) for unit in units], dtype=str)


def fingerprint_table(table: pd.DataFrame) -> str:
    """Return the fingerprint of a table with the columns `file` and `sha256`; see `Dataset`."""
    return hash_lines(zip(table["file"], table["sha256"], strict=True))


def hash_lines(rows: object) -> str:
    """Return the SHA-256 of rows of cells: sorted lines, cells separated by tabs."""
    lines = sorted("\t".join(map(str, row)) + "\n" for row in rows)  # type: ignore[attr-defined]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check_labels_name(which: str) -> None:
    if which not in LABELS:
        raise ValueError(f"labels must be one of {LABELS}, got {which!r}")
