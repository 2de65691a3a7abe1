"""Read a manifest: check each line, apply the silence of its source, list the lines that are not used."""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from core.errors import DatasetError
from core.manifests.cells import read_cells
from core.manifests.columns import (
    COLUMNS,
    KEPT,
    SILENCES,
    TURNS_DEG,
    WORDS,
    Manifest,
    Problem,
    Row,
    Source,
)
from core.manifests.findings import FINDINGS
from core.manifests.source_facts import name_sources_file, read_sources

MANIFEST_NAME = "manifest.csv"
_WORDS = "present, absent, unknown, or nothing"
# Spreadsheets and pandas write 3 as 3.0 when a cell of the column is empty.
_WHOLE = re.compile(r"([0-9]{1,6})(\.0+)?")
_MAX_QUOTED = 40
# So many problems are quoted in an error.
_N_QUOTED = 3


class _Fault(Exception):
    """A line that cannot be used; its message says why."""


def find_manifest(path: Path) -> Path | None:
    """Return the manifest that a path stands for: a .csv file, or a folder's `manifest.csv`; else None."""
    if path.suffix.lower() == ".csv" and not path.is_dir():
        return path
    inside = path / MANIFEST_NAME
    return inside if inside.is_file() else None


def read_manifest(path: Path) -> Manifest:
    """Read a manifest without opening the files that it lists.

    Args:
        path: the CSV file.

    Raises:
        DatasetError: the file or its header cannot be used, or no line can be used.
    """
    cells = read_cells(path, COLUMNS, "file")
    sources, problems = read_sources(path)
    problems = [*problems, *cells.problems]
    reader = _LineReader(path, sources)
    rows = []
    for line, values in cells.rows:
        try:
            row = reader.read(line, values)
        except _Fault as fault:
            problems.append(Problem(line, str(fault), values["file"], path.name))
            continue
        if row.mask and sum(label == 1 for label in row.labels.values()) > 1:
            message = f"{' and '.join(row.labels)} are both present, so its mask was not used"
            problems.append(Problem(line, message, row.name, path.name, loses_slice=False))
            row = replace(row, mask="", mask_path=None)
        rows.append(row)
    rows, repeated = _drop_repeated(rows, path.name)
    rows, split = _drop_split_patients(rows, path.name)
    problems += repeated + split
    named = dict.fromkeys(row.source for row in rows)
    facts = name_sources_file(path)
    if facts.is_file():
        absent = ", ".join(repr(name) for name in sources if name not in named)
        if absent:
            problems.append(
                Problem(1, f"the manifest has no usable line of the source {absent}", "", facts.name, False)
            )
    problems.sort(key=lambda problem: (problem.table, problem.line))
    if not rows:
        raise DatasetError(
            f"No line of {path.name} can be used",
            found="; ".join(map(str, problems[:_N_QUOTED])) or "it has a header only",
            remedy="correct the table",
        )
    return Manifest(
        path,
        tuple(rows),
        tuple(sources.get(name, Source(name)) for name in named),
        tuple(problems),
        len(cells.rows) + sum(problem.table == path.name and problem.line > 1 for problem in cells.problems),
    )


