"""An opened validation: what it is of, its figures beside those of the own data set, and the other tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.datasets import Dataset
from core.experiments import Experiment
from core.frameworks import TITLES
from core.manifests import Source
from core.validation import Validation, describe_patients
from dashboard.shared import (
    WORDS,
    case_links,
    components,
    figures,
    mark_charts,
    records,
    state,
)
from dashboard.validate import curves, gate, groups, sheet, side_by_side, site, unlabeled

LEVELS = {"slice": "Slice", "patient": "Patient"}
_LEFT_OUT = {
    "known_file": "slices of the experiment's own data set",
    "near_copy": "near-copies of training slices",
    "unreadable": "unreadable",
    "unknown_label": "slices without a label, which count for the input check only",
}


def show_report(experiment: Experiment, validation: Validation, dataset: Dataset | None) -> None:
    """Show everything about one validation.

    Args:
        dataset: the data set that the visitor has named, for pictures; None if none.
    """
    if not validation.n_labeled:
        st.subheader(components.plain(validation.name), anchor=False)
        unlabeled.show_domain(experiment, validation)
        return
    record = records.validation_record(experiment, validation)
    with st.container(key="validate_head"):
        _show_head(experiment, validation, record)
    with st.container(key="validate_controls", horizontal=True, vertical_alignment="bottom"):
        if st.button("Explore its slices", key="explore_cases", icon=":material/grid_view:"):
            case_links.request_slices(experiment, validation.name)
            st.switch_page("app_pages/explore.py")
        level = _choose_level(record)
        as_sheet = st.toggle(
            "One page for printing", help="Then use the browser's print command.",
            **state.persist_widget("sheet", False, lambda value: isinstance(value, bool)),
        )  # fmt: skip
    if as_sheet:
        sheet.show_sheet(experiment, validation, record, level)
        return
    _show_glance(experiment, validation, record, level)
    _show_figures(experiment, validation, record, level)
    _show_tabs(experiment, validation, record, level, dataset)


def describe_data(record: Mapping[str, Any]) -> str:
    """Return the numbers of slices, patients and positives, as Markdown."""
    data = record["data"]
    part = ", the part kept aside" if data["part"] == "kept" else ""
    counts = f"**{data['n']:,}** labeled slices{part} · **{data['positives']:,}** positive"
    return f"{counts} · {describe_patients(data)}"


def _show_head(experiment: Experiment, validation: Validation, record: Mapping[str, Any]) -> None:
    data = record["data"]
    st.header(components.plain(validation.name), anchor=False)
    st.markdown(
        f"{describe_data(record)}  \n:gray[{components.plain(experiment.name)}, validated "
        f"{components.plain(record['created'])}]"
    )
    left_out = [f"{_LEFT_OUT[key]} ({n:,})" for key, n in data["left_out"].items() if n]
    if left_out:
        st.markdown(f"**Left out:** {', '.join(left_out)}.")
    if not data["n_patients"]:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']} **Patients are unknown:**] intervals treat "
            "slices as independent, so they are too narrow if several slices come from one patient."
        )
    if data["sources"]:
        with st.expander("Sources and their terms"):
            for source in data["sources"]:
                title = components.plain(source["title"] or source["name"])
                stated = Source(source["name"], silence=source["silence"])
                silence = "".join(
                    f"  \n:gray[{components.sentence(stated.describe_silence(finding))}]"
                    for finding in source["silence"]
                )
                st.markdown(f"**{title}**. {components.sentence(source['terms'])}{silence}")


def _choose_level(record: Mapping[str, Any]) -> str:
    """Let the visitor choose slices or patients, if there are figures per patient."""
    levels = [
        level for level in LEVELS if any("reason" not in levels[level] for levels in record["there"].values())
    ]
    if len(levels) < 2:
        return "slice"
    level: str = st.segmented_control(
        "Level", levels, format_func=LEVELS.__getitem__, required=True,
        **state.persist_widget("level", "slice", levels.__contains__),
    )  # fmt: skip
    return level


def _show_glance(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str
) -> None:
    st.subheader("Own data set and new scans", anchor=False)
    marks = side_by_side.list_marks(record, level)
    if marks:
        spoken = "; ".join(f"{mark.row}, {TITLES[mark.series]} {mark.value:.2f}" for mark in marks)
        figures.show_figure(
            mark_charts.plot_marks(marks, state.palette()), "home_and_there",
            f"{experiment.name}-{validation.name}-{level}-home-and-there",
            f"Results with 95 % intervals. {spoken}", pd.DataFrame(marks),
        )  # fmt: skip
    interval = record["interval"]
    st.caption(
        "Own data set: that of the experiment, out of sample. New scans: those of this validation. Bars and "
        f"brackets: 95 % intervals, for the new scans by {interval['method']} over "
        f"{components.plain(interval['resampled'])}. Calibration and thresholds are those of the model card. "
        "Slices refused by the input check are included."
    )


def _show_figures(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str
) -> None:
    rows, reasons = side_by_side.list_rows(record, level, side_by_side.list_figures())
    with st.container(key="validate_figures"):
        st.table(
            rows, hide_index=True, border="horizontal",
            alt="All results of the networks on the own data set and the new scans, with 95 % intervals",
        )  # fmt: skip
    if reasons:
        st.caption("  \n".join(f"({n}) {components.sentence(one)}" for n, one in enumerate(reasons, 1)))
    components.offer_csv(
        lambda: side_by_side.list_data(record), f"{experiment.name}-{validation.name}-figures.csv", of="Table"
    )
    if record["notes"]:
        st.caption("\n".join(f"- {components.plain(note)}" for note in record["notes"]))


def _show_tabs(
    experiment: Experiment,
    validation: Validation,
    record: Mapping[str, Any],
    level: str,
    dataset: Dataset | None,
) -> None:
    shows: dict[str, Callable[[], None]] = {
        "Curves": lambda: curves.show_curves(experiment, validation, record, level),
        "Threshold": lambda: curves.show_confusions(experiment, validation, record, level),
        "Calibration": lambda: curves.show_calibration(experiment, validation, record, level),
        "Sources": lambda: groups.show_groups(experiment, validation, record),
        "Input check": lambda: gate.show_gate(experiment, validation, record, dataset),
        "This site": lambda: site.show_site(experiment, validation),
        "Without labels": lambda: unlabeled.show_domain(experiment, validation),
    }
    chosen = state.persist_widget("part", next(iter(shows)), shows.__contains__)
    for tab, show in zip(st.tabs(list(shows), **chosen), shows.values(), strict=True):
        if tab.open:
            with tab:
                show()
