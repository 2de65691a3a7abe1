"""Validation of entries."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from core.cases.annotations.entries import MAX_AUTHOR, MAX_NOTE, Case, make_entry
from core.errors import AnnotationError

CASE = Case("a" * 64, "b" * 64)
TIME = "2026-01-02T03:04:05.000006+00:00"


def test_a_tag_and_a_note_with_author_and_time() -> None:
    """An entry holds the given values, its time in UTC; without a name its author is unknown."""
    tag = make_entry(CASE, tag="artefact", author=" Ann ", created="2026-01-02T05:04:05.000006+02:00")
    assert (CASE, "artefact", "", "Ann", TIME) == (tag.case, tag.tag, tag.note, tag.author, tag.created)
    note = make_entry(CASE, note=" dark\r\nrim\x00\x1b[31m ")
    assert ("", "dark\nrim  [31m", "unknown") == (note.tag, note.note, note.author)
    assert abs((datetime.now(UTC) - datetime.fromisoformat(note.created)).total_seconds()) < 3600


def test_the_id_depends_on_the_content() -> None:
    """Equal entries have equal ids; another case, tag, note, author or time gives another id."""
    said = {"tag": "artefact", "author": "Ann", "created": TIME}
    entry = make_entry(CASE, **said)
    assert entry == make_entry(CASE, **said)
    others = [
        make_entry(replace(CASE, sha256="c" * 64), **said),
        make_entry(replace(CASE, dataset="c" * 64), **said),
        make_entry(CASE, **{**said, "tag": "other"}),
        make_entry(CASE, **{**said, "author": "Bob"}),
        make_entry(CASE, **{**said, "created": TIME.replace("05.0", "06.0")}),
        make_entry(CASE, note="artefact", author="Ann", created=TIME),
    ]
    assert 7 == len({entry.id, *(other.id for other in others)})


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({}, "neither"),
        ({"tag": "other", "note": "x"}, "both"),
        ({"tag": "cat"}, "tag is unknown (cat); choose one of wrong label"),
        ({"note": "x" * (MAX_NOTE + 1)}, "at most 2,000 characters (2,001)"),
        ({"tag": "other", "created": "yesterday"}, "not in ISO 8601 format"),
        ({"tag": "other", "created": "2026-01-02T03:04:05"}, "no time zone"),
        ({"case": replace(CASE, sha256="A" * 64), "tag": "other"}, "file hash is not a SHA-256"),
        ({"case": replace(CASE, dataset="b" * 63), "tag": "other"}, "fingerprint is not a SHA-256"),
    ],
)
def test_invalid_entries_are_refused(said: dict[str, str], words: str) -> None:
    """An invalid value is refused with its reason."""
    with pytest.raises(AnnotationError) as refused:
        make_entry(**{"case": CASE, **said})
    assert words in str(refused.value)


def test_a_long_name_is_shortened() -> None:
    """An author's name is limited in length and put on one line."""
    assert "a b" == make_entry(CASE, tag="other", author="a\nb").author
    assert MAX_AUTHOR == len(make_entry(CASE, tag="other", author="x" * 500).author)
