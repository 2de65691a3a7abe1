"""The types of a manifest explain themselves in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.manifests.columns import Manifest, Problem, Row, Silence, Source


@pytest.mark.parametrize(
    ("silence", "words"),
    [
        ({}, "an empty label of ischemia is unknown"),
        (
            {"ischemia": ("unknown", "the set does not label ischemia")},
            "is unknown (the set does not label ischemia)",
        ),
        ({"ischemia": ("presumed absent", "all are healthy")}, "is presumed absent, because all are healthy"),
    ],
)
def test_silence_is_described(silence: dict[str, tuple[Silence, str]], words: str) -> None:
    """A sentence says what an empty label means, and why; without facts it is unknown."""
    assert Source("A", silence=silence).describe_silence("ischemia").endswith(words)


def test_a_problem_names_table_and_line() -> None:
    """The words begin with the table and the line, so that they can be found in an editor."""
    assert "set.csv, line 3: it is empty" == str(Problem(3, "it is empty", table="set.csv"))


def _list_rows(source: str, labels: list[tuple[int | None, int | None]], **values: str) -> list[Row]:
    return [
        Row(
            line,
            f"{source}{line}",
            Path(),
            None,
            source,
            labels={"hemorrhage": one, "ischemia": other},
            **values,
        )
        for line, (one, other) in enumerate(labels, start=2)
    ]


def test_a_mask_outlines_the_one_finding_that_is_present() -> None:
    """If none is present, or both are, it is unknown which one."""
    rows = _list_rows("A", [(1, 0), (0, 1), (1, None), (1, 1), (None, 0)])
    assert ["hemorrhage", "ischemia", "hemorrhage", "", ""] == [row.outlined for row in rows]


def test_the_slices_of_a_training_are_described_by_finding() -> None:
    """Counts by label and source, what is left out, sources without positives, and sources that tell."""
    rows = _list_rows("A", [(0, 1), (0, 1)], patient="1")
    rows += _list_rows("B", [(1, None), (0, 0)])
    rows += _list_rows("C", [(0, 0)], part="kept")
    manifest = Manifest(Path("set.csv"), tuple(rows), tuple(map(Source, "ABC")))
    assert {"A": (2, 0), "B": (1, 1)} == manifest.count_trainable("hemorrhage")
    first, patients = manifest.describe_training("hemorrhage")
    expected = (
        "4 slices to train on: 1 with an intracranial hemorrhage, 3 without. Left out: 0 whose label is "
    )
    assert (
        expected + "unknown, 1 kept aside. No slice used of A is labeled with an intracranial hemorrhage."
        == first
    )
    assert patients.startswith("The patients of 2 of 4 slices are unknown")
    first, telling, _ = manifest.describe_training("ischemia")
    assert first.startswith("3 slices to train on: 2 with an ischemic lesion, 1 without. Left out: 1 whose")
    assert telling.startswith(
        "Every slice used of A is labeled with an ischemic lesion, and no slice used of B is, so"
    )
