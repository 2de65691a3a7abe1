"""Write a PDF report on one or more scans: the findings of each network, and how far to trust them.

File names come from outside: they are written as plain characters, never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from core.experiments import list_limits
from core.frameworks import TITLES
from core.imaging import HEAT_WORDS, SCALE_MARKS, overlay_heat, render_color_bar, scale_heat, to_gray
from core.reading import name_outcome
from core.reports.pdf_parts import (
    COLORS,
    FONT,
    make_paragraph,
    place_picture,
    place_side_by_side,
    register_fonts,
)
from core.reports.pdf_study import describe_study, tabulate_verdicts
from core.reports.signs import SIGNS, plot_sign
from core.reports.tables import NOT_FOR_DIAGNOSIS, program_version
from core.reports.words import (
    choose_report_slices,
    describe_agreement,
    describe_decider,
    describe_geometry,
    describe_turn,
    describe_worth,
    group_warnings,
    list_gaps,
    list_key_slices,
    shorten_outcome,
    title_outcome,
)
from core.validation import count_flags

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from core.experiments import Experiment
    from core.reading import Findings, PanelFindings, SliceFinding
    from core.validation import Flags

HEAT_OPACITY = 0.5
_MARGIN, _PADDING, _PICTURE_GAP = 48, 6, 8  # points of 1/72 inch, as all lengths here
_MOST_SIDE, _STUDY_SIDE, _SIGN_WIDTH = 190, 126, 22


@dataclass(frozen=True, eq=False)
class ScanReport:
    """One scan to report.

    Attributes:
        findings: on the whole scan, of each experiment of the panel.
        picture: returns the (H, W) uint8 gray picture of a slice by its index; it is called for the slices of
            `choose_report_slices` of each.
        synthetic: whether the scan was made by a program, not from a person.
    """

    findings: PanelFindings
    picture: Callable[[int], NDArray[np.uint8]]
    synthetic: bool = False


def write_pdf(
    panel: Sequence[Experiment],
    reports: Sequence[ScanReport],
    *,
    made: datetime,
    on_scan: Callable[[int, int], None] | None = None,
) -> bytes:
    """Write a report: each scan on its own pages, and the limits of the networks.

    Args:
        panel: the experiments whose networks read the scans.
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
    flags = [count_flags(experiment) for experiment in panel]
    for done, report in enumerate(reports, start=1):
        story += _describe_scan(panel, report, width, flags)
        if len(reports) > 1:
            story.append(PageBreak())
        if on_scan:
            on_scan(done, len(reports))
    for experiment in panel:
        story += _describe_limits(experiment, panel)
    named = ".  ".join(f"Experiment {one.name}, {one.digest[:16]}" for one in panel)
    origin = f"Program {program_version()}.  {made:%Y-%m-%d %H:%M %Z}"

    def render_footer(canvas: Any, document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(COLORS["negative"])
        canvas.drawString(_MARGIN, 36, f"{NOT_FOR_DIAGNOSIS}  {origin}")
        canvas.drawString(_MARGIN, 26, named)
        canvas.drawRightString(A4[0] - _MARGIN, 26, f"Page {document.page}")

    target = BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, title="Reading report", author="", creator=f"stroke-ct {program_version()}",
        subject=NOT_FOR_DIAGNOSIS, topMargin=42, bottomMargin=52,
        leftMargin=_MARGIN - _PADDING, rightMargin=_MARGIN - _PADDING,
    )  # fmt: skip
    document.build(story, onFirstPage=render_footer, onLaterPages=render_footer)
    return target.getvalue()


def _describe_scan(
    panel: Sequence[Experiment], report: ScanReport, width: float, flags: Sequence[Flags | None]
) -> list[Any]:
    """Return the conclusions on a scan, facts about its file, then a section for each finding."""
    from reportlab.platypus import KeepTogether, Spacer

    scan, *_ = report.findings
    story = [make_paragraph(f"Reading report. {NOT_FOR_DIAGNOSIS}", "quiet")]
    for experiment, findings, known in zip(panel, report.findings, flags, strict=True):
        story += _describe_conclusion(experiment, findings, width, known, named=len(panel) > 1)
    for gap in list_gaps(scan):
        text = make_paragraph(f"Study incomplete: {gap}", "review")
        story.append(
            place_side_by_side([plot_sign("incomplete", 10), text], [_SIGN_WIDTH, width - _SIGN_WIDTH])
        )
    story += [Spacer(0, 6), make_paragraph(scan.source), make_paragraph(f"SHA-256: {scan.sha256}", "small")]
    if geometry := describe_geometry(scan):
        story.append(make_paragraph(geometry, "small"))
    if report.synthetic:
        story.append(make_paragraph("Synthetic: made by this program, not a scan of a person."))
    named = {sentence for one in report.findings for sentence in (*one.conclusion.reasons, *one.incomplete)}
    warnings = dict.fromkeys(warning for one in report.findings for warning in group_warnings(one))
    if remarks := [one for one in warnings if one not in named]:
        lines = [make_paragraph(f"• {remark}") for remark in remarks]
        story += [Spacer(0, 4), KeepTogether([make_paragraph("Warnings", "heading"), *lines])]
    for place, (experiment, findings) in enumerate(zip(panel, report.findings, strict=True)):
        story += _describe_findings(
            experiment, findings, report, width, is_first=not place, titled=len(panel) > 1
        )
    return story


