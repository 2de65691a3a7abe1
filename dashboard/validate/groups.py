"""The tab Sources of an opened validation: the results by source and by vendor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import Measure, list_measures
from core.experiments import Experiment
from core.validation import MIN_SLICES, Validation
from dashboard.shared import Mark, charts, components, figures, mark_charts, state

BY = {"source": "By source", "vendor": "By vendor"}
_CHARTED = ("auroc", "recall", "specificity")


def show_groups(experiment: Experiment, validation: Validation, record: Mapping[str, Any]) -> None:
    """Show one metric of each source and vendor as a chart, and the main ones in a table."""
    groups = record["groups"]
    if not groups:
        st.markdown("The data set names neither sources nor vendors.")
        return
    measures = {one.key: one for one in (*list_measures("ranking"), *list_measures("rate"))}
    shown = [measures[key] for key in _CHARTED]
    key = st.segmented_control(
        "Result", _CHARTED, format_func=lambda key: measures[key].title, required=True,
        **state.persist_widget("group_figure", _CHARTED[0], _CHARTED.__contains__),
    )  # fmt: skip
    for by, title in BY.items():
        own = [group for group in groups if group["by"] == by]
        if not own:
            continue
        st.markdown(f"**{title}**")
        file = f"{experiment.name}-{validation.name}-by-{by}"
        marks = list_marks(own, measures[key])
        if marks:
            figures.show_figure(
                mark_charts.plot_marks(marks, state.palette()), f"groups_{by}", f"{file}-{key}",
                f"{measures[key].title} {title.lower()}, with 95 % intervals", pd.DataFrame(marks),
            )  # fmt: skip
        st.table(list_rows(own, shown), hide_index=True, border="horizontal", alt=f"Results {title.lower()}")
        components.offer_csv(_list_data(own), f"{file}.csv", of="Table")
    st.caption(
        "At the thresholds of the model card, per slice, with 95 % intervals by bootstrap over the patients "
        "of each group (over slices where patients are unknown). A result is not estimated if a class that "
        f"it depends on has fewer than {MIN_SLICES} slices."
    )


def name_group(group: Mapping[str, Any]) -> str:
    """Return a group's name; a group whose source or vendor is unknown says so."""
    return str(group["group"]) or f"{group['by']} unknown"


def list_marks(groups: Sequence[Mapping[str, Any]], measure: Measure) -> list[Mark]:
    """Return one metric of each group and network as marks."""
    marks = []
    for group in groups:
        for name, found in group["models"].items():
            figure = found[measure.key]
            if figure["value"] is not None:
                row = charts.shorten(name_group(group), 28)
                low, high = figure["interval"] or (None, None)
                marks.append(Mark(row, name, figure["value"], low, high, measure.chance))
    return marks


def list_rows(groups: Sequence[Mapping[str, Any]], measures: Sequence[Measure]) -> list[dict[str, str]]:
    """Return the table: one row for each group and network."""
    rows = []
    for group in groups:
        for place, (name, found) in enumerate(group["models"].items()):
            patients = "unknown" if group["n_patients"] is None else f"{group['n_patients']:,}"
            first = not place
            rows.append(
                {
                    "": components.plain(name_group(group)) if first else "",
                    "Slices": f"{group['n']:,}" if first else "",
                    "Positive": f"{group['positives']:,}" if first else "",
                    "Patients": patients if first else "",
                    "Network": components.name_framework(name),
                    **{one.title: _write(found[one.key], one.form == "share") for one in measures},
                }
            )
    return rows


def _write(figure: Mapping[str, Any], percent: bool) -> str:
    """Return a figure without the reason why it cannot be estimated, which would fill the table."""
    return ":gray[not estimable]" if figure["value"] is None else components.write_figure(figure, percent)


def _list_data(groups: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return all metrics of all groups at full precision."""
    return pd.DataFrame(
        {
            "by": group["by"],
            "group": group["group"],
            "n": group["n"],
            "positives": group["positives"],
            "n_patients": group["n_patients"],
            "model": name,
            "figure": key,
            "value": figure["value"],
            "low": (figure["interval"] or (None, None))[0],
            "high": (figure["interval"] or (None, None))[1],
            "reason": figure.get("reason", ""),
        }
        for group in groups
        for name, found in group["models"].items()
        for key, figure in found.items()
    )
