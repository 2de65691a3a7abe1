"""Write a PDF report on one or more scans: the findings of each network, and how far to trust them.

File names come from outside: they are written as plain characters, never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from core.frameworks import TITLES
from core.imaging import overlay_heat, render_color_bar, to_gray
from core.reports.pdf_drawings import plot_scale
from core.reports.pdf_parts import (
    COLORS,
    FONT,
    make_paragraph,
    place_picture,
    place_side_by_side,
    place_table,
    register_fonts,
)
from core.reports.pdf_study import describe_study
from core.reports.tables import NOT_FOR_DIAGNOSIS, OVERRIDE_NOTE, program_version
from core.reports.words import choose_report_slices, describe_geometry, group_warnings, summarize_decisions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.experiments import Experiment
    from core.reading import Findings, SliceFinding

HEAT_OPACITY = 0.5
_MARGIN, _PADDING, _PICTURE_GAP = 48, 6, 8  # points of 1/72 inch, as all lengths here
_MOST_SIDE, _STUDY_SIDE = 190, 138


@dataclass(frozen=True, eq=False)
class ScanReport:
    """One scan to report.

    Attributes:
        findings: on the whole scan.
        picture: returns the (H, W) uint8 gray picture of a slice by its index; it is called for the slices of
            `choose_report_slices`.
        synthetic: whether the scan was made by a program, not from a person.
    """

    findings: Findings
    picture: Callable[[int], NDArray[np.uint8]]
    synthetic: bool = False


def write_pdf(
    experiment: Experiment,
    reports: Sequence[ScanReport],
    *,
    made: datetime,
    on_scan: Callable[[int, int], None] | None = None,
) -> bytes:
    """Write a report: each scan on its own pages, and the limits of the networks.

    Args:
        experiment: whose networks read the scans.
        reports: at least one scan, in the order of the pages.
        made: time of the report, with its time zone.
        on_scan: called after each scan with the number of scans done and their total.

    Returns:
        The bytes of an A4 document. It holds each file's name but no other text of the file, and no author.

    Raises:
        ValueError: `reports` is empty.
    """
    if not reports:
        raise ValueError("a report needs at least one scan")
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import PageBreak, SimpleDocTemplate

    register_fonts()
    width = A4[0] - 2 * _MARGIN
    story: list[Any] = []
    for done, report in enumerate(reports, start=1):
        story += _describe_scan(experiment, report, width)
        if len(reports) == 1:
            story += _describe_limits(experiment)
        if len(report.findings.slices) > 1:
            story += [PageBreak(), *_show_slices(report, width)]
        if len(reports) > 1:
            story.append(PageBreak())
        if on_scan:
            on_scan(done, len(reports))
    if len(reports) > 1:
        story += _describe_limits(experiment)
    origin = (
        f"Experiment {experiment.name}, {experiment.digest[:16]}.  Program {program_version()}.  "
        f"{made:%Y-%m-%d %H:%M %Z}"
    )

    def render_footer(canvas: Any, document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(COLORS["negative"])
        canvas.drawString(_MARGIN, 36, NOT_FOR_DIAGNOSIS)
        canvas.drawString(_MARGIN, 26, origin)
        canvas.drawRightString(A4[0] - _MARGIN, 26, f"Page {document.page}")

    target = BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, title="Reading report", author="", creator=f"stroke-ct {program_version()}",
        subject=NOT_FOR_DIAGNOSIS, topMargin=42, bottomMargin=52,
        leftMargin=_MARGIN - _PADDING, rightMargin=_MARGIN - _PADDING,
    )  # fmt: skip
    document.build(story, onFirstPage=render_footer, onLaterPages=render_footer)
    return target.getvalue()


def _describe_scan(experiment: Experiment, report: ScanReport, width: float) -> list[Any]:
    from reportlab.platypus import Spacer

    findings = report.findings
    if len(findings.slices) > 1:
        parts = describe_study(experiment, findings, width)
    else:
        parts = _describe_slice(experiment, report, width)
    story = [
        make_paragraph(f"Reading report. {NOT_FOR_DIAGNOSIS}", "quiet"),
        parts[0],
        make_paragraph(findings.source),
    ]
    story.append(make_paragraph(f"SHA-256: {findings.sha256}", "small"))
    if geometry := describe_geometry(findings):
        story.append(make_paragraph(geometry, "small"))
    if findings.overridden:
        story.append(make_paragraph(OVERRIDE_NOTE, "review"))
    if report.synthetic:
        story.append(make_paragraph("Synthetic: made by this program, not a scan of a person."))
    story += parts[1:]
    if remarks := group_warnings(findings):
        story += [
            Spacer(0, 8),
            make_paragraph("Warnings", "heading"),
            *(make_paragraph(f"• {remark}") for remark in remarks),
        ]
    return story


def _show_slices(report: ScanReport, width: float) -> list[Any]:
    """Return the key slices of a study, each with its heat maps."""
    from reportlab.platypus import KeepTogether, Spacer

    findings = report.findings
    story = [make_paragraph("Key slices" if findings.verdicts else "Highest probability", "heading")]
    for index in choose_report_slices(findings):
        finding = findings.slices[index]
        place = "" if finding.position_mm is None else f", position {finding.position_mm:.1f} mm"
        named = make_paragraph(f"Slice {index + 1}{place}. {_describe_models(finding)}", "cell")
        pictures = _place_pictures(report, finding, width, _STUDY_SIDE)
        story.append(KeepTogether([named, pictures, Spacer(0, 4)]))
    return [*story, *_explain_pictures(findings)]


def _describe_slice(experiment: Experiment, report: ScanReport, width: float) -> list[Any]:
    """Return the verdict on a scan of one slice, its pictures, and a row of figures for each network."""
    from reportlab.platypus import Spacer

    (shown,) = report.findings.slices
    story = [
        make_paragraph(
            summarize_decisions({name: model.decision for name, model in shown.models.items()}), "verdict"
        )
    ]
    near = [TITLES[name] for name, model in shown.models.items() if model.review]
    if near:
        text = f"Needs review: the probability is close to the threshold of {' and '.join(near)}."
        story.append(make_paragraph(text, "review"))
    story += [
        Spacer(0, 8),
        _place_pictures(report, shown, width, _MOST_SIDE),
        *_explain_pictures(report.findings),
    ]
    rows: list[list[Any]] = [
        ["Network", "Probability", "Decision", "Decision threshold", "Needs review (band)", "0 to 1"]
    ]
    for name, model in shown.models.items():
        band = experiment.review_band(name, threshold=model.threshold)
        text = f"{band[0]:.2f} to {band[1]:.2f}" if band else "no band"
        rows.append(
            [
                TITLES[name],
                f"{model.probability:.2f}",
                model.decision,
                f">= {model.threshold:.2f}",
                f"{'yes' if model.review else 'no'} ({text})",
                plot_scale(name, model.probability, model.threshold, band),
            ]
        )
    widths = [54.0, 64, 94, 84, 98]
    return [*story, Spacer(0, 10), place_table(rows, [*widths, width - sum(widths)])]


def _place_pictures(report: ScanReport, finding: SliceFinding, width: float, most_side: float) -> Any:
    """Return a slice next to the same slice with the heat map of each network."""
    picture = report.picture(finding.index)
    pictures = {"Slice": to_gray(picture)}
    pictures |= {
        TITLES[name]: overlay_heat(picture, model.heat, HEAT_OPACITY)
        for name, model in finding.models.items()
    }
    side = min(most_side, (width - _PICTURE_GAP * (len(pictures) - 1)) / len(pictures))
    cells = [
        [make_paragraph(title, "cell"), place_picture(image, side, side)] for title, image in pictures.items()
    ]
    return place_side_by_side(cells, [side + _PICTURE_GAP] * len(cells))


def _explain_pictures(findings: Findings) -> list[Any]:
    bar = place_picture(render_color_bar(), 120, 7)
    cells = [
        make_paragraph("Heat map: none", "small"),
        bar,
        make_paragraph("strongest in this slice", "small"),
    ]
    text = (
        "Heat maps show where a network looked; they do not outline a lesion. Colors are scaled for each "
        "heat map: compare places, not intensity."
    )
    if marks := findings.technical.marks:
        text += f" In each image, {marks[0]} is on the left and {marks[2]} at the top."
    return [place_side_by_side(cells, [66, 128, 160], middle=True), make_paragraph(text, "small")]


def _describe_models(finding: SliceFinding) -> str:
    return ", ".join(
        f"{TITLES[name]} {model.probability:.2f} {model.decision}{' (needs review)' if model.review else ''}"
        for name, model in finding.models.items()
    )


def _describe_limits(experiment: Experiment) -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer

    card = experiment.card
    story = [
        Spacer(0, 12),
        make_paragraph("Limits", "heading"),
        make_paragraph(f"Experiment {experiment.name}: {card['summary']}"),
        make_paragraph(experiment.meaning),
        *(make_paragraph(f"• {limit}") for limit in card["limits"]),
        make_paragraph(card["served"], "small"),
        make_paragraph(f"Experiment checksum (SHA-256 of its card): {experiment.digest}", "small"),
    ]
    return [KeepTogether(story)]
