"""Words and pictures of a PDF: colours, fonts, kinds of paragraphs, texts from outside as plain words."""

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
COLORS = {"negative": "#5B6673", "review": "#8A6A00", "text": "#1B232C", "grid": "#E3E8ED"}


class Look(NamedTuple):
    """The looks of a framework: its colour, the dashes of its line (None for none), round marks or square."""

    color: str
    dash: list[int] | None
    is_round: bool


# In the order of FRAMEWORKS.
LOOKS = dict(zip(FRAMEWORKS, (Look("#BD4B34", None, True), Look("#28628F", [4, 2], False)), strict=True))


def make_paragraph(text: str, style: str = "body") -> Any:
    """A paragraph of plain words; `style` is one of "body", "quiet", "small", "cell", "review", "heading" and
    "verdict"."""
    from reportlab.platypus import Paragraph

    return Paragraph(escape_text(text), _make_styles()[style])


def escape_text(text: str) -> str:
    """A text of whatever origin as words of a paragraph: no markup, and only signs that the font has."""
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
    """Take Bitstream Vera, which comes with reportlab: embedded, so that every reader shows the same."""
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
    # File names may be one long word: they break anywhere.
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
    """A table with lines between its rows; the first row is the head. Texts become paragraphs."""
    from reportlab.platypus import Table

    told = [
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
    return Table(told, colWidths=widths, hAlign="LEFT", style=style, repeatRows=1)


def place_side_by_side(cells: list[Any], widths: list[float], *, middle: bool = False) -> Any:
    """Words and pictures in one row, without lines; `middle`: aligned by their middles, not their tops."""
    from reportlab.platypus import Table

    style: list[Any] = [("LEFTPADDING", (0, 0), (-1, -1), 0), ("RIGHTPADDING", (0, 0), (-1, -1), 0)]
    style.append(("VALIGN", (0, 0), (-1, -1), "MIDDLE" if middle else "TOP"))
    return Table([cells], colWidths=widths, hAlign="LEFT", style=style)


def place_picture(image: Image, width: float, height: float) -> Any:
    """A picture of the document, without whatever else its file may have held."""
    from reportlab.platypus import Image as Placed

    target = BytesIO()
    bare = image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()
    bare.info.clear()
    bare.save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    target.seek(0)
    return Placed(target, width, height)
