"""The output of the command line."""

from __future__ import annotations

import io
import math
from dataclasses import replace

import pytest

from core.cli.terminal import plain, print_findings, print_json, print_table, show_progress
from core.experiments import Experiment
from core.gate import GateFinding
from core.reading import Reader
from core.reading.outcome import NO_SITE_RULE
from core.scans import Scan, Slice
from tests.builders import render_head


class Terminal(io.StringIO):
    """A stream that is a terminal."""

    def isatty(self) -> bool:
        return True


def test_plain_keeps_text_and_replaces_control_characters() -> None:
    """Letters of any script stay; escape codes, line ends and direction marks are replaced."""
    assert "Größe 头.png" == plain("Größe 头.png")
    assert "a\ufffdb\ufffdc\ufffd" == plain("a\x1bb\nc\u202e")


def test_progress_is_for_people_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is shown when standard error is a file."""
    monkeypatch.setattr("sys.stderr", io.StringIO())
    assert show_progress("files read") is None


def test_progress_ends_its_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """A counter is drawn over itself, and the last one ends the line; a single file needs none."""
    stream = Terminal()
    monkeypatch.setattr("sys.stderr", stream)
    show = show_progress("files read")
    assert show is not None
    show(1, 1)
    assert "" == stream.getvalue()
    show(1, 2)
    show(2, 2)
    assert "\r1/2 files read\r2/2 files read\n" == stream.getvalue()


def test_columns_line_up(capsys: pytest.CaptureFixture[str]) -> None:
    """Each column is as wide as its widest cell, and no line ends in blanks."""
    print_table(["a", "long"], [["wider", "1"], ["b", ""]])
    assert "a      long\nwider  1\nb\n" == capsys.readouterr().out


def test_json_never_holds_nan() -> None:
    """NaN is not JSON: it raises instead of being printed."""
    with pytest.raises(ValueError, match="not JSON compliant"):
        print_json({"value": math.nan})


def test_a_study_without_a_verdict_says_why(tiny: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    """A study that a site calibration gives no verdict on is printed with the reason."""
    slices = (Slice(render_head(0.45)), Slice(render_head(0.5)))
    findings = Reader(tiny).read(Scan("a", "0" * 64, "gray", slices))
    print_findings(tiny, [replace(findings, verdicts={}, decided_by="north")])
    out = capsys.readouterr().out
    assert 'Decided with the site calibration "north"' in out
    assert "Study (a): Not judged." in out
    assert f"Reason (a): {NO_SITE_RULE}" in out


def test_a_doubtful_slice_is_marked(tiny: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    """A scan of one slice on which nothing sure is said says so in its row, and below it why."""
    findings = Reader(tiny).read(Scan("a.png", "0" * 64, "gray", (Slice(render_head(0.5)),)))
    findings = replace(findings, slices=(replace(findings.slices[0], gate=GateFinding("read")),))
    print_findings(tiny, [findings, replace(findings, source="b.png", doubts=("A MIP.",))])
    lines = capsys.readouterr().out.splitlines()
    results = [line.split("  ")[-1] for line in lines if line.startswith(("a.png", "b.png"))]
    assert ["Flagged: possible hemorrhage", "Uncertain: please review"] == results
    assert "Reason (b.png): A MIP." in lines
