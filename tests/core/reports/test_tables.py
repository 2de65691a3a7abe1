"""Readings as CSV."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import pytest

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading.findings import Findings, Refusal
from core.reading.reader import Reader, apply_operating_points
from core.reading.verdict import make_study_rules, reach_verdicts
from core.reports.tables import (
    NOT_FOR_DIAGNOSIS,
    find_most_suspicious,
    highest_probability,
    write_worklist,
)
from core.scans import Scan, Slice
from core.system import escape_for_cell
from tests.builders import render_head


def read_grays(experiment: Experiment, *grays: float, source: str = "a.png") -> Findings:
    """Findings of a scan with one slice per mean gray; the brighter, the more suspicious."""
    slices = (Slice(render_head(gray)) for gray in grays)
    return Reader(experiment).read(Scan(source, "0" * 64, "gray", tuple(slices)))


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, as a program reads them."""
    return list(csv.DictReader(StringIO(text, newline="")))


def test_the_brightest_slice_is_the_most_suspicious(tiny: Experiment) -> None:
    """The most suspicious slice has the highest probability of any network."""
    findings = read_grays(tiny, 0.2, 0.9, 0.5)
    worst = find_most_suspicious(findings)
    assert 1 == worst.index
    assert max(model.probability for model in worst.models.values()) == highest_probability(worst)


def test_the_worklist_has_a_row_for_each_slice_and_refusal(tiny: Experiment) -> None:
    """Figures, operating points, decisions and the experiment's digest are in the row of the file."""
    findings = read_grays(tiny, 0.2, 0.9)
    refusal = Refusal("broken.png", "truncated", "The picture is cut off.")
    first, second, third = rows_of(write_worklist(tiny, [findings], [refusal]))
    assert [("a.png", "1"), ("a.png", "2"), ("broken.png", "")] == [
        (row["file"], row["slice"]) for row in (first, second, third)
    ]
    for name, model in findings.slices[1].models.items():
        assert f"{model.probability:.4f}" == second[f"{name}_probability"]
        assert f"{model.threshold:.4f}" == second[f"{name}_operating_point"]
        assert model.decision == second[f"{name}_decision"]
        assert "no" == second[f"{name}_needs_review"]
    assert "yes" == second["agree"]
    assert "The picture is cut off." == third["refused"]
    assert {(tiny.name, tiny.digest, NOT_FOR_DIAGNOSIS)} == {
        (row["experiment"], row["experiment_digest"], row["note"]) for row in (first, second, third)
    }


def read_study(experiment: Experiment) -> Findings:
    """Findings of four slices below and above 0 mm, the brightest last; the first shows no brain."""
    scan = Scan(
        "a", "0" * 64, "gray", tuple(Slice(render_head(0.5 + 0.1 * n), 5.25 * n - 10) for n in range(4))
    )
    findings = Reader(experiment).read(scan)
    hidden = replace(findings.slices[0], gate=GateFinding("warn", ("The outline is odd.",), False))
    slices = (hidden, *findings.slices[1:])
    probabilities = {name: [piece.models[name].probability for piece in slices] for name in findings.verdicts}
    verdicts = reach_verdicts(
        probabilities, [piece.is_counted for piece in slices], make_study_rules(experiment)
    )
    return replace(findings, slices=slices, verdicts=verdicts)


def test_the_worklist_tells_the_verdict_in_every_row_of_a_study(tiny: Experiment) -> None:
    """Score, operating point, decision and number counted are the same in all rows; ranks are not."""
    findings = read_study(tiny)
    rows = rows_of(write_worklist(tiny, [findings], []))
    for name, verdict in findings.verdicts.items():
        expected = (
            f"{verdict.score:.4f}",
            f"{verdict.threshold:.4f}",
            tiny.classes[int(verdict.positive)],
            "no",
            "3",
        )
        columns = (
            "verdict_score",
            "verdict_operating_point",
            "verdict",
            "verdict_needs_review",
            "voting_slices",
        )
        assert {expected} == {tuple(row[f"{name}_{column}"] for column in columns) for row in rows}
        assert ["", "3", "2", "1"] == [row[f"{name}_driving_place"] for row in rows]


def test_the_worklist_tells_of_each_slice_where_it_lies_and_what_the_gate_says(tiny: Experiment) -> None:
    """A negative position stays a number; a slice without brain is not counted."""
    rows = rows_of(write_worklist(tiny, [read_study(tiny)], []))
    assert ["-10", "-4.75", "0.5", "5.75"] == [f"{float(row['position_mm']):g}" for row in rows]
    assert {"4"} == {row["slices"] for row in rows}
    assert ("no", "warn", "The outline is odd.", "no") == tuple(
        rows[0][column] for column in ("brain_visible", "gate", "gate_reasons", "votes")
    )
    assert [("yes", "yes")] * 3 == [(row["brain_visible"], row["votes"]) for row in rows[1:]]


def test_what_has_no_verdict_and_no_position_has_empty_cells(tiny: Experiment) -> None:
    """The cells of a scan without a verdict are empty."""
    (row,) = rows_of(write_worklist(tiny, [replace(read_grays(tiny, 0.5), verdicts={})], []))
    assert "" == row["position_mm"]
    assert {""} == {value for column, value in row.items() if "verdict" in column or "driving" in column}


def test_the_worklist_holds_what_was_decided_anew(tiny: Experiment) -> None:
    """Other operating points change decisions and agreement, not probabilities."""
    findings = read_grays(tiny, 0.5)
    (anew,) = apply_operating_points([findings], tiny, {"pytorch": 1.0, "keras": 0.0})
    before, after = (rows_of(write_worklist(tiny, [scan], []))[0] for scan in (findings, anew))
    assert before["pytorch_probability"] == after["pytorch_probability"]
    assert ("No hemorrhage", "Hemorrhage") == (after["pytorch_decision"], after["keras_decision"])
    assert "no" == after["agree"]


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\n=1"]
)
def test_no_file_name_becomes_a_formula(tiny: Experiment, name: str) -> None:
    """A name that a spreadsheet would read as a formula begins with an apostrophe, and stays on one line."""
    findings = replace(read_grays(tiny, 0.5), source=name)
    text = write_worklist(tiny, [findings], [Refusal(name, "empty", name)])
    for row in rows_of(text):
        assert row["file"].startswith("'")
        assert "\n" not in row["file"]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "＝")) for cell in row.values())
    assert 3 == len(text.splitlines())


def test_a_plain_cell_is_left_as_it_is() -> None:
    """Commas, quotes and letters of any script are unchanged."""
    assert 'Müller, "1" 日本.png' == escape_for_cell('Müller, "1" 日本.png')
