"""Turn the folders in which public sets come into the lines of a manifest: types, tables, lists of files.

Two forms are recognized: that of the publisher, and a folder with a table `slices.csv` of its files.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from core.errors import DatasetError
from core.manifests.cells import read_cells
from core.manifests.columns import Source

Kind = Literal["kaggle", "phe-sich", "rsna", "teknofest"]
# The Kaggle set's slice labels follow from its file names; see core.datasets.
KINDS: tuple[Kind, ...] = ("kaggle", "phe-sich", "rsna", "teknofest")
SLICES_NAME = "slices.csv"
_DIGITS = 12

OnProgress = Callable[[int, int], None]
# A line of a manifest: column -> cell; columns that are missing are empty.
Line = Mapping[str, str]


@dataclass(frozen=True)
class Layout:
    """The content of a folder, as lines of a manifest.

    Attributes:
        lines: one line a slice; paths are below the folder.
        sources: the sources of the lines.
        notes: sentences about what was left out.
    """

    lines: list[Line]
    sources: tuple[Source, ...]
    notes: tuple[str, ...] = ()


def read_table(path: Path, columns: Sequence[str]) -> Iterator[dict[str, str]]:
    """Yield the rows of a table of slices, which must have all `columns` and no unreadable line.

    Raises:
        DatasetError: it has not.
    """
    cells = read_cells(path, columns, columns[0])
    missing = [column for column in columns if column not in cells.columns]
    if missing:
        raise DatasetError(f"{path.name} has no column {missing[0]!r}", remedy="check that it is this set's")
    broken = [problem for problem in cells.problems if "ignored" not in problem.message]
    if broken:
        raise DatasetError(f"A line of {path.name} cannot be read", found=str(broken[0]))
    for _, row in cells.rows:
        yield row


def read_flag(row: dict[str, str], column: str) -> str:
    """Return the word for a column that holds 0 or 1.

    Raises:
        DatasetError: it holds something else.
    """
    try:
        return {"0": "absent", "1": "present"}[row[column]]
    except KeyError:
        raise DatasetError(f"The column {column!r} must hold 0 or 1", found=f"{row[column][:40]!r}") from None


def index_stems(folder: Path, endings: Sequence[str]) -> dict[str, str]:
    """Return stem -> name of the files of a folder with one of these endings; {} if there is no folder."""
    if not folder.is_dir():
        return {}
    paths = (path for path in sorted(folder.iterdir()) if path.suffix.lower() in endings)
    return {path.stem: path.name for path in paths if not path.name.startswith(".")}


def hide_id(source: str, text: str) -> str:
    """Return 12 hexadecimal digits that stand for a patient or study of a published set; "" for ""."""
    return hashlib.sha256(f"{source}/{text}".encode()).hexdigest()[:_DIGITS] if text else ""
