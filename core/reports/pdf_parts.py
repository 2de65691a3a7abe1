"""Parts of a PDF report: colors, fonts, paragraphs, tables and pictures."""

from __future__ import annotations

from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from xml.sax.saxutils import escape

from core.frameworks import FRAMEWORKS
from core.system import replace_unprintable

if TYPE_CHECKING:
    from PIL.Image import Image

FONT, BOLD = "Vera", "Vera-Bold"
JPEG_QUALITY = 92
# On paper, as on the light pages of the dashboard.
COLORS = {
    "positive": "#9B2C7E",
    "negative": "#5B6673",
    "review": "#8A6A00",
    "text": "#1B232C",
    "grid": "#E3E8ED",
}


class Look(NamedTuple):
    """A framework's style: color, dashes of its line (None for a solid one), round or square marks."""

    color: str
    dash: list[int] | None
    is_round: bool


# In the order of FRAMEWORKS.
LOOKS = dict(zip(FRAMEWORKS, (Look("#BD4B34", None, True), Look("#28628F", [4, 2], False)), strict=True))


def make_paragraph(text: str, style: str = "body", color: str = "") -> Any:
    """Return a paragraph of plain text.

    The style is "body", "quiet", "small", "cell", "review", "heading" or "verdict".

    Args:
        color: a name in COLORS, in place of the style's own.
    """
    from reportlab.platypus import Paragraph

    words = escape_text(text)
    if color:
        words = f'<font color="{COLORS[color]}">{words}</font>'
    return Paragraph(words, _make_styles()[style])


def escape_text(text: str) -> str:
    """Return any text as plain words of a paragraph: no markup, and "?" for characters the font lacks."""
    known = _known_signs()
    line = replace_unprintable(text)
    return escape("".join(char if ord(char) in known else "?" for char in line))


@cache
def _known_signs() -> frozenset[int]:
    from reportlab.pdfbase import pdfmetrics

    register_fonts()
    return frozenset(pdfmetrics.getFont(FONT).face.charToGlyph)


@cache
def register_fonts() -> None:
    """Register Bitstream Vera, part of reportlab; it is embedded, so that all viewers show the same."""
    import reportlab
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont

    folder = Path(reportlab.__file__).parent / "fonts"
    pdfmetrics.registerFont(TTFont(FONT, str(folder / "Vera.ttf")))
    pdfmetrics.registerFont(TTFont(BOLD, str(folder / "VeraBd.ttf")))


@cache
def _make_styles() -> dict[str, Any]:
    from reportlab.lib.styles import ParagraphStyle

    register_fonts()
    # A file name may be one long word, so it may break anywhere.
    body = ParagraphStyle(
        "body", fontName=FONT, fontSize=9, leading=12.5, textColor=COLORS["text"], splitLongWords=1
    )

    def vary(name: str, **changes: Any) -> Any:
        return ParagraphStyle(name, parent=body, **changes)

    return {
        "body": body,
        "quiet": vary("quiet", textColor=COLORS["negative"]),
        "small": vary("small", fontSize=7.5, leading=10.5, textColor=COLORS["negative"]),
        "cell": vary("cell", fontSize=8.5, leading=11),
        "review": vary("review", fontName=BOLD, textColor=COLORS["review"]),
        "heading": vary("heading", fontName=BOLD, fontSize=10.5, leading=15),
        "verdict": vary("verdict", fontName=BOLD, fontSize=15, leading=20, spaceAfter=2),
    }


def place_table(rows: list[list[Any]], widths: list[float]) -> Any:
    """Return a table with lines between its rows; the first row is the header. Texts become paragraphs."""
    from reportlab.platypus import Table

    cells = [
        [
            make_paragraph(cell, "small" if place == 0 else "cell") if isinstance(cell, str) else cell
            for cell in row
        ]
        for place, row in enumerate(rows)
    ]
    style = [
        ("LINEBELOW", (0, 0), (-1, -1), 0.5, COLORS["grid"]), ("VALIGN", (0, 0), (-1, -1), "MIDDLE"),
        ("LEFTPADDING", (0, 0), (0, -1), 0),
    ]  # fmt: skip
    return Table(cells, colWidths=widths, hAlign="LEFT", style=style, repeatRows=1)


def place_side_by_side(cells: list[Any], widths: list[float], *, middle: bool = False) -> Any:
    """Return text and pictures in one row without lines, aligned at their tops or their middles."""
    from reportlab.platypus import Table

    style: list[Any] = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
    style.append(("VALIGN", (0, 0), (-1, -1), "MIDDLE" if middle else "TOP"))
    return Table([cells], colWidths=widths, hAlign="LEFT", style=style)


def place_picture(image: Image, width: float, height: float) -> Any:
    """Return a picture for the document, without the metadata of its file."""
    from reportlab.platypus import Image as Placed

    target = BytesIO()
    bare = image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()
    bare.info.clear()
    bare.save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    target.seek(0)
    return Placed(target, width, height)
