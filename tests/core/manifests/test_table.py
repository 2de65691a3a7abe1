"""Every line of a manifest is checked; faulty ones are named, the rest is used."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.manifests.table import find_manifest, read_manifest
from tests.manifest_files import write_lines


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the files 0.png to 9.png, a mask, and a folder of a series."""
    for number in range(10):
        (tmp_path / f"{number}.png").touch()
    (tmp_path / "mask.png").touch()
    (tmp_path / "series").mkdir()
    return tmp_path


def _read(folder: Path, *lines: str) -> tuple[list[str], dict[int, str]]:
    """Return the names of the used lines, and line -> message of the others."""
    found = read_manifest(write_lines(folder / "set.csv", *lines))
    return [row.name for row in found.rows], {one.line: one.message for one in found.problems}


def test_a_line_has_all_its_values(folder: Path) -> None:
    """The columns of a line become the values of a row."""
    header = "file,source,patient,slice,hemorrhage,ischemia,mask,vendor,part,rotate"
    path = write_lines(folder / "set.csv", header, "series,A,007,3.0,Present,absent,mask.png,GE,kept,90")
    (row,) = read_manifest(path).rows
    assert ("series#3", folder / "series", 3) == (row.name, row.path, row.slice)
    assert ("A", "007", "GE", "kept", 90) == (row.source, row.patient, row.vendor, row.part, row.rotate)
    assert {"hemorrhage": 1, "ischemia": 0} == dict(row.labels)
    assert ("mask.png", folder / "mask.png") == (row.mask, row.mask_path)


def test_a_mask_of_two_findings_is_not_used(folder: Path) -> None:
    """It cannot be told which one it outlines: the line is used without it, and a note says so."""
    path = write_lines(folder / "set.csv", "file,hemorrhage,ischemia,mask", "0.png,present,present,mask.png")
    found = read_manifest(path)
    assert [("", None)] == [(row.mask, row.mask_path) for row in found.rows]
    (problem,) = found.problems
    assert "hemorrhage and ischemia are both present, so its mask was not used" == problem.message
    assert ("0.png", False) == (problem.file, problem.loses_slice)


def test_windows_paths_and_dots_are_understood(folder: Path) -> None:
    """Backslashes and steps through "." name the same file as its plain path."""
    (folder / "deep").mkdir()
    (folder / "deep" / "a.png").touch()
    names, problems = _read(folder, "file", "deep\\a.png", "./0.png", "deep/../1.png")
    assert (["deep/a.png", "0.png", "1.png"], {}) == (names, problems)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("none.png,,,,,", "does not exist"),
        (",1,,,,", "column 'file' is empty"),
        ("../set/0.png,,,,,", "must lie below the folder"),
        ("/etc/passwd,,,,,", "must lie below the folder"),
        ("C:\\x.png,,,,,", "must lie below the folder"),
        ("series,,,,,", "this is a folder; say in the column 'slice'"),
        ("1.png,0,,,,", "slice must be a whole number from 1, not '0'"),
        ("1.png,nan,,,,", "slice must be a whole number from 1, not 'nan'"),
        ("1.png,,NaN,,,", "'NaN' is no label of hemorrhage; write present, absent, unknown"),
        ("1.png,,positive,,,", "'positive' is no label of hemorrhage"),
        ("1.png,,1,,,", "'1' is no label of hemorrhage"),
        ("1.png,,,no-mask.png,,", "the mask does not exist"),
        ("1.png,,,../mask.png,,", "mask must lie below the folder"),
        ("1.png,,,,test,", "part must be 'kept' or empty, not 'test'"),
        ("1.png,,,,,45", "rotate must be 0, 90, 180, 270 or empty, not '45'"),
    ],
)
def test_a_faulty_line_is_named(folder: Path, line: str, words: str) -> None:
    """A line that cannot be used is listed with its number and reason; the others are used."""
    names, problems = _read(
        folder, "file,slice,hemorrhage,mask,part,rotate", "0.png,,present,,,", line, "2.png,,,,,"
    )
    assert ["0.png", "2.png"] == names
    assert [3] == list(problems)
    assert words in problems[3]


def test_a_repeated_line_counts_once(folder: Path) -> None:
    """The first of equal lines is used."""
    names, problems = _read(folder, "file,hemorrhage", "0.png,absent", "1.png,present", "./0.png,absent")
    assert (["0.png", "1.png"], {4: "it repeats line 2"}) == (names, problems)


def test_two_labels_for_a_slice_refuse_both_lines(folder: Path) -> None:
    """Nobody can tell which of two labels is right, so neither line is used."""
    names, problems = _read(folder, "file,hemorrhage", "0.png,absent", "1.png,present", "0.png,present")
    assert ["1.png"] == names
    assert {2, 4} == set(problems)
    assert "other labels in line 4" in problems[2]
    assert "other labels in line 2" in problems[4]


