"""The list of an experiment's stored validations: choose one, delete one."""

from __future__ import annotations

from typing import Any

import streamlit as st

from core.errors import ExperimentError, StrokeError
from core.experiments import Experiment
from core.validation import Validation, delete_validation, list_damaged
from dashboard.shared import WORDS, components, loaders, records, state, write_percent
from dashboard.validate.runs import CHOSEN

_FIGURES = (("auroc", "AUROC", False), ("recall", "sens.", True), ("specificity", "spec.", True))


def choose_validation(experiment: Experiment) -> Validation | None:
    """Show the stored validations as rows; return the chosen one, by default the first current one.

    Damaged ones are named first, with what to do; they cannot be chosen.
    """
    found = {one.name: one for one in loaders.validations(experiment)}
    damaged = list_damaged(experiment)
    st.subheader("Stored validations", anchor=False)
    for name, error in damaged.items():
        with st.container(border=True, key=f"damaged_{name}"):
            _show_damaged(experiment, name, error)
    if not found and not damaged:
        st.caption("None yet.")
    if not found:
        return None
    usual = next((one.name for one in found.values() if one.is_current), next(iter(found)))
    name = state.read_value(CHOSEN, usual, found.__contains__)
    requested = state.find_value(CHOSEN)
    if requested and requested not in found and requested not in damaged:
        st.warning(
            f"There is no validation “{components.plain(requested)[:80]}” of this experiment.",
            icon=components.SIGNS["warning"],
        )
    for one in found.values():
        with st.container(border=True, key=f"validation_{one.name}"):
            _show_row(experiment, one, is_chosen=one.name == name)
    return found[name]


def _show_row(experiment: Experiment, validation: Validation, *, is_chosen: bool) -> None:
    with st.container(horizontal=True, vertical_alignment="top", horizontal_alignment="distribute"):
        st.markdown("  \n".join(_describe(experiment, validation)), width="stretch")
        with st.container(horizontal=True, width="content", gap="xsmall"):
            if is_chosen:
                st.badge("open", color="gray")
            else:
                st.button(
                    "Open", key=f"open_{validation.name}", on_click=state.set_value,
                    args=(CHOSEN, validation.name),
                )  # fmt: skip
            with st.popover("", icon=":material/delete:", key=f"delete_{validation.name}", help="Delete"):
                _show_delete(experiment, validation.name)


def _show_damaged(experiment: Experiment, name: str, error: ExperimentError) -> None:
    with st.container(horizontal=True, vertical_alignment="top", horizontal_alignment="distribute"):
        st.markdown(
            f"**{components.plain(name)}**  \n:{WORDS['review']}[{components.SIGNS['warning']} damaged:] "
            f"{components.plain(error.found)}. Delete it, and run it again with the same data.",
            width="stretch",
        )
        with st.popover("", icon=":material/delete:", key=f"delete_{name}", help="Delete"):
            _show_delete(experiment, name)


def _describe(experiment: Experiment, validation: Validation) -> list[str]:
    """Return the row's lines: name and date, sources, counts, and each network's results."""
    details = validation.details
    sources = ", ".join(components.plain(one["title"] or one["name"]) for one in details["sources"])
    lines = [f"**{components.plain(validation.name)}** :gray[· {components.plain(details['created'])}]"]
    lines += [f":gray[{sources}]"] if sources else []
    if not validation.is_current:
        sign = components.SIGNS["warning"]
        return [*lines, f":{WORDS['review']}[{sign} of an earlier version] of the experiment"]
    if not validation.n_labeled:
        return [*lines, ":gray[without labels]"]
    try:
        record = records.validation_values(experiment, validation)
    except StrokeError as error:
        return [*lines, f":{WORDS['review']}[{components.SIGNS['warning']}] {components.plain(str(error))}"]
    data = record["data"]
    lines.append(f":gray[{data['n']:,} slices, {data['positives']:,} positive]")
    return lines + [
        f"{components.name_framework(name)} {_write_short(levels['slice'])}"
        for name, levels in record["there"].items()
    ]


def _show_delete(experiment: Experiment, name: str) -> None:
    st.markdown("This deletes its numbers and its site calibration for everybody. It cannot be undone.")
    if st.button("Delete it", key=f"delete_now_{name}", icon=":material/delete:"):
        try:
            delete_validation(experiment, name)
        except StrokeError as error:
            components.show_error(error)
        else:
            state.set_value(CHOSEN, "")
            st.rerun()


def _write_short(level: dict[str, Any]) -> str:
    """Return "AUROC 0.84 · sens. 71 % · spec. 77 %", a figure that cannot be estimated as a dash."""
    parts = []
    for key, title, percent in _FIGURES:
        value = level[key]["value"]
        text = "–" if value is None else write_percent(value) if percent else f"{value:.2f}"
        parts.append(f"{title} {text}")
    return " · ".join(parts)
