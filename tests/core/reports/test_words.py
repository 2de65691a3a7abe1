"""The words of reports on a scan."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path

import pytest

from core.experiments import Experiment
from core.gate.appearance import GateFinding
from core.reading import Outcome
from core.reading.findings import Findings
from core.reading.reader import Reader
from core.reading.redecision import apply_operating_points
from core.reading.verdict import Verdict
from core.reports import words as scan_words
from core.reports.words import (
    describe_agreement,
    describe_decider,
    describe_flagged_slices,
    describe_flags,
    describe_geometry,
    describe_worth,
    group_warnings,
    list_gaps,
    list_key_slices,
    list_remarks,
    name_conclusion,
    say_conclusions,
    shorten_outcome,
    write_ranges,
)
from core.scans import Scan, Slice, Technical
from core.validation import Flags, count_flags
from core.validation.flags import Tally
from tests.builders import render_head, write_tiny_experiment


@pytest.fixture
def study(tiny: Experiment) -> Findings:
    """Findings of six equal slices without warnings."""
    findings = Reader(tiny).read(Scan("a", "0" * 64, "gray", (Slice(render_head(0.5)),) * 6))
    slices = tuple(replace(piece, gate=GateFinding("read"), warnings=()) for piece in findings.slices)
    return replace(findings, slices=slices)


def test_the_examples_run() -> None:
    """The doctests of the module."""
    assert 0 == doctest.testmod(scan_words).failed


def conclude(findings: Findings, *outcomes: Outcome) -> Findings:
    """Return the findings with these answers of PyTorch and Keras, at a band from 0.4 to 0.6."""
    scores = {"flagged": 0.9, "uncertain": 0.5, "not_flagged": 0.1}
    verdicts = {
        name: Verdict(scores[outcome], 0.5, (0.4, 0.6), outcome, (), False, 6, (0,))
        for name, outcome in zip(("pytorch", "keras"), outcomes, strict=False)
    }
    return replace(findings, verdicts=verdicts)


def test_agreement_is_named_where_the_networks_gave_the_same_clear_answer(
    tiny: Experiment, study: Findings
) -> None:
    """Both sure of the same: they agree, and what they share stands beside it; else there are no words."""
    agreement, limit = describe_agreement(tiny, conclude(study, "flagged", "flagged"))
    assert "Both networks agree." == agreement
    assert "They share the training data, so they may err together." == limit
    assert ("", "") == describe_agreement(tiny, conclude(study, "uncertain", "uncertain"))
    assert ("", "") == describe_agreement(tiny, conclude(study, "flagged", "not_flagged"))
    barred = replace(conclude(study, "flagged", "flagged"), unfit=("The planes are not axial.",))
    assert ("", "") == describe_agreement(tiny, barred)


def test_a_shared_backbone_is_named_if_the_card_says_so(tiny: Experiment, study: Findings) -> None:
    """Cards of networks on one frozen backbone have it among their layers."""
    card = {**tiny.card, "layers": [{"layer": "Trunk", "name": "efficientnet-lite0"}]}
    _, limit = describe_agreement(replace(tiny, card=card), conclude(study, "flagged", "flagged"))
    assert "They share a pretrained backbone and the training data" in limit


def test_one_network_alone_agrees_with_nobody(models: Path, study: Findings) -> None:
    """With one network the words say so."""
    alone = write_tiny_experiment(models, "alone", frameworks=("keras",))
    assert ("Read by one network.", "") == describe_agreement(alone, study)


def test_key_slices_come_in_turn(study: Findings) -> None:
    """The top slices of both networks come first, then the seconds; a slice of both appears once."""

    def reach(*key_slices: int) -> Verdict:
        return Verdict(0.5, 0.5, None, "flagged", (), False, 6, key_slices)

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
    assert ["It was turned.", "The outline is odd."] == group_warnings(one)


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


def test_it_is_said_what_decided(tiny: Experiment, study: Findings) -> None:
    """The sentence names the card, the user's thresholds, or the site calibration in place of the card."""
    assert "Decided with the calibration and thresholds of the model card." == describe_decider(tiny, study)
    (chosen,) = apply_operating_points([study], tiny, {"pytorch": 0.3, "keras": 0.25})
    said = (
        "The study was decided with the calibration and thresholds of the model card; single slices at "
        "thresholds chosen by the user: PyTorch 0.30, Keras 0.25."
    )
    assert said == describe_decider(tiny, chosen)
    alone = replace(chosen, slices=chosen.slices[:1])
    said = (
        "Decided with the calibration of the model card, at thresholds chosen by the user: PyTorch 0.30, "
        "Keras 0.25."
    )
    assert said == describe_decider(tiny, alone)
    there = describe_decider(tiny, replace(study, decided_by="north"))
    said = 'Decided with the site calibration "north", not with the calibration of the model card.'
    assert said == there


TALLIES: dict[Outcome, Tally] = {
    "flagged": Tally(1335, 801),
    "not_flagged": Tally(50, 2),
    "uncertain": Tally(0, 0),
}


