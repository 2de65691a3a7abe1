"""The page Explore: the slices of an experiment with their out-of-sample results, one by one."""

from __future__ import annotations

import streamlit as st

from core.cases import Annotations
from core.experiments import Experiment
from dashboard.explore import (
    Choice,
    case_dialog,
    choose_pictures,
    choose_subject,
    explain_missing,
    filters,
    gallery,
    plots,
)
from dashboard.readings import Pictures
from dashboard.shared import components, state

_LEAD = (
    "Each slice is scored by networks that never trained on it. Click a cell of a matrix or a point, or draw "
    "around points, to show only those slices."
)
_VIEWS = {"cases": "Slices", "map": "Similarity map", "suspects": "Suspected label errors", "tags": "Tags"}


def show_page() -> None:
    """Show settings at the top, filters, gallery and plots below, and the case in the link as a dialog."""
    with st.container(key="pair_choices"):
        first, slices, second, third, fourth = st.columns(
            [1.2, 1.2, 1.1, 1.55, 0.9], gap="medium", vertical_alignment="bottom"
        )
    with first:
        experiment = components.choose_experiment()
    if experiment is None:
        return
    with slices:
        subject = choose_subject(experiment)
    with second:
        thresholds = components.choose_thresholds(experiment)
    set_aside = third.toggle(
        "Exclude slices too close to the threshold (need review)",
        help=components.REVIEW_HELP,
        **state.persist_widget("set_aside", False, lambda value: isinstance(value, bool)),
    )
    with fourth:
        root = choose_pictures(subject)
    tags = Annotations().tags(subject.fingerprint)
    choice = filters.choose_cases(subject, thresholds, set_aside=set_aside, tags=tags)
    if root is None:
        explain_missing(subject)
    # The map is of the experiment's own data set.
    views = [view for view in _VIEWS if view != "map" or subject.validation is None]
    view = st.segmented_control(
        "View", views, format_func=_VIEWS.__getitem__, required=True, label_visibility="collapsed",
        **state.persist_widget("view", "cases", views.__contains__),
    )  # fmt: skip
    if view == "cases":
        rows = _show_cases(experiment, choice, root)
    elif view == "map":
        rows = plots.show_feature_map(experiment, choice)
    elif view == "suspects":
        rows = plots.show_suspects(experiment, choice, root)
    else:
        rows = plots.show_tags(choice)
    case_dialog.open_linked_case(experiment, choice, root, rows)


def _show_cases(experiment: Experiment, choice: Choice, root: Pictures | None) -> list[int]:
    with st.container(key="pair_explore"):
        left, middle, right = st.columns([1.15, 2.9, 1.55], gap="medium")
    with left:
        filters.show_tables(experiment, choice)
        filters.show_filters(experiment, choice)
    with middle:
        st.markdown(filters.describe_count(choice, len(choice.filter_cases())))
        filters.show_chips(experiment, choice)
        rows = gallery.show_cases(experiment, choice, root)
    with right:
        plots.show_scores(experiment, choice)
        plots.show_precision_recall(experiment, choice)
    return rows


with components.page("Explore", _LEAD):
    show_page()
