"""The order of the worklist of Read a scan."""

from __future__ import annotations

import pytest

from core.reading import Findings, Outcome, PanelFindings
from core.reading.outcome import Conclusion
from core.reading.verdict import Verdict
from dashboard.read.worklist import rank_parts


def read_scan(outcome: Outcome, score: float | None, *, incomplete: bool = False) -> PanelFindings:
    """Findings of one experiment on a scan with this outcome; only what the order depends on is right."""
    verdict = Verdict(score, 0.5, None, outcome, (), False, 1, (0,))
    findings = Findings("a", "", "tiny", (), {"keras": verdict}, incomplete=("It is.",) * incomplete)
    conclusion = Conclusion(outcome, (), findings.incomplete)
    object.__setattr__(findings, "conclusion", conclusion)
    return (findings,)


def test_flagged_comes_first_and_not_flagged_last() -> None:
    """Flagged, uncertain, incomplete or not judged, not flagged: in this order, whatever the scores."""
    scans = [
        read_scan("not_flagged", 0.4),
        read_scan("not_judged", None),
        read_scan("not_flagged", 0.3, incomplete=True),
        read_scan("uncertain", 0.1),
        read_scan("flagged", 0.2),
    ]
    listed = [scan.conclusion.outcome for (scan,) in sorted(scans, key=rank_parts)]
    assert ["flagged", "uncertain", "not_flagged", "not_judged", "not_flagged"] == listed


@pytest.mark.parametrize("outcome", ["flagged", "uncertain", "not_flagged"])
def test_of_one_kind_the_higher_score_comes_first(outcome: Outcome) -> None:
    """Two scans of one outcome are in the order of their scores; an incomplete one keeps its outcome."""
    low, high = read_scan(outcome, 0.2), read_scan(outcome, 0.7)
    assert [high, low] == sorted([low, high], key=rank_parts)
    whole, part = read_scan("flagged", 0.5), read_scan("flagged", 0.9, incomplete=True)
    assert [part, whole] == sorted([whole, part], key=rank_parts)


def test_of_two_findings_the_first_is_more_urgent() -> None:
    """Scans flagged for hemorrhage come before those flagged for ischemia alone, whatever the scores."""
    no, low, high = read_scan("not_flagged", 0.1), read_scan("flagged", 0.6), read_scan("flagged", 0.9)
    unsure = read_scan("uncertain", 0.5)
    urgent = [low + no, no + high, unsure + no, no + unsure, no + no]
    assert urgent == sorted(reversed(urgent), key=rank_parts)
