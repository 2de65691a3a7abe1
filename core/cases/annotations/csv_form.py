"""Entries as a CSV file, to hand from one machine to another: one row per entry, nothing of a patient.

Spreadsheets take a text that begins with one of = + - @ for a formula, and run it. Such a text is written
behind an apostrophe, and read without it (OWASP, CSV injection).
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
    """The entries as CSV: UTF-8, the columns COLUMNS, texts safe for spreadsheets."""
    target = io.StringIO(newline="")
    writer = csv.writer(target, lineterminator="\n")
    writer.writerow(COLUMNS)
    for entry in entries:
        texts = (entry.tag, entry.note, entry.author)
        writer.writerow([entry.case.sha256, entry.case.dataset, *map(_escape, texts), entry.created])
    return target.getvalue().encode("utf-8")


def read_entries(data: bytes, dataset: str, known: Collection[str]) -> tuple[list[Entry], list[str]]:
    """The entries in a CSV file, and a sentence for each row that cannot be taken.

    Columns stand in any order, between commas or, as some spreadsheets write them, semicolons.

    Args:
        data: the file's bytes.
        dataset: fingerprint of the data set whose tags they should be.
        known: SHA-256 of the slices of this set.

    Raises:
        AnnotationError: the file is no CSV of entries; code "other_dataset" when a row names another set.
    """
    entries, refusals = [], []
    for line, row in _read_rows(data):
        if row["dataset"] != dataset:
            raise AnnotationError(
                "The file holds tags of another data set",
                found=f"fingerprint {row['dataset'][:12] or 'missing'}..., that of this experiment's set is "
                f"{dataset[:12]}...",
                remedy="choose an experiment on that data set, or another file; nothing was taken in",
                code="other_dataset",
            )
        try:
            if row["sha256"] not in known:
                raise AnnotationError("No slice of this data set has this hash", found=row["sha256"][:12])
            if not row["created"]:
                raise AnnotationError("There is no time")
            case = Case(row["sha256"], dataset)
            texts = {name: _unescape(row[name]) for name in ("tag", "note", "author")}
            entries.append(make_entry(case, created=row["created"], **texts))
        except AnnotationError as error:
            refusals.append(f"line {line}: {error}")
    return entries, refusals


def _read_rows(data: bytes) -> list[tuple[int, dict[str, str]]]:
    """(line, {column: text}) of each row; every column of COLUMNS is there."""
    remedy = "choose a file that was exported here"
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
            "The file is no CSV file of tags", found=str(error)[:80], remedy=remedy
        ) from error
    if missing := [name for name in COLUMNS if name not in (reader.fieldnames or ())]:
        raise AnnotationError(
            "The file is no CSV file of tags", found=f'it has no column "{missing[0]}"', remedy=remedy
        )
    return [(line, {name: row[name] for name in COLUMNS}) for line, row in rows]


def _needs_apostrophe(text: str) -> bool:
    return text.startswith("'") or begins_formula(text)


def _escape(text: str) -> str:
    """Put an apostrophe before a formula, and before one more so that it is kept; lines stay as they are."""
    return f"'{text}" if _needs_apostrophe(text) else text


def _unescape(text: str) -> str:
    return text[1:] if text.startswith("'") and _needs_apostrophe(text[1:]) else text
