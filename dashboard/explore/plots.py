"""Plots and lists of the page Explore that select cases: scores, precision-recall, features, suspects."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import streamlit as st

from core.cases import find_suspects, format_rows
from core.errors import EvaluationError
from core.evaluation import name_cells, pr_curve
from core.experiments import Experiment
from core.frameworks import TITLES
from dashboard.explore import explore_charts, feature_map, filters, tags
from dashboard.explore.filters import Choice
from dashboard.explore.gallery import PAGE_SIZE, make_tiles, open_case
from dashboard.explore.widgets import show_gallery
from dashboard.readings import Pictures
from dashboard.shared import CONFIG, SCORE_PLOT, components, state

_SELECTION_CONFIG = {
    **CONFIG, "displayModeBar": True, "displaylogo": False, "modeBarButtons": [["select2d", "lasso2d"]],
}  # fmt: skip
_PR_PLOT = "precision_recall"


def show_scores(experiment: Experiment, choice: Choice) -> None:
    """Plot the probabilities of each case; a box sets ranges, a lasso or a click selects the cases."""
    names = experiment.frameworks
    ranges = [f"{name}_range" for name in names]
    cases = choice.filter_cases("rows", *ranges)
    figure = explore_charts.plot_scores(cases, names, choice.thresholds, experiment.classes, state.palette())

    def choose(selection: dict[str, Any]) -> None:
        boxes, points = selection.get("box", []), selection.get("points", [])
        ends: dict[str, list[str]] = {key: [] for key in ranges}
        rows: list[str] = []
        if boxes and len(names) > 1:
            ends = {key: _clip(boxes[0][axis]) for key, axis in zip(ranges, "xy", strict=False)}
        else:
            rows = format_rows(int(np.ravel(point["customdata"])[0]) for point in points)
        for key, values in {**ends, "rows": rows}.items():
            state.set_value(key, values)

    st.plotly_chart(
        figure, config=_SELECTION_CONFIG, selection_mode=("points", "box", "lasso"),
        alt=f"Probabilities of {len(cases):,} slices by each network, colored by label",
        **state.follow_chart(f"scores_{state.count_resets(SCORE_PLOT)}", choose),
    )  # fmt: skip
    st.caption("Select with a box or lasso, or click one point. Dotted: thresholds.")


def show_precision_recall(experiment: Experiment, choice: Choice) -> None:
    """Plot the curves; a click sets its network's threshold and shows the predicted positives."""
    cases = choice.cases
    try:
        curves = {name: pr_curve(cases["label"], cases[name]) for name in experiment.frameworks}
    except EvaluationError as error:
        components.show_error(error)
        return
    figure = explore_charts.plot_precision_recall(
        {name: (curve, choice.thresholds[name]) for name, curve in curves.items()}, state.palette()
    )

    def choose(selection: dict[str, Any]) -> None:
        points = [point for point in selection.get("points", []) if point.get("customdata")]
        if not points:
            return
        framework, cut = points[0]["customdata"]
        filters.request_cases(experiment, **{f"{framework}_outcome": ["tp", "fp"]})
        state.set_value("set_aside", False)
        state.set_value("operating_point", "custom")
        for name, own in {**choice.thresholds, framework: round(float(cut), 2)}.items():
            state.set_value(f"{name}_threshold", own)
        state.reset_chart(_PR_PLOT)

    st.plotly_chart(
        figure, config=CONFIG, selection_mode="points", alt="Precision-recall curves of the networks",
        **state.follow_chart(f"curve_{state.count_resets(_PR_PLOT)}", choose),
    )  # fmt: skip
    st.caption(
        "Click a point to use its threshold, rounded to two decimals, and to show the slices predicted "
        "positive."
    )


def show_feature_map(experiment: Experiment, choice: Choice) -> list[int]:
    """Show the map of the filtered cases, colored by a network's outcome; return the rows selected on it."""
    cases = choice.filter_cases("rows")
    name = experiment.frameworks[0]
    if feature_map.has_map(experiment):
        name = st.segmented_control(
            "Colored by the outcome of", list(experiment.frameworks), format_func=TITLES.__getitem__,
            required=True,
            **state.persist_widget("map_of", name, experiment.frameworks.__contains__),
        )  # fmt: skip
        filters.show_chips(experiment, choice)
    outcome = name_cells(cases["label"].to_numpy() == 1, cases[f"{name}_positive"].to_numpy())
    rows = feature_map.show_map(experiment, cases.assign(outcome=outcome))
    if rows:
        _offer_gallery(experiment, rows)
    return rows


def show_suspects(experiment: Experiment, choice: Choice, root: Pictures | None) -> list[int]:
    """Show slices whose label the networks contradict, the strongest first; return their rows."""
    try:
        found = find_suspects(choice.cases, experiment.frameworks)
    except EvaluationError as error:
        components.show_error(error)
        return []
    rows = [int(row) for row in found["row"]]
    who = "Both networks favor" if len(experiment.frameworks) > 1 else "The network favors"
    st.markdown(
        f"**{len(rows):,}** of {len(choice.cases):,} slices. {who} the other class, out of sample; the "
        "clearest contradiction comes first. The label may still be right."
    )
    if not rows:
        return rows
    _offer_gallery(experiment, rows)
    tiles = make_tiles(experiment, choice, found.head(PAGE_SIZE), root)
    show_gallery("suspects", "Suspected label errors", tiles, open_row=open_case, columns=8)
    if len(rows) > PAGE_SIZE:
        st.caption(f"The first {PAGE_SIZE} are shown; the gallery shows all.")
    return rows


def show_tags(choice: Choice) -> list[int]:
    """Offer export and import of tags and notes; return no rows."""
    st.markdown(
        "Open a slice to add a tag or note. Export all tags here, or import tags from another machine."
    )
    tags.offer_tag_files(choice.subject)
    return []


def _offer_gallery(experiment: Experiment, rows: list[int]) -> None:
    def go() -> None:
        filters.request_cases(experiment, rows=format_rows(rows))
        state.set_value("view", "cases")

    noun = "this one" if len(rows) == 1 else f"these {len(rows):,}"
    st.button(f"Show {noun} in the gallery", on_click=go, icon=":material/grid_view:", key="to_gallery")


def _clip(ends: Any) -> list[str]:
    """Return the ends of a box within 0 to 1, rounded outwards to the two decimals of the sliders."""
    low, high = sorted(min(1.0, max(0.0, float(end))) for end in ends)
    return [f"{math.floor(100 * low) / 100:.2f}", f"{math.ceil(100 * high) / 100:.2f}"]
