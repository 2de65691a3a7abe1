"""Findings are known by their keys, and sources that tell the label are warned of."""

from __future__ import annotations

import pytest

from core.manifests.findings import FINDINGS, get_finding, list_sources_without, warn_of_sources

ISCHEMIA = get_finding("ischemia")


def test_every_finding_says_what_counts() -> None:
    """Each key has a name, two classes and one sentence; another key is an error."""
    found = [get_finding(key) for key in FINDINGS]
    assert ["hemorrhage", "ischemia"] == [finding.key for finding in found]
    assert ["intracranial hemorrhage", "ischemic lesion"] == [finding.name for finding in found]
    assert ("No ischemic lesion", "Ischemic lesion") == ISCHEMIA.classes
    assert all(finding.counts.endswith(".") and finding.counts.count(".") == 1 for finding in found)
    with pytest.raises(ValueError, match="'stroke'"):
        get_finding("stroke")


def test_a_source_that_tells_the_label_is_warned_of() -> None:
    """One warning if all positives are of sources without negatives; one for each such source otherwise."""
    (equal,) = warn_of_sources({"A": (0, 5), "B": (3, 0), "C": (4, 0)}, ISCHEMIA)
    assert equal.startswith(
        "Every slice used of A is labeled with an ischemic lesion, and no slice used of B and C is, so "
    )
    assert "the source alone tells the label" in equal
    first, second = warn_of_sources({"A": (0, 5), "": (0, 1), "C": (4, 1)}, ISCHEMIA)
    assert first.startswith("Every slice used of A is labeled with an ischemic lesion.")
    assert second.startswith("Every slice used of the source without a name ")


@pytest.mark.parametrize("counts", [{}, {"A": (0, 5)}, {"A": (1, 5), "B": (7, 0)}])
def test_other_sources_are_not_warned_of(counts: dict[str, tuple[int, int]]) -> None:
    """A single source, and sources without positives beside a mixed one, are no shortcut by themselves."""
    assert [] == warn_of_sources(counts, ISCHEMIA)


def test_sources_without_positives_are_named() -> None:
    """They are said in one sentence, unless no source has both labels."""
    counts = {"A": (1, 5), "B": (7, 0), "C": (1, 0)}
    assert "No slice used of B and C is labeled with an ischemic lesion." == list_sources_without(
        counts, ISCHEMIA
    )
    alone: dict[str, tuple[int, int]] = {"A": (3, 0)}
    for others in (alone, {"A": (1, 5)}, {"A": (0, 5), "B": (3, 0)}):
        assert "" == list_sources_without(others, ISCHEMIA)