def test_what_an_outcome_was_worth_elsewhere_stands_beside_it(tiny: Experiment, study: Findings) -> None:
    """Beside a flag: how often it was right; beside none: what was missed; beside "not judged": nothing."""
    flags = Flags(TALLIES, is_apart=True)
    slices = tuple(
        replace(piece, models={name: replace(one, probability=0.01) for name, one in piece.models.items()})
        for piece in study.slices
    )
    flagged, not_flagged = (
        conclude(replace(study, slices=slices), outcome, outcome) for outcome in ("flagged", "not_flagged")
    )
    ends = (
        "These slices had no part in choosing the thresholds. This counts single slices; a study is judged "
        "from all its slices."
    )
    said = f"Of 1,335 validation slices that were flagged, 801 (60 %) show hemorrhage. {ends}"
    assert said == describe_worth(tiny, flagged, flags)
    assert (
        "This does not exclude hemorrhage. Of 50 validation slices that were not flagged, 2 (4 %) show "
        f"hemorrhage. {ends}"
    ) == describe_worth(tiny, not_flagged, flags)
    assert "This does not exclude hemorrhage." == describe_worth(tiny, not_flagged, None)
    assert "" == describe_worth(tiny, conclude(study, "uncertain", "uncertain"), flags)
    assert "" == describe_worth(tiny, replace(flagged, unfit=("Not axial.",)), flags)


@pytest.mark.parametrize("decided_by", ["the card", "north"])
def test_counts_elsewhere_are_named_at_the_thresholds_of_the_card_only(
    tiny: Experiment, study: Findings, decided_by: str
) -> None:
    """At a site's thresholds, or those of the user, no count is known."""
    scan = replace(conclude(study, "flagged", "flagged"), decided_by=decided_by)
    assert (decided_by == "the card") == bool(describe_worth(tiny, scan, Flags(TALLIES, is_apart=False)))
    (other,) = apply_operating_points([conclude(study, "flagged", "flagged")], tiny, {"keras": 0.123})
    assert "" == describe_worth(tiny, other, Flags(TALLIES, is_apart=False))


def test_all_outcomes_elsewhere_are_one_sentence(tiny: Experiment) -> None:
    """An outcome without a slice is left out; no validation, no words."""
    assert "" == describe_flags(count_flags(tiny), "hemorrhage")
    assert (
        "Validation slices: of 1,335 slices that were flagged, 801 (60 %) show stroke; of 50 "
        "slices that were not flagged, 2 (4 %) show stroke. Not flagged does not exclude stroke."
    ) == describe_flags(Flags(TALLIES, is_apart=False), "stroke")


def test_flagged_slices_of_a_study_that_is_not_are_named(study: Findings) -> None:
    """The reader learns why both can be, and to look at these slices."""
    flagged = {name: replace(one, probability=0.99) for name, one in study.slices[0].models.items()}
    empty = {name: replace(one, probability=0.01) for name, one in study.slices[0].models.items()}
    slices = tuple(replace(piece, models=flagged if piece.index < 2 else empty) for piece in study.slices)
    scan = replace(study, slices=slices)
    assert (
        "2 slices are flagged, although the study is not: a study needs high probabilities over about 10 mm "
        "from base to vertex, so a small lesion can be missed. Look at these slices."
    ) == describe_flagged_slices(conclude(scan, "not_flagged", "not_flagged"))
    assert "" == describe_flagged_slices(conclude(scan, "flagged", "flagged"))


@pytest.mark.parametrize("outcome", ["flagged", "not_flagged", "uncertain"])
def test_the_conclusion_has_a_short_name_for_lists(study: Findings, outcome: Outcome) -> None:
    """It names the outcome and an incomplete study, and fits into a DICOM description with a disclaimer."""
    whole = conclude(replace(study, incomplete=()), outcome, outcome)
    part = replace(whole, incomplete=("It is.",))
    assert f"{shorten_outcome(outcome)}." == name_conclusion(whole)
    assert f"{shorten_outcome(outcome)}. Study incomplete." == name_conclusion(part)
    assert len(f"{name_conclusion(part)} Not for diagnosis.") <= 64


def test_the_conclusion_is_said_with_all_its_reasons(tiny: Experiment, study: Findings) -> None:
    """First the outcome, then why, then what is missing, without saying twice that it is part of a study."""
    part = replace(study, incomplete=("Study incomplete: 2 files were not read.",))
    said = say_conclusions([tiny], (conclude(part, "flagged", "not_flagged"),))
    assert (
        "Uncertain: please review. The networks disagree: PyTorch flagged it, Keras did not. "
        "Study incomplete: 2 files were not read."
    ) == said
    assert ["2 files were not read."] == list_gaps(part)


def test_remarks_are_the_warnings_that_the_conclusion_does_not_name(study: Findings) -> None:
    """Warnings below the headline are not said again; each other warning is listed once."""
    slices = tuple(replace(one, warnings=("It was turned.", "It is oblique.")) for one in study.slices)
    doubtful = replace(
        conclude(study, "flagged", "flagged"), slices=slices, doubts=("It is oblique.",), incomplete=()
    )
    assert ["It was turned."] == list_remarks(doubtful)
