"""Slices and scans conclude from their networks, the gate, and what the file says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from core.evaluation import Band
from core.gate import GateFinding
from core.reading.findings import Findings, ModelFinding, SliceFinding
from core.reading.outcome import NO_BRAIN, NO_RULE, NO_SITE_RULE, OVERRIDE_NOTE, UNUSABLE
from core.reading.scan_verdicts import reach_scan_verdicts
from core.reading.verdict import StudyRule

BAND: Band = (0.4, 0.6)
RULES = {"pytorch": StudyRule(0.5, BAND), "keras": StudyRule(0.5, BAND)}
WARN = GateFinding("warn", ("The window is wide.",))
BLIND = GateFinding("read", brain_visible=False)
REFUSED = GateFinding("refuse", ("No bone is visible.",))


def make_model(probability: float) -> ModelFinding:
    """A network's finding with a threshold of 0.5 and a band around it."""
    heat = np.zeros((1, 1), np.float32)
    return ModelFinding(probability, probability, 0.5, heat, BAND)


def make_slice(
    pytorch: float = 0.9, keras: float = 0.9, gate: GateFinding | None = None, index: int = 0
) -> SliceFinding:
    """A slice with the probabilities of both networks."""
    models = {"pytorch": make_model(pytorch), "keras": make_model(keras)}
    return SliceFinding(index, models, (), gate=gate or GateFinding("read"))


def make_findings(*slices: SliceFinding, **fields: object) -> Findings:
    """Findings of a scan with its verdicts."""
    numbered = tuple(replace(one, index=index) for index, one in enumerate(slices))
    found = replace(Findings("a", "", "tiny", numbered), **fields)
    return replace(found, verdicts=reach_scan_verdicts(found, RULES))


@pytest.mark.parametrize(
    ("piece", "expected", "reasons"),
    [
        (make_slice(), "flagged", ()),
        (make_slice(0.1, 0.1), "not_flagged", ()),
        (make_slice(0.5, 0.9), "uncertain", ("The probability of PyTorch is close to its threshold.",)),
        (make_slice(0.1, 0.9), "uncertain", ("The networks disagree: Keras flagged it, PyTorch did not.",)),
        (make_slice(gate=WARN), "uncertain", WARN.reasons),
        (make_slice(gate=REFUSED), "not_judged", REFUSED.reasons),
        (make_slice(gate=BLIND), "not_judged", (NO_BRAIN,)),
        (replace(make_slice(), doubts=("A MIP.",)), "uncertain", ("A MIP.",)),
        (replace(make_slice(gate=WARN), unfit=("Not axial.",)), "not_judged", ("Not axial.",)),
    ],
)
def test_a_slice_concludes_alone_and_as_the_only_slice_of_a_scan(
    piece: SliceFinding, expected: str, reasons: tuple[str, ...]
) -> None:
    """Its networks, its gate and its file decide; a scan of one slice says the same."""
    assert (expected, reasons) == (piece.outcome, piece.conclusion.reasons)
    scan = make_findings(piece, unfit=piece.unfit, doubts=piece.doubts).conclusion
    assert (expected, reasons, not reasons) == (scan.outcome, scan.reasons, scan.agree)
    assert piece.conclusion.agree == scan.agree


@pytest.mark.parametrize(
    ("fields", "expected", "reasons"),
    [
        ({}, "flagged", ()),
        ({"doubts": ("A MIP.",)}, "uncertain", ("A MIP.",)),
        ({"doubts": ("A MIP.",), "unfit": ("Not axial.",)}, "not_judged", ("Not axial.",)),
        ({"overridden": True}, "not_judged", (OVERRIDE_NOTE,)),
        ({"incomplete": ("Slices are missing.",)}, "flagged", ()),
    ],
)
def test_what_holds_of_a_study_is_in_its_conclusion_and_every_verdict(
    fields: dict[str, object], expected: str, reasons: tuple[str, ...]
) -> None:
    """Bars and doubts of a file hold for each network; a part of a study keeps its outcome, for review."""
    scan = make_findings(make_slice(), make_slice(), **fields)
    review = expected != "flagged" or "incomplete" in fields
    for one in (scan.conclusion, *scan.verdicts.values()):
        assert (expected, reasons, review) == (one.outcome, one.reasons, one.review)
    assert {0.9} == {round(verdict.score or 0, 9) for verdict in scan.verdicts.values()}
    assert fields.get("incomplete", ()) == scan.conclusion.incomplete


@pytest.mark.parametrize(
    ("odd", "n_blind", "expected"),
    [
        ([], 2, "flagged"),
        ([WARN], 2, "flagged"),
        ([REFUSED], 2, "flagged"),
        ([WARN, REFUSED], 2, "uncertain"),
        ([WARN, WARN], 0, "uncertain"),
    ],
)
def test_more_than_half_of_the_slices_with_brain_must_be_plain(
    odd: list[GateFinding], n_blind: int, expected: str
) -> None:
    """If the gate warns of or refuses half of the slices that show brain, the reason says how many."""
    gates = odd + [GateFinding("read")] * (4 - len(odd)) + [BLIND] * n_blind
    scan = make_findings(*(make_slice(gate=gate) for gate in gates))
    n = "2 of the 4 slices that show brain"
    why = f"The input check warns of or refuses {n}, most often: The window is wide."
    reasons = (why,) if expected == "uncertain" else ()
    assert (expected, reasons) == (scan.conclusion.outcome, scan.conclusion.reasons)
    assert {(expected, reasons)} == {(one.outcome, one.reasons) for one in scan.verdicts.values()}


def test_a_study_without_a_slice_of_brain_is_not_judged() -> None:
    """Nothing is scored, and every verdict says why."""
    scan = make_findings(make_slice(gate=BLIND), make_slice(gate=REFUSED))
    assert ("not_judged", (UNUSABLE,)) == (scan.conclusion.outcome, scan.conclusion.reasons)
    assert {(None, "not_judged", (UNUSABLE,), True)} == {
        (one.score, one.outcome, one.reasons, one.review) for one in scan.verdicts.values()
    }


@pytest.mark.parametrize(("decided_by", "reason"), [("the card", NO_RULE), ("north", NO_SITE_RULE)])
def test_a_study_without_a_rule_is_not_judged(decided_by: str, reason: str) -> None:
    """If neither network has a threshold for studies, the reason names where it is missing."""
    scan = replace(make_findings(make_slice(), make_slice(), decided_by=decided_by), verdicts={})
    assert ("not_judged", (reason,), True) == (
        scan.conclusion.outcome, scan.conclusion.reasons, scan.conclusion.review,
    )  # fmt: skip


def test_networks_in_disagreement_are_each_sure() -> None:
    """The verdict of each network is its own; only the conclusion is uncertain."""
    scan = make_findings(make_slice(0.9, 0.1), make_slice(0.8, 0.2))
    assert {"pytorch": "flagged", "keras": "not_flagged"} == {
        name: verdict.outcome for name, verdict in scan.verdicts.items()
    }
    assert ("uncertain", False) == (scan.conclusion.outcome, scan.conclusion.agree)


def test_a_network_without_a_rule_does_not_agree() -> None:
    """If one network only is judged, it alone decides, and no agreement is claimed."""
    scan = make_findings(make_slice(), make_slice())
    scan = replace(scan, verdicts={"keras": scan.verdicts["keras"]})
    assert ("flagged", False) == (scan.conclusion.outcome, scan.conclusion.agree)
