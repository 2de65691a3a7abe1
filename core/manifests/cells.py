"""Read a CSV file as cells with their line numbers, and say which lines cannot be read."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import DatasetError
from core.manifests.columns import Problem

MAX_BYTES = 200_000_000
_BOM = "\ufeff"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_DELIMITERS = (",", ";", "\t")
_SAVE_AGAIN = 'save the table as "CSV UTF-8"'
# At this similarity, an unknown column is taken for a misspelled one.
_SIMILAR = 0.8


@dataclass(frozen=True)
class Cells:
    """The cells of a CSV file.

    Attributes:
        columns: known columns of the header.
        rows: (line number, column -> cell) of each line that can be read and is not empty.
        problems: the other lines.
    """

    columns: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def read_cells(path: Path, known: Sequence[str], required: str) -> Cells:
    """Read a CSV file in UTF-8, separated by commas, semicolons or tabs.

    Args:
        path: the file.
        known: the columns that are used; others are ignored and reported.
        required: the column that must be there.

    Raises:
        DatasetError: the file cannot be read, or its header lacks the required column, repeats a column or
            misspells one.
    """
    problems: list[Problem] = []
    reader = _split(list(_decode(path, problems)), problems, path.name)
    line, header = next(reader, (1, []))
    names = [name.strip().lower() for name in header]
    _check_header(path, names, known, required)
    problems += [
        Problem(line, f"the column {name!r} is unknown and was ignored", table=path.name, loses_slice=False)
        for name in names
        if name and name not in known
    ]
    rows = []
    for line, cells in reader:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) > len(names) and not any(cell.strip() for cell in cells[len(names) :]):
            cells = cells[: len(names)]
        if len(cells) != len(names):
            message = f"it has {len(cells)} cells, the header has {len(names)}"
            problems.append(Problem(line, message, table=path.name))
            continue
        filled = (cell.strip() for cell in cells)
        rows.append((line, {name: cell for name, cell in zip(names, filled, strict=True) if name in known}))
    return Cells(tuple(name for name in known if name in names), rows, problems)


def _decode(path: Path, problems: list[Problem]) -> Iterator[tuple[int, str]]:
    """Yield (line number, text) of each line that is UTF-8."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise DatasetError(
                f"{path.name} is too large for a table of slices",
                found=f"{path.stat().st_size / 1e6:.0f} MB; the limit is {MAX_BYTES / 1e6:.0f} MB",
                remedy="split it",
            )
        data = path.read_bytes()
    except OSError as error:
        raise DatasetError(
            f"{path.name} cannot be opened",
            found=error.strerror or type(error).__name__,
            remedy="check that it exists and may be read",
        ) from error
    if data.startswith(_UTF_16):
        raise DatasetError(f"{path.name} is not in UTF-8", found="UTF-16", remedy=_SAVE_AGAIN)
    if data.startswith(b"PK\x03\x04") or b"\x00" in data[:4096]:
        raise DatasetError(f"{path.name} is not a text file", remedy=_SAVE_AGAIN)
    for number, line in enumerate(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"), start=1):
        try:
            text = line.decode()
        except UnicodeDecodeError:
            if number == 1:
                raise DatasetError(f"The header of {path.name} is not in UTF-8", remedy=_SAVE_AGAIN) from None
            problems.append(Problem(number, f"it is not in UTF-8; {_SAVE_AGAIN}", table=path.name))
            continue
        yield number, text.removeprefix(_BOM) if number == 1 else text


def _split(
    lines: list[tuple[int, str]], problems: list[Problem], table: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield (line number, cells). Each line is split by itself, so that a stray quote spoils no other."""
    header = lines[0][1] if lines else ""
    delimiter = max(_DELIMITERS, key=header.count)
    for number, text in lines:
        try:
            # Strict: an open quote is an error, and not the start of a cell that holds the rest of the file.
            yield number, next(csv.reader([text], delimiter=delimiter, strict=True), [])
        except csv.Error:
            problems.append(Problem(number, "its quotation marks do not match", table=table))


def _check_header(path: Path, names: list[str], known: Sequence[str], required: str) -> None:
    columns = f"its first line must name its columns; possible names: {', '.join(known)}"
    twice = sorted({name for name in names if name and names.count(name) > 1})
    if twice:
        raise DatasetError(f"{path.name} has the column {twice[0]!r} twice", remedy="remove one of them")
    for name in names:
        meant = difflib.get_close_matches(name, [one for one in known if one not in names], 1, _SIMILAR)
        if name and name not in known and meant:
            raise DatasetError(
                f"{path.name} has an unknown column", found=f"{name!r}", remedy=f"rename it to {meant[0]!r}"
            )
    if required not in names:
        found = ", ".join(repr(name) for name in names[:6] if name)
        raise DatasetError(
            f"{path.name} has no column {required!r}", found=found or "an empty file", remedy=columns
        )
