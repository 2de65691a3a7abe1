"""The similarity map of an experiment: slices that look alike to the networks are close together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.datasets import find_dataset
from core.errors import StrokeError
from core.evaluation import CELLS
from core.experiments import Experiment
from core.frameworks import TITLES
from core.measurements import FEATURES_TABLE, measure_features, store_features
from dashboard.shared import (
    CONFIG,
    MARGIN,
    Palette,
    components,
    compose,
    datasets,
    loaders,
    state,
    write_percent,
)


class _Looks(NamedTuple):
    """The marker of an outcome: color and shape for right or wrong, filling for the actual class."""

    title: str
    correct: bool
    symbol: str
    size: int
    opacity: float


# In plotting order: rare errors on top.
OUTCOMES = {
    "tn": _Looks(CELLS["tn"], True, "circle-open", 6, 0.75),
    "tp": _Looks(CELLS["tp"], True, "circle", 7, 0.9),
    "fp": _Looks(CELLS["fp"], False, "x-thin-open", 8, 0.9),
    "fn": _Looks(CELLS["fn"], False, "x", 9, 1.0),
}
_BUTTONS = {
    **CONFIG, "displayModeBar": True, "displaylogo": False,
    "modeBarButtons": [["lasso2d", "select2d"]],
}  # fmt: skip


def has_map(experiment: Experiment) -> bool:
    """Return whether a map was computed for this experiment."""
    return FEATURES_TABLE in experiment.card["files"]


def show_map(experiment: Experiment, table: pd.DataFrame, key: str = "map") -> list[int]:
    """Show the map of these cases, with selection by lasso or box; without a map, show how to compute it.

    Args:
        table: one row per case with `row` (of the experiment's `slices()`), `outcome` (a key of OUTCOMES),
            `file`, and the probability of each framework.
        key: of the chart.

    Returns:
        The selected values of `row`; empty if nothing is selected.
    """
    if not has_map(experiment):
        _offer_computation(experiment)
        return []
    features = loaders.features(experiment)
    places = features.iloc[table["row"].to_numpy()]
    placed = table.assign(x=places["x"].to_numpy(), y=places["y"].to_numpy()).dropna(subset=["x", "y"])
    if placed.empty:
        st.markdown("No map can be drawn: features are missing or all alike.")
        return []
    shares = [float(features[axis].var(ddof=0)) for axis in ("x", "y")]
    event = st.plotly_chart(
        plot_map(placed, experiment.frameworks, shares, state.palette()),
        key=key,
        on_select="rerun",
        selection_mode=("lasso", "box"),
        config=_BUTTONS,
        alt=f"Similarity map of {len(placed):,} slices by the networks' features: "
        + ", ".join(f"{n:,} {OUTCOMES[name].title}" for name, n in _count(placed).items()),
    )
    st.caption(
        "Slices that look alike to the networks are close together. Draw around slices to select them. The "
        "map is for exploring, not for measuring: most of the networks were trained on these slices."
    )
    return [int(point["customdata"][0]) for point in event["selection"]["points"]]


def plot_map(
    placed: pd.DataFrame, frameworks: Sequence[str], shares: Sequence[float], palette: Palette
) -> go.Figure:
    """Plot cases at their `x`, `y`; `shares` are the shares of the features' variance on the axes, 0 to 1."""
    counts = _count(placed)
    traces = [_plot_outcome(name, placed[placed["outcome"] == name], frameworks, palette) for name in counts]
    axes = {
        f"{letter}axis": {
            "title": f"{order} principal component, {write_percent(share)} of the variance",
            "showticklabels": False,
            "showgrid": False,  # positions have no unit
        }
        for letter, order, share in zip("xy", ("first", "second"), shares, strict=True)
    }
    return compose(
        traces, axes, palette, height=520, margin={**MARGIN, "l": 36, "t": 48}, dragmode="lasso",
    )  # fmt: skip


def _plot_outcome(
    name: str, rows: pd.DataFrame, frameworks: Sequence[str], palette: Palette
) -> Mapping[str, Any]:
    looks = OUTCOMES[name]
    color = palette.correct if looks.correct else palette.wrong
    scores = "<br>".join(
        f"{TITLES[framework]} %{{customdata[{place}]:.2f}}"
        for place, framework in enumerate(frameworks, start=2)
    )
    return {
        "type": "scatter", "mode": "markers", "x": rows["x"], "y": rows["y"],
        "name": f"{looks.title} {len(rows):,}",
        "customdata": rows[["row", "file", *frameworks]].to_numpy(object),
        "marker": {
            "color": color, "symbol": looks.symbol, "size": looks.size, "opacity": looks.opacity,
            "line": {"color": color, "width": 1.5 if "open" in looks.symbol else 0},
        },
        "hovertemplate": f"<b>{looks.title}</b><br>%{{customdata[1]}}<br>{scores}<extra></extra>",
        "unselected": {"marker": {"opacity": 0.12}},
    }  # fmt: skip


def _count(placed: pd.DataFrame) -> dict[str, int]:
    """Return the number of cases of each outcome that occurs, in the order of OUTCOMES."""
    outcomes = placed["outcome"].to_numpy(str)
    return {name: n for name in OUTCOMES if (n := int(np.count_nonzero(outcomes == name)))}


def _offer_computation(experiment: Experiment) -> None:
    with st.container(border=True):
        st.markdown(
            "**No map yet.** The map places slices that look alike to the networks close together. Once it "
            "is computed, each slice also shows its most similar training slices."
        )
        folder = find_dataset()
        if folder is None:
            st.markdown("Computing it needs the images, which are not on this machine. Once they are, run:")
        elif st.button("Compute the map (takes minutes)", icon=":material/scatter_plot:", type="primary"):
            place = st.empty()
            try:
                found = datasets.dataset(folder, components.show_progress(place, "Reading the images"))
                table, familiarity = measure_features(
                    experiment, found, components.show_progress(place, "Comparing the slices")
                )
                store_features(experiment, table, familiarity)
            except StrokeError as error:
                place.empty()
                components.show_error(error)
            else:
                st.rerun()
        st.code(f"stroke-ct features {experiment.name}", language=None)
