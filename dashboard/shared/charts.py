"""The common layout of all plotly figures, and the figure of training history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.frameworks import TITLES
from dashboard.shared.palette import DASHES, MARKERS, Palette, write_percent

MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}
CONFIG = {"displayModeBar": False, "scrollZoom": False}  # for charts without downloads


def compose(
    data: Sequence[Mapping[str, Any]], axes: Mapping[str, Mapping[str, Any]], palette: Palette, **layout: Any
) -> go.Figure:
    """Return a figure made of plain dicts, which is several times as fast as adding parts one by one.

    Args:
        data: traces, each with its "type".
        axes: "xaxis", "yaxis", ...: their titles as plain text, and what differs from the usual style.
        palette: the theme's colors.
        layout: everything else; the legend is above the plot on the left.
    """
    styled = {}
    for name, own in axes.items():
        title = {"text": own.get("title", ""), "font": {"color": palette.text}}
        # Margins are given, so plotly need not compute them.
        style = {"gridcolor": palette.grid, "zeroline": False, "fixedrange": True, "automargin": False}
        styled[name] = {**style, "tickfont": {"color": palette.negative}, **own, "title": title}
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    return go.Figure(
        data,
        {**ground(palette), "hovermode": "closest", "legend": {**legend, "font": {"color": palette.text}},
         **styled, **layout},
    )  # fmt: skip


def list_percent_ticks(step: int) -> dict[str, Any]:
    """Return ticks of a share's axis, every `step` percent: plotly writes "10%", the pages write "10 %"."""
    shares = [percent / 100 for percent in range(0, 101, step)]
    return {"tickvals": shares, "ticktext": [write_percent(share) for share in shares]}


def ground(palette: Palette) -> dict[str, Any]:
    """Return an opaque background, so that saved pictures are readable, and the camera button's colors."""
    modebar = {"color": palette.chance, "activecolor": palette.text, "bgcolor": "rgba(0,0,0,0)"}
    return {"paper_bgcolor": palette.surface, "plot_bgcolor": palette.surface, "modebar": modebar}


def offer_picture(file: str) -> dict[str, Any]:
    """Return the configuration of a figure with a camera button that saves it as FILE.png."""
    return {
        **CONFIG,
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": file, "scale": 2},
    }


def plot_learning(history: pd.DataFrame, frameworks: Sequence[str], palette: Palette) -> go.Figure:
    """Plot loss (above) and accuracy (below) by epoch.

    Every fold is a faint line, their mean over the epochs that all folds have is bold. Training is gray,
    validation in the framework's color. A marker shows the epoch whose weights were kept.

    Args:
        history: the columns of an experiment's history.csv; `best` may be absent while training runs.
        frameworks: those to plot.
        palette: the theme's colors.
    """
    figure = make_subplots(rows=2, cols=1, shared_xaxes=True, vertical_spacing=0.07)
    for framework in frameworks:
        own = history[history["framework"] == framework]
        for part, color in (("train", palette.chance), ("validation", palette.of_framework(framework))):
            for row, kind in ((1, "loss"), (2, "accuracy")):
                _add_folds(figure, own, f"{part}_{kind}", row, framework, part, color)
        for row, kind in ((1, "loss"), (2, "accuracy")):
            _add_best(figure, own, f"validation_{kind}", row, framework, palette)
    grid = {"gridcolor": palette.grid, "zeroline": False, "fixedrange": True}
    figure.update_xaxes(**grid)
    figure.update_yaxes(**grid, nticks=5)
    n_epochs = int(history["epoch"].max()) if len(history) else 1
    figure.update_xaxes(tick0=1, dtick=max(1, round(n_epochs / 8)))
    figure.update_xaxes(title="epoch", row=2, col=1)
    figure.update_yaxes(title="loss", rangemode="tozero", row=1, col=1)
    figure.update_yaxes(title="accuracy", **list_percent_ticks(10), row=2, col=1)
    title = (
        write_title(TITLES[frameworks[0]], palette.of_framework(frameworks[0]))
        if len(frameworks) == 1
        else None
    )
    figure.update_layout(
        **ground(palette), title=title, height=420, margin={**MARGIN, "l": 60}, hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )  # fmt: skip
    return color_words(figure, palette)


def color_words(figure: go.Figure, palette: Palette) -> go.Figure:
    """Give axes and legend readable colors: Streamlit's gray is too pale for small text."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont_color=palette.negative, title_font_color=palette.text)
    return figure.update_layout(legend_font_color=palette.text)


def _add_folds(
    figure: go.Figure, own: pd.DataFrame, column: str, row: int, framework: str, part: str, color: str
) -> None:
    by_epoch = own.pivot_table(index="epoch", columns="fold", values=column)
    for fold in by_epoch.columns:
        line = by_epoch[fold].dropna()
        figure.add_trace(
            go.Scatter(
                x=line.index, y=line, mode="lines", showlegend=False, legendgroup=f"{framework} {part}",
                opacity=0.3 if by_epoch.shape[1] > 1 else 0, line={"color": color, "width": 1},
                hoverinfo="skip",
            ),
            row=row, col=1,
        )  # fmt: skip
    mean = by_epoch.dropna().mean(axis=1)
    figure.add_trace(
        go.Scatter(
            x=mean.index, y=mean, mode="lines" if len(mean) > 1 else "lines+markers",
            name=f"{TITLES[framework]} {part}",
            legendgroup=f"{framework} {part}", showlegend=row == 1,
            line={"color": color, "width": 2.2, "dash": DASHES[framework]},
            hovertemplate=f"<b>{TITLES[framework]}, {part}</b><br>epoch %{{x}}<br>%{{y:.3f}}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip


def _add_best(
    figure: go.Figure, own: pd.DataFrame, column: str, row: int, framework: str, palette: Palette
) -> None:
    if "best" not in own or not (own["best"] == 1).any():
        return
    best = own[own["best"] == 1]
    figure.add_trace(
        go.Scatter(
            x=best["epoch"], y=best[column], customdata=best["fold"] + 1, mode="markers", name="epoch kept",
            legendgroup=f"{framework} best", showlegend=row == 1,
            marker={
                "symbol": MARKERS[framework], "size": 9, "color": palette.of_framework(framework),
                "line": {"color": palette.surface, "width": 1.5},
            },
            hovertemplate="<b>epoch kept: %{x}</b>, fold %{customdata}<br>%{y:.3f}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip


def write_title(text: str, color: str) -> dict[str, object]:
    """Return the title of a figure, aligned left."""
    return {
        "text": text,
        "font": {"size": 16, "color": color},
        "x": 0,
        "xref": "container",
        "xanchor": "left",
    }


def fade(color: str, alpha: float) -> str:
    """Return a color "#rrggbb" with this opacity."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def shorten(name: str, length: int = 18) -> str:
    """Return an untrusted name for a plot: escaped, and cut to `length` characters."""
    name = name if len(name) <= length else name[: length - 1] + "…"
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
