"""Which cases the page Explore shows: filters that stand in the link, their chips, tables that set them."""

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
    "tp": "TP, called rightly",
    "fn": "FN, missed",
    "fp": "FP, false alarm",
    "tn": "TN, left out rightly",
    "indeterminate_positive": "needs review, positive",
    "indeterminate_negative": "needs review, negative",
}


@dataclass(frozen=True, eq=False)
class Choice:
    """The cases of an experiment at an operating point, and which of them are asked for.

    Attributes:
        cases: all, judged (see core.cases.cases).
        masks: filter in force -> which cases it keeps (n,).
        filters: filter in force -> its values as texts.
        thresholds, bands: by framework.
        tags: sha256 -> tags of people.
    """

    cases: pd.DataFrame
    masks: dict[str, np.ndarray]
    filters: dict[str, list[str]]
    thresholds: dict[str, float]
    bands: Mapping[str, Band | None]
    tags: Mapping[str, tuple[str, ...]]

    def keep(self, *but: str) -> pd.DataFrame:
        """The cases that all filters keep, but for these."""
        masks = (mask for name, mask in self.masks.items() if name not in but)
        return self.cases[every_case.combine_masks(len(self.cases), masks)]


def choose_cases(
    experiment: Experiment,
    thresholds: dict[str, float],
    *,
    set_aside: bool,
    tags: Mapping[str, tuple[str, ...]],
) -> Choice:
    """The cases at these operating points, with the filters that the link and the visitor ask for.

    A filter of a link that says nothing about this experiment is named on the page, and left out.
    """
    bands = loaders.review_bands(experiment, thresholds)
    table = every_case.add_decisions(loaders.cases(experiment), thresholds, bands, set_aside=set_aside)
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
            state.read_value(name, [], bool)  # the link forgets it as well
            st.warning(
                f"The link asks for something that this experiment does not have: {name} "
                f"{components.plain(', '.join(values))[:80]}. It is left out.",
                icon=components.SIGNS["warning"],
            )
    return Choice(table, masks, filters, thresholds, bands, tags)


def show_tables(experiment: Experiment, choice: Choice) -> None:
    """The confusion matrix of each network, and who of the two calls what; each cell chooses its cases."""
    palette = state.palette()
    negative, positive = (name for name in experiment.classes)
    for name in experiment.frameworks:
        key = f"{name}_outcome"
        counts = every_case.count_outcomes(choice.keep(key), name)
        chosen = choice.filters.get(key, [])
        lines = np.reshape(list(CELLS), (2, 2)).tolist()
        columns = [f"called {negative}", f"called {positive}"]
        if choice.cases[key].str.startswith("ind").any():
            lines = [[*line, aside] for line, aside in zip(lines, SET_ASIDE, strict=True)]
            columns = [*columns, "? review"]
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
    found = choice.keep("agreement")["agreement"].value_counts()
    chosen = choice.filters.get("agreement", [])
    told = {
        "neither": "neither calls it positive", "both": "both call it positive",
        "only_first": f"only {one} calls it positive", "only_second": f"only {other} calls it positive",
    }  # fmt: skip
    cells = [
        [
            Cell(name, int(found.get(name, 0)), found.get(name, 0) / max(1, found.sum()), "", told[name],
                 "review" if name.startswith("only") else "", name in chosen)
            for name in line
        ]
        for line in (("neither", "only_second"), ("only_first", "both"))
    ]  # fmt: skip
    show_matrix(
        "cells_agreement", f"{one} against {other}", palette.chance, [f"{other} −", f"{other} +"],
        [f"{one} −", f"{one} +"], cells, partial(_toggle, "agreement", chosen),
    )  # fmt: skip


