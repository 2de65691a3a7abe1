"""Plot probabilities for a PDF: one on a scale from 0 to 1, or those of a study along its slices.

PyTorch has a solid line and round marks, Keras a dashed line and square marks.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from core.frameworks import TITLES
from core.reports.pdf_parts import COLORS, FONT, LOOKS, register_fonts
from core.reports.signs import SIGNS

_SCALE_WIDTH, _SCALE_HEIGHT = 84, 16  # points of 1/72 inch, as all lengths here
_CURVE_HEIGHT, _LEFT, _BOTTOM, _TOP = 131, 26, 25, 18
_CELL_HEIGHT, _WIDEST_CELL = 6, 12
_MOST_TICKS = 15


def plot_scale(
    framework: str, probability: float, threshold: float, band: tuple[float, float] | None = None
) -> Any:
    """Return a scale with a mark at the probability, a line at the threshold, and the review band below."""
    from reportlab.graphics.shapes import Circle, Drawing, Line, Rect
    from reportlab.lib.colors import HexColor

    drawing = Drawing(_SCALE_WIDTH + 8, _SCALE_HEIGHT)

    def at(value: float) -> float:
        return 4 + _SCALE_WIDTH * value

    drawing.add(Rect(4, 6, _SCALE_WIDTH, 4, fillColor=HexColor(COLORS["grid"]), strokeColor=None))
    if band:
        low, high = at(band[0]), at(band[1])
        drawing.add(Rect(low, 1, high - low, 3, fillColor=HexColor(COLORS["review"]), strokeColor=None))
    cut = at(threshold)
    drawing.add(Line(cut, 1, cut, 15, strokeColor=HexColor(COLORS["text"]), strokeWidth=1))
    x = at(probability)
    look = {
        "fillColor": HexColor(LOOKS[framework].color),
        "strokeColor": HexColor("#FFFFFF"),
        "strokeWidth": 0.8,
    }
    drawing.add(
        Circle(x, 8, 4, **look) if LOOKS[framework].is_round else Rect(x - 3.7, 4.3, 7.4, 7.4, **look)
    )
    return drawing


def plot_curve(
    probabilities: Mapping[str, Sequence[float]],
    counted: Sequence[bool],
    shown: Sequence[int],
    width: float,
    outcomes: Sequence[str],
) -> Any:
    """Return a plot of the probabilities of a study along its slices, numbered from 1.

    Below it, a cell for each slice shows its outcome.

    Args:
        probabilities: framework -> one for each slice.
        counted: whether each slice counts in the verdict; the marks of the others are hollow.
        shown: indices of the slices whose pictures follow; a line marks them.
        width: of the plot, in points.
        outcomes: of each slice; one of core.reading.OUTCOMES.
    """
    from reportlab.graphics.shapes import Drawing, Line, PolyLine, String
    from reportlab.lib.colors import HexColor

    register_fonts()
    n = len(counted)
    span, rise = width - _LEFT - 10, _CURVE_HEIGHT - _BOTTOM - _TOP
    grid, quiet = HexColor(COLORS["grid"]), HexColor(COLORS["negative"])
    words = {"fontName": FONT, "fontSize": 7, "fillColor": quiet}
    drawing = Drawing(width, _CURVE_HEIGHT)

    def across(index: int) -> float:
        return _LEFT + span * (index + 0.5) / n

    def up(probability: float) -> float:
        return _BOTTOM + rise * probability

    for tick in (0, 0.5, 1):
        drawing.add(Line(_LEFT, up(tick), _LEFT + span, up(tick), strokeColor=grid, strokeWidth=0.7))
        drawing.add(String(_LEFT - 4, up(tick) - 2.5, f"{tick:g}", textAnchor="end", **words))
    for index in shown:
        x = across(index)
        drawing.add(Line(x, up(0), x, up(1), strokeColor=quiet, strokeWidth=0.6))
    every = -(-n // _MOST_TICKS)
    for index in range(0, n, every):
        drawing.add(String(across(index), _BOTTOM - 20, str(index + 1), textAnchor="middle", **words))
    drawing.add(String(_LEFT - 4, _BOTTOM - 20, "slice", textAnchor="end", **words))
    for index, outcome in enumerate(outcomes):
        wide = min(_WIDEST_CELL, 0.8 * span / n)
        for shape in _plot_cell(outcome, across(index) - wide / 2, wide):
            drawing.add(shape)
    size = min(2.2, 0.35 * span / n)
    legend = _LEFT
    for framework, values in probabilities.items():
        color = HexColor(LOOKS[framework].color)
        dash = LOOKS[framework].dash
        points = [place for index, value in enumerate(values) for place in (across(index), up(value))]
        drawing.add(PolyLine(points, strokeColor=color, strokeWidth=1.1, strokeDashArray=dash))
        for index, value in enumerate(values):
            drawing.add(_mark(framework, across(index), up(value), size, filled=counted[index]))
        high = _CURVE_HEIGHT - 7
        drawing.add(Line(legend, high, legend + 22, high, strokeColor=color, strokeDashArray=dash))
        drawing.add(_mark(framework, legend + 11, high, 2.2, filled=True))
        drawing.add(String(legend + 27, high - 2.5, TITLES[framework], **words))
        legend += 78
    note = "hollow points: not counted" if not all(counted) else ""
    drawing.add(String(_LEFT + span, _CURVE_HEIGHT - 9.5, note, textAnchor="end", **words))
    return drawing


def _plot_cell(outcome: str, left: float, width: float) -> list[Any]:
    """Return a cell: filled if flagged, hollow if not, crossed if uncertain, a line if not judged."""
    from reportlab.graphics.shapes import Line, Rect
    from reportlab.lib.colors import HexColor

    color = HexColor(COLORS[SIGNS[outcome].color])
    bottom, look = _BOTTOM - 10, {"strokeColor": color, "strokeWidth": 0.7}
    top, middle, right = bottom + _CELL_HEIGHT, bottom + _CELL_HEIGHT / 2, left + width
    if outcome == "not_judged":
        return [Line(left, middle, right, middle, **look)]
    fill = color if outcome == "flagged" else None
    cell = [Rect(left, bottom, width, _CELL_HEIGHT, fillColor=fill, **look)]
    if outcome == "uncertain":
        cell += [Line(left, bottom, right, top, **look), Line(left, top, right, bottom, **look)]
    return cell


def _mark(framework: str, x: float, y: float, size: float, *, filled: bool) -> Any:
    from reportlab.graphics.shapes import Circle, Rect
    from reportlab.lib.colors import HexColor

    color = HexColor(LOOKS[framework].color)
    look = {
        "fillColor": color if filled else HexColor("#FFFFFF"),
        "strokeColor": color,
        "strokeWidth": 0.7,
    }
    if LOOKS[framework].is_round:
        return Circle(x, y, size, **look)
    return Rect(x - size * 0.9, y - size * 0.9, size * 1.8, size * 1.8, **look)
