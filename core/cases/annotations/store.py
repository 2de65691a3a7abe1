"""The database of tags and notes: SQLite, one file, safe with several processes and threads."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from core.cases.annotations.csv_form import read_entries, write_entries
from core.cases.annotations.database import annotations_path, reading, writing
from core.cases.annotations.entries import Case, Entry, clean_author, make_entry, now
from core.errors import AnnotationConflict, AnnotationError

if TYPE_CHECKING:
    import pandas as pd

NOTE = "note"
_COLUMNS = "id, sha256, dataset, tag, note, author, created, removed, removed_by"


class Imported(NamedTuple):
    """What came in with a file: new entries, entries that were known, and a sentence for each refused row."""

    n_new: int
    n_known: int
    refusals: tuple[str, ...]


class Annotations:
    """Tags and notes in one SQLite file, which the first entry creates.

    Each call opens the file, does one transaction and closes it, so one object may be used from any thread,
    and any number of processes on this machine may write (write-ahead log; not on a network drive). A writer
    waits a few seconds for another. Every method raises an AnnotationError, and changes nothing, when
    the file is damaged, foreign or held by another writer, or the disk is full or read-only.

    Args:
        path: the file; `annotations_path()` when None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = annotations_path() if path is None else Path(path)

    def add(self, case: Case, tags: Sequence[str] = (), note: str = "", author: str = "") -> list[Entry]:
        """Put tags and a note on a case, each as an entry of its own.

        Raises:
            AnnotationError: there is nothing to add, no such tag, or the note is too long.
        """
        entries = [make_entry(case, tag=tag, author=author) for tag in dict.fromkeys(tags)]
        if note.strip() or not entries:
            entries.append(make_entry(case, note=note, author=author))
        with writing(self.path) as connection:
            _insert(connection, entries)
        return entries

    def change_note(self, id: str, note: str, author: str = "") -> Entry:
        """Put a new note in the place of the note `id`, which tells the version that the author had seen.

        Raises:
            AnnotationConflict: it was changed or removed meanwhile; by whom and when.
        """
        with writing(self.path) as connection:
            old = _find(connection, id)
            if old.tag:
                raise AnnotationError("Only a note can be changed", found=f"the tag {old.tag!r}")
            new = make_entry(old.case, note=note, author=author)
            _take_away(connection, id, author)
            connection.execute("UPDATE entries SET replaced_by = ? WHERE id = ?", (new.id, id))
            _insert(connection, [new])
        return new

    def remove(self, id: str, author: str = "") -> None:
        """Take an entry away; `restore` puts it back.

        Raises:
            AnnotationConflict: it was changed or removed meanwhile; by whom and when.
        """
        with writing(self.path) as connection:
            _find(connection, id)
            _take_away(connection, id, author)

    def restore(self, id: str) -> None:
        """Put a removed entry back; one that stands is left as it is.

        Raises:
            AnnotationConflict: a newer note stands in its place.
        """
        with writing(self.path) as connection:
            _find(connection, id)
            restored = connection.execute(
                "UPDATE entries SET removed = '', removed_by = '' WHERE id = ? AND replaced_by = ''", (id,)
            )
            if restored.rowcount == 0:
                raise _conflict(connection, id)

    def of(self, case: Case) -> list[Entry]:
        """The entries that stand on a case, oldest first."""
        where = "sha256 = ? AND dataset = ? AND removed = '' ORDER BY created, id"
        return self._select(where, case.sha256, case.dataset)

    def removed(self, case: Case) -> list[Entry]:
        """The entries of a case that were removed and can be put back, the latest removed first."""
        where = "sha256 = ? AND dataset = ? AND removed > '' AND replaced_by = '' ORDER BY removed DESC, id"
        return self._select(where, case.sha256, case.dataset)

    def table(self, dataset: str) -> pd.DataFrame:
        """Every entry that stands on a data set, oldest first: id, sha256, tag, note, author, created."""
        import pandas as pd

        columns = ["id", "sha256", "tag", "note", "author", "created"]
        rows = [
            (entry.id, entry.case.sha256, entry.tag, entry.note, entry.author, entry.created)
            for entry in self._standing(dataset)
        ]
        return pd.DataFrame(rows, columns=columns, dtype="str")

    def tags(self, dataset: str) -> dict[str, tuple[str, ...]]:
        """SHA-256 of each case that bears entries -> its tags, each once; NOTE stands for its notes."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for entry in self._standing(dataset):
            found[entry.case.sha256][entry.tag or NOTE] = None
        return {sha256: tuple(tags) for sha256, tags in found.items()}

    def export_csv(self, dataset: str) -> bytes:
        """The entries that stand on a data set as CSV, see `core.cases.annotations.csv_form`."""
        return write_entries(self._standing(dataset))

    def import_csv(self, data: bytes, dataset: str, known: Collection[str]) -> Imported:
        """Take in the entries of a CSV file, all or none.

        An entry that is here already, also a removed one, stays as it is: importing twice changes nothing.

        Args:
            data: the file's bytes.
            dataset: fingerprint of the set that is worked on.
            known: SHA-256 of its slices.

        Raises:
            AnnotationError: the file is no CSV of entries, or (code "other_dataset") one of another set.
        """
        entries, refusals = read_entries(data, dataset, known)
        n_new = 0
        if entries:
            with writing(self.path) as connection:
                n_new = _insert(connection, entries)
        return Imported(n_new, len(entries) - n_new, tuple(refusals))

    def _standing(self, dataset: str) -> list[Entry]:
        return self._select("dataset = ? AND removed = '' ORDER BY created, id", dataset)

    def _select(self, where: str, *values: str) -> list[Entry]:
        with reading(self.path) as connection:
            if connection is None:
                return []
            rows = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where}", values)
            return [_as_entry(row) for row in rows]


def _take_away(connection: sqlite3.Connection, id: str, author: str) -> None:
    taken = connection.execute(
        "UPDATE entries SET removed = ?, removed_by = ? WHERE id = ? AND removed = ''",
        (now(), clean_author(author), id),
    )
    if taken.rowcount == 0:
        raise _conflict(connection, id)


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Insert those that are not there yet; how many."""
    n_before = connection.total_changes
    connection.executemany(
        "INSERT OR IGNORE INTO entries (id, sha256, dataset, tag, note, author, created) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(e.id, e.case.sha256, e.case.dataset, e.tag, e.note, e.author, e.created) for e in entries],
    )
    return connection.total_changes - n_before


def _find(connection: sqlite3.Connection, id: str) -> Entry:
    row = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE id = ?", (id,)).fetchone()
    if row is None:
        raise AnnotationError("There is no such entry", found=id[:40], remedy="open the case again")
    return _as_entry(row)


def _conflict(connection: sqlite3.Connection, id: str) -> AnnotationConflict:
    """Who changed or removed the entry, and when."""
    entry = _find(connection, id)
    (replaced_by,) = connection.execute("SELECT replaced_by FROM entries WHERE id = ?", (id,)).fetchone()
    return AnnotationConflict(
        f"The {'note' if entry.note else 'tag'} was {'changed' if replaced_by else 'removed'} meanwhile",
        found=f"by {entry.removed_by}, {entry.removed[:16].replace('T', ' ')} UTC",
        remedy="look at what stands there now, then change that",
    )


def _as_entry(row: tuple[str, ...]) -> Entry:
    id, sha256, dataset, *rest = row
    return Entry(id, Case(sha256, dataset), *rest)
