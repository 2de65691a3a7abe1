"""Readings as JSON and CSV."""

from __future__ import annotations

import csv
from dataclasses import replace
from io import StringIO

import pytest

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading.findings import Findings, Refusal
from core.reading.outcome import NO_BRAIN, NO_RULE, UNUSABLE
from core.reading.reader import Reader
from core.reading.redecision import apply_operating_points
from core.reading.scan_verdicts import reach_scan_verdicts
from core.reading.verdict import make_study_rules
from core.reports.records import predict_record
from core.reports.tables import NOT_FOR_DIAGNOSIS, write_worklist
from core.reports.words import describe_worth
from core.scans import Scan, Slice
from core.system import escape_for_cell
from core.validation import count_flags
from tests.builders import render_head, write_tiny_validation


def read_grays(experiment: Experiment, *grays: float, source: str = "a.png") -> Findings:
    """Findings of a scan with one slice per mean gray; the brighter, the more suspicious."""
    slices = (Slice(render_head(gray)) for gray in grays)
    return Reader(experiment).read(Scan(source, "0" * 64, "gray", tuple(slices)))


def rows_of(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, as a program reads them."""
    return list(csv.DictReader(StringIO(text, newline="")))


def test_the_worklist_has_a_row_for_each_slice_and_refusal(tiny: Experiment) -> None:
    """Figures, thresholds, outcomes and the experiment's digest are in the row of the file."""
    findings = read_grays(tiny, 0.2, 0.9)
    slices = tuple(replace(one, gate=GateFinding("read"), unfit=()) for one in findings.slices)
    findings = replace(findings, slices=slices)
    refusal = Refusal("broken.png", "truncated", "The picture is cut off.")
    first, second, third = rows_of(write_worklist([tiny], [(findings,)], [refusal]))
    assert [("a.png", "1"), ("a.png", "2"), ("broken.png", "")] == [
        (row["file"], row["slice"]) for row in (first, second, third)
    ]
    for name, model in findings.slices[1].models.items():
        assert f"{model.probability:.4f}" == second[f"{name}_probability"]
        assert f"{model.threshold:.4f}" == second[f"{name}_threshold"]
        assert (model.outcome, "flagged") == (second[f"{name}_outcome"], model.outcome)
        assert "no" == second[f"{name}_needs_review"]
    assert "The picture is cut off." == third["refused"]
    assert {(tiny.name, tiny.digest, NOT_FOR_DIAGNOSIS)} == {
        (row["experiment"], row["experiment_digest"], row["note"]) for row in (first, second, third)
    }


def test_findings_stand_side_by_side(panel: list[Experiment]) -> None:
    """JSON has an answer for each finding of every slice and scan, CSV a row for each slice and finding."""
    scan = tuple(read_grays(experiment, 0.2, 0.9) for experiment in panel)
    other = replace(scan[1], decided_by="north", doubts=("A MIP.",))
    record = predict_record(panel, [(scan[0], other)], [])
    findings = {"hemorrhage": scan[0], "ischemia": other}
    assert {name: part.experiment for name, part in findings.items()} == {
        name: one["name"] for name, one in record["experiments"].items()
    }
    (told,) = record["scans"]
    assert ["the card", "north"] == [told["conclusion"][name]["decided_by"] for name in findings]
    assert ["A MIP."] == told["doubts"]
    rows = rows_of(write_worklist(panel, [(scan[0], other)], []))
    assert [(name, "1") for name in findings] == [(row["finding"], row["slice"]) for row in rows[::2]]
    for row, (name, part) in zip(rows[1::2], findings.items(), strict=True):
        answers = told["slices"][1]["findings"][name]
        assert part.conclusion.outcome == told["conclusion"][name]["outcome"]
        assert (part.experiment, part.decided_by) == (row["experiment"], row["decided_by"])
        for framework, model in part.slices[1].models.items():
            assert model.probability == answers[framework]["probability"]
            assert f"{model.probability:.4f}" == row[f"{framework}_probability"]


def read_study(experiment: Experiment) -> Findings:
    """Findings of four slices below and above 0 mm, the brightest last; the first shows no brain."""
    scan = Scan(
        "a", "0" * 64, "gray", tuple(Slice(render_head(0.5 + 0.1 * n), 5.25 * n - 10) for n in range(4))
    )
    findings = Reader(experiment).read(scan)
    read, warned = GateFinding("read"), GateFinding("warn", ("The outline is odd.",), False)
    slices = tuple(
        replace(one, gate=gate) for one, gate in zip(findings.slices, (warned, read, read, read), strict=True)
    )
    findings = replace(findings, slices=slices)
    return replace(findings, verdicts=reach_scan_verdicts(findings, make_study_rules(experiment)))


def test_the_worklist_tells_the_verdict_in_every_row_of_a_study(tiny: Experiment) -> None:
    """Score, threshold, band, outcome and number counted are the same in all rows; ranks are not."""
    findings = read_study(tiny)
    rows = rows_of(write_worklist([tiny], [(findings,)], []))
    assert {("Flagged: possible hemorrhage", "", "no", "yes")} == {
        (row["conclusion"], row["reasons"], row["needs_review"], row["agree"]) for row in rows
    }
    columns = ("score", "threshold", "band_low", "band_high", "outcome", "needs_review", "n_counted")
    for name, verdict in findings.verdicts.items():
        figures = (verdict.score, verdict.threshold, *(verdict.band or (None, None)))
        expected = (*("" if one is None else f"{one:.4f}" for one in figures), "flagged", "no", "3")
        assert {expected} == {tuple(row[f"{name}_study_{column}"] for column in columns) for row in rows}
        assert ["", "3", "2", "1"] == [row[f"{name}_key_place"] for row in rows]


def test_the_worklist_tells_of_each_slice_where_it_lies_and_what_the_gate_says(tiny: Experiment) -> None:
    """A negative position stays a number; a slice without brain is neither counted nor judged."""
    rows = rows_of(write_worklist([tiny], [(read_study(tiny),)], []))
    assert ["-10", "-4.75", "0.5", "5.75"] == [f"{float(row['position_mm']):g}" for row in rows]
    assert {("4", "0")} == {(row["slices"], row["turned"]) for row in rows}
    columns = ("brain_visible", "gate", "gate_reasons", "counted", "slice_outcome", "slice_reasons")
    assert ("no", "warn", "The outline is odd.", "no", "not_judged", NO_BRAIN) == tuple(
        rows[0][column] for column in columns
    )
    assert {("yes", "read", "", "yes", "flagged", "")} == {
        tuple(row[column] for column in columns) for row in rows[1:]
    }


def test_what_has_no_verdict_and_no_position_has_empty_cells(tiny: Experiment) -> None:
    """A study without a rule has no figures, and its conclusion says why."""
    rows = rows_of(write_worklist([tiny], [(replace(read_grays(tiny, 0.5, 0.6), verdicts={}),)], []))
    for row in rows:
        assert "" == row["position_mm"]
        assert ("Not judged", NO_RULE, "yes") == (row["conclusion"], row["reasons"], row["needs_review"])
        assert {""} == {value for column, value in row.items() if "_study_" in column or "_key_" in column}


def test_a_study_of_which_no_slice_counts_has_no_score(tiny: Experiment) -> None:
    """The JSON holds null, the CSV an empty cell, and both say that nothing was judged."""
    findings = read_grays(tiny, 0.5, 0.6)
    blind = tuple(replace(one, gate=GateFinding("read", brain_visible=False)) for one in findings.slices)
    findings = replace(findings, slices=blind)
    findings = replace(findings, verdicts=reach_scan_verdicts(findings, make_study_rules(tiny)))
    (scan,) = predict_record([tiny], [(findings,)], [])["scans"]
    row, _ = rows_of(write_worklist([tiny], [(findings,)], []))
    for name, verdict in scan["verdict"]["hemorrhage"].items():
        assert (None, "not_judged", [UNUSABLE], 0) == (
            verdict["score"], verdict["outcome"], verdict["reasons"], verdict["n_counted"],
        )  # fmt: skip
        assert ("", "not_judged") == (row[f"{name}_study_score"], row[f"{name}_study_outcome"])


def test_the_worklist_holds_what_was_decided_anew(tiny: Experiment) -> None:
    """Other thresholds change outcomes and agreement, not probabilities."""
    findings = read_grays(tiny, 0.5)
    (anew,) = apply_operating_points([findings], tiny, {"pytorch": 1.0, "keras": 0.0})
    before, after = (rows_of(write_worklist([tiny], [(scan,)], []))[0] for scan in (findings, anew))
    assert before["pytorch_probability"] == after["pytorch_probability"]
    assert ("not_flagged", "flagged") == (after["pytorch_outcome"], after["keras_outcome"])
    assert ("no", "Uncertain: please review") == (after["slice_agree"], after["conclusion"])
    assert "The networks disagree: Keras flagged it, PyTorch did not." in after["slice_reasons"]


@pytest.mark.parametrize(
    "name", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)", "\t=1", " =1", "＝1+1", "\n=1"]
)
def test_no_file_name_becomes_a_formula(tiny: Experiment, name: str) -> None:
    """A name that a spreadsheet would read as a formula begins with an apostrophe, and stays on one line."""
    findings = replace(read_grays(tiny, 0.5), source=name)
    text = write_worklist([tiny], [(findings,)], [Refusal(name, "empty", name)])
    for row in rows_of(text):
        assert row["file"].startswith("'")
        assert "\n" not in row["file"]
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "＝")) for cell in row.values())
    assert 3 == len(text.splitlines())


