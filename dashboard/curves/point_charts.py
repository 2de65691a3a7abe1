"""The figures that depend on the operating point: PR and ROC curves, and confusion matrices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import plotly.graph_objects as go

from core.evaluation import CELLS, SET_ASIDE, list_measures
from core.frameworks import TITLES
from dashboard.shared import (
    DASHES,
    MARGIN,
    MARKERS,
    SIGNS,
    Palette,
    compose,
    fade,
    shorten,
    write_percent,
    write_title,
)

_AXES = {measure.key: measure.title[0].lower() + measure.title[1:] for measure in list_measures("rate")}

_NAMES_IN_LINE = 3


@dataclass(frozen=True)
class Curve:
    """A curve of one framework: x, y and threshold, each (n,), its operating point and review band."""

    x: np.ndarray
    y: np.ndarray
    threshold: np.ndarray
    mark: tuple[float, float, float] | None  # x, y, threshold
    area: float | None = None
    band: tuple[float, float] | None = None  # thresholds


def name_cell(cell: str) -> str:
    """Return a cell of a confusion matrix in words, for screen readers."""
    return CELLS.get(cell) or f"needs review, {cell.removeprefix('indeterminate_')}"


def plot_precision_recall(
    curves: Mapping[str, Curve],
    prevalence: float,
    palette: Palette,
    *,
    beside: Mapping[str, Curve] | None = None,
) -> go.Figure:
    """Plot precision by recall, one line per framework; the dotted line is chance at this prevalence.

    `beside`: the frameworks' curves at home, drawn thin.
    """
    hover = "threshold %{customdata:.2f}<br>precision %{y:.2f}<br>recall %{x:.2f}"
    traces = [
        _chance([0, 1], [prevalence, prevalence], palette),
        *_list_beside(beside or {}, palette),
        *_list_curves(curves, "avg. precision", hover, palette),
    ]
    return _square(traces, "Precision-recall", _AXES["recall"], _AXES["precision"], palette)


def plot_roc(
    curves: Mapping[str, Curve], palette: Palette, *, beside: Mapping[str, Curve] | None = None
) -> go.Figure:
    """Plot sensitivity by 1 - specificity, one line per framework; the dotted diagonal is chance.

    `beside`: the frameworks' curves at home, drawn thin.
    """
    hover = "threshold %{customdata:.2f}<br>sensitivity %{y:.2f}<br>1 - specificity %{x:.2f}"
    traces = [
        _chance([0, 1], [0, 1], palette),
        *_list_beside(beside or {}, palette),
        *_list_curves(curves, "AUROC", hover, palette),
    ]
    return _square(traces, "ROC", "1 - specificity", "sensitivity", palette)


def plot_confusion(
    confusion: Mapping[str, int],
    classes: tuple[str, str],
    framework: str,
    palette: Palette,
    *,
    review: Mapping[str, int] | None = None,
    set_aside: bool = False,
) -> go.Figure:
    """Plot the confusion matrix of one framework: colored by share of the row, wrong cells outlined.

    Args:
        confusion: counts by cell.
        classes: names of the negative and the positive class.
        framework: gives title and color.
        palette: the theme's colors.
        review: counts of cases outside the review band, the record's "review"; None without a band.
        set_aside: whether cases that need review have their own column; if not, each cell notes their number.
    """
    shown, notes, columns = dict(confusion), {}, [shorten(name) for name in classes]
    cells = np.reshape(list(CELLS), (2, 2)).tolist()
    if review is not None and set_aside:
        shown = dict(review)
        columns.append(f"{SIGNS['review']} needs review")
        cells = [[*row, aside] for row, aside in zip(cells, SET_ASIDE, strict=True)]
    elif review is not None:
        notes = {cell: confusion[cell] - review[cell] for cell in confusion}
    counts = np.array([[shown[cell] for cell in row] for row in cells])
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    texts = [
        [
            f"<span style='font-size:24px'>{counts[y, x]:,}</span><br>"
            f"{write_percent(shares[y, x]) if rows[y, 0] else 'none'} of row"
            + (f"<br>{notes[cell]:,} need{'s' if notes[cell] == 1 else ''} review" if notes else "")
            for x, cell in enumerate(row)
        ]
        for y, row in enumerate(cells)
    ]
    hue = palette.of_framework(framework)
    places = list(range(len(columns)))
    table = {
        "type": "heatmap", "z": shares, "x": places, "y": [0, 1], "zmin": 0, "zmax": 1, "showscale": False,
        "xgap": 3, "ygap": 3, "colorscale": [[0, fade(hue, 0.05)], [1, fade(hue, 0.60)]],
        "text": texts, "texttemplate": "%{text}", "textfont": {"size": 12, "color": palette.text},
        "hoverinfo": "skip",
    }  # fmt: skip
    wrong = [(x, y) for y, x in ((0, 1), (1, 0)) if counts[y, x]]
    outlines = [_outline("wrong", wrong, palette.wrong)]
    if len(columns) > 2:
        outlines.append(_outline("needs review", [(2, 0), (2, 1)], palette.review))
    # Streamlit reports clicks on points but not on a heat map, so each cell has an invisible point.
    middles = {
        "type": "scatter", "mode": "markers", "x": [x for _ in cells for x in places], "hoverinfo": "none",
        "y": [y for y in range(2) for _ in places], "customdata": [cell for row in cells for cell in row],
        "marker": {"symbol": "square", "size": 60, "opacity": 0}, "name": "cells",
    }  # fmt: skip
    bare = {"showgrid": False}
    return compose(
        [table, *outlines, middles],
        {
            "xaxis": {**bare, "title": "predicted", "tickvals": places, "ticktext": columns},
            "yaxis": {**bare, "title": "actual", "tickvals": [0, 1], "ticktext": columns[:2],
                      "autorange": "reversed"},
        },
        palette, title=write_title(TITLES[framework], hue), height=310, margin={**MARGIN, "l": 104},
        showlegend=False, hoverdistance=-1, dragmode=False, clickmode="event+select",
    )  # fmt: skip


def _outline(name: str, places: Sequence[tuple[int, int]], color: str) -> dict[str, Any]:
    """Return dotted frames around these cells."""
    x: list[float | None] = []
    y: list[float | None] = []
    for left, top in places:
        x += [left - 0.48, left + 0.48, left + 0.48, left - 0.48, left - 0.48, None]
        y += [top - 0.47, top - 0.47, top + 0.47, top + 0.47, top - 0.47, None]
    line = {"color": color, "width": 1.5, "dash": "dot"}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "name": name, "line": line,
            "hoverinfo": "skip"}  # fmt: skip


def _square(traces: list[dict[str, Any]], title: str, x: str, y: str, palette: Palette) -> go.Figure:
    axis = {"range": [-0.015, 1.015], "dtick": 0.2, "tickformat": ".1f"}
    # More names than fit in one line need room for a second one.
    more = 34 if sum(trace.get("showlegend", True) for trace in traces) > _NAMES_IN_LINE else 0
    placed = {"y": 1, "yref": "container", "yanchor": "top", "pad": {"t": 10}}
    return compose(
        traces, {"xaxis": {**axis, "title": x}, "yaxis": {**axis, "title": y}}, palette,
        title={**write_title(title, palette.text), **(placed if more else {})}, height=410 + more,
        margin={**MARGIN, "t": 62 + more},
    )  # fmt: skip


def _list_curves(
    curves: Mapping[str, Curve], area: str, hover: str, palette: Palette
) -> Iterator[dict[str, Any]]:
    """Yield the review bands first, so that they are under the curves."""
    inside: dict[str, np.ndarray] = {}
    for framework, curve in curves.items():
        if curve.band is not None:
            low, high = curve.band
            inside[framework] = np.flatnonzero((curve.threshold > low) & (curve.threshold < high))
    shown = [framework for framework, places in inside.items() if len(places) > 1]
    for framework in shown:
        x, y = curves[framework].x[inside[framework]], curves[framework].y[inside[framework]]
        yield {
            "type": "scatter", "x": x, "y": y, "mode": "lines", "name": "needs review", "hoverinfo": "skip",
            "legendgroup": "review", "showlegend": framework == shown[0],
            "line": {"color": fade(palette.review, 0.45), "width": 11},
        }  # fmt: skip
    for framework, curve in curves.items():
        yield from _list_curve(framework, curve, area, hover, palette)


def _list_beside(curves: Mapping[str, Curve], palette: Palette) -> Iterator[dict[str, Any]]:
    """Yield thin lines of the same frameworks on the experiment's own data set."""
    for framework, curve in curves.items():
        title = f"{TITLES[framework]} own data"
        yield {
            "type": "scatter", "x": curve.x, "y": curve.y, "mode": "lines", "hoverinfo": "skip",
            "name": title if curve.area is None else f"{title} {curve.area:.2f}",
            "legendgroup": f"{framework} at home",
            "line": {"color": fade(palette.of_framework(framework), 0.7), "dash": DASHES[framework],
                     "width": 1.3},
        }  # fmt: skip


