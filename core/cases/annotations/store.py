"""Store tags and notes in one SQLite file, shared by several processes and threads."""

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
    """Result of an import: number of new and of known entries, and a sentence for each refused row."""

    n_new: int
    n_known: int
    refusals: tuple[str, ...]


class Annotations:
    """Tags and notes in one SQLite file, created with the first entry.

    Each call is one transaction on a newly opened file. Any thread may use the object, and several processes
    on this machine may write (write-ahead log; not on a network drive). A writer waits a few seconds for
    another one. Every method raises an AnnotationError and changes nothing if the file is damaged, locked or
    of another program, or if the disk is full or read-only.

    Args:
        path: the file; `annotations_path()` when None.
    """

    def __init__(self, path: Path | None = None) -> None:
        self.path = annotations_path() if path is None else Path(path)

    def add(self, case: Case, tags: Sequence[str] = (), note: str = "", author: str = "") -> list[Entry]:
        """Add tags and a note to a case, each as a separate entry, and return the entries.

        Raises:
            AnnotationError: there is nothing to add, a tag is unknown, or the note is too long.
        """
        entries = [make_entry(case, tag=tag, author=author) for tag in dict.fromkeys(tags)]
        if note.strip() or not entries:
            entries.append(make_entry(case, note=note, author=author))
        with writing(self.path) as connection:
            _insert(connection, entries)
        return entries

    def change_note(self, id: str, note: str, author: str = "") -> Entry:
        """Replace the note `id`, the version that the author has seen, by a new note.

        Raises:
            AnnotationConflict: it has since been changed or removed; the message says by whom and when.
        """
        with writing(self.path) as connection:
            old = _find(connection, id)
            if old.tag:
                raise AnnotationError("Only a note can be changed", found=f"the tag {old.tag!r}")
            new = make_entry(old.case, note=note, author=author)
            _remove(connection, id, author)
            connection.execute("UPDATE entries SET replaced_by = ? WHERE id = ?", (new.id, id))
            _insert(connection, [new])
        return new

    def remove(self, id: str, author: str = "") -> None:
        """Remove an entry; `restore` brings it back.

        Raises:
            AnnotationConflict: it has since been changed or removed; the message says by whom and when.
        """
        with writing(self.path) as connection:
            _find(connection, id)
            _remove(connection, id, author)

    def restore(self, id: str) -> None:
        """Restore a removed entry; do nothing if it is not removed.

        Raises:
            AnnotationConflict: a newer note has replaced it.
        """
        with writing(self.path) as connection:
            _find(connection, id)
            restored = connection.execute(
                "UPDATE entries SET removed = '', removed_by = '' WHERE id = ? AND replaced_by = ''", (id,)
            )
            if restored.rowcount == 0:
                raise _conflict(connection, id)

    def of(self, case: Case) -> list[Entry]:
        """Return the current entries of a case, oldest first."""
        where = "sha256 = ? AND dataset = ? AND removed = '' ORDER BY created, id"
        return self._select(where, case.sha256, case.dataset)

    def removed(self, case: Case) -> list[Entry]:
        """Return the removed entries of a case that can be restored, the latest removed first."""
        where = "sha256 = ? AND dataset = ? AND removed > '' AND replaced_by = '' ORDER BY removed DESC, id"
        return self._select(where, case.sha256, case.dataset)

    def table(self, dataset: str) -> pd.DataFrame:
        """Return the current entries of a data set, oldest first: id, sha256, tag, note, author, created."""
        import pandas as pd

        columns = ["id", "sha256", "tag", "note", "author", "created"]
        rows = [
            (entry.id, entry.case.sha256, entry.tag, entry.note, entry.author, entry.created)
            for entry in self._list_current(dataset)
        ]
        return pd.DataFrame(rows, columns=columns, dtype="str")

    def tags(self, dataset: str) -> dict[str, tuple[str, ...]]:
        """Return {SHA-256 of a case with entries: its tags without repetition, NOTE if it has notes}."""
        found: defaultdict[str, dict[str, None]] = defaultdict(dict)
        for entry in self._list_current(dataset):
            found[entry.case.sha256][entry.tag or NOTE] = None
        return {sha256: tuple(tags) for sha256, tags in found.items()}

    def export_csv(self, dataset: str) -> bytes:
        """Return the current entries of a data set as CSV, see `core.cases.annotations.csv_form`."""
        return write_entries(self._list_current(dataset))

    def import_csv(self, data: bytes, dataset: str, known: Collection[str]) -> Imported:
        """Import all valid entries of a CSV file in one transaction.

        An existing entry, even a removed one, stays unchanged: importing twice changes nothing.

        Args:
            data: contents of the file.
            dataset: fingerprint of the current data set.
            known: SHA-256 of its slices.

        Raises:
            AnnotationError: the file is not a CSV file of entries, or (code "other_dataset") belongs to
                another data set.
        """
        entries, refusals = read_entries(data, dataset, known)
        n_new = 0
        if entries:
            with writing(self.path) as connection:
                n_new = _insert(connection, entries)
        return Imported(n_new, len(entries) - n_new, tuple(refusals))

    def _list_current(self, dataset: str) -> list[Entry]:
        return self._select("dataset = ? AND removed = '' ORDER BY created, id", dataset)

    def _select(self, where: str, *values: str) -> list[Entry]:
        with reading(self.path) as connection:
            if connection is None:
                return []
            rows = connection.execute(f"SELECT {_COLUMNS} FROM entries WHERE {where}", values)
            return [_as_entry(row) for row in rows]


def _remove(connection: sqlite3.Connection, id: str, author: str) -> None:
    removed = connection.execute(
        "UPDATE entries SET removed = ?, removed_by = ? WHERE id = ? AND removed = ''",
        (now(), clean_author(author), id),
    )
    if removed.rowcount == 0:
        raise _conflict(connection, id)


def _insert(connection: sqlite3.Connection, entries: Sequence[Entry]) -> int:
    """Insert the entries that do not exist yet, and return their number."""
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
        raise AnnotationError("This tag or note was not found", found=id[:40], remedy="open the case again")
    return _as_entry(row)


def _conflict(connection: sqlite3.Connection, id: str) -> AnnotationConflict:
    """Return the error that says who changed or removed the entry, and when."""
    entry = _find(connection, id)
    (replaced_by,) = connection.execute("SELECT replaced_by FROM entries WHERE id = ?", (id,)).fetchone()
    return AnnotationConflict(
        f"The {'note' if entry.note else 'tag'} has been {'changed' if replaced_by else 'removed'} meanwhile",
        found=f"by {entry.removed_by}, {entry.removed[:16].replace('T', ' ')} UTC",
        remedy="read the current tags and notes, then change those",
    )


def _as_entry(row: tuple[str, ...]) -> Entry:
    id, sha256, dataset, *rest = row
    return Entry(id, Case(sha256, dataset), *rest)