def test_a_plain_cell_is_left_as_it_is() -> None:
    """Commas, quotes and letters of any script are unchanged."""
    assert 'Müller, "1" 日本.png' == escape_for_cell('Müller, "1" 日本.png')


def test_each_row_says_what_decided(tiny: Experiment) -> None:
    """JSON and CSV name the card, or the site calibration; a refused file has no decider."""
    home = read_grays(tiny, 0.2)
    there = replace(home, decided_by="north")
    refusal = Refusal("broken.png", "truncated", "The picture is cut off.")
    record = predict_record([tiny], [(home,), (there,)], [refusal])
    assert ["the card", "north"] == [scan["decided_by"] for scan in record["scans"]]
    rows = rows_of(write_worklist([tiny], [(home,), (there,)], [refusal]))
    assert ["the card", "north", ""] == [row["decided_by"] for row in rows]


def test_the_record_counts_flags_elsewhere(tiny: Experiment) -> None:
    """The JSON has the counts of the stored validations, null without one."""
    findings = read_grays(tiny, 0.5)
    assert predict_record([tiny], [(findings,)], [])["elsewhere"] is None
    write_tiny_validation(tiny)
    found = count_flags(tiny)
    assert found is not None
    elsewhere = predict_record([tiny], [(findings,)], [])["elsewhere"]
    assert (found.n_slices, found.n_positives) == (elsewhere["n_slices"], elsewhere["positives"])
    assert found.is_apart == elsewhere["kept_aside"]
    assert found.outcomes == {
        name: (elsewhere[name]["n"], elsewhere[name]["positives"]) for name in found.outcomes
    }
    (row,) = rows_of(write_worklist([tiny], [(findings,)], []))
    assert describe_worth(tiny, findings, found) == row["elsewhere"]


