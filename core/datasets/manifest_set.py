"""Index a manifest: open every file that it lists once, and put its lines into the table of a `Dataset`."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from core.datasets.decoded import DecodedScans
from core.datasets.masks import load_mask
from core.datasets.places import Place, hash_slice, open_scan
from core.datasets.slices import (
    COLUMNS,
    HEMORRHAGE,
    NOTE,
    Dataset,
    Progress,
    Remark,
    hash_lines,
    label_patients,
    remark_on_unknown_patients,
)
from core.errors import DatasetError, ScanError
from core.manifests import FINDINGS, KEPT, Manifest, Problem, Row, get_finding, read_manifest
from core.system import natural_key

_N_QUOTED = 3


@dataclass(frozen=True)
class _Opened:
    """The facts about a file that are needed: its hash, and of each slice in order size and position.

    Attributes:
        sha256: of the whole scan.
        sizes: (height, width).
        positions_mm: along the axis; None where unknown.
    """

    sha256: str
    sizes: tuple[tuple[int, ...], ...]
    positions_mm: tuple[float | None, ...]


def index_manifest(
    path: Path, progress: Progress | None = None, decoded: DecodedScans | None = None
) -> Dataset:
    """Index a manifest, decoding every file once. Lines that cannot be used do not spoil the others.

    Args:
        path: the CSV file.
        progress: called as progress(files done, total).
        decoded: keeps the decoded scans for `read_slice`.

    Raises:
        DatasetError: the manifest or its header cannot be used, or no line of it.
    """
    manifest = read_manifest(path)
    files = list(dict.fromkeys(row.path for row in manifest.rows))
    opened: dict[Path, _Opened | ScanError] = {}
    with ThreadPoolExecutor(min(4, os.cpu_count() or 1)) as readers:
        outcomes = readers.map(lambda file: _open(file, decoded), files)
        for done, (file, outcome) in enumerate(zip(files, outcomes, strict=True), start=1):
            opened[file] = outcome
            if progress:
                progress(done, len(files))
    rows: dict[str, tuple[Row, str]] = {}
    faults = [(problem, "manifest" if problem.loses_slice else NOTE) for problem in manifest.problems]
    for row in manifest.rows:
        outcome = opened[row.path]
        fault = outcome if isinstance(outcome, ScanError) else _find_fault(row, outcome)
        if isinstance(fault, ScanError):
            faults.append((Problem(row.line, str(fault), row.name, path.name), fault.code))
            continue
        assert isinstance(outcome, _Opened)
        name, digest = _name(row, outcome)
        if name in rows:
            repeated = f"it repeats line {rows[name][0].line}"
            faults.append((Problem(row.line, repeated, name, path.name), NOTE))
            continue
        rows[name] = (replace(row, name=name), digest)
    refused = [
        {"file": one.file, "code": code, "message": str(one), "line": str(one.line)}
        for one, code in sorted(faults, key=lambda fault: (fault[0].table, fault[0].line))
    ]
    if not rows:
        quoted = "; ".join(item["message"] for item in refused[:_N_QUOTED])
        raise DatasetError(f"No slice of {path.name} can be read", found=quoted, remedy="correct the table")
    return replace(_assemble(manifest, list(rows.values()), refused), decoded=decoded)


def _open(path: Path, decoded: DecodedScans | None) -> _Opened | ScanError:
    try:
        scan = open_scan(path, decoded)
    except ScanError as error:
        return error
    sizes = tuple(piece.pixels.shape for piece in scan.slices)
    return _Opened(scan.sha256, sizes, tuple(piece.position_mm for piece in scan.slices))


def _find_fault(row: Row, opened: _Opened) -> ScanError | None:
    """Return the reason not to use a line whose file could be read, or None."""
    n_slices = len(opened.sizes)
    if row.slice is None and n_slices > 1:
        return ScanError(
            f"it holds {n_slices} slices; say in the column 'slice' which one is meant", code="manifest"
        )
    if row.slice is not None and row.slice > n_slices:
        return ScanError(f"there is no slice {row.slice}", found=f"it holds {n_slices}", code="manifest")
    if row.mask_path is None:
        return None
    index = (row.slice or 1) - 1
    try:
        load_mask(row.mask_path, row.outlined, opened.sizes[index], opened.positions_mm[index])
    except ScanError as error:
        return error
    return None


def _name(row: Row, opened: _Opened) -> tuple[str, str]:
    """Return the name and the hash of a slice; a file's only slice has no number."""
    if len(opened.sizes) == 1:
        return row.name.removesuffix(f"#{row.slice}"), opened.sha256
    return row.name, hash_slice(opened.sha256, row.slice or 1)


