"""The tab Input check of an opened validation: what was accepted, warned of and refused, and why."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.datasets import Dataset
from core.experiments import Experiment
from core.validation import Validation
from dashboard.readings import pictures
from dashboard.shared import Palette, charts, components, compose, fade, figures, state, write_percent

_ROW_PX = 44
_N_EXAMPLES = 8


def show_gate(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], dataset: Dataset | None
) -> None:
    """Show the outcomes of the input check by source, its reasons, and examples if the data are here."""
    counts = record["gate"]
    st.markdown(
        f"Of **{counts['n']:,}** slices, the input check accepts **{counts['read']:,}**, accepts "
        f"**{counts['warn']:,}** with a warning, and refuses **{counts['refuse']:,}** "
        f"({write_percent(counts['refuse'] / counts['n'])}). In a validation, the networks read all slices, "
        "also the refused ones."
    )
    read = validation.predictions()
    table = count_outcomes(read)
    file = f"{experiment.name}-{validation.name}-input-check"
    spoken = "; ".join(f"{words} {counts[key]:,}" for key, words in components.GATE_WORDS.items())
    figures.show_figure(
        plot_outcomes(table, state.palette()), "gate", file, f"Outcomes of the input check: {spoken}", table
    )
    if counts["reasons"]:
        rows = [
            {
                "Reason": components.sentence(one["reason"]),
                "Outcome": components.GATE_WORDS[one["outcome"]],
                "Slices": f"{one['n']:,}",
            }
            for one in counts["reasons"]
        ]
        st.table(rows, hide_index=True, border="horizontal", alt="Reasons of the input check with counts")
        components.offer_csv(pd.DataFrame(counts["reasons"]), f"{file}-reasons.csv", of="Table")
        st.caption("A slice may have several reasons. Numbers in a reason are written as “n”.")
    _show_examples(read, dataset)


def count_outcomes(read: pd.DataFrame) -> pd.DataFrame:
    """Return the number of slices of each outcome: a row for each source, or "all" if there is only one."""
    sources = read["source"].where(read["source"] != "", "source unknown")
    if sources.nunique() < 2:
        sources = pd.Series("all", index=read.index)
    counts = pd.crosstab(sources, read["gate"]).reindex(columns=list(components.GATE_WORDS), fill_value=0)
    return counts.rename_axis(index="source", columns=None).reset_index()


def plot_outcomes(table: pd.DataFrame, palette: Palette) -> go.Figure:
    """Plot the shares of the outcomes, one bar for each row of `count_outcomes`."""
    totals = table[list(components.GATE_WORDS)].sum(axis=1)
    names = [charts.shorten(name, 24) for name in table["source"]]
    looks = {
        "read": {"color": fade(palette.correct, 0.75)},
        "warn": {"color": fade(palette.review, 0.75), "pattern": {"shape": "/"}},
        "refuse": {"color": palette.wrong},
    }
    traces = [
        {
            "type": "bar", "orientation": "h", "y": names, "x": (table[key] / totals).tolist(),
            "name": words, "marker": {**looks[key], "line": {"color": palette.surface, "width": 1}},
            "customdata": table[key].tolist(),
            "hovertemplate": f"<b>%{{y}}</b><br>{words}: %{{customdata:,}}<extra></extra>",
        }
        for key, words in components.GATE_WORDS.items()
    ]  # fmt: skip
    axes = {
        "xaxis": {"range": [0, 1], **charts.list_percent_ticks(20), "title": "share of the slices"},
        "yaxis": {"autorange": "reversed", "automargin": True, "showgrid": False,
                  "tickfont": {"color": palette.text}},
    }  # fmt: skip
    return compose(
        traces, axes, palette, barmode="stack", height=100 + _ROW_PX * len(table),
        margin={"l": 8, "r": 24, "t": 34, "b": 44}, legend_traceorder="normal",
    )  # fmt: skip


def choose_examples(read: pd.DataFrame, outcome: str, known: Collection[str]) -> pd.DataFrame:
    """Return up to eight slices of this outcome whose file is here, of as many reasons as possible."""
    own = read[(read["gate"] == outcome) & read["sha256"].isin(list(known))]
    turn = own.groupby("reasons", sort=False).cumcount()
    return own.assign(turn=turn).sort_values(["turn", "number"]).head(_N_EXAMPLES)


def _show_examples(read: pd.DataFrame, dataset: Dataset | None) -> None:
    if not (read["gate"] != "read").any():
        return
    st.subheader("Examples", anchor=False)
    known = set() if dataset is None else set(dataset.table["sha256"])
    if dataset is None or not read["sha256"].isin(known).any():
        st.caption(
            "To see examples, enter the path of this validation's data set on the left. No image is stored."
        )
        return
    for outcome in ("refuse", "warn"):
        chosen = choose_examples(read, outcome, known)
        if len(chosen):
            st.markdown(f"**{components.GATE_WORDS[outcome].capitalize()}**")
            _show_row(chosen, dataset)


def _show_row(chosen: pd.DataFrame, dataset: Dataset) -> None:
    tiles: Sequence[Any] = list(chosen.itertuples())
    with st.container(key=f"scan_examples_{tiles[0].gate}"):
        columns = st.columns(_N_EXAMPLES, gap="small")
    for column, one in zip(columns, tiles, strict=False):
        thumbnail = pictures.render_thumbnail(dataset, "", one.sha256)
        with column:
            if thumbnail.uri:
                st.image(thumbnail.uri, width="stretch")
            st.caption(f"slice {one.number}: {components.plain(one.reasons.split(' | ')[0])}")
