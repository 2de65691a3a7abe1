"""Opening the tags file, and its failures."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from core.cases.annotations import Annotations, Case, annotations_path, database
from core.errors import AnnotationError

CASE = Case("a" * 64, "b" * 64)


@pytest.fixture
def book(tmp_path: Path) -> Annotations:
    """Return a database with one tag."""
    book = Annotations(tmp_path / "tags.sqlite")
    book.add(CASE, ["artefact"], author="Ann")
    return book


def _refuse(book: Annotations, code: str, words: str) -> None:
    """Check that reading and writing fail with this code and these words."""
    for act in (lambda: book.of(CASE), lambda: book.add(CASE, ["other"])):
        with pytest.raises(AnnotationError) as refused:
            act()
        assert code == refused.value.code
        assert words in str(refused.value)


def test_the_path_of_the_tags_file(models: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is in the models folder, ignored by git, unless the variable names another file."""
    monkeypatch.delenv("STROKE_CT_ANNOTATIONS", raising=False)
    assert models / "annotations.sqlite" == annotations_path()
    monkeypatch.setenv("STROKE_CT_ANNOTATIONS", "/elsewhere/tags.sqlite")
    assert Path("/elsewhere/tags.sqlite") == annotations_path()
    ignored = (Path(__file__).parents[4] / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert f"trained_models/{database.FILE_NAME}*" in ignored


def test_the_file_uses_a_write_ahead_log(book: Annotations) -> None:
    """The file is in write-ahead mode, so that readers do not wait for a writer."""
    with sqlite3.connect(book.path) as connection:
        assert "wal" == connection.execute("PRAGMA journal_mode").fetchone()[0]
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("UPDATE entries SET author = 'half done'")
        assert ["Ann"] == [entry.author for entry in book.of(CASE)]


def test_a_locked_file_is_an_error(book: Annotations, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the file stays locked, writing raises an error and changes nothing."""
    monkeypatch.setattr(database, "WAIT_S", 0.05)
    other = sqlite3.connect(book.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(AnnotationError) as refused:
        book.add(CASE, ["other"])
    assert "locked" == refused.value.code
    other.close()
    assert ["artefact"] == [entry.tag for entry in book.of(CASE)]


def test_other_files_are_not_changed(tmp_path: Path) -> None:
    """A text file is reported as damaged, another program's database as foreign; both stay unchanged."""
    text = tmp_path / "notes.txt"
    text.write_bytes(b"these are my notes, not yours\n" * 40)
    before = text.read_bytes()
    _refuse(Annotations(text), "damaged", "notes.txt is damaged")
    assert before == text.read_bytes()
    foreign = tmp_path / "other.sqlite"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    connection.close()
    before = foreign.read_bytes()
    _refuse(Annotations(foreign), "foreign", "not a tags file")
    assert before == foreign.read_bytes()


def test_a_file_of_a_later_version_is_refused(book: Annotations) -> None:
    """A file version that this program does not know is refused."""
    with sqlite3.connect(book.path) as connection:
        connection.execute("PRAGMA user_version = 99")
    connection.close()
    _refuse(book, "foreign", "this version of the program")


def test_a_damaged_file_is_named_and_unchanged(book: Annotations) -> None:
    """The error for a damaged file says what to do, and the file stays unchanged."""
    data = bytearray(book.path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    book.path.write_bytes(data)
    _refuse(book, "damaged", f"move {book.path} to another place")
    assert bytes(data) == book.path.read_bytes()


def test_an_empty_file_is_used(tmp_path: Path) -> None:
    """An empty file, as a crash may leave it, is treated as a new one."""
    book = Annotations(tmp_path / "tags.sqlite")
    book.path.touch()
    assert [] == book.of(CASE)
    book.add(CASE, ["other"])
    assert 1 == len(book.of(CASE))


def test_an_unusable_path_is_named(tmp_path: Path) -> None:
    """A file instead of the folder, or a folder instead of the file: the error names path and variable."""
    (tmp_path / "file").touch()
    with pytest.raises(AnnotationError) as refused:
        Annotations(tmp_path / "file" / "tags.sqlite").add(CASE, ["other"])
    assert "not_written" == refused.value.code
    assert "STROKE_CT_ANNOTATIONS" in str(refused.value)
    _refuse(Annotations(tmp_path), "not_written", str(tmp_path.parent))


def test_a_read_only_file_can_be_read(book: Annotations, monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries are read from a read-only database, and writing is refused."""
    real = sqlite3.connect

    def open_for_reading(path: Path, **options: object) -> sqlite3.Connection:
        return real(f"file:{path}?mode=ro", uri=True, **options)

    monkeypatch.setattr(sqlite3, "connect", open_for_reading)
    assert ["artefact"] == [entry.tag for entry in book.of(CASE)]
    with pytest.raises(AnnotationError) as refused:
        book.add(CASE, ["other"])
    assert "not_written" == refused.value.code
    assert "readonly" in str(refused.value)


_FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from core.cases.annotations import Annotations, Case
from core.errors import AnnotationError
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
book, case = Annotations(Path(sys.argv[1])), Case("a" * 64, "b" * 64)
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, resource.RLIM_INFINITY))
written = 1
try:
    for number in range(1000):
        book.add(case, note=f"{number} " + "x" * 1500)
        written += 1
except AnnotationError as error:
    print(written, error.code)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    print(len(book.of(case)))
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of files")
def test_a_full_disk_loses_nothing(book: Annotations) -> None:
    """If the file cannot grow, writing raises an error, and all earlier entries are preserved."""
    done = subprocess.run(
        [sys.executable, "-c", _FULL_DISK, str(book.path)], capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert "" == done.stderr
    (written, code), (found,) = (line.split() for line in done.stdout.splitlines())
    assert ("not_written", written) == (code, found)
    assert int(written) == len(book.of(CASE)) > 1


def test_a_killed_writer_leaves_no_half_entry(book: Annotations) -> None:
    """A process killed in the middle of a transaction leaves the file unchanged and unlocked."""
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom core.cases.annotations import database\n"
        "with database.writing(Path(sys.argv[1])) as connection:\n"
        "    connection.execute('DELETE FROM entries')\n    os._exit(9)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(book.path)], timeout=120, check=False)
    assert 9 == done.returncode
    assert ["artefact"] == [entry.tag for entry in book.of(CASE)]
    book.add(CASE, ["other"])


# Version 1 of the file, as written by the program of 28 November 2026.
_EARLIER = f"""
CREATE TABLE entries (
    id TEXT PRIMARY KEY, sha256 TEXT NOT NULL, dataset TEXT NOT NULL, tag TEXT NOT NULL, note TEXT NOT NULL,
    author TEXT NOT NULL, created TEXT NOT NULL, removed TEXT NOT NULL DEFAULT '',
    removed_by TEXT NOT NULL DEFAULT '', replaced_by TEXT NOT NULL DEFAULT ''
);
INSERT INTO entries VALUES ('7b8e92ae9fc85e0726303b98', '{"a" * 64}', '{"b" * 64}', 'artefact', '', 'Ann',
    '2026-11-28T20:29:49.145278+00:00', '', '', '');
INSERT INTO entries VALUES ('396e57def8827bc6f16fd9d1', '{"a" * 64}', '{"b" * 64}', '', 'dark rim', 'Ann',
    '2026-11-28T20:29:49.145356+00:00', '', '', '');
CREATE INDEX by_case ON entries (dataset, sha256);
PRAGMA application_id = 1129603431;
PRAGMA user_version = 1;
"""


def test_a_file_of_an_earlier_program_opens_unchanged(tmp_path: Path) -> None:
    """Tags and notes of an earlier program are read, and reading does not change the file."""
    path = tmp_path / "tags.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript(_EARLIER)
    before = path.read_bytes()
    entries = Annotations(path).of(Case("a" * 64, "b" * 64))
    assert [("artefact", "", "Ann"), ("", "dark rim", "Ann")] == [
        (entry.tag, entry.note, entry.author) for entry in entries
    ]
    assert before == path.read_bytes()
