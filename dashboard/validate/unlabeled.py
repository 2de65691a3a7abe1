"""The tab Without labels of an opened validation: whether its slices look like those of training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from core.experiments import Experiment
from core.frameworks import TITLES
from core.validation import Validation
from dashboard.shared import (
    DASHES,
    MARGIN,
    Palette,
    components,
    compose,
    fade,
    figures,
    records,
    state,
    write_percent,
    write_title,
)
from dashboard.validate.side_by_side import SIDES

_THERE, _HOME = (SIDES[side].capitalize() for side in ("there", "home"))


def show_domain(experiment: Experiment, validation: Validation) -> None:
    """Show refusals, familiarity and probabilities beside the own data set, and by source and vendor."""
    record = records.domain_record(experiment, validation)
    st.markdown(
        "**Do these scans look like the training scans?** No label is used here, so this can be asked of any "
        "scans before trusting a result on them. The own data set is that of the experiment."
    )
    rows = list_rows(record)
    st.table(
        rows, hide_index=True, border="horizontal",
        alt="Input check, familiarity and flags of the new scans and of the own data set",
    )  # fmt: skip
    with st.container(key="pair_domain"):
        columns = st.columns(len(record["probability"]), gap="large")
    for column, (name, found) in zip(columns, record["probability"].items(), strict=True):
        table = pd.DataFrame(
            {
                "bin": range(len(found["there"]["bins"])),
                "there": found["there"]["bins"],
                "home": found["home"]["bins"],
            }
        )
        with column:
            figures.show_figure(
                plot_distribution(found, name, state.palette()), f"domain_{name}",
                f"{experiment.name}-{validation.name}-probabilities-{name}",
                f"Slices by probability of the {TITLES[name]} network, new scans and own data set", table,
            )  # fmt: skip
    groups = list_groups(record)
    if groups:
        st.markdown("**By source and vendor**")
        st.table(groups, hide_index=True, border="horizontal", alt="The same by source and vendor")
    st.caption("\n".join(f"- {components.plain(note)}" for note in record["notes"]))


def list_rows(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the table: refusals, familiarity and flags, of the new scans and of the own data set."""
    there, home = record["gate"]["there"], record["gate"]["home"]
    rows = []
    for key, title, count in (
        ("refused", "Refused by the input check", "refuse"),
        ("warned", "Accepted with a warning", "warn"),
    ):
        at_home = (
            f":gray[{components.plain(home['reason'])}]"
            if "reason" in home
            else f"**{write_percent(home[count] / home['n'])}** :gray[of {home['n']:,}]"
        )
        rows.append({"": title, _THERE: components.write_figure(there[key], True), _HOME: at_home})
    familiarity = record["familiarity"]
    if "reason" in familiarity:
        reason = f":gray[{components.plain(familiarity['reason'])}]"
        rows.append({"": "Unfamiliar to the networks", _THERE: reason, _HOME: reason})
    else:
        for key, title in (
            ("beyond_limit", "Unfamiliar: beyond the limit of the input check"),
            ("beyond_farthest", "Less familiar than any test slice of the own data set"),
        ):
            rows.append(
                {
                    "": title,
                    _THERE: components.write_figure(familiarity["there"][key], True),
                    _HOME: f"**{write_percent(familiarity['home'][key])}**",
                }
            )
    for name, found in record["probability"].items():
        rows.append(
            {
                "": f"{components.name_framework(name)} flags",
                _THERE: components.write_figure(found["there"]["flagged"], True),
                _HOME: components.write_figure(found["home"]["flagged"], True),
            }
        )
        rows.append(
            {
                "": f"Chance that {components.name_framework(name)} scores a new slice higher than one of "
                "the own data set (0.50: alike)",
                _THERE: components.write_figure(found["higher_there"], False),
                _HOME: "",
            }
        )
    return rows


def list_groups(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the table of sources and vendors."""
    rows = []
    for group in record["groups"]:
        beyond = group["beyond_limit"]
        rows.append(
            {
                "": components.plain(group["group"] or f"{group['by']} unknown"),
                "Slices": f"{group['n']:,}",
                "Refused": components.write_figure(group["refused"], True),
                "Warned": components.write_figure(group["warned"], True),
                "Unfamiliar": "–" if beyond is None else components.write_figure(beyond, True),
                **{
                    f"{components.name_framework(name)} flags": components.write_figure(figure, True)
                    for name, figure in group["flagged"].items()
                },
            }
        )
    return rows


def plot_distribution(found: Mapping[str, Any], framework: str, palette: Palette) -> go.Figure:
    """Plot the shares of the slices by probability: new scans as bars, the own data set as a line."""
    hue, n = palette.of_framework(framework), len(found["there"]["bins"])
    middles = [(place + 0.5) / n for place in range(n)]
    traces = [
        {
            "type": "bar", "x": middles, "y": found["there"]["bins"], "name": SIDES["there"],
            "marker": {"color": fade(hue, 0.55), "line": {"color": hue, "width": 1}},
            "hovertemplate": f"{SIDES['there']}: %{{y:.0%}}<extra></extra>",
        },
        {
            "type": "scatter", "x": middles, "y": found["home"]["bins"], "name": SIDES["home"],
            "mode": "lines+markers",
            "line": {"color": palette.negative, "width": 2, "dash": DASHES[framework], "shape": "hvh"},
            "marker": {"size": 5}, "hovertemplate": f"{SIDES['home']}: %{{y:.0%}}<extra></extra>",
        },
    ]  # fmt: skip
    cut = found["threshold"]
    line = {"color": palette.text, "width": 1.5, "dash": "dot"}
    highest = max(0.1, *found["there"]["bins"], *found["home"]["bins"])
    ticks = [0, highest / 2, highest]
    return compose(
        traces,
        {
            "xaxis": {"title": "probability (dotted: threshold)", "range": [0, 1], "dtick": 0.2,
                      "tickformat": ".1f"},
            "yaxis": {"title": "share of the slices", "tickvals": ticks,
                      "ticktext": [write_percent(tick) for tick in ticks], "range": [0, 1.08 * highest]},
        },
        palette, title=write_title(TITLES[framework], hue), height=330, bargap=0.08,
        margin={**MARGIN, "l": 60, "t": 62},
        shapes=[{"type": "line", "x0": cut, "x1": cut, "yref": "paper", "y0": 0, "y1": 1, "line": line}],
    )  # fmt: skip
