"""The figures of the page Data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from dashboard.charts import color_words, fade, ground
from dashboard.palette import MARKERS, TITLES, Palette

_LEGEND = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left", "itemclick": False,
           "itemdoubleclick": False}  # fmt: skip
MOST_PATIENTS = 150  # columns that can still be told apart
_ROW_PX = 46
# Marks of the fast model, which is of neither framework.
_PLAIN_MARKS = {"accuracy": "diamond", "AUROC": "diamond-open"}


@dataclass(frozen=True)
class Mark:
    """One figure with its spread: `series` is a framework, or "accuracy" or "AUROC" of the fast model."""

    row: str
    series: str
    value: float
    low: float | None
    high: float | None
    chance: float


def draw_sides(dealt: pd.DataFrame, classes: tuple[str, str], palette: Palette) -> go.Figure:
    """Every patient a column, every slice a square: tested or learned from.

    Args:
        dealt: from `core.leakage_examples.deal_slices`; at most `MOST_PATIENTS` are drawn.
        classes: names of the folders, (negative, positive), as plain text of a plot.
        palette: the theme's colours.
    """
    patients = dealt["patient"].drop_duplicates().to_list()[:MOST_PATIENTS]
    shown = dealt[dealt["patient"].isin(patients)]
    table = shown.pivot_table(index="place", columns="patient", values="tested", aggfunc="max")[patients]
    values = table.to_numpy(dtype=float)
    words = np.where(values == 1, "tested", "learned from")
    figure = go.Figure(
        go.Heatmap(
            z=values, x=list(range(len(patients))), y=table.index, zmin=0, zmax=1, showscale=False,
            xgap=1.5, ygap=1, colorscale=[[0, fade(palette.chance, 0.5)], [1, palette.text]],
            customdata=np.stack([np.tile(patients, (len(table), 1)), words], axis=-1), hoverongaps=False,
            hovertemplate="patient %{customdata[0]}, slice %{y}: %{customdata[1]}<extra></extra>",
        )
    )  # fmt: skip
    for name, color in (("tested", palette.text), ("learned from", fade(palette.chance, 0.5))):
        figure.add_trace(
            go.Scatter(x=[None], y=[None], mode="markers", name=name,
                       marker={"symbol": "square", "size": 12, "color": color})
        )  # fmt: skip
    label_of = shown.groupby("patient", sort=False)["folder_label"].first()[patients].to_numpy()
    ticks = [np.flatnonzero(label_of == label) for label in (0, 1)]
    figure.update_layout(
        **ground(palette), height=330, margin={"l": 52, "r": 8, "t": 34, "b": 40}, legend=_LEGEND,
        xaxis={
            "showgrid": False, "zeroline": False, "fixedrange": True,
            "tickvals": [float(columns.mean()) for columns in ticks if len(columns)],
            "ticktext": [
                f"{name}: {len(columns)} patients" for name, columns in zip(classes, ticks, strict=True)
                if len(columns)
            ],
        },
        yaxis={"title": "slice of the series", "showgrid": False, "zeroline": False, "fixedrange": True},
    )  # fmt: skip
    if len(ticks[0]) and len(ticks[1]):
        figure.add_vline(x=len(ticks[0]) - 0.5, line={"color": palette.text, "width": 1, "dash": "dot"})
    return color_words(figure, palette)


def draw_marks(marks: Sequence[Mark], palette: Palette, *, percent: bool = False) -> go.Figure:
    """Figures from 0 to 1 under each other with their spread; a dotted tick says what chance would give.

    Args:
        marks: rows are drawn from top to bottom in the order of their first mark.
        palette: the theme's colours.
        percent: whether the axis is of percentages.
    """
    rows = list(dict.fromkeys(mark.row for mark in marks))
    series = list(dict.fromkeys(mark.series for mark in marks))
    middle = (len(series) - 1) / 2
    places = {mark: rows.index(mark.row) + 0.32 * (series.index(mark.series) - middle) for mark in marks}
    figure = go.Figure()
    for name in series:
        own = [mark for mark in marks if mark.series == name]
        color = palette.of_framework(name) if name in TITLES else palette.text
        title = TITLES.get(name, name)
        figure.add_trace(
            go.Scatter(
                x=[mark.value for mark in own], y=[places[mark] for mark in own],
                mode="markers", name=title,
                marker={"color": color, "size": 12, "symbol": MARKERS.get(name) or _PLAIN_MARKS[name],
                        "line": {"width": 2, "color": color} if name not in TITLES else {"width": 0}},
                error_x={
                    "type": "data", "symmetric": False, "color": color, "thickness": 2, "width": 5,
                    "array": [0 if m.high is None else m.high - m.value for m in own],
                    "arrayminus": [0 if m.low is None else m.value - m.low for m in own],
                },
                customdata=[[mark.row, _write_spread(mark)] for mark in own],
                hovertemplate=f"<b>{title}</b><br>%{{customdata[0]}}<br>%{{x:.2f}} %{{customdata[1]}}"
                "<extra></extra>",
            )
        )  # fmt: skip
    figure.add_trace(_draw_chance(places, palette))
    figure.update_layout(
        **ground(palette), height=84 + _ROW_PX * len(rows), margin={"l": 8, "r": 16, "t": 34, "b": 30},
        legend=_LEGEND, hovermode="closest",
        xaxis={"range": [-0.01, 1.02], "dtick": 0.2, "tickformat": ".0%" if percent else ".1f",
               "gridcolor": palette.grid, "zeroline": False, "fixedrange": True},
        yaxis={"tickvals": list(range(len(rows))), "ticktext": rows, "range": [len(rows) - 0.4, -0.6],
               "showgrid": False, "zeroline": False, "fixedrange": True, "automargin": True},
    )  # fmt: skip
    return color_words(figure, palette).update_yaxes(tickfont_color=palette.text)


def draw_labels(counts: Mapping[str, tuple[int, int]], words: tuple[str, str], palette: Palette) -> go.Figure:
    """One bar per folder: how many of its slices show the finding.

    Args:
        counts: name of the folder, as plain text of a plot, to (slices that show it, slices that do not).
        words: what the two parts are called in the legend.
        palette: the theme's colours.
    """
    figure = go.Figure()
    rows = [f"<b>{name}</b>  {pair[0]} of {sum(pair)}" for name, pair in counts.items()]
    looks: tuple[dict[str, Any], dict[str, Any]] = (
        {"color": palette.positive},
        {"color": fade(palette.negative, 0.25), "line": {"color": palette.negative, "width": 1}},
    )
    for part, look in enumerate(looks):
        values = [pair[part] for pair in counts.values()]
        figure.add_trace(
            go.Bar(
                x=values, y=rows, orientation="h", name=words[part], marker=look,
                hovertemplate=f"%{{y}}<br>%{{x}} slices: {words[part]}<extra></extra>",
            )
        )  # fmt: skip
    figure.update_layout(
        **ground(palette), barmode="stack", height=190, margin={"l": 8, "r": 16, "t": 34, "b": 40},
        legend={**_LEGEND, "traceorder": "normal"},
        xaxis={"title": "slices", "gridcolor": palette.grid, "zeroline": False, "fixedrange": True},
        yaxis={"autorange": "reversed", "fixedrange": True, "automargin": True},
    )  # fmt: skip
    return color_words(figure, palette).update_yaxes(tickfont_color=palette.text)


def _draw_chance(places: Mapping[Mark, float], palette: Palette) -> go.Scatter:
    """A tick beside every mark at what guessing would reach there."""
    x: list[float | None] = []
    y: list[float | None] = []
    for mark, place in places.items():
        x += [mark.chance, mark.chance, None]
        y += [place - 0.16, place + 0.16, None]
    line = {"color": palette.chance, "dash": "dot", "width": 2}
    return go.Scatter(x=x, y=y, mode="lines", name="by guessing", line=line, hoverinfo="skip")


def _write_spread(mark: Mark) -> str:
    return "" if mark.low is None or mark.high is None else f"[{mark.low:.2f}–{mark.high:.2f}]"
