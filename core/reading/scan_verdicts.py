"""Reach the verdict of each network on a scan: its score, and what holds of the whole scan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from core.reading.findings import Findings, SliceFinding
from core.reading.outcome import needs_review
from core.reading.verdict import StudyRule, Verdict, judge_slice, reach_verdicts


def reach_scan_verdicts(findings: Findings, rules: Mapping[str, StudyRule]) -> dict[str, Verdict]:
    """Return the verdicts on a scan: the decision on its only slice, or those on the study.

    What bars or doubts every answer on the scan (see core.reading.outcome) is in the verdict of each network.

    Args:
        findings: of a Reader; its own verdicts are not looked at.
        rules: from `make_study_rules`; {} for a scan of one slice.
    """
    bars, doubts = findings.bars, findings.misgivings

    def weigh(verdict: Verdict) -> Verdict:
        outcome, reasons = verdict.outcome, (*verdict.reasons, *doubts)
        if bars:
            outcome, reasons = "not_judged", bars
        elif doubts:
            outcome = "uncertain"
        review = needs_review(outcome, findings.incomplete)
        return replace(verdict, outcome=outcome, reasons=reasons, review=review)

    return {name: weigh(verdict) for name, verdict in _score(findings.slices, rules).items()}


def _score(slices: Sequence[SliceFinding], rules: Mapping[str, StudyRule]) -> dict[str, Verdict]:
    counted = [finding.is_counted for finding in slices]
    if len(slices) == 1:
        models = slices[0].models
        return {
            name: judge_slice(model.probability, model.threshold, model.band, counted=counted[0])
            for name, model in models.items()
        }
    probabilities = {name: [finding.models[name].probability for finding in slices] for name in rules}
    return reach_verdicts(probabilities, counted, rules, [finding.height_mm for finding in slices])
