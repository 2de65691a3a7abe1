"""The reliability diagram of one network: two sets of probabilities against what was observed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go

from core.frameworks import TITLES
from dashboard.shared import DASHES, MARGIN, MARKERS, Palette, charts, compose, fade

Bins = Sequence[Mapping[str, float]]


def plot_reliability(bins: Mapping[str, Bins], framework: str, palette: Palette) -> go.Figure:
    """Plot a reliability diagram: observed share by predicted probability, with counts below.

    Args:
        bins: the BINs of the record for two sets of probabilities, under their names in the legend; one of
            them may be empty. The first is gray, the second has the framework's color.
        framework: gives the title and the color.
        palette: the theme's colors.
    """
    hue = palette.of_framework(framework)
    styles = (
        (palette.negative, f"{MARKERS[framework]}-open", "dot"),
        (hue, MARKERS[framework], DASHES[framework]),
    )
    line = {"color": palette.chance, "width": 1.5, "dash": "dot"}
    traces = [
        {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "name": "as predicted", "line": line,
         "hoverinfo": "skip", "showlegend": False}
    ]  # fmt: skip
    for (name, found), style in zip(bins.items(), styles, strict=True):
        if found:
            traces += _list_traces(found, framework, name, *style)
    return compose(
        traces,
        {
            "xaxis": {"title": "predicted probability", "range": [-0.02, 1.02], "dtick": 0.2,
                      "tickformat": ".1f", "anchor": "y2"},
            "yaxis": {"title": "observed share", "range": [-0.02, 1.02], "dtick": 0.2,
                      "tickformat": ".1f", "domain": [0.28, 1]},
            "yaxis2": {"title": "count", "type": "log", "dtick": 1, "domain": [0, 0.22]},
        },
        palette, title=charts.write_title(TITLES[framework], hue), height=480,
        margin={**MARGIN, "l": 60, "t": 62}, barmode="group", bargap=0.1,
    )  # fmt: skip


def _list_traces(
    bins: Bins, framework: str, name: str, color: str, symbol: str, dash: str
) -> Iterator[dict[str, Any]]:
    columns = {key: [one[key] for one in bins] for key in bins[0]}
    observed = columns["observed"]
    yield {
        "type": "scatter", "x": columns["mean_probability"], "y": observed,
        "mode": "lines+markers", "name": name, "legendgroup": name,
        "customdata": list(zip(*(columns[key] for key in ("positives", "n", "low", "high")), strict=True)),
        "line": {"color": color, "width": 1.5, "dash": dash},
        "marker": {"color": color, "symbol": symbol, "size": 9},
        "error_y": {
            "type": "data", "symmetric": False, "color": fade(color, 0.6), "thickness": 1.6, "width": 5,
            "array": [high - value for value, high in zip(observed, columns["high"], strict=True)],
            "arrayminus": [value - low for value, low in zip(observed, columns["low"], strict=True)],
        },
        "hovertemplate": f"<b>{TITLES[framework]}, {name}</b><br>predicted %{{x:.2f}}<br>"
        "observed %{y:.2f} [%{customdata[2]:.2f}–%{customdata[3]:.2f}]<br>"
        "%{customdata[0]} of %{customdata[1]}<extra></extra>",
    }  # fmt: skip
    middles = [(low + high) / 2 for low, high in zip(columns["low_edge"], columns["high_edge"], strict=True)]
    yield {
        "type": "bar", "x": middles, "y": columns["n"], "yaxis": "y2", "legendgroup": name,
        "name": name, "showlegend": False,
        "marker": {"color": fade(color, 0.55), "line": {"color": color, "width": 1}},
        "hovertemplate": f"{name}: %{{y}}<extra></extra>",
    }  # fmt: skip
