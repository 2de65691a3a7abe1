"""The tab This site of an opened validation: make, show and delete a calibration for this site."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import ExperimentError, StrokeError
from core.evaluation import list_measures
from core.experiments import Experiment
from core.validation import (
    MIN_SLICES,
    SiteCalibration,
    Validation,
    delete_site,
    fit_site,
    open_site,
    read_trial,
)
from dashboard.shared import WORDS, components

_LEVELS = {"slice": "Slices", "patient": "Patients (studies)"}
_CHANGES = {"before": "model card", "after": "this site", "difference": "change"}
_LEFT_OUT = {
    "kept_aside": "kept aside",
    "unknown_label": "without a label",
    "refused": "refused by the input check",
}


def show_site(experiment: Experiment, validation: Validation) -> None:
    """Show the site calibration with what it changes, or offer to make it."""
    st.markdown(
        "A site calibration adjusts the probabilities and thresholds to the scans of this validation. On the "
        "page *Read a scan* you can choose it instead of the calibration and thresholds of the model card. "
        "The model card never changes."
    )
    _show_trial(experiment, validation)
    try:
        site = open_site(experiment, validation.name)
    except ExperimentError as error:
        if error.code != "unknown_site":
            components.show_error(error)
        _offer_fit(experiment, validation)
        return
    _show_basis(site)
    rows = list_changes(site.details)
    alt = "Results with the model card and with this site's calibration"
    st.table(rows, hide_index=True, border="horizontal", alt=alt)
    components.offer_csv(
        _list_data(site.details), f"{experiment.name}-{validation.name}-site.csv", of="Table"
    )
    st.caption(
        "The results of this site were computed with calibrations fitted to other patients (to other slices "
        "where patients are unknown), so that no slice is tested with a calibration fitted to it. In "
        "brackets: 95 % intervals."
    )
    for name, reasons in site.details["without"].items():
        for part, reason in reasons.items():
            what = (
                "its probabilities keep the calibration of the model card"
                if part == "calibration"
                else "a study gets no result with this calibration"
            )
            st.markdown(f"{components.name_framework(name)}: {what}. {components.sentence(reason)}")
    _show_thresholds(experiment, site)
    with st.popover("Delete this calibration", icon=":material/delete:", key="delete_site"):
        st.markdown("Reports already downloaded do not change. The validation stays.")
        if st.button("Delete it", key="delete_site_now", icon=":material/delete:"):
            try:
                delete_site(experiment, validation.name)
            except StrokeError as error:
                components.show_error(error)
            else:
                st.rerun()


def list_trial(trial: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the table of a trial: what a calibration on few patients changes on the part kept aside."""
    titles = {one.key: one.title for one in list_measures("rate")}
    return [
        {
            "Network": "" if number else components.name_framework(name),
            "Result": titles[key],
            **{
                words.capitalize(): _write(model[part][key], True, signed=part == "difference")
                for part, words in _CHANGES.items()
            },
        }
        for name, model in trial["models"].items()
        for number, key in enumerate(model["before"])
    ]


def _show_trial(experiment: Experiment, validation: Validation) -> None:
    trial = read_trial(experiment, validation)
    if trial is None:
        return
    fitted, measured = trial["fitted_to"], trial["measured_on"]
    units = f"{fitted['n_units']:,} {components.plain(fitted['unit'])}"
    enough = " with enough slices of both classes" if fitted["n_too_few"] else ""
    st.markdown(
        f"**Trial on the part kept aside.** From the other part, {units} were sampled at random "
        f"{fitted['n_draws']:,} times, and a calibration was fitted to each sample{enough}. Mean results on "
        f"{measured['n']:,} slices kept aside, {measured['positives']:,} of them positive:"
    )
    st.table(
        list_trial(trial), hide_index=True, border="horizontal",
        alt="Results on the part kept aside, with the model card and with a calibration on few patients",
    )  # fmt: skip