def show_filters(experiment: Experiment, choice: Choice) -> None:
    """What else can be asked for, each option with the number of cases that it would leave."""
    cases = choice.cases

    def offer(name: str, title: str, options: list[str], told: Mapping[str, str]) -> None:
        rest = choice.keep(name)
        counts = {one: int(every_case.match_filter(rest, name, [one], choice.tags).sum()) for one in options}
        st.pills(
            title, options, selection_mode="multi", wrap=True,
            format_func=lambda one: f"{told[one]} · {counts[one]}",
            **state.persist_widget(name, [], lambda value: set(value) <= set(options)),
        )  # fmt: skip

    signs = (components.SIGNS["negative"], components.SIGNS["positive"])
    words = {str(label): f"{signs[label]} {components.plain(experiment.classes[label])}" for label in (0, 1)}
    offer("label", "Label", ["1", "0"], words)
    if any(choice.bands.values()):
        names = [name for name in experiment.frameworks if choice.bands[name] is not None]
        offer("review", "Needs review", names, TITLES)
    folds = [str(fold) for fold in sorted(cases["fold"].unique())]
    if len(folds) > 1:
        offer("fold", "Held out in fold", folds, {fold: str(int(fold) + 1) for fold in folds})
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
            f"{components.name_framework(name)} probability", 0.0, 1.0, step=0.01, format="%.2f",
            **state.set_widget(f"{name}_range_slider", (low, high), partial(_limit, f"{name}_range")),
        )  # fmt: skip


def show_chips(experiment: Experiment, choice: Choice) -> None:
    """One chip for each filter in force, with the number of cases it keeps alone; a click takes it away."""
    if not choice.filters:
        return
    with st.container(key="chips", horizontal=True, gap="small", vertical_alignment="center"):
        for name, values in choice.filters.items():
            st.button(
                f"{_tell(experiment, name, values)} · {int(choice.masks[name].sum())}",
                key=f"chip_{name}", icon=":material/close:", on_click=_clear, args=(name,),
                help="Take this filter away. The number is what it keeps alone.",
            )  # fmt: skip
        if len(choice.filters) > 1:
            st.button("Clear all", type="tertiary", key="clear_all", on_click=request_cases, args=(experiment,))


def _make_cell(name: str, n: int, total: int, chosen: bool) -> Cell:
    kind = "review" if name.startswith("ind") else "wrong" if name in WRONG_CELLS else ""
    note = f"{'?' if kind == 'review' else name.upper()} · {write_percent(n / total) if total else '–'}"
    return Cell(name, n, n / total if total else 0.0, note, OUTCOME_WORDS[name], kind, chosen)


def _check(table: pd.DataFrame, name: str, values: list[str], experiment: Experiment) -> bool:
    """Whether the values can be asked for here."""
    if name.endswith("_outcome"):
        return set(values) <= set(OUTCOMES)
    if name.endswith("_range"):
        return len(values) == 2 and 0 <= float(values[0]) <= float(values[1]) <= 1
    if name == "agreement":
        return set(values) <= set(AGREEMENTS) and len(experiment.frameworks) > 1
    if name == "review":
        return set(values) <= set(experiment.frameworks)
    if name in ("label", "fold", "patient"):
        return set(values) <= set(table[name].astype(str))
    return True


def _toggle(name: str, chosen: list[str], cell: str) -> None:
    state.set_value(name, [] if chosen == [cell] else [cell])


def _limit(name: str, ends: tuple[float, float]) -> None:
    state.set_value(name, [] if ends == (0.0, 1.0) else [f"{end:.2f}" for end in ends])


def _clear(name: str) -> None:
    state.set_value(name, [])
    state.reset_chart(SCORE_PLOT)


def _tell(experiment: Experiment, name: str, values: list[str]) -> str:
    """A filter in words."""
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
        return "Fold " + ", ".join(str(int(value) + 1) for value in values)
    if name == "review":
        return f"Needs review: {', '.join(TITLES[value] for value in values)}"
    if name == "rows":
        return "Picked by hand"
    listed = ", ".join(values[:4]) + (f" and {len(values) - 4} more" if len(values) > 4 else "")
    return f"{name.capitalize()} {components.plain(listed)}"


def explain_choice(choice: Choice, n: int) -> str:
    """How many of how many, in words."""
    return f"**{n:,}** of {len(choice.cases):,} slices".replace(",", " ")
