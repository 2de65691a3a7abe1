"""Words and pictures of a PDF: the fonts and kinds of paragraphs, texts from outside as plain words."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from PIL.Image import Image

FONT, BOLD = "Vera", "Vera-Bold"
JPEG_QUALITY = 92


def as_words(text: str) -> str:
    """A text of whatever origin as words of a paragraph: no markup, and only signs that the font has."""
    known = _known_signs()
    line = "".join(char if char.isprintable() else " " for char in text)
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


def make_styles(colors: Mapping[str, str]) -> dict[str, Any]:
    """The kinds of paragraphs by name; `colors` as core.scan_pdf.write_pdf takes them."""
    from reportlab.lib.styles import ParagraphStyle

    # File names may be one long word: they break anywhere.
    body = ParagraphStyle(
        "body", fontName=FONT, fontSize=9, leading=12.5, textColor=colors["text"], splitLongWords=1
    )

    def vary(name: str, **changes: Any) -> Any:
        return ParagraphStyle(name, parent=body, **changes)

    return {
        "body": body,
        "quiet": vary("quiet", textColor=colors["negative"]),
        "small": vary("small", fontSize=7.5, leading=10.5, textColor=colors["negative"]),
        "cell": vary("cell", fontSize=8.5, leading=11),
        "review": vary("review", fontName=BOLD, textColor=colors["review"]),
        "heading": vary("heading", fontName=BOLD, fontSize=10.5, leading=15),
        "verdict": vary("verdict", fontName=BOLD, fontSize=15, leading=20, spaceAfter=2),
    }


def place_picture(image: Image, width: float, height: float) -> Any:
    """A picture of the document, without whatever else its file may have held."""
    from reportlab.platypus import Image as Placed

    target = BytesIO()
    bare = image.convert("RGB") if image.mode not in ("L", "RGB") else image.copy()
    bare.info.clear()
    bare.save(target, "JPEG", quality=JPEG_QUALITY, subsampling=0)
    target.seek(0)
    return Placed(target, width, height)
