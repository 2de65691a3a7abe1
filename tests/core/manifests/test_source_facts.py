"""The facts about sources are read by line."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.manifests.columns import Source
from core.manifests.source_facts import read_sources
from tests.manifest_files import write_lines

HEADER = "source,title,terms,finding,silence,reason"


def test_lines_of_one_source_are_joined(tmp_path: Path) -> None:
    """A source has one title and terms, and a silence for each finding that a line names."""
    write_lines(
        tmp_path / "set.sources.csv",
        HEADER,
        "A,First hospital,free,hemorrhage,presumed absent,reports",
        "A,,,ischemia,,",
    )
    silence = {"hemorrhage": ("presumed absent", "reports"), "ischemia": ("unknown", "")}
    expected = {"A": Source("A", "First hospital", "free", silence)}
    assert (expected, []) == read_sources(tmp_path / "set.csv")


def test_a_manifest_may_have_no_facts(tmp_path: Path) -> None:
    """Without the file there are no facts and no problems."""
    assert ({}, []) == read_sources(tmp_path / "set.csv")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("A,,,tumor,unknown,", "the finding 'tumor' is unknown"),
        ("A,,,ischemia,absent,", "silence cannot mean 'absent'"),
        ("A,,,,presumed absent,because", "names no finding"),
        ("A,,,ischemia,presumed absent,", "needs a reason"),
        ("A,,,hemorrhage,unknown,", "described before"),
        ("A,Second hospital,,,,", "another title in an earlier line"),
        ("A,First hospital,sold,,,", "another terms in an earlier line"),
    ],
)
def test_a_faulty_line_is_named(tmp_path: Path, line: str, words: str) -> None:
    """A faulty line is listed and changes nothing."""
    first = "A,First hospital,free,hemorrhage,unknown,"
    write_lines(tmp_path / "set.sources.csv", HEADER, first, line)
    sources, problems = read_sources(tmp_path / "set.csv")
    assert Source("A", "First hospital", "free", {"hemorrhage": ("unknown", "")}) == sources["A"]
    assert [3] == [problem.line for problem in problems]
    assert words in problems[0].message
