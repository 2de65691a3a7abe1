"""Step 2 of the leakage laboratory: the effect of leakage on the results, from records and a live control."""

from __future__ import annotations

from typing import Any

import pandas as pd
import streamlit as st

from core.audit import Control, Estimate, conclude
from core.experiments import SHIPPED
from dashboard.data import laboratory
from dashboard.data.laboratory import Source
from dashboard.shared import Mark, components, figures, loaders, mark_charts, records, state, write_percent

_SPLITS = {"random": "slices at random", "patient": "patients apart"}
_RESULT_PX = 400
_HIGHEST_SEED = 9999


def show_same_network() -> None:
    """Show the figures of one network under both splits, from the records of two experiments."""
    experiments = {experiment.name: experiment for experiment in loaders.experiments()[0]}
    found = [experiments[name] for name in SHIPPED[:2] if name in experiments]
    tests = "; ".join(
        f"{_SPLITS[one.card['protocol']['split']]}, {components.describe_folds(one)}" for one in found
    )
    st.markdown(
        "**The same network with the same labels, tested in two ways.** "
        + (f"The split differs: {tests}. " if len(found) > 1 else "")
        + "The results are computed from the records of the experiments; bars are 95 % intervals."
    )
    for name in SHIPPED[:2]:
        if name not in experiments:
            st.info(
                f"The experiment {components.plain(name)} is not on this machine, so its results cannot be "
                "shown. `docs/figures.md` says how it is trained.",
                icon=":material/info:",
            )
    levels = []
    for experiment in found:
        models = records.record(experiment)["models"]
        way = _SPLITS[experiment.card["protocol"]["split"]]
        levels += [(way, framework, model["slice"]) for framework, model in models.items()]
    marks = [
        _mark_figure(f"{title}, {way}", framework, level, key)
        for key, title in (("accuracy", "Accuracy"), ("auroc", "AUROC"))
        for way, framework, level in levels
        if level[key]["value"] is not None
    ]
    _show_marks(marks, "same_network", "Accuracy and AUROC of the same network under both splits")
    if len(found) < 2 or not marks:
        return
    protocols = [{key: one.card["protocol"][key] for key in ("labels", "architecture")} for one in found]
    if protocols[0] != protocols[1]:
        st.warning(
            "These two experiments differ in more than their split, so their results cannot be compared.",
            icon=components.SIGNS["warning"],
        )
    else:
        negative, positive = map(components.plain, found[0].classes)
        share = max(level["prevalence"] for _, _, level in levels)
        st.markdown(_describe_network(marks, positive if share > 0.5 else negative))


def show_control(source: Source) -> None:
    """Run the control on request, and show its conclusion."""
    st.subheader("The control: shuffled labels", anchor=False)
    st.markdown(
        "Does a model recognize patients? Instead of a network, this test uses a simple model: it shrinks "
        "the images, finds the training image most similar to the test image and copies its label, so it "
        f"knows nothing of disease. It is tested with the {_name_labels(source)} labels, and with labels "
        "**shuffled between patients**. Shuffled labels mean nothing, so with them any result above chance "
        "shows that the model recognizes patients."
    )
    requested = state.read_value("control", "", _is_seed)
    if source.images is None:
        st.markdown("The control needs the images, and they are not on this machine.")
        return
    if not requested:
        with st.container(horizontal=True, vertical_alignment="center"):
            st.button(
                "Run the control on this data set", on_click=state.set_value, args=("control", "0"),
                type="primary", icon=":material/play_arrow:",
            )  # fmt: skip
            st.caption("It runs on this machine, in less than a minute.")
        return
    seed = int(requested)
    bar, space = st.empty(), st.empty()
    with space:
        st.skeleton(height=_RESULT_PX)
    control = laboratory.control(
        source.images, seed,
        components.show_progress(bar, "Reading the images"),
        components.show_progress(bar, "Testing the model"),
    )  # fmt: skip
    bar.empty()
    with space.container():
        _show_result(control, _name_labels(source))


def _name_labels(source: Source) -> str:
    """Return what the labels of patients are called: a manifest has no folders."""
    return "patient" if source.is_manifest else "folder"


