"""Export and import entries as CSV: one row per entry, no patient data.

Spreadsheets run a text that begins with one of = + - @ as a formula. Such a text gets a leading
apostrophe, which is removed again on reading (OWASP, CSV injection).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable

from core.cases.annotations.entries import Case, Entry, make_entry
from core.errors import AnnotationError
from core.system import begins_formula

COLUMNS = ("sha256", "dataset", "tag", "note", "author", "created")
MAX_BYTES = 10_000_000


def write_entries(entries: Iterable[Entry]) -> bytes:
    """Return the entries as CSV: UTF-8, columns COLUMNS, texts safe for spreadsheets."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        texts = (entry.tag, entry.note, entry.author)
        writer.writerow([entry.case.sha256, entry.case.dataset, *map(_escape, texts), entry.created])
    return target.getvalue().encode("utf-8")


def read_entries(data: bytes, dataset: str, known: Collection[str]) -> tuple[list[Entry], list[str]]:
    """Return the entries in a CSV file, and a sentence for each row that is refused.

    Columns may be in any order, separated by commas or (as some spreadsheets write) semicolons.

    Args:
        data: contents of the file.
        dataset: fingerprint of the data set that the tags must belong to.
        known: SHA-256 of the slices of this data set.

    Raises:
        AnnotationError: the file is not a CSV file of entries, or (code "other_dataset") a row belongs to
            another data set.
    """
    entries, refusals = [], []
    for line, row in _read_rows(data):
        if row["dataset"] != dataset:
            raise AnnotationError(
                "The file contains tags of another data set",
                found=f"fingerprint {row['dataset'][:12] or 'missing'}..., this experiment's data set has "
                f"{dataset[:12]}...",
                remedy="choose an experiment on that data set, or another file; nothing was imported",
                code="other_dataset",
            )
        try:
            if row["sha256"] not in known:
                raise AnnotationError("No slice of this data set has this SHA-256", found=row["sha256"][:12])
            if not row["created"]:
                raise AnnotationError("The time is missing")
            case = Case(row["sha256"], dataset)
            texts = {name: _unescape(row[name]) for name in ("tag", "note", "author")}
            entries.append(make_entry(case, created=row["created"], **texts))
        except AnnotationError as error:
            refusals.append(f"line {line}: {error}")
    return entries, refusals


def _read_rows(data: bytes) -> list[tuple[int, dict[str, str]]]:
    """Return (line, {column: text}) of each row, with all columns of COLUMNS."""
    remedy = "choose a file exported by this program"
    if len(data) > MAX_BYTES:
        raise AnnotationError(
            f"The file is larger than {MAX_BYTES / 1e6:.0f} MB",
            found=f"{len(data) / 1e6:.0f} MB",
            remedy=remedy,
        )
    try:
        text = data.decode("utf-8-sig")
        header = text.split("\n", 1)[0]
        separator = ";" if header.count(";") > header.count(",") else ","
        reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, restval="")
        rows = [(reader.line_num, row) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise AnnotationError(
            "The file is not a CSV file of tags and notes", found=str(error)[:80], remedy=remedy
        ) from error
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise AnnotationError(
            "The file is not a CSV file of tags and notes",
            found=f'it has no column "{missing[0]}"',
            remedy=remedy,
        )
    return [(line, {name: row[name] for name in COLUMNS}) for line, row in rows]


def _needs_apostrophe(text: str) -> bool:
    return text.startswith("'") or begins_formula(text)


def _escape(text: str) -> str:
    """Put an apostrophe before a formula or a leading apostrophe; `_unescape` removes it."""
    return f"'{text}" if _needs_apostrophe(text) else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith("'") and _needs_apostrophe(text[1:]) else text
