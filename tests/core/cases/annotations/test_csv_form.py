"""Entries as a CSV file."""

from __future__ import annotations

import csv
import io

import pytest

from core.cases.annotations.csv_form import COLUMNS, MAX_BYTES, read_entries, write_entries
from core.cases.annotations.entries import Case, make_entry
from core.errors import AnnotationError

OURS, THEIRS = "b" * 64, "c" * 64
CASE = Case("a" * 64, OURS)
KNOWN = {CASE.sha256}
TIME = "2026-01-02T03:04:05.000006+00:00"


def _row(**changes: str) -> str:
    row = {"sha256": CASE.sha256, "dataset": OURS, "tag": "other", "note": "", "author": "", "created": TIME}
    target = io.StringIO()
    csv.DictWriter(target, COLUMNS).writerow({**row, **changes})
    return target.getvalue()


def _file(*rows: str) -> bytes:
    return (",".join(COLUMNS) + "\n" + "".join(rows)).encode()


@pytest.mark.parametrize(
    "text",
    ["plain", "=1+1", "+1", "-1", "@x", "\t=1", "'quoted", "''", "'=1", 'say "x", y', "two\nlines", "ä 漢 ;"],
)
def test_texts_survive_and_are_no_formula(text: str) -> None:
    """Notes and names are read back unchanged, and no cell begins with the sign of a formula."""
    entries = [make_entry(CASE, note=text, author=text), make_entry(CASE, tag="artefact", author="Ann")]
    written = write_entries(entries)
    cells = [cell for row in csv.reader(io.StringIO(written.decode(), newline="")) for cell in row]
    assert [] == [cell for cell in cells if cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))]
    assert (entries, []) == read_entries(written, OURS, KNOWN)


def test_nothing_but_hashes_names_a_case() -> None:
    """The columns are hashes, tag, note, author and time, without file name or patient."""
    assert b"sha256,dataset,tag,note,author,created\n" == write_entries([])


def test_files_of_spreadsheets_are_read() -> None:
    """Semicolons, a byte order mark, carriage returns, more columns and another order are accepted."""
    text = f"created;extra;tag;note;author;dataset;sha256\r\n{TIME};1;other;;Ann;{OURS};{CASE.sha256}\r\n"
    entries, refusals = read_entries(b"\xef\xbb\xbf" + text.encode(), OURS, KNOWN)
    assert ([make_entry(CASE, tag="other", author="Ann", created=TIME)], []) == (entries, refusals)


def test_a_file_of_another_set_is_refused_whole() -> None:
    """One row of another data set is enough, and the error names both fingerprints."""
    with pytest.raises(AnnotationError) as refused:
        read_entries(_file(_row(), _row(dataset=THEIRS)), OURS, KNOWN)
    assert "other_dataset" == refused.value.code
    assert THEIRS[:12] in str(refused.value)
    assert OURS[:12] in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sha256": "d" * 64}, "No slice of this data set has this SHA-256 (dddddddddddd)"),
        ({"tag": "cat"}, "This tag is unknown (cat)"),
        ({"tag": ""}, "either a tag or a note (it has neither)"),
        ({"created": ""}, "The time is missing"),
        ({"created": "soon"}, "not in ISO 8601 format"),
    ],
)
def test_a_bad_row_is_refused_alone(changes: dict[str, str], words: str) -> None:
    """The other rows are read; the refusal names the line and the reason."""
    entries, refusals = read_entries(_file(_row(), _row(**changes)), OURS, KNOWN)
    assert 1 == len(entries)
    assert 1 == len(refusals)
    assert refusals[0].startswith("line 3: ")
    assert words in refusals[0]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", 'no column "sha256"'),
        (b"\x89PNG\r\n\x1a\n\xff", "not a CSV file of tags"),
        (b"file,label\na,1\n", 'no column "sha256"'),
        (_file(_row(note="x" * 200_000)), "field larger than field limit"),
        (b"x" * (MAX_BYTES + 1), "larger than 10 MB"),
    ],
    ids=["empty", "picture", "other-csv", "huge-field", "huge-file"],
)
def test_other_files_are_refused(data: bytes, words: str) -> None:
    """An empty file, a picture, another CSV file and a file that is too large are refused with a reason."""
    with pytest.raises(AnnotationError) as refused:
        read_entries(data, OURS, KNOWN)
    assert words in str(refused.value)
