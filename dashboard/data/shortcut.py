"""Beside the leakage laboratory: is it the lesion or the hospital? From the stored controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import streamlit as st

from core.experiments import Experiment, default_name
from core.measurements import CONTROLS, LIMIT, count_controls, gather_figure, group_rows, iterate_rows
from dashboard.shared import Mark, charts, components, figures, loaders, mark_charts, state

_RATES = {"sensitivity": "Sensitivity", "false alarms": "False alarms"}
# Shown first: slices that no choice was made with.
_PARTS = ("kept", "elsewhere", "out of sample")


def show_shortcut() -> None:
    """Show the control of each experiment that has one, or how to measure it."""
    st.markdown(
        "If all slices with a lesion come from one hospital, a network can score well by recognizing the "
        "**hospital**. So the lesion is covered by the mirror image of the other half of the head, and the "
        "slices are scored again.  \n"
        "**With the lesion covered, can the networks still tell these slices from other hospitals'? If yes, "
        "they may know the hospital instead of the lesion.**"
    )
    found = loaders.experiments()[0]
    measured = [(one, table) for one in found if (table := one.shortcut()) is not None]
    if not measured:
        names = [one.name for one in found]
        name = default_name() if default_name() in names else [*names, "NAME"][0]
        with st.container(border=True):
            st.markdown("**Not measured yet.** With a manifest of several sources that has outlines:")
            st.code(f"stroke-ct shortcut {name} MANIFEST", language="bash")
        return
    for experiment, table in measured:
        st.subheader(components.plain(experiment.name), anchor=False)
        _show_controls(experiment, table)
        _show_others(experiment, table)
        components.offer_csv(table, f"{experiment.name}-shortcut.csv", of="Table")


def _show_controls(experiment: Experiment, table: pd.DataFrame) -> None:
    ranks = table[table["control"].isin(CONTROLS)]
    if ranks.empty:
        st.markdown("No slice of several sources has an outline, so no lesion could be covered.")
        return
    st.markdown(_conclude(table))
    part = next(one for one in _PARTS if one in set(ranks["part"]))
    shown = ranks[ranks["part"] == part]
    marks = [
        Mark(
            f"{charts.shorten(row.source)} – {_name_other(row, charts.shorten)}: "
            f"{CONTROLS[row.control].title}",
            row.framework,
            figure["value"],
            low=(figure["interval"] or [None])[0],
            high=(figure["interval"] or [None])[-1],
            chance=1 / 2,
        )
        for row in iterate_rows(shown)
        if (figure := gather_figure(row))["value"] is not None
    ]
    if marks:
        figure = mark_charts.plot_marks(marks, state.palette())
        alt = f"AUROC with and without the lesion, {experiment.name}"
        key = f"shortcut_{experiment.name}"
        figures.show_figure(figure, key, f"{experiment.name}-controls", alt, shown)
    rows: dict[tuple[str, ...], dict[str, str]] = {}
    for row in iterate_rows(ranks):
        cells = rows.setdefault(
            (row.source, row.part, row.other, row.control),
            {
                "Slices": f"{components.plain(row.source)}, {row.part}",
                "Against": _name_other(row),
                "": CONTROLS[row.control].title,
                "Numbers": f"{row.n:,} / {row.n_other:,}",
            },
        )
        cells[components.name_framework(row.framework)] = _write(row, percent=False)
    with st.expander("All comparisons"):
        st.table(list(rows.values()), hide_index=True, border="horizontal", alt="AUROC of each control")
    st.caption(
        "AUROC of slices with an outlined lesion against slices without one, of another source or the same; "
        "dotted: chance. Bars: 95 % intervals by bootstrap over patients. "
        + " ".join(f"{control.title.capitalize()}: {control.detail}." for control in CONTROLS.values())
        + " A lesion's effects on the rest of the brain stay in the picture."
    )


def _name_other(row: Any, write: Callable[[str], str] = components.plain) -> str:
    return "same source" if row.other == row.source else write(row.other)


def _compare(table: pd.DataFrame) -> str:
    """Return what tells the two explanations apart, or that nothing does."""
    if not (table["source"] == table["other"]).any():
        return "Every slice of the source shows the finding, so nothing tells the two explanations apart."
    return (
        "Compare the rows “same source”: the hospital cannot help there, so if they are high too, traces of "
        "the lesion explain it."
    )


def _conclude(table: pd.DataFrame) -> str:
    """Return in words whether the networks know the hospital."""
    covered = [(CONTROLS[key].title, *count_controls(table, key)) for key in list(CONTROLS)[1:]]
    told = "; ".join(f"{title}: {n_known} of {n}" for title, n_known, n in covered)
    rule = f"above {LIMIT:.2f}, with an interval above 0.50"
    if any(n_known for _, n_known, _ in covered):
        return (
            f"**Not the lesion alone.** With the lesion covered, AUROC against other sources is still {rule} "
            f"in some comparisons; each network counts separately ({told}). The score comes partly from the "
            "look of the source's pictures, or from traces of the lesion that are not covered. "
            f"{_compare(table)}"
        )
    if not any(n for _, _, n in covered):
        return (
            "**Not known.** No slice with its lesion covered could be compared with slices of another source."
        )
    return (
        f"**No sign that the networks know the hospital.** With the lesion covered, AUROC is nowhere {rule} "
        f"({told})."
    )


def _show_others(experiment: Experiment, table: pd.DataFrame) -> None:
    """Show how well the source can be recognized by the features, and the rates by vendor and source."""
    sources = table[table["control"] == "source"]
    rates = table[table["control"].isin(_RATES)]
    with st.container(key=f"pair_shortcut_{experiment.name}"):
        left, right = st.columns(2, gap="large")
    with left:
        if not sources.empty:
            st.markdown(
                "**How well the source can be recognized from what the networks extract from a slice** "
                ":gray[AUROC, slices without the finding]"
            )
            rows = _join(sources, {"Source": "source"}, percent=False)
            st.table(rows, hide_index=True, border="horizontal", alt="AUROC of each source by the features")
            st.caption(
                "Most pictures show which source they come from. This does no harm as long as the scores do "
                "not depend on the source; the comparisons above test this."
            )
    with right:
        if not rates.empty:
            st.markdown("**By vendor and source** :gray[at the threshold of slices]")
            named = rates.assign(control=rates["control"].map(_RATES))
            keys = {"": "control", "Source": "source", "Slices": "part", "Vendor": "other"}
            st.table(
                _join(named, keys, percent=True),
                hide_index=True,
                border="horizontal",
                alt="Sensitivity by vendor, false alarms by source",
            )


def _join(rows: pd.DataFrame, keys: dict[str, str], percent: bool) -> list[dict[str, str]]:
    """Return a row for each value of the keys (title -> column), with a column for each network."""
    found = []
    for names, own in group_rows(rows, *keys.values()):
        cells = dict(zip(keys, map(components.plain, names), strict=True))
        for row in iterate_rows(own):
            cells[components.name_framework(row.framework)] = _write(row, percent)
        found.append(cells)
    return found


def _write(row: Any, percent: bool) -> str:
    return components.write_figure(gather_figure(row), percent)
