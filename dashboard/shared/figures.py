"""A figure on a page with its downloads: a picture and a CSV file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard.shared import charts, components, overlays, state


def show_figure(
    figure: go.Figure,
    key: str,
    file: str,
    alt: str,
    table: pd.DataFrame | Callable[[], pd.DataFrame],
    choose: Callable[[Any], None] | None = None,
) -> None:
    """Show a figure with a camera button for FILE.png and, under it, its data as FILE.csv.

    Args:
        figure: the plotly figure.
        key: of the chart; unique on the page.
        file: name of the downloads, without suffix.
        alt: the figure in words.
        table: the data; a function makes them only on download.
        choose: called with the customdata of a clicked point; it may open another page.
    """
    chosen = None
    with st.container(key=f"figure_{key}", gap=None):
        config = charts.offer_picture(file)
        if choose is None:
            st.plotly_chart(figure, key=key, config=config, alt=alt)
        else:
            event = st.plotly_chart(
                figure, key=key, config=config, alt=alt, on_select="rerun", selection_mode="points"
            )
            chosen = next((point.get("customdata") for point in event["selection"]["points"]), None)
        components.offer_csv(table, f"{file}.csv")
    if choose is not None and chosen is not None:
        choose(chosen)


def show_color_scale() -> None:
    """Show the scale of heat maps; `overlays.HEAT_WORDS` say what it means."""
    low, middle, high = overlays.SCALE_MARKS
    alt = f"Colors of the heat maps, by the slice's probability: {low}, {middle}, {high}"
    st.image(overlays.render_color_scale(state.palette()), width=overlays.BAR_WIDTH, alt=alt)
