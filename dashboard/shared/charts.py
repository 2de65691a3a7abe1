"""What all plotly figures have in common, and that of learning; knows nothing of the page they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from core.frameworks import TITLES
from dashboard.shared.palette import DASHES, MARKERS, Palette

MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}
CONFIG = {"displayModeBar": False, "scrollZoom": False}  # what a chart is shown with that moves on


def compose(
    data: Sequence[Mapping[str, Any]], axes: Mapping[str, Mapping[str, Any]], palette: Palette, **layout: Any
) -> go.Figure:
    """A figure from plain dicts, which plotly checks once: piece by piece that takes several times as long.

    Args:
        data: traces, each with its "type".
        axes: "xaxis", "yaxis", ...: their titles as plain text, and what else differs from our usual looks.
        palette: the theme's colours.
        layout: everything else; a legend stands above the plot, to its left.
    """
    drawn = {}
    for name, own in axes.items():
        title = {"text": own.get("title", ""), "font": {"color": palette.text}}
        # The margins are given, so that plotly need not look for them.
        looks = {"gridcolor": palette.grid, "zeroline": False, "fixedrange": True, "automargin": False}
        drawn[name] = {**looks, "tickfont": {"color": palette.negative}, **own, "title": title}
    legend = {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "xanchor": "left"}
    return go.Figure(
        data,
        {**ground(palette), "hovermode": "closest", "legend": {**legend, "font": {"color": palette.text}},
         **drawn, **layout},
    )  # fmt: skip


def ground(palette: Palette) -> dict[str, Any]:
    """The part of a layout that makes a figure's picture readable anywhere: a ground, and a quiet camera."""
    modebar = {"color": palette.chance, "activecolor": palette.text, "bgcolor": "rgba(0,0,0,0)"}
    return {"paper_bgcolor": palette.surface, "plot_bgcolor": palette.surface, "modebar": modebar}


def offer_picture(file: str) -> dict[str, Any]:
    """The configuration of a figure with a camera, which saves it as FILE.png."""
    return {
        **CONFIG,
        "displayModeBar": True,
        "displaylogo": False,
        "modeBarButtons": [["toImage"]],
        "toImageButtonOptions": {"format": "png", "filename": file, "scale": 2},
    }


def plot_learning(history: pd.DataFrame, frameworks: Sequence[str], palette: Palette) -> go.Figure:
    """Draw loss (above) and accuracy (below) over the epochs.

    Args:
        history: the columns of an experiment's history.csv; `best` may be absent while training runs.
        frameworks: which of them to draw.
        palette: the theme's colours.

    Returns:
        Every fold is a faint line, their mean a bold one (as far as all folds have come); gray is training,
        the framework's colour validation; a marker stands at the epoch whose weights were kept.
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
    figure.update_yaxes(title="accuracy", tickformat=".0%", row=2, col=1)
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
    """Give axes and legend colours that can be read: Streamlit's own gray is too pale for small words."""
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
            x=best["epoch"], y=best[column], customdata=best["fold"] + 1, mode="markers", name="kept epoch",
            legendgroup=f"{framework} kept", showlegend=row == 1,
            marker={
                "symbol": MARKERS[framework], "size": 9, "color": palette.of_framework(framework),
                "line": {"color": palette.surface, "width": 1.5},
            },
            hovertemplate="<b>kept epoch %{x}</b>, fold %{customdata}<br>%{y:.3f}<extra></extra>",
        ),
        row=row, col=1,
    )  # fmt: skip


def write_title(text: str, color: str) -> dict[str, object]:
    """A figure's title, at its left."""
    return {
        "text": text,
        "font": {"size": 16, "color": color},
        "x": 0,
        "xref": "container",
        "xanchor": "left",
    }


def fade(color: str, alpha: float) -> str:
    """A colour "#rrggbb" through which the ground shows."""
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def shorten(name: str, length: int = 18) -> str:
    """A name from outside as plain text of a plot: its markup made harmless, its length bounded."""
    name = name if len(name) <= length else name[: length - 1] + "…"
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
