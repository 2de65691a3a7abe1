"""The words of reports on a scan."""

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
    """Findings of six equal slices without warnings."""
    findings = Reader(tiny).read(Scan("a", "0" * 64, "gray", (Slice(render_head(0.5)),) * 6))
    slices = tuple(replace(piece, gate=GateFinding("read"), warnings=()) for piece in findings.slices)
    return replace(findings, slices=slices)


def test_the_examples_run() -> None:
    """The doctests of the module."""
    assert 0 == doctest.testmod(scan_words).failed


def test_networks_agree_or_not() -> None:
    """One line gives the common decision, or the decision of each."""
    assert "A (both networks agree)" == summarize_decisions({"pytorch": "A", "keras": "A"})
    assert "A (one network)" == summarize_decisions({"keras": "A"})
    assert "The networks disagree (PyTorch: A; Keras: B)" == summarize_decisions(
        {"pytorch": "A", "keras": "B"}
    )


def test_key_slices_come_in_turn(study: Findings) -> None:
    """The top slices of both networks come first, then the seconds; a slice of both appears once."""

    def reach(*key_slices: int) -> Verdict:
        return Verdict(0.5, 0.5, True, False, 6, key_slices)

    verdicts = {"pytorch": reach(5, 1, 2), "keras": reach(3, 5, 0)}
    assert [5, 3, 1, 2, 0] == list_key_slices(replace(study, verdicts=verdicts))
    assert [] == list_key_slices(replace(study, verdicts={}))


def test_a_warning_is_given_once_with_its_slices(study: Findings) -> None:
    """Warnings on the scan come first, those of the gate follow with their slices."""
    gates = [GateFinding("warn", ("The outline is odd.",), n > 1) for n in range(5)]
    slices = tuple(
        replace(piece, gate=gate, warnings=("It was turned.",))
        for piece, gate in zip(study.slices, gates, strict=False)
    )
    assert [
        "It was turned.",
        "No brain visible: not counted (slices 1-2).",
        "The outline is odd (slices 1-5).",
    ] == group_warnings(replace(study, slices=slices))
    one = replace(study, slices=slices[:1])
    assert ["It was turned.", "No brain visible: not counted.", "The outline is odd."] == group_warnings(one)


@pytest.mark.parametrize(("indices", "text"), [([], ""), ([4], "5"), ([0, 1], "1-2"), ([0, 2, 3], "1, 3-4")])
def test_neighbours_are_joined(indices: list[int], text: str) -> None:
    """Indices from 0 become numbers from 1."""
    assert text == write_ranges(indices)


def test_only_known_geometry_is_described(study: Findings) -> None:
    """Without geometry only the number of slices is given, and for one slice nothing."""
    assert "6 slices" == describe_geometry(study)
    assert "" == describe_geometry(replace(study, slices=study.slices[:1]))
    known = replace(study, technical=Technical("CT", (0.5, 0.25), 4.0, None, None, 0.0))
    assert (
        "6 slices, pixel size 0.50 x 0.25 mm, slice spacing 4.00 mm (median), gantry tilt 0.0°"
        == describe_geometry(known)
    )
