"""The tab Where they look: heat maps against outlines of lesions."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.experiments import Experiment
from core.measurements import MEASURES, gather_figure, group_rows, iterate_rows
from dashboard.shared import Mark, charts, components, figures, mark_charts, state, write_percent


def show_looking(experiment: Experiment) -> None:
    """Show how often the strongest place of a heat map lies in or beside a lesion, against chance."""
    table = experiment.localisation()
    if table is None:
        with st.container(border=True):
            st.markdown(
                "**Not measured yet.** This tab shows how often the strongest place of a heat map lies in or "
                "beside the lesion, on slices whose lesion is outlined."
            )
            st.markdown("To measure it in a few minutes, with a manifest that has outlines:")
            st.code(f"stroke-ct localise {experiment.name} MANIFEST", language="bash")
        return
    st.markdown(
        "**Are the heat maps strongest at the lesion?** On slices whose lesion is outlined: how often is the "
        "strongest place of the heat map in or beside the lesion? The dotted tick marks how often a random "
        "place in the head would be."
    )
    shares = [name for name, measure in MEASURES.items() if measure.is_share]
    first = table[table["measure"] == shares[0]]
    marks = [
        Mark(
            f"{charts.shorten(row.source)}, {row.part}",
            row.framework,
            figure["value"],
            low=(figure["interval"] or [None])[0],
            high=(figure["interval"] or [None])[-1],
            chance=row.chance,
        )
        for row in iterate_rows(first)
        if (figure := gather_figure(row))["value"] is not None
    ]
    figure = mark_charts.plot_marks(marks, state.palette(), percent=True)
    alt = "Share of slices whose heat map is strongest in or beside the lesion, by source and network"
    figures.show_figure(figure, "looking", f"{experiment.name}-looking", alt, first)
    for (source, part), own in group_rows(table, "source", "part"):
        counts = own.iloc[0]
        st.markdown(
            f"**{components.plain(source)}, {part}**: {counts['n']:,} slices of "
            f"{counts['n_patients']:,} patients"
        )
        st.table(
            _list_rows(own, experiment),
            hide_index=True,
            border="horizontal",
            alt=f"Heat maps against outlines, {source}, {part}",
        )
    components.offer_csv(table, f"{experiment.name}-localisation.csv", of="Table")
    st.caption(
        "Out of sample: slices of the experiment, each read by a network that was not trained on it. Kept: "
        "slices that were set aside and never used for training. Elsewhere: further slices that were not "
        "used for training, from other data sets. Kept and elsewhere are read by the networks of the page "
        "*Read a scan*. In brackets: 95 % intervals by bootstrap over patients. A map estimates which places "
        "raised the probability; it does not outline a lesion."
    )


def _list_rows(own: pd.DataFrame, experiment: Experiment) -> list[dict[str, Any]]:
    """Return a row for each measure, with a column for each network and one for chance."""
    rows = []
    for name, measure in MEASURES.items():
        found = {row.framework: row for row in iterate_rows(own[own["measure"] == name])}
        if not found:
            continue
        chance = next(iter(found.values())).chance
        row = {"": f"{measure.title[:1].upper()}{measure.title[1:]}  \n:gray[{measure.detail}]"}
        for framework in experiment.frameworks:
            figure = gather_figure(found[framework])
            row[components.name_framework(framework)] = components.write_figure(figure, measure.is_share)
        row["chance"] = f":gray[{write_percent(chance) if measure.is_share else f'{chance:.2f}'}]"
        rows.append(row)
    return rows
