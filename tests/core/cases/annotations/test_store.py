"""The database of tags and notes."""

from __future__ import annotations

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from core.cases.annotations import Annotations, Case
from core.cases.annotations.entries import make_entry
from core.errors import AnnotationConflict, AnnotationError

SET, OTHER_SET = "b" * 64, "c" * 64
CASE, SECOND = Case("a" * 64, SET), Case("d" * 64, SET)
KNOWN = {CASE.sha256, SECOND.sha256}


@pytest.fixture
def book(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Annotations:
    """Return an empty database, named by the variable, in a folder that does not exist yet."""
    monkeypatch.setenv("STROKE_CT_ANNOTATIONS", str(tmp_path / "new" / "tags.sqlite"))
    return Annotations()


def _said(book: Annotations, case: Case = CASE) -> list[tuple[str, str]]:
    return [(entry.tag or entry.note, entry.author) for entry in book.of(case)]


def test_reading_creates_nothing(book: Annotations) -> None:
    """Before the first entry there is no file, and all results are empty."""
    assert ([], [], {}, 0) == (book.of(CASE), book.removed(CASE), book.tags(SET), len(book.table(SET)))
    assert b"sha256,dataset,tag,note,author,created\n" == book.export_csv(SET)
    assert not book.path.parent.exists()


def test_tags_and_a_note_are_separate_entries(book: Annotations) -> None:
    """They are listed for their case only, in the order of creation, with author and time."""
    added = book.add(CASE, ["artefact", "other", "artefact"], "dark rim", "Ann")
    book.add(CASE, ["other"])
    book.add(Case(CASE.sha256, OTHER_SET), ["interesting"])
    assert added == book.of(CASE)[:3]
    expected = [("artefact", "Ann"), ("other", "Ann"), ("dark rim", "Ann"), ("other", "unknown")]
    assert expected == _said(book)
    assert {CASE.sha256: ("artefact", "other", "note")} == book.tags(SET)
    assert [] == book.of(SECOND)
    table = book.table(SET)
    assert ["id", "sha256", "tag", "note", "author", "created"] == list(table.columns)
    assert ["artefact", "other", "", "other"] == list(table["tag"])


def test_nothing_to_add_is_an_error(book: Annotations) -> None:
    """No tag with an empty note is refused, and an unknown tag too; nothing is written."""
    for tags, note in (([], " \n"), (["other", "cat"], "")):
        with pytest.raises(AnnotationError):
            book.add(CASE, tags, note)
    assert [] == book.of(CASE)


def test_a_removed_entry_can_be_restored(book: Annotations) -> None:
    """A removed entry is stored with time and author of the removal, and can be restored unchanged."""
    (tag, note) = book.add(CASE, ["artefact"], "rim", "Ann")
    book.remove(tag.id, "Bob")
    book.remove(note.id, "Cid")
    assert [] == book.of(CASE)
    removed = book.removed(CASE)
    assert [("rim", "Cid"), ("artefact", "Bob")] == [(one.note or one.tag, one.removed_by) for one in removed]
    assert removed[0].removed > removed[1].removed > note.created
    book.restore(tag.id)
    book.restore(tag.id)
    assert [tag] == book.of(CASE)


def test_a_changed_note_replaces_the_old_one(book: Annotations) -> None:
    """The new note is listed; the old one is not, and cannot be restored."""
    (old,) = book.add(CASE, note="rim", author="Ann")
    new = book.change_note(old.id, "dark rim", "Bob")
    assert [new] == book.of(CASE)
    assert ("dark rim", "Bob") == (new.note, new.author)
    assert [] == book.removed(CASE)
    with pytest.raises(AnnotationConflict):
        book.restore(old.id)


def test_two_people_cannot_overwrite_each_other(book: Annotations) -> None:
    """Changing an entry that someone else has changed or removed is refused; the error says by whom."""
    (old,) = book.add(CASE, note="rim", author="Ann")
    (tag,) = book.add(CASE, ["other"], author="Ann")
    new = book.change_note(old.id, "from Bob", "Bob")
    book.remove(tag.id, "Bob")
    for act, words in (
        (lambda: book.change_note(old.id, "from Cid", "Cid"), "note has been changed meanwhile (by Bob, 20"),
        (lambda: book.remove(old.id, "Cid"), "note has been changed meanwhile (by Bob, 20"),
        (lambda: book.remove(tag.id, "Cid"), "tag has been removed meanwhile (by Bob, 20"),
    ):
        with pytest.raises(AnnotationConflict) as refused:
            act()
        assert words in str(refused.value)
    assert [new] == book.of(CASE)


def test_unknown_entries_and_tags_cannot_be_changed(book: Annotations) -> None:
    """A tag cannot be changed, and an unknown id is refused."""
    (tag,) = book.add(CASE, ["other"])
    with pytest.raises(AnnotationError, match="Only a note"):
        book.change_note(tag.id, "x")
    for act in (book.remove, book.restore):
        with pytest.raises(AnnotationError, match="was not found"):
            act("f" * 24)


def test_exported_entries_can_be_imported(book: Annotations, tmp_path: Path) -> None:
    """Exported entries are imported once; a second import changes nothing."""
    book.add(CASE, ["artefact"], "=rim", "Ann")
    book.add(SECOND, ["other"])
    book.add(Case(CASE.sha256, OTHER_SET), ["interesting"])
    data = book.export_csv(SET)
    there = Annotations(tmp_path / "there.sqlite")
    assert (3, 0, ()) == there.import_csv(data, SET, KNOWN)
    assert book.of(CASE) + book.of(SECOND) == there.of(CASE) + there.of(SECOND)
    assert (0, 3, ()) == there.import_csv(data, SET, KNOWN)
    assert data == there.export_csv(SET)


def test_an_import_does_not_restore_removed_entries(book: Annotations) -> None:
    """A removed entry is not exported, and an older file does not restore it."""
    (tag,) = book.add(CASE, ["artefact"])
    data = book.export_csv(SET)
    book.remove(tag.id)
    assert 1 == book.export_csv(SET).count(b"\n")
    assert (0, 1, ()) == book.import_csv(data, SET, KNOWN)
    assert [] == book.of(CASE)


def test_bad_rows_are_reported(book: Annotations) -> None:
    """Valid rows are imported, the others reported; a file of another data set changes nothing."""
    book.add(CASE, ["artefact"])
    entry = make_entry(SECOND, tag="other")
    data = book.export_csv(SET) + f"{SECOND.sha256},{SET},other,,x,{entry.created}\nx,{SET},,,,\n".encode()
    outcome = book.import_csv(data, SET, KNOWN)
    assert (1, 1, 1) == (outcome.n_new, outcome.n_known, len(outcome.refusals))
    with pytest.raises(AnnotationError) as refused:
        book.import_csv(data, OTHER_SET, KNOWN)
    assert "other_dataset" == refused.value.code
    assert 2 == len(book.table(SET))


_WRITER = """
import sys
from core.cases.annotations import Annotations, Case
for number in range(15):
    (note,) = Annotations().add(Case("a" * 64, "b" * 64), note="first", author=sys.argv[1])
    Annotations().change_note(note.id, f"{sys.argv[1]} {number}", sys.argv[1])
"""


def test_processes_and_threads_write_concurrently(book: Annotations) -> None:
    """Two processes and two threads that start without a file lose and repeat no entry."""
    children = [
        subprocess.Popen([sys.executable, "-c", _WRITER, name], stderr=subprocess.PIPE)
        for name in ("one", "two")
    ]

    def write(name: str) -> None:
        for number in range(15):
            (note,) = book.add(CASE, note="first", author=name)
            book.change_note(note.id, f"{name} {number}", name)

    threads = [threading.Thread(target=write, args=(name,)) for name in ("three", "four")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for child in children:
        _, words = child.communicate(timeout=120)
        assert (0, "") == (child.returncode, words.decode())
    names = ("one", "two", "three", "four")
    expected = sorted(f"{name} {number}" for name, number in itertools.product(names, range(15)))
    assert expected == sorted(entry.note for entry in book.of(CASE))
