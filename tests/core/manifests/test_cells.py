"""A CSV file is read line by line, and lines that cannot be read are named."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.manifests.cells import read_cells

KNOWN = ("file", "patient", "hemorrhage")


def _write(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "set.csv"
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "data",
    [
        b"file,patient\na.png,1\nb.png,2\n",
        b"\xef\xbb\xbffile,patient\r\na.png,1\r\nb.png,2\r\n",
        b"file;patient\na.png;1\nb.png;2",
        b"File\tPatient\n a.png \t1\n\nb.png\t2\n",
        b"file,patient,,\na.png,1,,\n,,,\nb.png,2,,\n",
        b'"file","patient"\r"a.png","1"\r"b.png","2"\r',
    ],
    ids=["commas", "BOM and Windows", "semicolons", "tabs and an empty line", "empty columns", "old Mac"],
)
def test_usual_forms_are_read_alike(tmp_path: Path, data: bytes) -> None:
    """Separators, line ends, byte-order marks, case and empty lines make no difference."""
    cells = read_cells(_write(tmp_path, data), KNOWN, "file")
    assert [{"file": "a.png", "patient": "1"}, {"file": "b.png", "patient": "2"}] == [
        row for _, row in cells.rows
    ]
    assert [] == cells.problems


def test_a_broken_line_does_not_spoil_the_others(tmp_path: Path) -> None:
    """Lines with a wrong encoding, an open quote or too many cells are named; the others are read."""
    data = b"file,patient\na.png,1\n" + "é.png,2\n".encode("latin-1") + b'"b.png,3\nc.png,4,5\nd.png,6\n'
    cells = read_cells(_write(tmp_path, data), KNOWN, "file")
    assert [2, 6] == [line for line, _ in cells.rows]
    found = {problem.line: problem.message for problem in cells.problems}
    assert [3, 4, 5] == sorted(found)
    assert "UTF-8" in found[3]
    assert "quotation marks" in found[4]
    assert "3 cells, the header has 2" in found[5]


def test_an_unknown_column_is_ignored_and_named(tmp_path: Path) -> None:
    """A column that the program does not use is reported for the header's line, and its cells are dropped."""
    cells = read_cells(_write(tmp_path, b"file,age\na.png,61\n"), KNOWN, "file")
    assert [(2, {"file": "a.png"})] == cells.rows
    assert ["set.csv, line 1: the column 'age' is unknown and was ignored"] == list(map(str, cells.problems))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "no column 'file'.*empty file"),
        (b"name,patient\na,1\n", "no column 'file'.*'name', 'patient'.*must name its columns"),
        (b"file,hemorhage\na,present\n", "unknown column.*'hemorhage'.*rename it to 'hemorrhage'"),
        (b"file,file\na,b\n", "column 'file' twice"),
        ("file,größe\n".encode("latin-1"), "header of set.csv is not in UTF-8"),
        ("file\na\n".encode("utf-16"), "UTF-16.*CSV UTF-8"),
        (b"PK\x03\x04rest of a workbook", "not a text file"),
        (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", "not a text file"),
    ],
)
def test_an_unusable_header_is_refused(tmp_path: Path, data: bytes, words: str) -> None:
    """Without a usable header nothing is read, and the error says what to do."""
    with pytest.raises(DatasetError, match=words):
        read_cells(_write(tmp_path, data), KNOWN, "file")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    """A table that does not exist is an error, not an empty table."""
    with pytest.raises(DatasetError, match=r"cannot be opened.*No such file"):
        read_cells(tmp_path / "none.csv", KNOWN, "file")
