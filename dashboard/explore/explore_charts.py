"""Figures of the page Explore: scores, precision-recall curves, and the slices of one patient."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.evaluation import list_measures
from core.frameworks import TITLES
from dashboard.shared import DASHES, MARGIN, MARKERS, Palette, compose, fade, shorten, write_title

_AXES = {measure.key: measure.title[0].lower() + measure.title[1:] for measure in list_measures("rate")}


def plot_scores(
    cases: pd.DataFrame, frameworks: Sequence[str], thresholds: Mapping[str, float], classes: tuple[str, str],
    palette: Palette,
) -> go.Figure:  # fmt: skip
    """Plot the first network's probability against the second's, colored by label, with operating points.

    With one network, its probability is plotted against its loss. A point's customdata is its row.

    Args:
        cases: one row per case, with `row`, `file`, `label`, `loss` and the probability of each framework.
    """
    x, y = (frameworks[0], frameworks[1] if len(frameworks) > 1 else "loss")
    traces = []
    for label, kind in ((0, "negative"), (1, "positive")):
        own = cases[cases["label"] == label]
        color = getattr(palette, kind)
        symbol = "circle" if label else "circle-open"
        traces.append(
            {
                "type": "scattergl", "mode": "markers", "x": own[x], "y": own[y], "customdata": own["row"],
                "text": own["file"].map(shorten), "name": shorten(classes[label]),
                "marker": {"color": fade(color, 0.75), "symbol": symbol, "size": 6},
                "hovertemplate": "%{text}<br>%{x:.2f}, %{y:.2f}<extra></extra>",
            }
        )  # fmt: skip
    line = {"color": palette.chance, "dash": "dot", "width": 1.5}
    cut = thresholds[x]
    lines = [{"type": "line", "x0": cut, "x1": cut, "yref": "paper", "y0": 0, "y1": 1, "line": line}]
    if y in thresholds:
        cut = thresholds[y]
        lines.append({"type": "line", "y0": cut, "y1": cut, "xref": "paper", "x0": 0, "x1": 1, "line": line})
    ends = {"range": [-0.02, 1.02], "tickformat": ".1f"}
    return compose(
        traces,
        {
            "xaxis": {**ends, "title": f"{TITLES[x]}, probability"},
            "yaxis": {**ends, "title": f"{TITLES[y]}, probability"} if y in TITLES else {"title": "loss"},
        },
        palette, title=write_title("Probabilities", palette.text), height=390, margin={**MARGIN, "t": 62},
        shapes=lines, dragmode="select",
    )  # fmt: skip


def plot_precision_recall(
    curves: Mapping[str, tuple[Any, float]], palette: Palette, *, most_points: int = 240
) -> go.Figure:
    """Plot precision over recall; a point's customdata is (framework, threshold).

    Args:
        curves: framework -> (curve of core.evaluation.curves, threshold in use).
        most_points: about how many points a curve is thinned to.
    """
    traces: list[dict[str, Any]] = []
    for name, (curve, cut) in curves.items():
        color = palette.of_framework(name)
        every = max(1, len(curve.thresholds) // most_points)
        recall, precision, thresholds = (
            values[1::every] for values in (curve.recall, curve.precision, curve.thresholds)
        )
        hover = "threshold %{customdata[1]:.3f}<br>precision %{y:.2f}<br>recall %{x:.2f}"
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": recall, "y": precision, "name": TITLES[name],
                "customdata": [[name, float(value)] for value in thresholds],
                "line": {"color": color, "dash": DASHES[name], "width": 2},
                "marker": {"color": color, "symbol": MARKERS[name], "size": 5},
                "hovertemplate": f"<b>{TITLES[name]}</b><br>{hover}<extra></extra>",
            }
        )  # fmt: skip
        above = [place for place, value in enumerate(curve.thresholds) if value >= cut]
        if above:
            place = above[-1]  # thresholds fall along the curve
            traces.append(
                {
                    "type": "scatter", "mode": "markers", "x": [curve.recall[place]],
                    "y": [curve.precision[place]],
                    "showlegend": False, "hoverinfo": "skip", "name": f"{TITLES[name]} threshold",
                    "marker": {"color": color, "symbol": MARKERS[name], "size": 13,
                               "line": {"color": palette.surface, "width": 2}},
                }
            )  # fmt: skip
    axis = {"range": [-0.02, 1.02], "tickformat": ".1f"}
    return compose(
        traces,
        {"xaxis": {**axis, "title": _AXES["recall"]}, "yaxis": {**axis, "title": _AXES["precision"]}},
        palette,
        title=write_title("Precision-recall", palette.text), height=390, margin={**MARGIN, "t": 62},
        dragmode=False, clickmode="event+select",
    )  # fmt: skip


def plot_series(
    series: pd.DataFrame,
    frameworks: Sequence[str],
    thresholds: Mapping[str, float],
    row: int,
    palette: Palette,
) -> go.Figure:
    """Plot probabilities along a patient's slices; positive slices are tinted, the slice `row` is marked.

    Args:
        series: the patient's cases, in order.
    """
    places = list(range(1, len(series) + 1))
    shapes: list[dict[str, Any]] = [
        {"type": "rect", "x0": place - 0.5, "x1": place + 0.5, "yref": "paper", "y0": 0, "y1": 1,
         "fillcolor": fade(palette.positive, 0.16), "line": {"width": 0}, "layer": "below"}
        for place, label in zip(places, series["label"], strict=True) if label
    ]  # fmt: skip
    traces = []
    for name in frameworks:
        color = palette.of_framework(name)
        traces.append(
            {
                "type": "scatter", "mode": "lines+markers", "x": places, "y": series[name],
                "name": TITLES[name],
                "text": series["file"].map(shorten), "customdata": series["row"],
                "line": {"color": color, "dash": DASHES[name], "width": 2},
                "marker": {"color": color, "symbol": MARKERS[name], "size": 6},
                "hovertemplate": f"%{{text}}<br>{TITLES[name]} %{{y:.2f}}<extra></extra>",
            }
        )  # fmt: skip
        line = {"color": fade(color, 0.7), "dash": "dot", "width": 1.2}
        shapes.append({"type": "line", "xref": "paper", "x0": 0, "x1": 1, "y0": thresholds[name],
                       "y1": thresholds[name], "line": line})  # fmt: skip
    current = series["row"].tolist().index(row) + 1
    line = {"color": palette.text, "width": 1.5}
    shapes.append(
        {"type": "line", "x0": current, "x1": current, "yref": "paper", "y0": 0, "y1": 1, "line": line}
    )
    return compose(
        traces,
        {
            "xaxis": {"title": "slice, in order", "range": [0.5, len(places) + 0.5]},
            "yaxis": {"title": "probability", "range": [-0.03, 1.03], "tickformat": ".1f"},
        },
        palette, height=240, margin={**MARGIN, "t": 28}, shapes=shapes,
    )  # fmt: skip
