"""The figures of the page Train: the curves of a training run, and the AUROC of finished experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from core.frameworks import FRAMEWORKS, TITLES
from dashboard.shared import DASHES, MARGIN, MARKERS, Palette, compose, shorten

# Panels from the top: title, column of the training part (or none), column of the validation part.
_PANELS = (
    ("loss", "train_loss", "validation_loss"),
    ("accuracy", "train_accuracy", "validation_accuracy"),
    ("AUROC", "", "validation_auroc"),
)
_DOMAINS = ((0.7, 1.0), (0.35, 0.65), (0.0, 0.3))
COURSE_HEIGHT = 520


def plot_course(history: pd.DataFrame, epochs: int, palette: Palette) -> go.Figure:
    """Plot loss, accuracy and validation AUROC of all frameworks by epoch.

    Folds are faint lines, their mean is bold. Training is gray, validation in the framework's color. A
    marker shows each fold's lowest validation loss so far.

    Args:
        history: the columns of an experiment's history.csv except `best`, for the epochs so far.
        epochs: the maximum number of epochs; the axis has this length from the start.
        palette: the theme's colors.
    """
    frameworks = [name for name in TITLES if (history["framework"] == name).any()]
    traces: list[dict[str, Any]] = []
    for panel, (_, train, validation) in enumerate(_PANELS, start=1):
        for framework in frameworks:
            own = history[history["framework"] == framework]
            if train:
                traces += _plot_lines(own, train, framework, "training", palette.chance, panel)
            color = palette.of_framework(framework)
            traces += _plot_lines(own, validation, framework, "validation", color, panel)
            traces.append(_mark_lowest(own, validation, framework, palette, panel))
    axes: dict[str, dict[str, Any]] = {
        "xaxis": {
            "title": "epoch", "range": [0.5, epochs + 0.5], "anchor": "y3",
            "dtick": max(1, round(epochs / 10)),
        }
    }  # fmt: skip
    for panel, ((title, *_), domain) in enumerate(zip(_PANELS, _DOMAINS, strict=True), start=1):
        axes["yaxis" if panel == 1 else f"yaxis{panel}"] = {
            "title": title, "domain": domain, "anchor": "x", "nticks": 4,
            **({"rangemode": "tozero"} if title == "loss" else {"tickformat": ".2f"}),
        }  # fmt: skip
    return compose(
        traces, axes, palette, height=COURSE_HEIGHT, margin={**MARGIN, "l": 60}, uirevision="course"
    )


def _plot_lines(
    own: pd.DataFrame, column: str, framework: str, part: str, color: str, panel: int
) -> list[dict[str, Any]]:
    by_epoch = own.pivot_table(index="epoch", columns="fold", values=column)
    places = {"type": "scatter", "xaxis": "x", "yaxis": "y" if panel == 1 else f"y{panel}"}
    group = f"{framework} {part}"
    faint = [
        {
            **places, "x": line.index.tolist(), "y": line.tolist(), "mode": "lines", "showlegend": False,
            "legendgroup": group, "opacity": 0.4, "line": {"color": color, "width": 1}, "hoverinfo": "skip",
        }
        for fold in by_epoch.columns
        if by_epoch.shape[1] > 1 and len(line := by_epoch[fold].dropna())
    ]  # fmt: skip
    # Over the epochs that all started folds have.
    mean = by_epoch.dropna().mean(axis=1)
    bold = {
        **places, "x": mean.index.tolist(), "y": mean.tolist(), "name": f"{TITLES[framework]}, {part}",
        "mode": "lines" if len(mean) > 1 else "lines+markers", "legendgroup": group, "showlegend": panel == 1,
        "line": {"color": color, "width": 2.2, "dash": DASHES[framework]},
        "hovertemplate": f"<b>{TITLES[framework]}, {part}</b><br>epoch %{{x}}: %{{y:.3f}}<extra></extra>",
    }  # fmt: skip
    return [*faint, bold]


def _mark_lowest(
    own: pd.DataFrame, column: str, framework: str, palette: Palette, panel: int
) -> dict[str, Any]:
    lowest = own.loc[own.groupby("fold")["validation_loss"].idxmin()]
    return {
        "type": "scatter", "xaxis": "x", "yaxis": "y" if panel == 1 else f"y{panel}", "mode": "markers",
        "x": lowest["epoch"].tolist(), "y": lowest[column].tolist(),
        "customdata": (lowest["fold"] + 1).tolist(),
        "name": f"{TITLES[framework]}, lowest validation loss", "legendgroup": f"{framework} lowest",
        "showlegend": panel == 1,
        "marker": {
            "symbol": MARKERS[framework], "size": 8, "color": palette.of_framework(framework),
            "line": {"color": palette.surface, "width": 1.5},
        },
        "hovertemplate": "<b>lowest validation loss</b>, fold %{customdata}<br>epoch %{x}: %{y:.3f}"
        "<extra></extra>",
    }  # fmt: skip


def plot_reached(
    reached: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]], palette: Palette
) -> go.Figure:
    """Plot the AUROC of experiments with its 95 % interval, one row per experiment.

    Args:
        reached: (name, {framework: {"value", "interval"} of the record}) from the top; a figure without a
            value is omitted, one without an interval is a point.
        palette: the theme's colors.
    """
    traces: list[dict[str, Any]] = []
    for index, framework in enumerate(FRAMEWORKS):
        # Frameworks are spread around the experiment's row.
        shift = 0.28 * (0.5 - index / max(1, len(FRAMEWORKS) - 1))
        known = [
            (len(reached) - 1 - row + shift, name, found[framework])
            for row, (name, found) in enumerate(reached)
            if framework in found and found[framework]["value"] is not None
        ]
        ends = [one["interval"] or (one["value"], one["value"]) for _, _, one in known]
        values = [one["value"] for _, _, one in known]
        traces.append(
            {
                "type": "scatter", "mode": "markers", "name": TITLES[framework], "x": values,
                "y": [place for place, _, _ in known], "customdata": [[*end] for end in ends],
                "error_x": {
                    "type": "data", "symmetric": False, "thickness": 2, "width": 5,
                    "array": [high - value for (_, high), value in zip(ends, values, strict=True)],
                    "arrayminus": [value - low for (low, _), value in zip(ends, values, strict=True)],
                },
                "marker": {
                    "symbol": MARKERS[framework], "size": 9, "color": palette.of_framework(framework)
                },
                "hovertemplate": f"<b>{TITLES[framework]}</b> %{{x:.2f}} "
                "[%{customdata[0]:.2f}–%{customdata[1]:.2f}]<extra></extra>",
            }
        )  # fmt: skip
    lowest = min(
        [0.45, *(value for trace in traces for value in (end[0] - 0.03 for end in trace["customdata"]))]
    )
    axes = {
        "xaxis": {"title": "AUROC on test slices", "range": [max(0.0, lowest), 1.02]},
        "yaxis": {
            "tickvals": list(range(len(reached))),
            "ticktext": [shorten(name, 28) for name, _ in reversed(reached)],
            "range": [-0.6, len(reached) - 0.4], "showgrid": False,
        },
    }  # fmt: skip
    chance = {
        "type": "line", "x0": 0.5, "x1": 0.5, "yref": "paper", "y0": 0, "y1": 1,
        "line": {"color": palette.chance, "dash": "dot", "width": 1.5},
    }  # fmt: skip
    return compose(
        traces, axes, palette, height=130 + 52 * len(reached), margin={**MARGIN, "l": 190}, shapes=[chance]
    )