def _assemble(manifest: Manifest, rows: Sequence[tuple[Row, str]], refused: list[dict[str, str]]) -> Dataset:
    several = len(manifest.sources) > 1
    order = {source.name: place for place, source in enumerate(manifest.sources)}
    rows = sorted(
        rows,
        key=lambda pair: (
            order[pair[0].source],
            not pair[0].patient,
            natural_key(pair[0].patient),
            natural_key(pair[0].name),
        ),
    )
    patients = [f"{row.source}/{row.patient}" if several and row.patient else row.patient for row, _ in rows]
    counted: dict[str, int] = {}
    numbers: list[int | None] = []
    for patient in patients:
        counted[patient] = counted.get(patient, 0) + 1
        numbers.append(counted[patient] if patient else None)
    labels = {
        finding: pd.array([row.labels[finding] for row, _ in rows], dtype="Int64") for finding in FINDINGS
    }
    table = pd.DataFrame(
        {
            "file": [row.name for row, _ in rows],
            "patient": patients,
            "number": pd.array(numbers, dtype="Int64"),
            "folder_label": label_patients(patients, pd.Series(labels[HEMORRHAGE])),
            "slice_label": labels[HEMORRHAGE],
            "sha256": [digest for _, digest in rows],
            "source": [row.source for row, _ in rows],
            "vendor": [row.vendor for row, _ in rows],
            "mask": [row.mask for row, _ in rows],
            "part": [row.part for row, _ in rows],
        },
        columns=list(COLUMNS),
    ).assign(**labels)
    turns = [row.rotate for row, _ in rows]
    identity = table[["file", "sha256", "source", "patient", "part", *FINDINGS]].astype(str)
    used = set(table["source"])
    places = {
        row.name: Place(
            row.path, row.slice if "#" in row.name else None, row.rotate, row.mask_path, row.outlined
        )
        for row, _ in rows
    }
    return Dataset(
        folder=manifest.path.parent,
        table=table,
        classes=get_finding(HEMORRHAGE).classes,
        fingerprint=hash_lines(identity.assign(rotate=turns).itertuples(index=False)),
        refused=refused,
        has_patients=bool((table["patient"] != "").any()),
        has_slice_labels=bool(table["slice_label"].notna().any()),
        remarks=tuple(_list_remarks(table, refused)),
        findings=FINDINGS,
        sources=tuple(source for source in manifest.sources if source.name in used),
        manifest=manifest.path,
        places=places,
    )


def _list_remarks(table: pd.DataFrame, refused: list[dict[str, str]]) -> Iterator[Remark]:
    n, n_unknown = len(table), int((table["patient"] == "").sum())
    if n_unknown == n:
        yield from remark_on_unknown_patients("the manifest names none")
    elif n_unknown:
        fact = f"The patients of {n_unknown:,} of {n:,} slices are unknown."
        yield Remark(
            f"{fact} A split by patient treats each of these slices as a patient of its own; where several "
            "belong to one patient, test results are inflated.",
            ("training",),
        )
        yield Remark(
            f"{fact} Each of these slices counts as independent, so intervals are too narrow where several "
            "belong to one patient.",
            ("validation",),
        )
    for finding in FINDINGS:
        n_unlabeled = int(table[finding].isna().sum())
        # Most manifests are about one finding.
        if n_unlabeled and (finding == HEMORRHAGE or n_unlabeled < n):
            yield Remark(
                f"{n_unlabeled:,} of {n:,} slices have no known label of {finding}; no training for it uses "
                "them.",
                ("training",),
            )
    n_kept = int((table["part"] == KEPT).sum())
    if n_kept:
        yield Remark(f"{n_kept:,} of {n:,} slices are kept aside; no training uses them.", ("training",))
    if refused:
        first = refused[0]["message"]
        lines = "1 line" if len(refused) == 1 else f"{len(refused):,} lines"
        yield Remark(f"Not used in full: {lines} of the manifest; the first: {first}.")
