"""The report on a study: its scores and their rule, the curve along the slices, and the key slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.frameworks import TITLES
from core.reading import CARD, OUTCOMES, RULE
from core.reports.pdf_drawings import plot_curve, plot_scale
from core.reports.pdf_parts import make_paragraph, place_table
from core.reports.words import choose_report_slices, list_key_slices, shorten_outcome

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings, Outcome


def describe_study(experiment: Experiment, findings: Findings, width: float) -> list[Any]:
    """Return the figures of a study, the curve and the key slices; width in points."""
    from reportlab.platypus import Spacer

    key_slices = list_key_slices(findings)
    parts = [*_describe_scores(findings, width), Spacer(0, 8)]
    parts.append(make_paragraph(f"Probability of {experiment.finding} along the slices", "heading"))
    parts.append(make_paragraph(_describe_direction(findings), "small"))
    probabilities = {
        name: [piece.models[name].probability for piece in findings.slices]
        for name in findings.slices[0].models
    }
    counted = [piece.is_counted for piece in findings.slices]
    outcomes = [piece.outcome for piece in findings.slices]
    parts.append(plot_curve(probabilities, counted, choose_report_slices(findings), width, outcomes))
    parts.append(make_paragraph(_count_outcomes(outcomes), "small"))
    if key_slices:
        parts += [Spacer(0, 4), make_paragraph("Key slices", "heading"), Spacer(0, 2)]
        parts.append(_list_slices(findings, key_slices, width))
    return parts


def _describe_scores(findings: Findings, width: float) -> list[Any]:
    """Return each network's score, and the rule behind it; nothing if the study was not judged."""
    from reportlab.platypus import Spacer

    table = tabulate_verdicts(findings, width, "Score")
    if table is None:
        return []
    n_counted = next(iter(findings.verdicts.values())).n_counted
    chosen_on = "other patients" if findings.decided_by == CARD else "the patients of the site"
    rule = (
        f"The score of a study is {RULE}; {n_counted} of {len(findings.slices)} slices count here. "
        f"Each slice is read alone. The threshold was chosen on {chosen_on} scored in the "
        "same way. A study whose score is within the review band is uncertain. The score is not the "
        "probability that the study is positive; compare it only with its threshold."
    )
    return [Spacer(0, 6), table, make_paragraph(rule, "small")]


def tabulate_verdicts(findings: Findings, width: float, what: str) -> Any:
    """Return a table with a row for each network; None if the scan was not judged.

    Args:
        what: name of the column of scores.
    """
    if findings.conclusion.outcome == "not_judged":
        return None
    rows: list[list[Any]] = [["Network", what, "Outcome", "Threshold", "Review band", "0 to 1"]]
    for name, verdict in findings.verdicts.items():
        if verdict.score is not None:
            band = f"{verdict.band[0]:.2f} to {verdict.band[1]:.2f}" if verdict.band else "none"
            scale = plot_scale(name, verdict.score, verdict.threshold, verdict.band)
            figures = [f"{verdict.score:.2f}", shorten_outcome(verdict.outcome), f"{verdict.threshold:.2f}"]
            rows.append([TITLES[name], *figures, band, scale])
    widths = [64.0, 64, 94, 74, 98]
    return place_table(rows, [*widths, width - sum(widths)])


def _count_outcomes(outcomes: Sequence[Outcome]) -> str:
    counts = {one: outcomes.count(one) for one in OUTCOMES if one in outcomes}
    looks = {"flagged": "filled", "not_flagged": "hollow", "uncertain": "crossed", "not_judged": "a line"}
    each = ", ".join(f"{n} {shorten_outcome(one).lower()} ({looks[one]})" for one, n in counts.items())
    return f"Each slice alone, at the threshold for single slices: {each}."


def _list_slices(findings: Findings, key_slices: list[int], width: float) -> Any:
    """Return a row for each key slice: each network's finding, and the slice's rank for that network."""
    frameworks = list(findings.verdicts)
    titles = [TITLES[name] for name in frameworks]
    rows = [["Slice", "Position", "Outcome", *titles, "Rank by probability"]]
    for index in key_slices:
        finding = findings.slices[index]
        row = [str(index + 1), "-" if finding.position_mm is None else f"{finding.position_mm:.1f} mm"]
        row.append(shorten_outcome(finding.outcome))
        row += [f"{finding.models[name].probability:.2f}" for name in frameworks]
        places = [
            f"{TITLES[name]} {findings.verdicts[name].key_slices.index(index) + 1}"
            for name in frameworks
            if index in findings.verdicts[name].key_slices
        ]
        rows.append([*row, ", ".join(places)])
    rest = width - 36 - 74 - 104 - 130
    return place_table(rows, [36, 74, 104, *([rest / len(frameworks)] * len(frameworks)), 130])


def _describe_direction(findings: Findings) -> str:
    lines = "vertical lines mark the slices shown on the next page."
    if findings.slices[0].position_mm is None:
        return lines.capitalize()
    return (
        "Slices are numbered from caudal to cranial. Positions are along the scan axis, from the scanner's "
        f"own zero; {lines}"
    )
