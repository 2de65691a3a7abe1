"""The sign of each outcome on paper and in pictures: a shape of its own, and the color of its meaning.

The pages show the same colors, with icons of the same shapes; see dashboard/shared/palette.py.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from core.reports.pdf_parts import BOLD, COLORS, register_fonts

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    Font = FreeTypeFont | ImageFont

Point = tuple[float, float]
# The colors of pictures with a black ground, as on the dark pages of the dashboard.
ON_BLACK = {"positive": "#E07CC8", "negative": "#A7B3C0", "review": "#E3B94A", "text": "#E6EBF0"}
_RADIUS = 0.4


class Sign(NamedTuple):
    """A sign in a square with sides of 1; y points down.

    Attributes:
        color: the name of its color in the palette.
        polygons: filled areas.
        lines: pairs of points.
        has_circle: whether a circle surrounds it.
        text: a letter in its middle.
    """

    color: str
    polygons: tuple[tuple[Point, ...], ...] = ()
    lines: tuple[tuple[Point, Point], ...] = ()
    has_circle: bool = False
    text: str = ""


_POLE = ((0.16, 0.06), (0.28, 0.06), (0.28, 0.94), (0.16, 0.94))
_FLAG = ((0.28, 0.08), (0.94, 0.08), (0.78, 0.33), (0.94, 0.58), (0.28, 0.58))
_HALF = ((0.1, 0.5), (0.16, 0.29), (0.31, 0.15), (0.5, 0.1), (0.5, 0.9), (0.31, 0.85), (0.16, 0.71))
# Outcomes of core.reading, and "incomplete", which is added to any of them.
SIGNS = {
    "flagged": Sign("positive", polygons=(_POLE, _FLAG)),
    "not_flagged": Sign("negative", has_circle=True),
    "uncertain": Sign("review", text="?", has_circle=True),
    "not_judged": Sign("text", lines=(((0.22, 0.22), (0.78, 0.78)),), has_circle=True),
    "incomplete": Sign("review", polygons=(_HALF,), has_circle=True),
}


def plot_sign(outcome: str, size: float) -> Any:
    """Return the sign of an outcome as a drawing for a PDF; `size` in points."""
    from reportlab.graphics.shapes import Circle, Drawing, Line, Polygon, String
    from reportlab.lib.colors import HexColor

    register_fonts()
    sign, drawing = SIGNS[outcome], Drawing(size, size)
    color, width = HexColor(COLORS[sign.color]), size / 10

    def place(point: Point) -> Point:
        return size * point[0], size * (1 - point[1])

    for polygon in sign.polygons:
        corners = [value for point in polygon for value in place(point)]
        drawing.add(Polygon(corners, fillColor=color, strokeColor=None))
    for start, end in sign.lines:
        drawing.add(Line(*place(start), *place(end), strokeColor=color, strokeWidth=width))
    if sign.has_circle:
        look = {"fillColor": None, "strokeColor": color, "strokeWidth": width}
        drawing.add(Circle(size / 2, size / 2, _RADIUS * size, **look))
    if sign.text:
        words = {"fontName": BOLD, "fontSize": 0.6 * size, "fillColor": color, "textAnchor": "middle"}
        drawing.add(String(size / 2, 0.28 * size, sign.text, **words))
    return drawing


def draw_sign(pen: ImageDraw, outcome: str, corner: Point, size: float, font: Font) -> None:
    """Draw the sign of an outcome on a black picture; `corner` is its upper left one, in pixels."""
    sign, width = SIGNS[outcome], max(1, round(size / 10))
    color = ON_BLACK[sign.color]

    def place(point: Point) -> Point:
        return corner[0] + size * point[0], corner[1] + size * point[1]

    for polygon in sign.polygons:
        pen.polygon([place(point) for point in polygon], fill=color)
    for start, end in sign.lines:
        pen.line([place(start), place(end)], fill=color, width=width)
    if sign.has_circle:
        low, high = 0.5 - _RADIUS, 0.5 + _RADIUS
        pen.ellipse([place((low, low)), place((high, high))], outline=color, width=width)
    if sign.text:
        pen.text(place((0.5, 0.5)), sign.text, fill=color, font=font, anchor="mm")
