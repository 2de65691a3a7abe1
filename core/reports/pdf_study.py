"""The report on a study: its verdict and rule, the curve along the slices, and the key slices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.frameworks import TITLES
from core.reading import RULE
from core.reports.pdf_drawings import plot_curve, plot_scale
from core.reports.pdf_parts import make_paragraph, place_table
from core.reports.words import choose_report_slices, explain_no_verdict, list_key_slices, summarize_decisions

if TYPE_CHECKING:
    from core.experiments import Experiment
    from core.reading import Findings


def describe_study(experiment: Experiment, findings: Findings, width: float) -> list[Any]:
    """Return the verdict in one line, then its figures, the curve and the key slices; width in points."""
    from reportlab.platypus import Spacer

    key_slices = list_key_slices(findings)
    parts = [*_describe_verdict(experiment, findings, width), Spacer(0, 8)]
    parts.append(make_paragraph(f"Probability of {experiment.classes[1]} along the slices", "heading"))
    parts.append(make_paragraph(_describe_direction(findings), "small"))
    probabilities = {
        name: [piece.models[name].probability for piece in findings.slices]
        for name in findings.slices[0].models
    }
    counted = [piece.is_counted for piece in findings.slices]
    parts.append(plot_curve(probabilities, counted, choose_report_slices(findings), width))
    if key_slices:
        parts += [Spacer(0, 4), make_paragraph("Key slices", "heading"), Spacer(0, 2)]
        parts.append(_list_slices(findings, key_slices, width))
    return parts


def _describe_verdict(experiment: Experiment, findings: Findings, width: float) -> list[Any]:
    """Return each network's verdict on the study, and the rule behind it."""
    from reportlab.platypus import Spacer

    verdicts = findings.verdicts
    if not verdicts:
        return [
            make_paragraph("No result for this study", "verdict"),
            make_paragraph(explain_no_verdict(findings)),
        ]
    decisions = {name: experiment.classes[int(verdict.positive)] for name, verdict in verdicts.items()}
    sides = {
        name: f"Score of the study {'at or above' if verdict.positive else 'below'} the threshold"
        for name, verdict in verdicts.items()
    }
    parts = [make_paragraph(summarize_decisions(sides), "verdict")]
    near = [TITLES[name] for name, verdict in verdicts.items() if verdict.review]
    if near:
        parts.append(
            make_paragraph(
                f"Needs review: the score is close to the threshold of {' and '.join(near)}.", "review"
            )
        )
    rows: list[list[Any]] = [["Network", "Score", "Decision", "Decision threshold", "Needs review", "0 to 1"]]
    for name, verdict in verdicts.items():
        rows.append(
            [
                TITLES[name],
                f"{verdict.score:.2f}",
                decisions[name],
                f">= {verdict.threshold:.2f}",
                "yes" if verdict.review else "no",
                plot_scale(name, verdict.score, verdict.threshold),
            ]
        )
    widths = [54.0, 54, 104, 94, 88]
    n_counted = next(iter(verdicts.values())).n_counted
    rule = (
        f"The score of a study is {RULE}, each read alone ({n_counted} of {len(findings.slices)} here). A "
        "study is positive if its score is at or above the decision threshold, which was chosen on "
        "validation patients scored in the same way. The score is not the probability that the study is "
        "positive; compare it only with its threshold."
    )
    return [
        *parts,
        Spacer(0, 6),
        place_table(rows, [*widths, width - sum(widths)]),
        make_paragraph(rule, "small"),
    ]


def _list_slices(findings: Findings, key_slices: list[int], width: float) -> Any:
    """Return a row for each key slice: each network's finding, and the slice's rank for that network."""
    frameworks = list(findings.verdicts)
    rows = [["Slice", "Position", *(TITLES[name] for name in frameworks), "Rank by probability"]]
    for index in key_slices:
        finding = findings.slices[index]
        row = [str(index + 1), "-" if finding.position_mm is None else f"{finding.position_mm:.1f} mm"]
        row += [
            f"{finding.models[n].probability:.2f} {finding.models[n].decision}"
            + (", needs review" if finding.models[n].review else "")
            for n in frameworks
        ]
        places = [
            f"{TITLES[name]} {findings.verdicts[name].key_slices.index(index) + 1}"
            for name in frameworks
            if index in findings.verdicts[name].key_slices
        ]
        rows.append([*row, ", ".join(places)])
    rest = width - 36 - 64 - 118
    return place_table(rows, [36, 64, *([rest / len(frameworks)] * len(frameworks)), 118])


def _describe_direction(findings: Findings) -> str:
    lines = "vertical lines mark the slices shown on the next page."
    if findings.slices[0].position_mm is None:
        return lines.capitalize()
    return (
        "Slices are numbered from caudal to cranial. Positions are along the scan axis, from the scanner's "
        f"own zero; {lines}"
    )
