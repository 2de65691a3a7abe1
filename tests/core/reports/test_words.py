"""What reports say of a scan in words."""

from __future__ import annotations

import doctest
from dataclasses import replace

import pytest

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading.findings import Findings
from core.reading.reader import Reader
from core.reading.verdict import Verdict
from core.reports import words as scan_words
from core.reports.words import (
    describe_geometry,
    group_warnings,
    list_key_slices,
    summarize_decisions,
    write_ranges,
)
from core.scans import Scan, Slice, Technical
from tests.builders import render_head


@pytest.fixture
def study(tiny: Experiment) -> Findings:
    """Findings of six equal slices of which nothing is doubted."""
    findings = Reader(tiny).read(Scan("a", "0" * 64, "gray", (Slice(render_head(0.5)),) * 6))
    slices = tuple(replace(piece, gate=GateFinding("read"), warnings=()) for piece in findings.slices)
    return replace(findings, slices=slices)


def test_the_examples_run() -> None:
    """The doctests of the module."""
    assert 0 == doctest.testmod(scan_words).failed


def test_networks_agree_or_not() -> None:
    """One line says the common decision, or who says what."""
    assert "A (both networks agree)" == summarize_decisions({"pytorch": "A", "keras": "A"})
    assert "A (by one network)" == summarize_decisions({"keras": "A"})
    assert "The networks disagree: PyTorch says A, Keras says B" == summarize_decisions(
        {"pytorch": "A", "keras": "B"}
    )


def test_driving_slices_come_in_turn(study: Findings) -> None:
    """First what drove either network most, then the seconds; a slice that drove both stands once."""

    def drive(*driving: int) -> Verdict:
        return Verdict(0.5, 0.5, True, False, 6, driving)

    verdicts = {"pytorch": drive(5, 1, 2), "keras": drive(3, 5, 0)}
    assert [5, 3, 1, 2, 0] == list_key_slices(replace(study, verdicts=verdicts))
    assert [] == list_key_slices(replace(study, verdicts={}))


def test_a_doubt_is_told_once_with_its_slices(study: Findings) -> None:
    """Doubts on the scan come first and bare, those of the gate with ranges of slices."""
    gates = [GateFinding("warn", ("The outline is odd.",), n > 1) for n in range(5)]
    slices = tuple(
        replace(piece, gate=gate, warnings=("It was turned.",))
        for piece, gate in zip(study.slices, gates, strict=False)
    )
    assert [
        "It was turned.",
        "No brain visible: does not vote (slices 1-2).",
        "The outline is odd (slices 1-5).",
    ] == group_warnings(replace(study, slices=slices))
    one = replace(study, slices=slices[:1])
    assert ["It was turned.", "No brain visible: does not vote.", "The outline is odd."] == group_warnings(
        one
    )


@pytest.mark.parametrize(("indices", "told"), [([], ""), ([4], "5"), ([0, 1], "1-2"), ([0, 2, 3], "1, 3-4")])
def test_neighbours_are_joined(indices: list[int], told: str) -> None:
    """Numbers count from 1."""
    assert told == write_ranges(indices)


def test_only_what_is_known_of_the_geometry_is_told(study: Findings) -> None:
    """A picture that tells none has nothing but its number of slices, and alone nothing at all."""
    assert "6 slices" == describe_geometry(study)
    assert "" == describe_geometry(replace(study, slices=study.slices[:1]))
    known = replace(study, technical=Technical("CT", (0.5, 0.25), 4.0, None, None, 0.0))
    assert "6 slices, pixels of 0.50 x 0.25 mm, slices 4.00 mm apart, gantry tilt 0.0°" == describe_geometry(
        known
    )