class _LineReader:
    """Read the lines of one manifest."""

    def __init__(self, path: Path, sources: Mapping[str, Source]) -> None:
        self._home = path.parent
        self._sources = sources
        self._folders = {
            name: self._home / Path(source.folder).expanduser()
            for name, source in sources.items()
            if source.folder
        }

    def read(self, line: int, values: Mapping[str, str]) -> Row:
        """Return the row of a line.

        Raises:
            _Fault: the line cannot be used.
        """
        source = values.get("source", "")
        folder = self._folders.get(source)
        file = _clean_path(values["file"], "file")
        path = (folder or self._home) / file
        number = _read_slice(values.get("slice", ""))
        if not os.path.isfile(path):
            if not os.path.isdir(path):
                raise _Fault("the file does not exist")
            if number is None:
                raise _Fault("this is a folder; say in the column 'slice' which of its slices is meant")
        mask, mask_path = "", None
        if values.get("mask"):
            mask = _clean_path(values["mask"], "mask")
            mask_path = (folder or self._home) / mask
            if not os.path.isfile(mask_path):
                raise _Fault("the mask does not exist")
        part = values.get("part", "").lower()
        if part not in ("", KEPT):
            raise _Fault(f"the part must be {KEPT!r} or empty, not {_quote(values['part'])}")
        name = f"{source}/{file}" if folder else file
        return Row(
            line=line,
            name=name if number is None else f"{name}#{number}",
            path=path,
            slice=number,
            source=source,
            patient=values.get("patient", ""),
            labels={finding: self._read_label(finding, source, values) for finding in FINDINGS},
            mask=mask,
            mask_path=mask_path,
            vendor=values.get("vendor", ""),
            part=part,
            rotate=_read_turn(values.get("rotate", "")),
        )

    def _read_label(self, finding: str, source: str, values: Mapping[str, str]) -> int | None:
        word = values.get(finding, "").lower()
        if word in WORDS:
            return WORDS[word]
        if word:
            raise _Fault(f"{_quote(values[finding])} is no label of {finding}; write {_WORDS}")
        silence = self._sources[source].silence.get(finding) if source in self._sources else None
        return 0 if silence and silence[0] == SILENCES[1] else None


def _clean_path(cell: str, column: str) -> str:
    """Return a path below the folder, with forward slashes.

    Raises:
        _Fault: it is empty, or leads out of the folder.
    """
    if not cell:
        raise _Fault(f"the column {column!r} is empty")
    if "\x00" in cell:
        raise _Fault(f"the {column} is no path")
    path = posixpath.normpath(cell.replace("\\", "/"))
    if path.startswith(("/", "../")) or path in ("..", ".") or re.match(r"[A-Za-z]:", path):
        raise _Fault(f"the {column} must lie below the folder; name another folder in the sources' table")
    return path


def _read_slice(cell: str) -> int | None:
    if not cell:
        return None
    match = _WHOLE.fullmatch(cell)
    if not match or int(match[1]) < 1:
        raise _Fault(f"the slice must be a whole number from 1, not {_quote(cell)}")
    return int(match[1])


def _read_turn(cell: str) -> int:
    match = _WHOLE.fullmatch(cell or "0")
    if not match or int(match[1]) not in TURNS_DEG:
        raise _Fault(f"rotate must be {', '.join(map(str, TURNS_DEG))} or empty, not {_quote(cell)}")
    return int(match[1])


def _quote(cell: str) -> str:
    return repr(cell if len(cell) <= _MAX_QUOTED else f"{cell[:_MAX_QUOTED]}...")


def _drop_repeated(rows: Iterable[Row], table: str) -> tuple[list[Row], list[Problem]]:
    """Drop lines that repeat an earlier one, and every line of a slice whose lines differ."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.name, []).append(row)
    kept, problems = [], []
    for first, *others in groups.values():
        differing = next((row for row in others if replace(row, line=first.line) != first), None)
        if differing is None:
            kept.append(first)
            problems += [
                Problem(row.line, f"it repeats line {first.line}", row.name, table, False) for row in others
            ]
            continue
        what = "labels" if differing.labels != first.labels else "values"
        for row in (first, *others):
            other = differing.line if row is first else first.line
            message = f"this slice has other {what} in line {other}; neither line was used"
            problems.append(Problem(row.line, message, row.name, table))
    return kept, problems


def _drop_split_patients(rows: list[Row], table: str) -> tuple[list[Row], list[Problem]]:
    """Drop the slices outside the kept part of patients who are in it, so that no training meets them."""
    kept = {(row.source, row.patient) for row in rows if row.part == KEPT and row.patient}
    left, problems = [], []
    for row in rows:
        if row.part != KEPT and (row.source, row.patient) in kept:
            message = "its patient is in the kept part with other slices; mark all of them, or none"
            problems.append(Problem(row.line, message, row.name, table))
        else:
            left.append(row)
    return left, problems