def _describe_findings(
    experiment: Experiment,
    findings: Findings,
    report: ScanReport,
    width: float,
    *,
    is_first: bool,
    titled: bool,
) -> list[Any]:
    """Return the figures and pictures of one experiment; those of a study begin a page unless first."""
    from reportlab.platypus import PageBreak, Spacer

    is_study = len(findings.slices) > 1
    story: list[Any] = [PageBreak()] if is_study and not is_first else []
    if titled:
        story += [Spacer(0, 6), make_paragraph(experiment.finding.capitalize(), "verdict")]
    if findings.conclusion.outcome != "not_judged":
        story.append(make_paragraph(describe_decider(experiment, findings), "small"))
    if is_study:
        story += [*describe_study(experiment, findings, width), PageBreak()]
        return story + _show_slices(findings, report, width)
    return story + _describe_slice(findings, report, width)


def _describe_conclusion(
    experiment: Experiment, findings: Findings, width: float, flags: Flags | None, *, named: bool
) -> list[Any]:
    """Return the outcome after its sign, why, agreement, and its worth; `named`: with the finding."""
    conclusion = findings.conclusion
    words = (title_outcome if named else name_outcome)(conclusion.outcome, experiment.finding)
    headline = make_paragraph(words, "verdict", SIGNS[conclusion.outcome].color)
    widths = [_SIGN_WIDTH, width - _SIGN_WIDTH]
    parts = [place_side_by_side([plot_sign(conclusion.outcome, 15), headline], widths, middle=True)]
    parts += [make_paragraph(reason) for reason in conclusion.reasons]
    agreement, limit = describe_agreement(experiment, findings)
    if agreement:
        parts.append(make_paragraph(f"{agreement} {limit}".strip()))
    if worth := describe_worth(experiment, findings, flags):
        parts.append(make_paragraph(worth, "small"))
    return parts


def _show_slices(findings: Findings, report: ScanReport, width: float) -> list[Any]:
    """Return the key slices of a study, each with its heat maps."""
    from reportlab.platypus import KeepTogether, Spacer

    story = [make_paragraph("Key slices" if list_key_slices(findings) else "Highest probability", "heading")]
    for index in choose_report_slices(findings):
        finding = findings.slices[index]
        place = "" if finding.position_mm is None else f", position {finding.position_mm:.1f} mm"
        turn = f", {describe_turn(finding.turned)}" if finding.turned else ""
        words = f"Slice {index + 1}{place}{turn}: {shorten_outcome(finding.outcome).lower()}."
        named = make_paragraph(f"{words} {_describe_models(finding)}", "cell")
        pictures = _place_pictures(report, finding, width, _STUDY_SIDE)
        story.append(KeepTogether([named, pictures, Spacer(0, 4)]))
    return [*story, *_explain_pictures(findings)]


def _describe_slice(findings: Findings, report: ScanReport, width: float) -> list[Any]:
    """Return the pictures of a scan of one slice, and a row of figures for each network."""
    from reportlab.platypus import Spacer

    (shown,) = findings.slices
    table = tabulate_verdicts(findings, width, "Probability")
    return [
        Spacer(0, 8),
        _place_pictures(report, shown, width, _MOST_SIDE),
        *_explain_pictures(findings),
        *([] if table is None else [Spacer(0, 10), table]),
    ]


def _place_pictures(report: ScanReport, finding: SliceFinding, width: float, most_side: float) -> Any:
    """Return a slice next to the same slice with the heat map of each network."""
    picture = report.picture(finding.index)
    pictures = {"Slice": to_gray(picture)}
    pictures |= {
        TITLES[name]: overlay_heat(
            picture, scale_heat(model.heat, model.probability, model.threshold), HEAT_OPACITY
        )
        for name, model in finding.models.items()
    }
    side = min(most_side, (width - _PICTURE_GAP * (len(pictures) - 1)) / len(pictures))
    cells = [
        [make_paragraph(title, "cell"), place_picture(image, side, side)] for title, image in pictures.items()
    ]
    return place_side_by_side(cells, [side + _PICTURE_GAP] * len(cells))


def _explain_pictures(findings: Findings) -> list[Any]:
    low, middle, high = SCALE_MARKS
    cells = [
        make_paragraph(f"Heat map. Slice probability: {low}", "small"),
        place_picture(render_color_bar(), 98, 7),
        make_paragraph(f"{high} the decision threshold of slices (middle: {middle})", "small"),
    ]
    text = HEAT_WORDS
    if marks := findings.technical.marks:
        text += f" In each image, {marks[0]} is on the left and {marks[2]} at the top."
    else:
        text += " Left and right are unknown."
    return [place_side_by_side(cells, [146, 106, 247], middle=True), make_paragraph(text, "small")]


def _describe_models(finding: SliceFinding) -> str:
    """Return each network's probability, and what it says if the slice was judged."""
    said = [
        "" if finding.outcome == "not_judged" else f" {shorten_outcome(model.outcome).lower()}"
        for model in finding.models.values()
    ]
    each = zip(finding.models.items(), said, strict=True)
    return ", ".join(f"{TITLES[name]} {model.probability:.2f}{words}" for (name, model), words in each) + "."


def _describe_limits(experiment: Experiment, panel: Sequence[Experiment]) -> list[Any]:
    from reportlab.platypus import KeepTogether, Spacer

    card = experiment.card
    story = [
        Spacer(0, 12),
        make_paragraph("Limits" if len(panel) == 1 else f"Limits: {experiment.finding}", "heading"),
        make_paragraph(f"Experiment {experiment.name}: {card['summary']}"),
        make_paragraph(experiment.meaning),
        *(make_paragraph(f"• {limit}") for limit in list_limits(experiment, panel)),
        make_paragraph(card["served"], "small"),
        make_paragraph(f"Experiment checksum (SHA-256 of its card): {experiment.digest}", "small"),
    ]
    return [KeepTogether(story)]
