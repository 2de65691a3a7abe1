"""The tab Sources: the results of each of the experiment's own sources, and with one of them left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.evaluation import GROUP_FIGURES, list_measures
from core.experiments import Experiment
from dashboard.shared import components, records

_TITLES = {
    **{one.key: one.title for kind in ("ranking", "rate") for one in list_measures(kind)},
    "auroc_across": "AUROC, positives of all sources",
}
_SHARES = ("recall", "specificity")


def show_sources(experiment: Experiment) -> None:
    """Show the figures of each source at the served thresholds, then those of networks without it."""
    found = records.by_source(experiment)
    if "reason" in found:
        st.markdown("All slices of this experiment are of one source.")
        return
    st.markdown("**Each source, out of sample**")
    st.table(list_rows(found["sources"]), hide_index=True, border="horizontal", alt="Results of each source")
    components.offer_csv(list_data(found["sources"]), f"{experiment.name}-by-source.csv", of="Table")
    st.caption(
        "Per slice, at the default thresholds of the model card, with 95 % intervals. The last column "
        "compares the positive slices of all sources with the negative slices of the source in the row. It "
        "is also high if the networks recognize the source instead of the finding."
    )
    about = experiment.card.get("left_out")
    if about is None:
        return
    st.markdown("**Each source, read by networks trained only on the other sources**")
    groups = [one for one in about["sources"] if "reason" not in one]
    if groups:
        st.table(list_rows(groups), hide_index=True, border="horizontal", alt="Results with one left out")
    for one in about["sources"]:
        if "reason" in one:
            st.markdown(
                f"No network was trained with {components.plain(_name(one))} left out: "
                f"{components.plain(one['reason'])}."
            )
    st.caption(
        "This shows how such networks perform on scans of a hospital that was not in their training. The "
        "networks of the page *Read a scan* are others: they were trained on all of these sources."
    )


def list_rows(groups: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Return the table: one row for each source and network, with the figures that were measured."""
    known = {key for group in groups for figures in group["models"].values() for key in figures}
    return [
        {
            "Source": "" if place else components.plain(_name(group)),
            "Slices (positive)": "" if place else f"{group['n']:,} ({group['positives']:,})",
            "Network": components.name_framework(name),
            **{_TITLES[key]: _write(figures[key], key in _SHARES) for key in GROUP_FIGURES if key in known},
        }
        for group in groups
        for place, (name, figures) in enumerate(group["models"].items())
    ]


def list_data(groups: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Return all figures at full precision, with the reasons for those that cannot be estimated."""
    return pd.DataFrame(
        {
            "source": group["source"],
            "n": group["n"],
            "positives": group["positives"],
            "model": name,
            "figure": key,
            "value": figures[key]["value"],
            "low": (figures[key]["interval"] or (None, None))[0],
            "high": (figures[key]["interval"] or (None, None))[1],
            "reason": figures[key].get("reason", ""),
        }
        for group in groups
        for name, figures in group["models"].items()
        for key in GROUP_FIGURES
        if key in figures
    )


def _name(group: Mapping[str, Any]) -> str:
    return str(group["source"]) or "the source without a name"


def _write(figure: Mapping[str, Any], percent: bool) -> str:
    """Return a figure without the reason why it cannot be estimated, which would fill the table."""
    return ":gray[not estimable]" if figure["value"] is None else components.write_figure(figure, percent)
