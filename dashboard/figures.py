"""A figure on a page, with what it can be taken away as: a picture, and its data."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from dashboard import charts, components


def show_figure(
    figure: go.Figure, key: str, file: str, alt: str, table: pd.DataFrame | Callable[[], pd.DataFrame]
) -> None:
    """A figure with a camera for FILE.png, and under it what it shows as FILE.csv."""
    with st.container(key=f"figure_{key}", gap=None):
        st.plotly_chart(figure, key=key, config=charts.offer_picture(file), alt=alt)
        components.offer_csv(table, f"{file}.csv")