def test_two_patients_for_a_slice_refuse_both_lines(folder: Path) -> None:
    """A slice that two lines give to different patients is not used, and the message names no id."""
    names, problems = _read(folder, "file,patient", "0.png,Smith", "0.png,Jones", "1.png,Smith")
    assert ["1.png"] == names
    assert "other values in line 3" in problems[2]
    assert not any(name in message for name in ("Smith", "Jones") for message in problems.values())


def test_slices_of_one_file_are_different_slices(folder: Path) -> None:
    """Lines with different numbers of slices are no duplicates."""
    names, problems = _read(folder, "file,slice", "series,1", "series,2")
    assert (["series#1", "series#2"], {}) == (names, problems)


def test_a_patient_is_kept_as_a_whole(folder: Path) -> None:
    """Slices outside the kept part are refused if their patient has kept ones, within the source only."""
    lines = ("0.png,A,1,kept", "1.png,A,1,", "2.png,B,1,", "3.png,A,,", "4.png,A,,kept")
    names, problems = _read(folder, "file,source,patient,part", *lines)
    assert ["0.png", "2.png", "3.png", "4.png"] == names
    assert "in the kept part" in problems[3]


def test_silence_is_read_as_its_source_says(folder: Path) -> None:
    """An empty label is absent where the source presumes so, else unknown; "unknown" is never absent."""
    sources = ("A,hemorrhage,presumed absent,reports name bleedings", "C,hemorrhage,unknown,nobody looked")
    write_lines(folder / "set.sources.csv", "source,finding,silence,reason", *sources)
    lines = ("0.png,A,", "1.png,A,unknown", "2.png,B,", "3.png,A,present", "4.png,C,")
    path = write_lines(folder / "set.csv", "file,source,hemorrhage", *lines)
    found = read_manifest(path)
    assert [0, None, None, 1, None] == [row.labels["hemorrhage"] for row in found.rows]
    assert ("presumed absent", "reports name bleedings") == found.sources[0].silence["hemorrhage"]
    assert "B" == found.sources[1].name


def test_a_source_may_have_a_folder_of_its_own(tmp_path: Path) -> None:
    """Its files lie below that folder, and its name comes before theirs, so that names stay unique."""
    home, away = tmp_path / "home", tmp_path / "away"
    for folder in (home, away):
        folder.mkdir()
        (folder / "a.png").touch()
    write_lines(home / "set.sources.csv", "source,folder", f"far,{away}")
    found = read_manifest(write_lines(home / "set.csv", "file,source", "a.png,far", "a.png,near"))
    assert [("far/a.png", away / "a.png"), ("a.png", home / "a.png")] == [
        (row.name, row.path) for row in found.rows
    ]


def test_sources_without_lines_are_named(folder: Path) -> None:
    """A source that no usable line names is reported, because its name may be misspelled."""
    write_lines(folder / "set.sources.csv", "source,title", "A,First", "Z,Last")
    found = read_manifest(write_lines(folder / "set.csv", "file,source", "0.png,A"))
    assert ["set.sources.csv, line 1: the manifest has no usable line of the source 'Z'"] == list(
        map(str, found.problems)
    )


def test_a_manifest_without_a_usable_line_is_refused(folder: Path) -> None:
    """The error quotes the first faults."""
    path = write_lines(folder / "set.csv", "file", "none.png", "gone.png")
    with pytest.raises(
        DatasetError, match=r"No line of set.csv can be used.*set.csv, line 2: the file does not"
    ):
        read_manifest(path)
    with pytest.raises(DatasetError, match="header only"):
        read_manifest(write_lines(folder / "set.csv", "file"))


def test_a_path_stands_for_a_manifest(folder: Path) -> None:
    """A .csv file is a manifest, and so is a folder's manifest.csv; other folders and files are none."""
    assert folder / "set.csv" == find_manifest(folder / "set.csv")
    assert find_manifest(folder) is None
    write_lines(folder / "manifest.csv", "file", "0.png")
    assert folder / "manifest.csv" == find_manifest(folder)
    assert find_manifest(folder / "0.png") is None


@pytest.mark.parametrize("n", [10_000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_many_lines_are_read(folder: Path, n: int) -> None:
    """Many lines are read, each once, and their faults found."""
    lines = [f"series,{number},present" for number in range(1, n + 1)]
    lines[500] = "series,501,maybe"
    found = read_manifest(write_lines(folder / "set.csv", "file,slice,hemorrhage", *lines))
    assert (n - 1, n) == (len(found.rows), found.n_lines)
    assert [502] == [problem.line for problem in found.problems]
