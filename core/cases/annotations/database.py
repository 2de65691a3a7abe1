"""Open the tags file: create its table, wait for other writers, and explain failures."""

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
# "CTag" as a number: identifies our files.
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
    """Return the path of the tags file: STROKE_CT_ANNOTATIONS if set, else a file in the models folder."""
    path = os.environ.get(VARIABLE)
    return Path(path).expanduser() if path else models_root() / FILE_NAME


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection | None]:
    """Yield a connection for reading; None if there is no file yet. Errors as `writing`."""
    with _explained(path):
        if path.exists():
            with _open(path) as connection:
                yield connection
        else:
            yield None


@contextmanager
def writing(path: Path) -> Iterator[sqlite3.Connection]:
    """Run the block as one transaction: committed at its end, undone if it fails. Create a missing file.

    Raises:
        AnnotationError: code "locked", "not_written", "damaged" or "foreign"; nothing is changed.
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
        connection.close()  # undoes what was not committed


def _prepare(connection: sqlite3.Connection, name: str) -> None:
    """Create the table in a new file; refuse a file of another program or version."""
    connection.execute("BEGIN")  # a consistent view, even if another process is creating the table
    version, schema, application = (
        _pragma(connection, key) for key in ("user_version", "schema_version", "application_id")
    )
    connection.execute("COMMIT")
    if version == schema == 0:
        _use_log(connection)
        connection.execute("BEGIN IMMEDIATE")
        if _pragma(connection, "user_version") == 0:  # no other process was faster
            connection.execute(_SCHEMA)
            connection.execute(_INDEX)
            connection.execute(f"PRAGMA application_id = {_APPLICATION}")
            connection.execute(f"PRAGMA user_version = {_VERSION}")
        connection.execute("COMMIT")
    elif (version, application) != (_VERSION, _APPLICATION):
        raise AnnotationError(
            f"{name} is not a tags file that this version of the program can read",
            remedy=f"set the environment variable {VARIABLE} to another file, or use the version that "
            "wrote it",
            code="foreign",
        )


def _use_log(connection: sqlite3.Connection) -> None:
    """Switch to the write-ahead log. SQLite does not wait for other processes here, so this function does."""
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
    """Raise errors of the database or the disk as AnnotationError."""
    try:
        yield
    except OSError as error:
        raise _not_written(path, error.strerror or type(error).__name__) from error
    except sqlite3.Error as error:
        raise _explain(path, error) from error


def _explain(path: Path, error: sqlite3.Error) -> AnnotationError:
    # The lowest byte is the primary error code.
    kind = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return AnnotationError(
            "The tags file is in use by another window or program",
            remedy="try again in a moment; nothing was changed",
            code="locked",
        )
    if kind in _NOT_WRITTEN:
        return _not_written(path, str(error))
    return AnnotationError(
        f"The tags file {path.name} is damaged",
        found=str(error),
        remedy=f"move {path} to another place, and import the latest export; nothing was changed",
        code="damaged",
    )


def _not_written(path: Path, found: str) -> AnnotationError:
    return AnnotationError(
        "The tags file could not be opened or written",
        found=found,
        remedy=f"check free space and permissions of {path.parent}, or set the environment variable "
        f"{VARIABLE} to another file; nothing was changed",
        code="not_written",
    )
