"""What the report of a study tells in words: the verdict by its rule, the curve, the strongest slices."""

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
    """The verdict as one line, then its figures, the curve, and the slices that drove it, on this width."""
    from reportlab.platypus import Spacer

    driving = list_key_slices(findings)
    told = [*_tell_verdict(experiment, findings, width), Spacer(0, 8)]
    told.append(make_paragraph(f"Probability of {experiment.classes[1]} along the slices", "heading"))
    told.append(make_paragraph(_tell_direction(findings), "small"))
    probabilities = {
        name: [piece.models[name].probability for piece in findings.slices]
        for name in findings.slices[0].models
    }
    votes = [piece.is_counted for piece in findings.slices]
    told.append(plot_curve(probabilities, votes, choose_report_slices(findings), width))
    if driving:
        told += [Spacer(0, 4), make_paragraph("Slices that drove the verdict", "heading"), Spacer(0, 2)]
        told.append(_list_slices(findings, driving, width))
    return told


def _tell_verdict(experiment: Experiment, findings: Findings, width: float) -> list[Any]:
    """Who says what of the whole study, and by which rule."""
    from reportlab.platypus import Spacer

    verdicts = findings.verdicts
    if not verdicts:
        return [
            make_paragraph("No verdict on this study", "verdict"),
            make_paragraph(explain_no_verdict(findings)),
        ]
    decisions = {name: experiment.classes[int(verdict.positive)] for name, verdict in verdicts.items()}
    told = [make_paragraph(summarize_decisions(decisions), "verdict")]
    near = [TITLES[name] for name, verdict in verdicts.items() if verdict.review]
    if near:
        told.append(
            make_paragraph(
                f"Needs review: too near to the operating point of {' and '.join(near)} to decide.", "review"
            )
        )
    rows: list[list[Any]] = [["Network", "Score", "Decision", "Operating point", "Needs review", "0 to 1"]]
    for name, verdict in verdicts.items():
        rows.append(
            [
                TITLES[name],
                f"{verdict.score:.2f}",
                decisions[name],
                f"from {verdict.threshold:.2f}",
                "yes" if verdict.review else "no",
                plot_scale(name, verdict.score, verdict.threshold),
            ]
        )
    widths = [54.0, 54, 104, 94, 88]
    n_counted = next(iter(verdicts.values())).n_counted
    rule = (
        f"The score of a study is {RULE}: {n_counted} of {len(findings.slices)} here. From the operating "
        "point on it is positive; that point was chosen on studies of validation patients, scored alike. "
        "The score ranks studies and is no probability."
    )
    return [
        *told,
        Spacer(0, 6),
        place_table(rows, [*widths, width - sum(widths)]),
        make_paragraph(rule, "small"),
    ]


def _list_slices(findings: Findings, driving: list[int], width: float) -> Any:
    """A row for each slice that drove a verdict: what each network says, and its place with that network."""
    frameworks = list(findings.verdicts)
    rows = [["Slice", "Position", *(TITLES[name] for name in frameworks), "Drove it for"]]
    for index in driving:
        finding = findings.slices[index]
        row = [str(index + 1), "-" if finding.position_mm is None else f"{finding.position_mm:.1f} mm"]
        row += [
            f"{finding.models[n].probability:.2f} {finding.models[n].decision}"
            + (", needs review" if finding.models[n].review else "")
            for n in frameworks
        ]
        places = [
            f"{TITLES[name]} ({findings.verdicts[name].key_slices.index(index) + 1}.)"
            for name in frameworks
            if index in findings.verdicts[name].key_slices
        ]
        rows.append([*row, ", ".join(places)])
    rest = width - 36 - 64 - 118
    return place_table(rows, [36, 64, *([rest / len(frameworks)] * len(frameworks)), 118])


def _tell_direction(findings: Findings) -> str:
    direction = "" if findings.slices[0].position_mm is None else " from the feet to the head"
    return f"Slices are counted{direction}; lines mark those shown on the next page."