def _show_result(control: Control, of_patients: str) -> None:
    st.subheader(components.plain(conclude(control)), anchor=False)
    rows = []
    for outcome in control.outcomes:
        labels = "shuffled" if outcome.shuffled else of_patients if outcome.labels == "folder" else "slice"
        rows.append((f"{labels.capitalize()} labels, {_SPLITS[outcome.split]}", outcome))
    folder = [(row, outcome) for row, outcome in rows if outcome.labels == "folder"]
    marks = [
        Mark(row, series, estimate.value, estimate.low, estimate.high, chance)
        for row, outcome in folder
        for series, estimate, chance in (
            ("accuracy", outcome.accuracy, outcome.majority),
            ("AUROC", outcome.auroc, 0.5),
        )
        if estimate.value is not None
    ]
    with st.container(key="pair_control"):
        left, right = st.columns([1.2, 1], gap="large")
    with left:
        _show_marks(marks, "control", "Accuracy and AUROC of the control in each setting")
    table = [
        {
            "": row,
            "Accuracy": _write(outcome.accuracy, True),
            "chance": f":gray[{write_percent(outcome.majority)}]",
            "AUROC": _write(outcome.auroc, False),
        }
        for row, outcome in rows
    ]
    with right:
        st.table(table, hide_index=True, border="horizontal", alt="Results of the control in each setting")
        part = (
            ""
            if control.n_slices == control.n_slices_in_set
            else f" {control.n_slices:,} of {control.n_slices_in_set:,} slices were used: whole patients, "
            "sampled at random."
        )
        runs = max(outcome.n_runs for outcome in control.outcomes)
        st.caption(
            f"In brackets: the lowest and the highest result of {runs} splits or shuffles. Exception: with "
            "patients apart and labels that are not shuffled, each patient is tested once, and the brackets "
            f"are the 95 % interval over patients.{part}  \nSlice labels cannot be shuffled between patients."
        )
    seed = (control.seed + 1) % (_HIGHEST_SEED + 1)
    again = ("control", str(seed))
    st.button("Run again with other splits", on_click=state.set_value, args=again, icon=":material/replay:")


def _show_marks(marks: list[Mark], key: str, alt: str) -> None:
    if not marks:
        return
    figure = mark_charts.plot_marks(marks, state.palette())
    figures.show_figure(figure, key, key, alt, pd.DataFrame(marks))


def _mark_figure(row: str, framework: str, level: dict[str, Any], key: str) -> Mark:
    """Return a figure of `core.evaluation.summary` as a mark."""
    share = level["positives"] / level["n"]
    chance = 0.5 if key == "auroc" else max(share, 1 - share)
    low, high = level[key]["interval"] or (None, None)
    return Mark(row, framework, level[key]["value"], low, high, chance)


def _describe_network(marks: list[Mark], majority: str) -> str:
    """Return the conclusion from the two experiments; `majority` is the more frequent class."""

    def write(row: str, percent: bool) -> str:
        own = [mark for mark in marks if mark.row == row]
        return " and ".join(
            f"{components.name_framework(mark.series)} **{_write_value(mark.value, percent)}**"
            + (f" :gray[\\[{_write_ends(mark.low, mark.high, percent)}\\]]" if mark.low is not None else "")
            for mark in own
        )

    return (
        f"Accuracy with slices at random: {write('Accuracy, slices at random', True)}. With patients apart: "
        f"{write('Accuracy, patients apart', True)}; always answering “{majority}” would be right for "
        f"{write_percent(max(mark.chance for mark in marks))} of slices. AUROC with patients apart: "
        f"{write('AUROC, patients apart', False)}; chance is 0.50. **The accuracy with slices at random is "
        "the one usually published. The accuracy with patients apart is what to expect for a new patient "
        "from the same source.**"
    )


def _write(estimate: Estimate, percent: bool) -> str:
    if estimate.value is None:
        return f":gray[not estimable: {components.plain(estimate.reason)}]"
    value = f"**{_write_value(estimate.value, percent)}**"
    if estimate.low is None or estimate.high is None:
        return f"{value} :gray[(no interval)]"
    return f"{value} :gray[\\[{_write_ends(estimate.low, estimate.high, percent)}\\]]"


def _write_value(value: float, percent: bool) -> str:
    return write_percent(value) if percent else f"{value:.2f}"


def _write_ends(low: float | None, high: float | None, percent: bool) -> str:
    return f"{100 * low:.0f}–{100 * high:.0f}" if percent else f"{low:.2f}–{high:.2f}"


def _is_seed(text: str) -> bool:
    return text == "" or (text.isdecimal() and int(text) <= _HIGHEST_SEED)
