"""The figures of the tabs of Compare: utility, robustness, and the two models compared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go

from core.frameworks import TITLES
from dashboard.shared import DASHES, MARGIN, MARKERS, Palette, charts, compose, fade, write_percent

_ROW_PX = 34


@dataclass(frozen=True)
class Gap:
    """The difference between two models in one metric, with its interval."""

    title: str
    value: float
    low: float | None
    high: float | None


def plot_decision_curves(
    curves: Mapping[str, Mapping[str, Any]], marks: Mapping[str, float], palette: Palette
) -> go.Figure:
    """Plot decision curves (Vickers and Elkin, Medical Decision Making, 2006) with 95 % bands.

    Args:
        curves: framework -> "decision_curve" of the record.
        marks: framework -> the chosen threshold, if it is on the scale of these probabilities.
        palette: the theme's colors.
    """
    first = next(iter(curves.values()))
    thresholds, everyone = first["thresholds"], first["treat_all"]
    traces = [_spread(framework, curve, palette) for framework, curve in curves.items()]
    traces.append(_line("call all positive", thresholds, everyone, palette.chance, "dashdot", shown=True))
    nobody = [0.0] * len(thresholds)
    traces.append(_line("call none positive", thresholds, nobody, palette.chance, "dot", shown=True))
    for framework, curve in curves.items():
        color, title = palette.of_framework(framework), TITLES[framework]
        traces.append(
            {
                "type": "scatter", "x": curve["thresholds"], "y": curve["net_benefit"], "mode": "lines",
                "name": title, "legendgroup": framework,
                "line": {"color": color, "width": 2.2, "dash": DASHES[framework]},
                "hovertemplate": f"<b>{title}</b><br>threshold %{{x:.0%}}<br>net benefit %{{y:.3f}}"
                "<extra></extra>",
            }
        )  # fmt: skip
        if framework in marks:
            distances = [abs(threshold - marks[framework]) for threshold in curve["thresholds"]]
            nearest = distances.index(min(distances))
            outline = {"color": palette.surface, "width": 2}
            traces.append(
                {
                    "type": "scatter", "x": [curve["thresholds"][nearest]],
                    "y": [curve["net_benefit"][nearest]], "mode": "markers", "showlegend": False,
                    "name": f"{title} threshold", "legendgroup": framework,
                    "marker": {"color": color, "symbol": MARKERS[framework], "size": 12, "line": outline},
                    "hovertemplate": f"<b>{title}, threshold in use</b><extra></extra>",
                }
            )  # fmt: skip
    highest = max(everyone[0], *(max(curve["net_benefit"]) for curve in curves.values()), 0.01)
    useful = [
        threshold
        for curve in curves.values()
        for threshold, high in zip(curve["thresholds"], curve["high"], strict=True)
        if high is not None and high > 0.001
    ]
    return compose(
        traces,
        {
            "xaxis": {"title": "threshold probability", **charts.list_percent_ticks(10),
                      "range": [0, min(1.0, max(useful, default=0.3) + 0.05)]},
            "yaxis": {"title": "net benefit", "range": [-0.25 * highest, 1.25 * highest]},
        },
        palette, height=430, margin={**MARGIN, "l": 64, "t": 36},
    )  # fmt: skip


def plot_robustness(rows: Sequence[tuple[str, str, Mapping[str, Any]]], palette: Palette) -> go.Figure:
    """Plot AUROC under each change of the slices; a line per framework marks the unchanged slices.

    Args:
        rows: (the change in words, framework, AUROC as a FIGURE of the record), the unchanged slices first.
            A figure without a value is omitted.
        palette: the theme's colors.
    """
    changes = list(dict.fromkeys(change for change, _, _ in rows))
    frameworks = list(dict.fromkeys(framework for _, framework, _ in rows))
    known = [
        end
        for _, _, figure in rows
        if figure["value"] is not None
        for end in (figure["value"], *(figure["interval"] or ()))
    ]
    ends = [-0.6, len(changes) - 0.4]
    traces = [_line("chance", [0.5, 0.5], ends, palette.chance, "dot")]
    for place, framework in enumerate(frameworks):
        color, title = palette.of_framework(framework), TITLES[framework]
        own = [
            (change, figure["value"], *(figure["interval"] or (None, None)))
            for change, name, figure in rows
            if name == framework and figure["value"] is not None
        ]
        shift = 0.22 * (place - (len(frameworks) - 1) / 2)
        if own and own[0][0] == changes[0]:
            traces.append(_line(f"{title} unchanged", [own[0][1]] * 2, ends, color, DASHES[framework]))
        traces.append(
            {
                "type": "scatter", "x": [value for _, value, _, _ in own], "mode": "markers", "name": title,
                "y": [changes.index(change) + shift for change, *_ in own],
                "customdata": [change for change, *_ in own],
                "marker": {"color": color, "symbol": MARKERS[framework], "size": 10},
                "error_x": _reach(*zip(*(ends for _, *ends in own), strict=True), color) if own else {},
                "hovertemplate": f"<b>{title}</b><br>%{{customdata}}<br>%{{x:.3f}}<extra></extra>",
            }
        )  # fmt: skip
    low, high = min([*known, 0.5]), max([*known, 0.7])
    return compose(
        traces,
        {"xaxis": {"title": "AUROC", "range": [low - 0.02, high + 0.02], "tickformat": ".2f"},
         "yaxis": {**_list_rows(changes, palette), "gridcolor": palette.grid, "showgrid": True}},
        palette, height=96 + 28 * len(changes), margin={"l": 8, "r": 16, "t": 36, "b": 44},
    )  # fmt: skip


def plot_gaps(gaps: Sequence[Gap], sides: tuple[str, str], palette: Palette) -> go.Figure:
    """Plot differences between two models, first minus second, with their intervals.

    Args:
        gaps: from top to bottom; one without an interval is hollow.
        sides: words for left and right of zero.
        palette: the theme's colors.
    """
    certain = [gap.low is not None and gap.high is not None for gap in gaps]
    marks = {
        "type": "scatter", "x": [gap.value for gap in gaps], "y": list(range(len(gaps))), "mode": "markers",
        "name": "difference", "customdata": [gap.title for gap in gaps], "showlegend": False,
        "marker": {"color": palette.text, "size": 10,
                   "symbol": ["diamond" if known else "diamond-open" for known in certain]},
        "error_x": _reach([gap.value for gap in gaps], [gap.low for gap in gaps], [gap.high for gap in gaps],
                          palette.text),
        "hovertemplate": "<b>%{customdata}</b><br>difference %{x:+.3f}<extra></extra>",
    }  # fmt: skip
    ends = [end for gap in gaps for end in (gap.value, gap.low, gap.high) if end is not None]
    reach = 1.15 * max((abs(end) for end in ends), default=0.0) or 0.1
    words = [
        {"x": x, "y": 1.0, "xref": "paper", "yref": "paper", "yanchor": "bottom", "xanchor": anchor,
         "text": text, "showarrow": False, "font": {"color": palette.negative}}
        for x, anchor, text in ((0.0, "left", f"← {sides[0]}"), (1.0, "right", f"{sides[1]} →"))
    ]  # fmt: skip
    return compose(
        [_line("none", [0, 0], [-0.6, len(gaps) - 0.4], palette.chance, "dot"), marks],
        {"xaxis": {"title": "difference", "range": [-reach, reach]},
         "yaxis": _list_rows([gap.title for gap in gaps], palette)},
        palette, height=96 + _ROW_PX * len(gaps), margin={"l": 8, "r": 40, "t": 36, "b": 44},
        annotations=words,
    )  # fmt: skip


def plot_agreement(
    cells: Mapping[str, int], title: str, models: tuple[str, str], correct: bool, palette: Palette
) -> go.Figure:
    """Plot which rows of one class the two models call positive.

    Args:
        cells: counts "both", "only_first", "only_second", "neither".
        title: describes the rows, escaped for a plot.
        models: the two frameworks.
        correct: whether positive is the right answer for these rows.
        palette: the theme's colors.
    """
    total = sum(cells.values())
    rows = [["both", "only_first"], ["only_second", "neither"]]
    yes, no = ("✓ both right", "✗ both wrong") if correct else ("✗ both wrong", "✓ both right")
    signs = {"both": yes, "only_first": "one is right", "only_second": "one is right", "neither": no}
    shares = [[cells[name] / total if total else 0.0 for name in row] for row in rows]
    texts = [
        [
            f"<span style='font-size:24px'>{cells[name]:,}</span><br>"
            f"{write_percent(cells[name] / total) if total else 'none'} · {signs[name]}"
            for name in row
        ]
        for row in rows
    ]
    table = {
        "type": "heatmap", "z": shares, "x": [0, 1], "y": [0, 1], "zmin": 0, "zmax": 1, "showscale": False,
        "xgap": 3, "ygap": 3, "text": texts, "texttemplate": "%{text}", "hoverinfo": "skip",
        "textfont": {"size": 12, "color": palette.text},
        "colorscale": [[0, fade(palette.negative, 0.06)], [1, fade(palette.negative, 0.5)]],
    }  # fmt: skip
    axis = {"tickvals": [0, 1], "ticktext": ["positive", "negative"], "showgrid": False}
    return compose(
        [table],
        {"xaxis": {**axis, "title": TITLES[models[1]]},
         "yaxis": {**axis, "title": TITLES[models[0]], "autorange": "reversed"}},
        palette, title=charts.write_title(title, palette.text), height=290, margin={**MARGIN, "l": 92},
    )  # fmt: skip


def _spread(framework: str, curve: Mapping[str, Any], palette: Palette) -> dict[str, Any]:
    """Return the curve's 95 % band, where it has one."""
    known = [place for place, low in enumerate(curve["low"]) if low is not None]
    x = [curve["thresholds"][place] for place in known]
    high, low = ([curve[end][place] for place in known] for end in ("high", "low"))
    return {
        "type": "scatter", "x": x + x[::-1], "y": high + low[::-1], "fill": "toself", "mode": "lines",
        "fillcolor": fade(palette.of_framework(framework), 0.14), "line": {"width": 0},
        "hoverinfo": "skip", "showlegend": False, "legendgroup": framework,
        "name": f"{TITLES[framework]} interval",
    }  # fmt: skip


