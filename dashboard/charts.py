"""Numbers to plotly figures; knows nothing of the page they stand on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from dashboard.palette import DASHES, MARKERS, TITLES, Palette, write_percent

# The page shows through: its background follows the theme at once.
CLEAR = {"paper_bgcolor": "rgba(0,0,0,0)", "plot_bgcolor": "rgba(0,0,0,0)"}
_MARGIN = {"l": 52, "r": 16, "t": 40, "b": 44}
CONFIG = {"displayModeBar": False, "scrollZoom": False}  # what every chart is shown with


@dataclass(frozen=True)
class Curve:
    """A curve of one framework: x, y and threshold (n,), and the marked point at the operating point."""

    x: np.ndarray
    y: np.ndarray
    threshold: np.ndarray
    mark: tuple[float, float, float] | None  # x, y, threshold
    area: float | None = None


def draw_precision_recall(curves: Mapping[str, Curve], prevalence: float, palette: Palette) -> go.Figure:
    """Precision over recall, one line per framework; the dotted line is a coin of this prevalence."""
    figure = _square("Precision-recall", "recall", "precision", palette)
    figure.add_trace(_chance([0, 1], [prevalence, prevalence], palette))
    for framework, curve in curves.items():
        hover = "threshold %{customdata:.2f}<br>precision %{y:.2f}<br>recall %{x:.2f}"
        _add_curve(figure, framework, curve, "AP", hover, palette)
    return figure


def draw_roc(curves: Mapping[str, Curve], palette: Palette) -> go.Figure:
    """Sensitivity over 1 - specificity, one line per framework; the dotted diagonal is chance."""
    figure = _square("ROC", "1 - specificity", "sensitivity", palette)
    figure.add_trace(_chance([0, 1], [0, 1], palette))
    for framework, curve in curves.items():
        hover = "threshold %{customdata:.2f}<br>sensitivity %{y:.2f}<br>1 - specificity %{x:.2f}"
        _add_curve(figure, framework, curve, "AUROC", hover, palette)
    return figure


def draw_confusion(
    confusion: Mapping[str, int], classes: tuple[str, str], framework: str, palette: Palette
) -> go.Figure:
    """Draw the 2 x 2 table of one framework: one hue by share of the row, wrong cells outlined.

    Args:
        confusion: counts "tn", "fp", "fn", "tp".
        classes: names of the negative and the positive class.
        framework: gives title and hue.
        palette: the theme's colours.
    """
    counts = np.array([[confusion["tn"], confusion["fp"]], [confusion["fn"], confusion["tp"]]])
    rows = counts.sum(axis=1, keepdims=True)
    shares = np.divide(counts, rows, out=np.zeros(counts.shape), where=rows > 0)
    ticks = [shorten(name) for name in classes]
    hue = palette.of_framework(framework)
    figure = go.Figure(
        go.Heatmap(
            z=shares, x=[0, 1], y=[0, 1], zmin=0, zmax=1, showscale=False, xgap=3, ygap=3, hoverinfo="skip",
            colorscale=[[0, fade(hue, 0.05)], [1, fade(hue, 0.60)]],
        )
    )  # fmt: skip
    for actual in (0, 1):
        for predicted in (0, 1):
            share = write_percent(shares[actual, predicted]) if rows[actual, 0] else "none"
            figure.add_annotation(
                x=predicted, y=actual, showarrow=False, font={"color": palette.text},
                text=f"<span style='font-size:24px'>{counts[actual, predicted]}</span><br>"
                f"<span style='font-size:12px'>{share} of row</span>",
            )  # fmt: skip
            if actual != predicted and counts[actual, predicted]:
                figure.add_shape(
                    type="rect",
                    x0=predicted - 0.485, x1=predicted + 0.485, y0=actual - 0.48, y1=actual + 0.48,
                    line={"color": palette.wrong, "width": 1.5, "dash": "dot"},
                )  # fmt: skip
    axis = {"tickvals": [0, 1], "ticktext": ticks, "fixedrange": True, "showgrid": False, "zeroline": False}
    figure.update_layout(
        **CLEAR, title=_title(TITLES[framework], hue), height=300, margin={**_MARGIN, "l": 104},
        xaxis={**axis, "title": "predicted"},
        yaxis={**axis, "title": "actual", "autorange": "reversed"},
    )  # fmt: skip
    return color_words(figure, palette)


def draw_learning(history: pd.DataFrame, frameworks: Sequence[str], palette: Palette) -> go.Figure:
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
        _title(TITLES[frameworks[0]], palette.of_framework(frameworks[0])) if len(frameworks) == 1 else None
    )
    figure.update_layout(
        **CLEAR, title=title, height=420, margin={**_MARGIN, "l": 60}, hovermode="closest",
        legend={"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )  # fmt: skip
    return color_words(figure, palette)


def _square(title: str, x: str, y: str, palette: Palette) -> go.Figure:
    axis = {
        "range": [-0.015, 1.015],
        "gridcolor": palette.grid,
        "zeroline": False,
        "fixedrange": True,
        "dtick": 0.2,
    }
    figure = go.Figure()
    figure.update_layout(
        **CLEAR, title=_title(title, palette.text), height=400, margin=_MARGIN, hovermode="closest",
        xaxis={**axis, "title": x, "tickformat": ".1f"}, yaxis={**axis, "title": y, "tickformat": ".1f"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1, "xanchor": "right"},
    )  # fmt: skip
    return color_words(figure, palette)


def color_words(figure: go.Figure, palette: Palette) -> go.Figure:
    """Give axes and legend colours that can be read: Streamlit's own gray is too pale for small words."""
    for update in (figure.update_xaxes, figure.update_yaxes):
        update(tickfont_color=palette.negative, title_font_color=palette.text)
    return figure.update_layout(legend_font_color=palette.text)


def _add_curve(
    figure: go.Figure, framework: str, curve: Curve, area: str, hover: str, palette: Palette
) -> None:
    color, name = palette.of_framework(framework), TITLES[framework]
    label = name if curve.area is None else f"{name} {area} {curve.area:.2f}"
    figure.add_trace(
        go.Scatter(
            x=curve.x, y=curve.y, customdata=curve.threshold, mode="lines", name=label, legendgroup=framework,
            line={"color": color, "dash": DASHES[framework], "width": 2.2, "shape": "linear"},
            hovertemplate=f"<b>{name}</b><br>{hover}<extra></extra>",
        )
    )  # fmt: skip
    if curve.mark is not None:
        x, y, threshold = curve.mark
        figure.add_trace(
            go.Scatter(
                x=[x], y=[y], customdata=[threshold], mode="markers", showlegend=False, legendgroup=framework,
                name=f"{name} operating point",
                marker={
                    "color": color, "symbol": MARKERS[framework], "size": 13,
                    "line": {"color": palette.surface, "width": 2},
                },
                hovertemplate=f"<b>{name}, operating point</b><br>{hover}<extra></extra>",
            )
        )  # fmt: skip


def _chance(x: list[float], y: list[float], palette: Palette) -> go.Scatter:
    line = {"color": palette.chance, "dash": "dot", "width": 1.5}
    return go.Scatter(x=x, y=y, mode="lines", name="chance", line=line, hoverinfo="skip", showlegend=False)


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


def _title(text: str, color: str) -> dict[str, object]:
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


def shorten(name: str) -> str:
    """A class name as plain text of a plot: its markup made harmless, its length bounded."""
    name = name if len(name) <= 18 else name[:17] + "…"
    return name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
