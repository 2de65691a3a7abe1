"""Figures with interval marks, of patients in a split, and of label counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from core.frameworks import TITLES
from dashboard.shared.charts import compose, fade, list_percent_ticks
from dashboard.shared.palette import MARKERS, Palette

MOST_PATIENTS = 150  # columns that can still be distinguished
_ROW_PX = 46
# Marks of the nearest-neighbor control, which belongs to no framework.
_PLAIN_MARKS = {"accuracy": "diamond", "AUROC": "diamond-open"}


@dataclass(frozen=True)
class Mark:
    """One figure with its interval; `series` is a framework, or "accuracy" or "AUROC" of the control.

    `chance` is the value of a guess; None if there is none.
    """

    row: str
    series: str
    value: float
    low: float | None
    high: float | None
    chance: float | None


def plot_sides(sides: pd.DataFrame, classes: tuple[str, str], palette: Palette) -> go.Figure:
    """Plot a split: one column per patient, one cell per slice, colored by test or training.

    Args:
        sides: from `core.datasets.tabulate_split`; at most `MOST_PATIENTS` patients are plotted.
        classes: names of the folders, (negative, positive), escaped for a plot.
        palette: the theme's colors.
    """
    patients = sides["patient"].drop_duplicates().to_list()[:MOST_PATIENTS]
    shown = sides[sides["patient"].isin(patients)]
    table = shown.pivot_table(index="place", columns="patient", values="tested", aggfunc="max")[patients]
    values = table.to_numpy(dtype=float)
    words = np.where(values == 1, "test", "training")
    squares = {
        "type": "heatmap", "z": values, "x": list(range(len(patients))), "y": table.index.to_list(),
        "zmin": 0, "zmax": 1, "showscale": False, "xgap": 1.5, "ygap": 1, "hoverongaps": False,
        "colorscale": [[0, fade(palette.chance, 0.5)], [1, palette.text]],
        "customdata": np.stack([np.tile(patients, (len(table), 1)), words], axis=-1),
        "hovertemplate": "patient %{customdata[0]}, slice %{y}: %{customdata[1]}<extra></extra>",
    }  # fmt: skip
    keys = [
        {"type": "scatter", "x": [None], "y": [None], "mode": "markers", "name": name,
         "marker": {"symbol": "square", "size": 12, "color": color}}
        for name, color in (("test", palette.text), ("training (and validation)", fade(palette.chance, 0.5)))
    ]  # fmt: skip
    label_of = shown.groupby("patient", sort=False)["folder_label"].first()[patients].to_numpy()
    ticks = [np.flatnonzero(label_of == label) for label in (0, 1)]
    border = {
        "type": "line", "x0": len(ticks[0]) - 0.5, "x1": len(ticks[0]) - 0.5, "y0": 0, "y1": 1,
        "yref": "y domain", "line": {"color": palette.text, "width": 1, "dash": "dot"},
    }  # fmt: skip
    return compose(
        [squares, *keys],
        {
            "xaxis": {
                "showgrid": False,
                "tickvals": [float(columns.mean()) for columns in ticks if len(columns)],
                "ticktext": [
                    f"{name}: {len(columns)} patients" for name, columns in zip(classes, ticks, strict=True)
                    if len(columns)
                ],
            },
            "yaxis": {"title": "slice, in order", "showgrid": False},
        },
        palette, height=330, margin={"l": 52, "r": 8, "t": 34, "b": 40}, legend=_legend(palette),
        shapes=[border] if len(ticks[0]) and len(ticks[1]) else [],
    )  # fmt: skip


def plot_marks(
    marks: Sequence[Mark], palette: Palette, *, percent: bool = False, guess: str = "chance"
) -> go.Figure:
    """Plot figures in [0, 1] as rows with their intervals; a dotted tick marks chance.

    Args:
        marks: rows go from top to bottom in the order of their first mark.
        palette: the theme's colors.
        percent: whether the axis shows percent.
        guess: name of the dotted ticks in the legend, escaped for a plot.
    """
    rows = list(dict.fromkeys(mark.row for mark in marks))
    series = list(dict.fromkeys(mark.series for mark in marks))
    middle = (len(series) - 1) / 2
    places = {mark: rows.index(mark.row) + 0.32 * (series.index(mark.series) - middle) for mark in marks}
    traces: list[dict[str, Any]] = []
    for name in series:
        own = [mark for mark in marks if mark.series == name]
        color = palette.of_framework(name) if name in TITLES else palette.text
        title = TITLES.get(name, name)
        traces.append(
            {
                "type": "scatter", "x": [mark.value for mark in own], "y": [places[mark] for mark in own],
                "mode": "markers", "name": title,
                "marker": {"color": color, "size": 12, "symbol": MARKERS.get(name) or _PLAIN_MARKS[name],
                           "line": {"width": 2, "color": color} if name not in TITLES else {"width": 0}},
                "error_x": {
                    "type": "data", "symmetric": False, "color": color, "thickness": 2, "width": 5,
                    "array": [0 if m.high is None else m.high - m.value for m in own],
                    "arrayminus": [0 if m.low is None else m.value - m.low for m in own],
                },
                "customdata": [[mark.row, _write_spread(mark)] for mark in own],
                "hovertemplate": f"<b>{title}</b><br>%{{customdata[0]}}<br>%{{x:.2f}} %{{customdata[1]}}"
                "<extra></extra>",
            }
        )  # fmt: skip
    traces.append(_plot_chance(places, palette, guess))
    return compose(
        traces,
        {
            "xaxis": {
                "range": [-0.01, 1.02], "dtick": 0.2,
                **(list_percent_ticks(20) if percent else {"tickformat": ".1f"}),
            },
            "yaxis": {"tickvals": list(range(len(rows))), "ticktext": rows, "range": [len(rows) - 0.4, -0.6],
                      "showgrid": False, "automargin": True, "tickfont": {"color": palette.text}},
        },
        palette, height=84 + _ROW_PX * len(rows), margin={"l": 8, "r": 16, "t": 34, "b": 30},
        legend=_legend(palette),
    )  # fmt: skip


def plot_label_counts(
    counts: Mapping[str, tuple[int, int]], words: tuple[str, str], palette: Palette
) -> go.Figure:
    """Plot one bar per folder with its slices that do and do not show the finding.

    Args:
        counts: name of the folder, escaped for a plot, to (slices that show it, slices that do not).
        words: names of the two parts in the legend.
        palette: the theme's colors.
    """
    rows = [f"<b>{name}</b>  {pair[0]:,} of {sum(pair):,}" for name, pair in counts.items()]
    looks: tuple[dict[str, Any], dict[str, Any]] = (
        {"color": palette.positive},
        {"color": fade(palette.negative, 0.25), "line": {"color": palette.negative, "width": 1}},
    )
    bars = [
        {
            "type": "bar", "x": [pair[part] for pair in counts.values()], "y": rows, "orientation": "h",
            "name": words[part], "marker": look,
            "hovertemplate": f"%{{y}}<br>%{{x}} slices: {words[part]}<extra></extra>",
        }
        for part, look in enumerate(looks)
    ]  # fmt: skip
    return compose(
        bars,
        {"xaxis": {"title": "slices"},
         "yaxis": {"autorange": "reversed", "automargin": True, "tickfont": {"color": palette.text}}},
        palette, barmode="stack", height=190, margin={"l": 8, "r": 16, "t": 34, "b": 40},
        legend={**_legend(palette), "traceorder": "normal"},
    )  # fmt: skip


def _legend(palette: Palette) -> dict[str, Any]:
    """Return a legend above the plot on the left; a click on it hides nothing."""
    return {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "itemclick": False,
            "itemdoubleclick": False, "font": {"color": palette.text}}  # fmt: skip


def _plot_chance(places: Mapping[Mark, float], palette: Palette, name: str) -> dict[str, Any]:
    """Return a dotted tick at the chance value of every mark that has one."""
    x: list[float | None] = []
    y: list[float | None] = []
    for mark, place in places.items():
        if mark.chance is None:
            continue
        x += [mark.chance, mark.chance, None]
        y += [place - 0.16, place + 0.16, None]
    line = {"color": palette.chance, "dash": "dot", "width": 2}
    return {"type": "scatter", "x": x, "y": y, "mode": "lines", "name": name, "line": line,
            "hoverinfo": "skip"}  # fmt: skip


def _write_spread(mark: Mark) -> str:
    return "" if mark.low is None or mark.high is None else f"[{mark.low:.2f}–{mark.high:.2f}]"