def _line(
    name: str, x: Sequence[float], y: Sequence[float], color: str, dash: str, shown: bool = False
) -> dict[str, Any]:
    line = {"color": color, "width": 1.5, "dash": dash}
    return {"type": "scatter", "x": list(x), "y": list(y), "mode": "lines", "name": name, "line": line,
            "hoverinfo": "skip", "showlegend": shown}  # fmt: skip


def _reach(
    values: Sequence[float], low: Sequence[float | None], high: Sequence[float | None], color: str
) -> dict[str, Any]:
    """Return error bars from `low` to `high`; of length 0 where there is no interval."""
    return {
        "type": "data", "symmetric": False, "color": color, "thickness": 1.6, "width": 5,
        "array": [0 if end is None else end - value for value, end in zip(values, high, strict=True)],
        "arrayminus": [0 if end is None else value - end for value, end in zip(values, low, strict=True)],
    }  # fmt: skip


def _list_rows(titles: Sequence[str], palette: Palette) -> dict[str, Any]:
    """Return an axis of words, from top to bottom."""
    return {"tickvals": list(range(len(titles))), "ticktext": list(titles), "showgrid": False,
            "range": [len(titles) - 0.4, -0.6], "automargin": True,
            "tickfont": {"color": palette.text}}  # fmt: skip
