"""Opening the file of tags: creating its table, waiting for other writers, and failures told in words."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.errors import AnnotationError
from core.experiments import models_root

VARIABLE = "STROKE_CT_ANNOTATIONS"
FILE_NAME = "annotations.sqlite"
WAIT_S = 5.0
_PAUSE_S = 0.02
# "CTag" as a number: tells our files from other programs'.
_APPLICATION = 0x43546167
_VERSION = 1
_SCHEMA = """
CREATE TABLE entries (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, dataset TEXT NOT NULL, tag TEXT NOT NULL, note TEXT NOT NULL,
    author TEXT NOT NULL, created TEXT NOT NULL, removed TEXT NOT NULL DEFAULT '',
    removed_by TEXT NOT NULL DEFAULT '', replaced_by TEXT NOT NULL DEFAULT ''
)"""
_INDEX = "CREATE INDEX by_case ON entries (dataset, sha256)"
_NOT_WRITTEN = (
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_AUTH,
)


def annotations_path() -> Path:
    """The file of tags: the variable STROKE_CT_ANNOTATIONS, else one in the folder of models."""
    named = os.environ.get(VARIABLE)
    return Path(named).expanduser() if named else models_root() / FILE_NAME


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """A connection to read from; None where there is no file yet. Errors as `writing`."""
    with _explained(path):
        if path.exists():
            with _open(path) as connection:
                yield connection
        else:
            yield None


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """One transaction: committed when the block ends, undone when it fails. A new file gets its table.

    Raises:
        AnnotationError: code "locked", "not_written", "damaged" or "foreign"; nothing was changed then.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _open(path) as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")


@contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, timeout=WAIT_S, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        _prepare(connection, path.name)
        yield connection
    finally:
        connection.close()  # what was not committed is undone


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    """Create the table in a new file; refuse a file that is not ours."""
    connection.execute("BEGIN")  # one look at all three, though another may be creating the table
    version, schema, application = (
        _pragma(connection, key) for key in ("user_version", "schema_version", "application_id")
    )
    connection.execute("COMMIT")
    if version == schema == 0:
        _use_log(connection)
        connection.execute("BEGIN IMMEDIATE")
        if _pragma(connection, "user_version") == 0:  # nobody was faster
            connection.execute(_SCHEMA)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    elif (version, application) != (_VERSION, _APPLICATION):
        raise AnnotationError(
            f"{name} is no file of tags that this version of the program can read",
            remedy=f"name another file in {VARIABLE}, or use the version that wrote it",
            code="foreign",
        )


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log: SQLite does not wait for other openers here, so we do."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(_PAUSE_S)


def _pragma(connection: sqlite3.Connection, name: str) -> int:
    return int(connection.execute(f"PRAGMA {name}").fetchone()[0])


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what the database or the disk says into words."""
    try:
        yield
    except OSError as error:
        raise _not_written(path, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> AnnotationError:
    # The lowest byte is the kind of error, the others say more.
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AnnotationError(
            "The tags are being written by someone else",
            remedy="try again in a moment; nothing was changed",
            code="locked",
        )
    if kind in _NOT_WRITTEN:
        return _not_written(path, str(error))
    return AnnotationError(
        f"The file of tags {path.name} is damaged",
        found=str(error),
        remedy=f"move {path} aside, keep it, and take in the latest export; nothing was changed",
        code="damaged",
    )


def _not_written(path: Path, found: str) -> AnnotationError:
    return AnnotationError(
        "The file of tags could not be opened or written",
        found=found,
        remedy=f"check the free space of and the permissions on {path.parent}, or name another file in "
        f"{VARIABLE}; nothing was changed",
        code="not_written",
    )
