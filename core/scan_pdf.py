"""A report of one or more scans as PDF: what both networks say of each, and how far to trust them.

File names come from outside: they are drawn as plain characters, never read as markup.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import TYPE_CHECKING, Any

from core.pdf_parts import FONT, as_words, make_styles, place_picture, register_fonts
from core.scan_reports import LET_THROUGH, NOT_FOR_DIAGNOSIS, program_version

if TYPE_CHECKING:
    from PIL.Image import Image

    from core.experiments import Experiment
    from core.prediction import Findings, ModelFinding, SliceFinding

TITLES = {"pytorch": "PyTorch", "keras": "Keras"}
_MARGIN, _PADDING, _PICTURE_GAP = 48, 6, 8  # points of 1/72 inch, as all lengths here


@dataclass(frozen=True, eq=False)
class ScanReport:
    """One scan as its page shows it.

    Attributes:
        findings: of the whole scan.
        shown: the slice whose pictures follow.
        picture: that slice, gray.
        overlays: framework -> the same picture under the network's heat map.
        synthetic: whether the scan was drawn by a program and is no person's.
    """

    findings: Findings
    shown: SliceFinding
    picture: Image
    overlays: Mapping[str, Image]
    synthetic: bool = False


def write_pdf(
    experiment: Experiment,
    reports: Sequence[ScanReport],
    *,
    colors: Mapping[str, str],
    heat_bar: Image,
    made: datetime,
    on_scan: Callable[[int, int], None] | None = None,
) -> bytes:
    """Write a report: a page for each scan, and what the networks have never seen.

    Args:
        experiment: whose networks read the scans.
        reports: at least one scan, in the order of the pages.
        colors: "#rrggbb" of "pytorch", "keras", "positive", "negative", "review", "text" and "grid".
        heat_bar: the colours of the heat maps, from 0 at the left to 1 at the right.
        made: when, with its time zone.
        on_scan: called with the number of scans done and their total after each.

    Returns:
        The bytes of an A4 document. It holds no text of a file but its name, and no author.

    Raises:
        ValueError: there is no scan to report.
    """
    if not reports:
        raise ValueError("a report needs at least one scan")
    from reportlab.lib.pagesizes import A4
    from reportlab.platypus import PageBreak, SimpleDocTemplate

    register_fonts()
    styles = make_styles(colors)
    width = A4[0] - 2 * _MARGIN
    story: list[Any] = []
    for done, report in enumerate(reports, start=1):
        story += _tell_scan(experiment, report, styles, colors, heat_bar, width)
        if len(reports) > 1:
            story.append(PageBreak())
        if on_scan:
            on_scan(done, len(reports))
    story += _tell_limits(experiment, styles)
    origin = (
        f"Experiment {experiment.name}, {experiment.digest[:16]}.  Program {program_version()}.  "
        f"{made:%Y-%m-%d %H:%M %Z}"
    )

    def draw_foot(canvas: Any, document: Any) -> None:
        canvas.setFont(FONT, 7)
        canvas.setFillColor(colors["negative"])
        canvas.drawString(_MARGIN, 36, NOT_FOR_DIAGNOSIS)
        canvas.drawString(_MARGIN, 26, origin)
        canvas.drawRightString(A4[0] - _MARGIN, 26, f"Page {document.page}")

    target = BytesIO()
    document = SimpleDocTemplate(
        target, pagesize=A4, title="Reading report", author="", creator=f"stroke-ct {program_version()}",
        subject=NOT_FOR_DIAGNOSIS, topMargin=42, bottomMargin=52,
        leftMargin=_MARGIN - _PADDING, rightMargin=_MARGIN - _PADDING,
    )  # fmt: skip
    document.build(story, onFirstPage=draw_foot, onLaterPages=draw_foot)
    return target.getvalue()


def _tell_scan(
    experiment: Experiment,
    report: ScanReport,
    styles: Mapping[str, Any],
    colors: Mapping[str, str],
    heat_bar: Image,
    width: float,
) -> list[Any]:
    from reportlab.platypus import Paragraph, Spacer, Table

    shown, n_slices = report.shown, len(report.findings.slices)

    def say(text: str, style: str = "body") -> Any:
        return Paragraph(as_words(text), styles[style])

    story = [
        say(f"Reading report. {NOT_FOR_DIAGNOSIS}", "quiet"),
        say(_conclude(shown), "verdict"),
        say(report.findings.source),
    ]
    story.append(say(f"SHA-256 of the file: {report.findings.sha256}", "small"))
    if n_slices > 1:
        counts = ", ".join(
            f"{TITLES[name]} {sum(s.models[name].positive for s in report.findings.slices)}"
            for name in shown.models
        )
        story.append(
            say(
                f"Slice {shown.index + 1} of {n_slices}, the one with the highest probability. "
                f"Slices called {experiment.classes[1]}: {counts}."
            )
        )
    if report.findings.overridden:
        story.append(say(LET_THROUGH, "review"))
    if report.synthetic:
        story.append(say("Synthetic: drawn by this program, no person's scan."))
    near = [TITLES[name] for name, model in shown.models.items() if model.review]
    if near:
        story.append(
            say(f"Needs review: too near to the operating point of {' and '.join(near)} to decide.", "review")
        )
    story.append(Spacer(0, 8))
    pictures = {"Slice": report.picture} | {TITLES[name]: image for name, image in report.overlays.items()}
    side = min(190, (width - _PICTURE_GAP * (len(pictures) - 1)) / len(pictures))
    columns = [[say(title, "cell"), place_picture(image, side, side)] for title, image in pictures.items()]
    story.append(
        Table([columns], colWidths=[side + _PICTURE_GAP] * len(columns), hAlign="LEFT", style=_bare())
    )
    bar = place_picture(heat_bar, 120, 7)
    story.append(
        Table(
            [[say("Heat 0 (none)", "small"), bar, say("1 (strongest in this slice)", "small")]],
            colWidths=[66, 128, 160], hAlign="LEFT", style=_bare(middle=True),
        )
    )  # fmt: skip
    story.append(
        say(
            "Each heat map is scaled to its own strongest point: it shows where a network looks, not how "
            "sure it is.",
            "small",
        )
    )
    story += [Spacer(0, 10), *_tell_models(experiment, shown, styles, colors, width)]
    if shown.warnings:
        story += [Spacer(0, 8), say("Doubts", "heading"), *(say(f"• {doubt}") for doubt in shown.warnings)]
    return story


def _tell_models(
    experiment: Experiment,
    shown: SliceFinding,
    styles: Mapping[str, Any],
    colors: Mapping[str, str],
    width: float,
) -> list[Any]:
    """A row for each network: what it says in figures, and the same on a scale from 0 to 1."""
    from reportlab.platypus import Paragraph, Table

    rows: list[list[Any]] = [
        [
            Paragraph(as_words(title), styles["small"])
            for title in ("Network", "Probability", "Decision", "Operating point", "Needs review", "0 to 1")
        ]
    ]
    for name, model in shown.models.items():
        band = experiment.review_band(name, threshold=model.threshold)
        told = f"{band[0]:.2f} to {band[1]:.2f}" if band else "no band known"
        cells = [
            TITLES[name],
            f"{model.probability:.2f}",
            model.decision,
            f"from {model.threshold:.2f}",
            f"{'yes' if model.review else 'no'} ({told})",
        ]
        rows.append([Paragraph(as_words(cell), styles["cell"]) for cell in cells])
        rows[-1].append(_draw_scale(model, band, colors, colors[name], round_mark=name == "pytorch"))
    widths = [54, 64, 94, 84, 98]
    style = [("LINEBELOW", (0, 0), (-1, -1), 0.5, colors["grid"]), ("VALIGN", (0, 0), (-1, -1), "MIDDLE")]
    style.append(("LEFTPADDING", (0, 0), (0, -1), 0))
    return [Table(rows, colWidths=[*widths, width - sum(widths)], hAlign="LEFT", style=style)]


def _draw_scale(
    model: ModelFinding,
    band: tuple[float, float] | None,
    colors: Mapping[str, str],
    color: str,
    *,
    round_mark: bool,
) -> Any:
    from reportlab.graphics.shapes import Circle, Drawing, Line, Rect
    from reportlab.lib.colors import HexColor

    span, height = 96, 16
    drawing = Drawing(span + 8, height)

    def at(probability: float) -> float:
        return 4 + span * probability

    drawing.add(Rect(4, 6, span, 4, fillColor=HexColor(colors["grid"]), strokeColor=None))
    if band:
        low, high = at(band[0]), at(band[1])
        drawing.add(Rect(low, 1, high - low, 3, fillColor=HexColor(colors["review"]), strokeColor=None))
    cut = at(model.threshold)
    drawing.add(Line(cut, 1, cut, 15, strokeColor=HexColor(colors["text"]), strokeWidth=1))
    x, fill = at(model.probability), HexColor(color)
    white = {"fillColor": fill, "strokeColor": HexColor("#FFFFFF"), "strokeWidth": 0.8}
    drawing.add(Circle(x, 8, 4, **white) if round_mark else Rect(x - 3.7, 4.3, 7.4, 7.4, **white))
    return drawing


def _tell_limits(experiment: Experiment, styles: Mapping[str, Any]) -> list[Any]:
    from reportlab.platypus import KeepTogether, Paragraph, Spacer

    def say(text: str, style: str = "body") -> Any:
        return Paragraph(as_words(text), styles[style])

    card = experiment.card
    story = [
        Spacer(0, 12),
        say("What these networks are, and what they have never seen", "heading"),
        say(f"Experiment {experiment.name}: {card['summary']}"),
        say(experiment.meaning),
        *(say(f"• {limit}") for limit in card["limits"]),
        say(card["served"], "small"),
        say(f"Digest of the experiment (SHA-256 of its card): {experiment.digest}", "small"),
    ]
    return [KeepTogether(story)]


def _conclude(finding: SliceFinding) -> str:
    """What all networks say together, in one line."""
    said = {name: model.decision for name, model in finding.models.items()}
    if not finding.agree:
        each = ", ".join(f"{TITLES[name]} says {decision}" for name, decision in said.items())
        return f"The networks disagree: {each}"
    together = "both networks agree" if len(said) > 1 else "by one network"
    return f"{next(iter(said.values()))} ({together})"


def _bare(middle: bool = False) -> list[Any]:
    style: list[Any] = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
    return [*style, ("VALIGN", (0, 0), (-1, -1), "MIDDLE")] if middle else style
