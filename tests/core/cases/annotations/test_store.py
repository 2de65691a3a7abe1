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
    """An empty book of tags, by its variable, in a folder that is not there yet."""
    monkeypatch.setenv("STROKE_CT_ANNOTATIONS", str(tmp_path / "new" / "tags.sqlite"))
    return Annotations()


def _said(book: Annotations, case: Case = CASE) -> list[tuple[str, str]]:
    return [(entry.tag or entry.note, entry.author) for entry in book.of(case)]


def test_reading_creates_nothing(book: Annotations) -> None:
    """Before the first entry there is no file, and everything is empty."""
    assert ([], [], {}, 0) == (book.of(CASE), book.removed(CASE), book.tags(SET), len(book.table(SET)))
    assert b"sha256,dataset,tag,note,author,created\n" == book.export_csv(SET)
    assert not book.path.parent.exists()


def test_tags_and_a_note_are_entries_of_their_own(book: Annotations) -> None:
    """They stand on their case in the order of their coming, with author and time, and on no other."""
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
    """No tag and an empty note are refused, as is an unknown tag; nothing is written then."""
    for tags, note in (([], " \n"), (["other", "cat"], "")):
        with pytest.raises(AnnotationError):
            book.add(CASE, tags, note)
    assert [] == book.of(CASE)


def test_a_removed_entry_can_be_put_back(book: Annotations) -> None:
    """Removing keeps the entry with who and when; putting it back makes it stand as before."""
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


def test_a_changed_note_replaces_the_one_that_was_seen(book: Annotations) -> None:
    """The new note stands, the old one is history and cannot be put back beside it."""
    (old,) = book.add(CASE, note="rim", author="Ann")
    new = book.change_note(old.id, "dark rim", "Bob")
    assert [new] == book.of(CASE)
    assert ("dark rim", "Bob") == (new.note, new.author)
    assert [] == book.removed(CASE)
    with pytest.raises(AnnotationConflict):
        book.restore(old.id)


def test_two_people_cannot_overwrite_each_other(book: Annotations) -> None:
    """Whoever changes or removes what was changed or removed meanwhile is told by whom; nothing is lost."""
    (old,) = book.add(CASE, note="rim", author="Ann")
    (tag,) = book.add(CASE, ["other"], author="Ann")
    new = book.change_note(old.id, "from Bob", "Bob")
    book.remove(tag.id, "Bob")
    for act, words in (
        (lambda: book.change_note(old.id, "from Cid", "Cid"), "note was changed meanwhile (by Bob, 20"),
        (lambda: book.remove(old.id, "Cid"), "note was changed meanwhile (by Bob, 20"),
        (lambda: book.remove(tag.id, "Cid"), "tag was removed meanwhile (by Bob, 20"),
    ):
        with pytest.raises(AnnotationConflict) as refused:
            act()
        assert words in str(refused.value)
    assert [new] == book.of(CASE)


def test_what_is_not_there_or_no_note_cannot_be_changed(book: Annotations) -> None:
    """An unknown id and a tag are refused by name."""
    (tag,) = book.add(CASE, ["other"])
    with pytest.raises(AnnotationError, match="Only a note"):
        book.change_note(tag.id, "x")
    for act in (book.remove, book.restore):
        with pytest.raises(AnnotationError, match="no such entry"):
            act("f" * 24)


def test_a_file_carries_the_entries_to_another_machine(book: Annotations, tmp_path: Path) -> None:
    """What was exported comes in once, and a second time nothing changes."""
    book.add(CASE, ["artefact"], "=rim", "Ann")
    book.add(SECOND, ["other"])
    book.add(Case(CASE.sha256, OTHER_SET), ["interesting"])
    data = book.export_csv(SET)
    there = Annotations(tmp_path / "there.sqlite")
    assert (3, 0, ()) == there.import_csv(data, SET, KNOWN)
    assert book.of(CASE) + book.of(SECOND) == there.of(CASE) + there.of(SECOND)
    assert (0, 3, ()) == there.import_csv(data, SET, KNOWN)
    assert data == there.export_csv(SET)


def test_a_file_does_not_bring_back_what_was_removed(book: Annotations) -> None:
    """A removed entry is neither exported nor put back by an older file."""
    (tag,) = book.add(CASE, ["artefact"])
    data = book.export_csv(SET)
    book.remove(tag.id)
    assert 1 == book.export_csv(SET).count(b"\n")
    assert (0, 1, ()) == book.import_csv(data, SET, KNOWN)
    assert [] == book.of(CASE)


def test_a_file_with_bad_rows_says_so(book: Annotations) -> None:
    """Good rows come in, the others are told; a file of another set changes nothing."""
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


def test_processes_and_threads_write_at_once(book: Annotations) -> None:
    """Two processes and two threads that begin with no file at all lose no entry, and none is doubled."""
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