def list_changes(details: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the table of what the calibration changes: a row for each level, network and metric."""
    titles = {one.key: one.title for one in list_measures("rate")}
    titles |= {one.key: one.title for one in list_measures("calibration")}
    rows = []
    for level, words in _LEVELS.items():
        for name, levels in details["cross_fitted"].items():
            found = levels[level]
            if "reason" in found:
                continue
            changes = [(key, {part: found[part][key] for part in _CHANGES}, True) for key in found["before"]]
            calibration = found.get("calibration", {"before": {}})
            changes += [
                (key, {part: calibration[part][key] for part in ("before", "after")}, False)
                for key in calibration["before"]
            ]
            for key, parts, percent in changes:
                first = key == changes[0][0]
                row = {
                    "": f"{words} ({found['n']:,}, {found['positives']:,} positive)" if first else "",
                    "Network": components.name_framework(name) if first else "",
                    "Result": titles[key],
                }
                for part, title in _CHANGES.items():
                    row[title.capitalize()] = _write(parts.get(part), percent, signed=part == "difference")
                rows.append(row)
    return rows


def _write(figure: Mapping[str, Any] | None, percent: bool, *, signed: bool) -> str:
    if figure is None:
        return ""
    if signed and figure["value"] is not None:
        return components.write_difference(figure, percent)
    return components.write_figure(figure, percent)


def _show_basis(site: SiteCalibration) -> None:
    rests = site.details["rests_on"]
    patients = "patients unknown" if rests["n_patients"] is None else f"{rests['n_patients']:,} patients"
    left_out = [f"{n:,} {_LEFT_OUT[key]}" for key, n in rests["left_out"].items() if n]
    st.markdown(
        f":green[{components.SIGNS['correct']} **Made**] {components.plain(site.details['created'])} from "
        f"**{rests['n']:,}** slices, **{rests['positives']:,}** with the finding and "
        f"**{rests['negatives']:,}** without; {patients}."
        + (f" Not used: {', '.join(left_out)}." if left_out else "")
    )
    if min(rests["positives"], rests["negatives"]) < 100 or (rests["n_patients"] or 100) < 30:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']} **Based on few slices or patients.**] With "
            "other patients, the thresholds could be noticeably different; see the intervals."
        )


def list_thresholds(experiment: Experiment, site: SiteCalibration) -> list[dict[str, str]]:
    """Return the table of the thresholds that decide: the card's and the site's, each by its default rule."""
    rows = []
    for level, words in _LEVELS.items():
        for name in experiment.frameworks:
            own = site.operating_points[name].get(level, {}).get(site.details["default_operating_point"])
            if own is None:
                continue
            try:
                card = f"≥ {experiment.threshold(name, level):.3f}"
            except ExperimentError:
                card = "–"
            rows.append(
                {
                    "": words,
                    "Network": components.name_framework(name),
                    "Model card": card,
                    "This site": f"≥ {own:.3f}",
                }
            )
    return rows


def _show_thresholds(experiment: Experiment, site: SiteCalibration) -> None:
    rules = (experiment.card["default_operating_point"], site.details["default_operating_point"])
    card, own = map(components.name_rule, rules)
    chosen = card if card == own else f"model card: {card}; this site: {own}"
    st.markdown(f"**Decision thresholds** ({chosen})")
    st.table(
        list_thresholds(experiment, site),
        hide_index=True,
        border="horizontal",
        alt="Thresholds of the model card and of this site",
    )
    st.caption(
        "Do not compare the two columns: each threshold applies to probabilities that were calibrated "
        "differently."
    )


def _offer_fit(experiment: Experiment, validation: Validation) -> None:
    st.markdown(
        f"It needs at least {MIN_SLICES} slices with the finding and {MIN_SLICES} without it, not counting "
        "slices that the input check refuses. A calibration is never fitted to slices kept aside."
        " Where a validation has no others, none can be made."
    )
    if st.button("Make a calibration for this site", key="fit_site", icon=":material/tune:", type="primary"):
        try:
            with st.spinner("Fitting, and measuring on patients it was not fitted to ..."):
                fit_site(experiment, validation)
        except StrokeError as error:
            components.show_error(error)
        else:
            st.rerun()


def _list_data(details: Mapping[str, Any]) -> pd.DataFrame:
    """Return every result before and after at full precision."""
    rows = []
    for name, levels in details["cross_fitted"].items():
        for level, found in levels.items():
            if "reason" in found:
                rows.append({"model": name, "level": level, "reason": found["reason"]})
                continue
            parts = [(part, found[part]) for part in _CHANGES]
            parts += list(found.get("calibration", {}).items())
            for part, own in parts:
                for key, figure in own.items():
                    low, high = figure["interval"] or (None, None)
                    rows.append(
                        {"model": name, "level": level, "part": part, "figure": key,
                         "value": figure["value"], "low": low, "high": high,
                         "reason": figure.get("reason", "")}
                    )  # fmt: skip
    return pd.DataFrame(rows)
