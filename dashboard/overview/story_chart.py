"""The AUROC of the three experiments as one figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.frameworks import TITLES
from dashboard.shared import MARKERS, Palette, compose, fade

_ROW_PX = 62
_APART = 0.2  # of a row, from its middle to the mark of a network
_LARGE = 1.2
_GUESS = 0.5  # AUROC of guessing


@dataclass(frozen=True)
class StoryRow:
    """An experiment's row: its words, and each network's AUROC as a FIGURE of the record."""

    title: str
    subtitle: str
    aurocs: Mapping[str, Mapping[str, Any]]


def plot_story(rows: Sequence[StoryRow], palette: Palette, *, large: bool = False) -> go.Figure:
    """Plot AUROC with 95 % intervals, one row per experiment; a dotted line marks chance.

    Args:
        rows: from top to bottom; words escaped for a plot.
        palette: the theme's colors.
        large: for a projector.
    """
    size = _LARGE if large else 1.0
    frameworks = list(dict.fromkeys(name for row in rows for name in row.aurocs))
    data = [_plot_framework(name, index, rows, frameworks, palette) for index, name in enumerate(frameworks)]
    lowest = min([_GUESS, *(end for row in rows for end in _ends(row))])
    words = [
        {
            "x": 1.0, "xref": "paper", "xanchor": "left", "xshift": 10, "y": _place(row, index, frameworks),
            "text": _write(figure), "showarrow": False, "align": "left",
            "font": {"color": palette.of_framework(name), "size": 13 * size},
        }
        for row, one in enumerate(rows)
        for index, name in enumerate(frameworks)
        if (figure := one.aurocs.get(name)) is not None
    ]  # fmt: skip
    guess = {
        "x": _GUESS, "y": 1, "yref": "paper", "yanchor": "top", "xanchor": "left", "xshift": 4,
        "text": "chance", "showarrow": False, "font": {"color": palette.negative, "size": 12 * size},
    }  # fmt: skip
    line = {"color": palette.chance, "dash": "dot", "width": 2}
    shape = {"type": "line", "x0": _GUESS, "x1": _GUESS, "y0": 0, "y1": 1, "yref": "paper", "line": line}
    ticks = [f"<b>{row.title}</b><br>{row.subtitle}" for row in rows]
    axes = {
        "xaxis": {"title": "AUROC", "range": [min(0.38, lowest - 0.02), 1.02], "dtick": 0.1,
                  "tickformat": ".1f"},
        "yaxis": {"tickvals": list(range(len(rows))), "ticktext": ticks, "showgrid": False,
                  "range": [len(rows) - 0.5, -0.5], "automargin": True,
                  "tickfont": {"color": palette.text, "size": 12 * size}},
    }  # fmt: skip
    return compose(
        data, axes, palette, height=round(size * height_of(len(rows))),
        margin={"l": 8, "r": round(128 * size), "t": 34, "b": 44},
        legend_x=1, legend_xanchor="right",
        annotations=[*words, guess], shapes=[shape],
    )  # fmt: skip


def height_of(n_rows: int) -> int:
    """Return the height of the figure in pixels."""
    return 78 + _ROW_PX * n_rows


def _plot_framework(
    name: str, index: int, rows: Sequence[StoryRow], frameworks: Sequence[str], palette: Palette
) -> dict[str, Any]:
    color = palette.of_framework(name)
    shown = [
        (row, figure)
        for row, one in enumerate(rows)
        if (figure := one.aurocs.get(name)) is not None and figure["value"] is not None
    ]
    values = [figure["value"] for _, figure in shown]
    ends = [figure["interval"] or [figure["value"]] * 2 for _, figure in shown]
    return {
        "type": "scatter", "mode": "markers", "cliponaxis": False, "name": TITLES[name], "x": values,
        "y": [_place(row, index, frameworks) for row, _ in shown],
        "marker": {"color": color, "size": 13, "symbol": MARKERS[name]},
        "error_x": {
            "type": "data", "symmetric": False, "thickness": 9, "width": 0, "color": fade(color, 0.35),
            "array": [high - value for value, (_, high) in zip(values, ends, strict=True)],
            "arrayminus": [value - low for value, (low, _) in zip(values, ends, strict=True)],
        },
        "text": [f"{rows[row].title}: AUROC {_write(figure)}" for row, figure in shown],
        "hovertemplate": f"<b>{TITLES[name]}</b><br>%{{text}}<extra></extra>",
    }  # fmt: skip


def _place(row: int, index: int, frameworks: Sequence[str]) -> float:
    return row + _APART * (2 * index - (len(frameworks) - 1))


def _ends(row: StoryRow) -> list[float]:
    return [figure["interval"][0] for figure in row.aurocs.values() if figure["interval"]]


def _write(figure: Mapping[str, Any]) -> str:
    if figure["value"] is None:
        return "not estimable"
    spread = figure["interval"]
    return f"<b>{figure['value']:.2f}</b>" + (f" [{spread[0]:.2f}–{spread[1]:.2f}]" if spread else "")