def _list_curve(
    framework: str, curve: Curve, area: str, hover: str, palette: Palette
) -> Iterator[dict[str, Any]]:
    color, name = palette.of_framework(framework), TITLES[framework]
    yield {
        "type": "scatter", "x": curve.x, "y": curve.y, "customdata": curve.threshold, "mode": "lines",
        "name": name if curve.area is None else f"{name} {area} {curve.area:.2f}", "legendgroup": framework,
        "line": {"color": color, "dash": DASHES[framework], "width": 2.2, "shape": "linear"},
        "hovertemplate": f"<b>{name}</b><br>{hover}<extra></extra>",
    }  # fmt: skip
    if curve.mark is None:
        return
    x, y, threshold = curve.mark
    outline = {"color": palette.surface, "width": 2}
    yield {
        "type": "scatter", "x": [x], "y": [y], "customdata": [threshold], "mode": "markers",
        "showlegend": False, "legendgroup": framework, "name": f"{name} threshold",
        "marker": {"color": color, "symbol": MARKERS[framework], "size": 13, "line": outline},
        "hovertemplate": f"<b>{name}, threshold in use</b><br>{hover}<extra></extra>",
    }  # fmt: skip


def _chance(x: list[float], y: list[float], palette: Palette) -> dict[str, Any]:
    line = {"color": palette.chance, "dash": "dot", "width": 1.5}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "name": "chance", "line": line,
            "hoverinfo": "skip", "showlegend": False}  # fmt: skip
