"""Overview: what this is and is not, the three experiments as a story, a live reading, and where to go."""

from __future__ import annotations

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment
from dashboard.overview import held_out, live_reading, story, story_parts
from dashboard.shared import components, loaders, state

_TITLE = "Read brain CT with two networks, and know how far to trust them"
_LEAD = (
    "**It is** a PyTorch and a Keras network, built from one description, trained on the same slices and "
    "compared honestly, for research and teaching.  \n"
    "**It is not** a medical device: no decision about a person may rest on it."
)


def show_page() -> None:
    """Story at the left, live reading at the right, below them a card for each kind of visitor."""
    found, _ = loaders.experiments()
    experiment = components.open_default() if found else None
    with st.container(key="pair_overview"):
        left, right = st.columns([1.12, 1], gap="large")
    with left:
        st.subheader("One data set, three experiments", anchor=False)
        place = st.empty()
    with right:
        _show_live(experiment)
    _show_ways()
    if not found:
        with place.container():
            components.invite_training("Three experiments tell how a famous number falls apart.")
        return
    # Last, because intervals take a moment when they are asked for the first time: all else is there before.
    parts = story.cast(found)
    with place:
        story_parts.reserve(len(parts))
    told, errors = story_parts.measure(parts)
    with place.container():
        for error in errors:
            components.show_error(error)
        if told:
            story_parts.show_figure(told, "story")
            story_parts.show_words(told)
        story_parts.show_missing(parts)


def _show_live(experiment: Experiment | None) -> None:
    st.subheader("A live reading", anchor=False)
    if experiment is None:
        found, damaged = loaders.experiments()
        if not found and not damaged:
            components.invite_training("Both networks of an experiment read a slice here.")
        return
    turn = int(state.read_value("example", "0", str.isdecimal))
    try:
        example = held_out.pick_typical(experiment, turn)
        live_reading.show_reading(experiment, example, "overview")
        first = "In the middle of all positive slices by probability: " if turn == 0 else ""
        live_reading.show_origin(experiment, example, first)
    except StrokeError as error:
        components.show_error(error)
    again = ("example", str(turn + 1))
    st.button(
        "Another slice", on_click=state.set_value, args=again, icon=":material/shuffle:", type="tertiary",
        key="another_slice",
    )  # fmt: skip


def _show_ways() -> None:
    with st.container(key="pair_ways"):
        first, second, third = st.columns(3, gap="medium")
    with first, st.container(border=True, height="stretch"):
        st.markdown("**A scan at hand**  \nWhat both networks make of it, and how sure.")
        st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
    with second, st.container(border=True, height="stretch"):
        st.markdown("**An audience**  \nSix steps by arrow key; you against the networks.")
        with st.container(horizontal=True):
            st.page_link(
                "app_pages/tour.py", label="Start the tour", icon=":material/slideshow:",
                query_params={"step": "1"},
            )  # fmt: skip
            st.page_link("app_pages/quiz.py", label="Take the quiz", icon=":material/quiz:")
    with third, st.container(border=True, height="stretch"):
        st.markdown("**A question**  \nEvery misread slice, every figure with its interval.")
        with st.container(horizontal=True):
            st.page_link("app_pages/explore.py", label="Explore cases", icon=":material/grid_view:")
            st.page_link("app_pages/compare.py", label="Compare", icon=":material/balance:")


with components.page(_TITLE, _LEAD):
    show_page()
