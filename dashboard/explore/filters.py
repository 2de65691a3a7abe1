"""The filters of the page Explore: stored in the link, set by tables and widgets, shown as chips."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st

from core.cases import AGREEMENTS, OUTCOMES, UNTAGGED, cases as every_case
from core.evaluation import CELLS, SET_ASIDE, WRONG_CELLS, Band
from core.experiments import Experiment
from core.frameworks import TITLES
from core.system import natural_key
from dashboard.explore.subject import Subject
from dashboard.explore.widgets import Cell, show_matrix
from dashboard.shared import (
    SCORE_PLOT,
    components,
    list_filters,
    loaders,
    request_cases,
    state,
    write_percent,
)

OUTCOME_WORDS = {
    **CELLS,
    "indeterminate_positive": "needs review, positive",
    "indeterminate_negative": "needs review, negative",
}
# Filters that only slices of a validation have.
_OF_VALIDATIONS = {"source": "Source", "vendor": "Vendor", "gate": "Input check"}


@dataclass(frozen=True, eq=False)
class Choice:
    """All cases at an operating point, and the active filters.

    Attributes:
        subject: whose cases they are.
        cases: all n cases with decisions; see core.cases.cases.
        masks: active filter -> mask (n,) of the cases that match it.
        filters: active filter -> its values as texts.
        thresholds, bands: threshold and review band by framework.
        tags: sha256 -> tags.
    """

    subject: Subject
    cases: pd.DataFrame
    masks: dict[str, np.ndarray]
    filters: dict[str, list[str]]
    thresholds: dict[str, float]
    bands: Mapping[str, Band | None]
    tags: Mapping[str, tuple[str, ...]]

    def filter_cases(self, *ignored: str) -> pd.DataFrame:
        """Return the cases that match all filters except the ignored ones."""
        masks = (mask for name, mask in self.masks.items() if name not in ignored)
        return self.cases[every_case.combine_masks(len(self.cases), masks)]


def choose_cases(
    subject: Subject,
    thresholds: dict[str, float],
    *,
    set_aside: bool,
    tags: Mapping[str, tuple[str, ...]],
) -> Choice:
    """Return the cases at these thresholds, with the filters in the link or chosen by the visitor.

    A filter that these cases do not have is removed from the link, with a warning on the page.
    """
    experiment = subject.experiment
    bands = loaders.review_bands(experiment, thresholds)
    table = every_case.add_decisions(subject.cases, thresholds, bands, set_aside=set_aside)
    masks, filters = {}, {}
    for name in list_filters(experiment):
        values = state.read_value(name, [], lambda value: isinstance(value, list))
        if not values:
            continue
        try:
            known = _check(table, name, values, experiment)
            masks[name] = every_case.match_filter(table, name, values, tags)
        except (ValueError, KeyError):
            known = False
        if known:
            filters[name] = values
        else:
            masks.pop(name, None)
            state.set_value(name, [])
            state.read_value(name, [], bool)  # removes it from the link
            st.warning(
                f"The link has a filter that does not fit this experiment: {name} "
                f"{components.plain(', '.join(values))[:80]}. The filter is ignored.",
                icon=components.SIGNS["warning"],
            )
    return Choice(subject, table, masks, filters, thresholds, bands, tags)


def show_tables(experiment: Experiment, choice: Choice) -> None:
    """Show the confusion matrix of each network and their agreement; a click on a cell filters its cases."""
    palette = state.palette()
    negative, positive = (name for name in experiment.classes)
    for name in experiment.frameworks:
        key = f"{name}_outcome"
        counts = every_case.count_outcomes(choice.filter_cases(key), name)
        chosen = choice.filters.get(key, [])
        lines = np.reshape(list(CELLS), (2, 2)).tolist()
        columns = [f"predicted {negative}", f"predicted {positive}"]
        if choice.cases[key].str.startswith("ind").any():
            lines = [[*line, aside] for line, aside in zip(lines, SET_ASIDE, strict=True)]
            columns = [*columns, f"{components.SIGNS['review']} needs review"]
        cells = []
        for line in lines:
            total = sum(counts[one] for one in line)
            cells.append([_make_cell(one, counts[one], total, one in chosen) for one in line])
        show_matrix(
            f"cells_{name}", TITLES[name], palette.of_framework(name), columns, [negative, positive], cells,
            partial(_toggle, key, chosen),
        )  # fmt: skip
    if len(experiment.frameworks) < 2:
        return
    one, other = (TITLES[name] for name in experiment.frameworks[:2])
    found = choice.filter_cases("agreement")["agreement"].value_counts()
    chosen = choice.filters.get("agreement", [])
    meanings = {
        "neither": "both negative", "both": "both positive",
        "only_first": f"only {one} positive", "only_second": f"only {other} positive",
    }  # fmt: skip
    cells = [
        [
            Cell(name, int(found.get(name, 0)), found.get(name, 0) / max(1, found.sum()), "", meanings[name],
                 "review" if name.startswith("only") else "", name in chosen)
            for name in line
        ]
        for line in (("neither", "only_second"), ("only_first", "both"))
    ]  # fmt: skip
    show_matrix(
        "cells_agreement", "Both networks", palette.chance, [f"{other} negative", f"{other} positive"],
        [f"{one} negative", f"{one} positive"], cells, partial(_toggle, "agreement", chosen),
    )  # fmt: skip


def show_filters(experiment: Experiment, choice: Choice) -> None:
    """Show the other filters, each option with the number of cases that would match."""
    cases = choice.cases

    def offer(name: str, title: str, options: list[str], words: Mapping[str, str]) -> None:
        rest = choice.filter_cases(name)
        counts = {one: int(every_case.match_filter(rest, name, [one], choice.tags).sum()) for one in options}
        st.pills(
            title, options, selection_mode="multi", wrap=True,
            format_func=lambda one: f"{words[one]} · {counts[one]:,}",
            **state.persist_widget(name, [], lambda value: set(value) <= set(options)),
        )  # fmt: skip

    signs = (components.SIGNS["negative"], components.SIGNS["positive"])
    labels = {str(label): f"{signs[label]} {components.plain(experiment.classes[label])}" for label in (0, 1)}
    offer("label", "Label", ["1", "0"], labels)
    if any(choice.bands.values()):
        names = [name for name in experiment.frameworks if choice.bands[name] is not None]
        offer("review", "Needs review", names, TITLES)
    folds = [str(fold) for fold in sorted(cases["fold"].unique())]
    if len(folds) > 1:
        offer("fold", "Test fold", folds, {fold: str(int(fold) + 1) for fold in folds})
    for name, words in _OF_VALIDATIONS.items():
        # A comma separates the values of a filter in the link.
        used = {one for one in cases.get(name, ()) if one and "," not in one}
        found = [one for one in components.GATE_WORDS if one in used] or sorted(used)
        if len(found) > 1:
            offer(
                name,
                words,
                found,
                {one: components.GATE_WORDS.get(one, components.plain(one)) for one in found},
            )
    used = sorted({tag for tags in choice.tags.values() for tag in tags})
    if used:
        offer("tag", "Tag", [*used, UNTAGGED], {tag: components.plain(tag) for tag in [*used, UNTAGGED]})
    patients = sorted((str(name) for name in cases["patient"].unique() if name), key=natural_key)
    if patients:
        st.multiselect(
            "Patient", patients, placeholder="all patients",
            **state.persist_widget("patient", [], lambda value: set(value) <= set(patients)),
        )  # fmt: skip
    for name in experiment.frameworks:
        low, high = (float(end) for end in choice.filters.get(f"{name}_range", ("0", "1")))
        st.slider(
            f"{TITLES[name]} probability", 0.0, 1.0, step=0.01, format="%.2f",
            **state.set_widget(f"{name}_range_slider", (low, high), partial(_set_range, f"{name}_range")),
        )  # fmt: skip


def show_chips(experiment: Experiment, choice: Choice) -> None:
    """Show a chip for each active filter with the number of cases that match it; a click removes it."""
    if not choice.filters:
        return
    with st.container(key="chips", horizontal=True, gap="small", vertical_alignment="center"):
        for name, values in choice.filters.items():
            st.button(
                f"{_describe_filter(experiment, name, values)} · {int(choice.masks[name].sum()):,}",
                key=f"chip_{name}", icon=":material/close:", on_click=_clear, args=(name,),
                help="Remove this filter. The number counts all slices that match this filter, whatever the "
                "other filters.",
            )  # fmt: skip
        if len(choice.filters) > 1:
            st.button(
                "Clear all", type="tertiary", key="clear_all", on_click=request_cases, args=(experiment,)
            )


def _make_cell(name: str, n: int, total: int, chosen: bool) -> Cell:
    kind = "review" if name.startswith("ind") else "wrong" if name in WRONG_CELLS else ""
    note = f"{'?' if kind == 'review' else name.upper()} · {write_percent(n / total) if total else '–'}"
    return Cell(name, n, n / total if total else 0.0, note, OUTCOME_WORDS[name], kind, chosen)


def _check(table: pd.DataFrame, name: str, values: list[str], experiment: Experiment) -> bool:
    """Return whether the experiment has these values of a filter."""
    if name.endswith("_outcome"):
        return set(values) <= set(OUTCOMES)
    if name.endswith("_range"):
        return len(values) == 2 and 0 <= float(values[0]) <= float(values[1]) <= 1
    if name == "agreement":
        return set(values) <= set(AGREEMENTS) and len(experiment.frameworks) > 1
    if name == "review":
        return set(values) <= set(experiment.frameworks)
    if name in ("label", "fold", "patient", *_OF_VALIDATIONS):
        return set(values) <= set(table[name].astype(str))
    return True


def _toggle(name: str, chosen: list[str], cell: str) -> None:
    state.set_value(name, [] if chosen == [cell] else [cell])


def _set_range(name: str, ends: tuple[float, float]) -> None:
    state.set_value(name, [] if ends == (0.0, 1.0) else [f"{end:.2f}" for end in ends])


def _clear(name: str) -> None:
    state.set_value(name, [])
    state.reset_chart(SCORE_PLOT)


def _describe_filter(experiment: Experiment, name: str, values: list[str]) -> str:
    """Return a filter in words."""
    framework = name.split("_")[0]
    if name.endswith("_outcome"):
        return f"{TITLES[framework]}: {' or '.join(OUTCOME_WORDS[value] for value in values)}"
    if name.endswith("_range"):
        return f"{TITLES[framework]} from {float(values[0]):.2f} to {float(values[1]):.2f}"
    if name == "agreement":
        one, other = (TITLES[framework] for framework in experiment.frameworks[:2])
        words = {"both": "both positive", "neither": "both negative"}
        words |= {"only_first": f"only {one} positive", "only_second": f"only {other} positive"}
        return " or ".join(words[value] for value in values)
    if name == "label":
        return "Label: " + " or ".join(components.plain(experiment.classes[int(value)]) for value in values)
    if name == "fold":
        return "Test fold " + ", ".join(str(int(value) + 1) for value in values)
    if name == "review":
        return f"Needs review: {', '.join(TITLES[value] for value in values)}"
    if name == "rows":
        return "Selected slices"
    if name == "gate":
        return f"{_OF_VALIDATIONS[name]}: {' or '.join(components.GATE_WORDS[value] for value in values)}"
    listed = ", ".join(values[:4]) + (f" and {len(values) - 4} more" if len(values) > 4 else "")
    return f"{name.capitalize()} {components.plain(listed)}"


def describe_count(choice: Choice, n: int) -> str:
    """Return the number of slices shown and of all, as Markdown."""
    return f"**{n:,}** of {len(choice.cases):,} slices"