def test_on_a_slice_that_is_not_judged_no_network_says_anything(tiny: Experiment) -> None:
    """In JSON and CSV each network's outcome is "not_judged", too; its probability stays."""
    findings = read_grays(tiny, 0.9)
    (piece,) = findings.slices
    barred = replace(findings, slices=(replace(piece, unfit=("Not axial.",)),))
    (scan,) = predict_record([tiny], [(barred,)], [])["scans"]
    (row,) = rows_of(write_worklist([tiny], [(barred,)], []))
    for name, answer in scan["slices"][0]["findings"]["hemorrhage"].items():
        assert "flagged" == piece.models[name].outcome
        assert ("not_judged", True) == (answer["outcome"], answer["needs_review"])
        assert ("not_judged", "yes") == (row[f"{name}_outcome"], row[f"{name}_needs_review"])
        assert piece.models[name].probability == answer["probability"]


def test_incomplete_doubtful_and_unfit_scans_are_marked(tiny: Experiment) -> None:
    """JSON and CSV hold why a scan is part of a study, why nothing sure is said of it, and why nothing is."""
    whole = read_grays(tiny, 0.2)
    part = replace(whole, incomplete=("Slices are missing.",), doubts=("A MIP.",), unfit=("Not axial.",))
    record = predict_record([tiny], [(whole,), (part,)], [])
    keys = ("incomplete", "doubts", "unfit")
    assert [([], [], []), (["Slices are missing."], ["A MIP."], ["Not axial."])] == [
        tuple(scan[key] for key in keys) for scan in record["scans"]
    ]
    rows = rows_of(write_worklist([tiny], [(whole,), (part,)], []))
    assert [("", "", ""), ("Slices are missing.", "A MIP.", "Not axial.")] == [
        tuple(row[key] for key in keys) for row in rows
    ]
