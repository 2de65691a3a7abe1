"""Overview: what this program is and is not, the three experiments, an example reading, and links."""

from __future__ import annotations

import streamlit as st

from core.errors import StrokeError
from core.experiments import Experiment
from dashboard.overview import STEPS, elsewhere, held_out, live_reading, story, story_parts
from dashboard.shared import components, loaders, state

_TITLE = "Read brain CT with two networks, and know how far to trust them"
_LEAD = (
    "Two networks of the same design, one in PyTorch and one in Keras, with the same training and test "
    "slices. For research and teaching.  \n**Not a medical device:** not for clinical use."
)


def show_page() -> None:
    """Show the story on the left, an example reading on the right, and below a card per kind of visitor."""
    found, _ = loaders.experiments()
    experiment = components.open_default() if found else None
    with st.container(key="pair_overview"):
        left, right = st.columns([1.12, 1], gap="large")
    with left:
        st.subheader("One data set, three experiments", anchor=False)
        place = st.empty()
    with right:
        _show_live(experiment)
        beside = st.empty()
    _show_ways()
    if not found:
        with place.container():
            components.invite_training(
                "Three experiments show how much of a high accuracy is due to leakage."
            )
        return
    # Last, because the first computation of the intervals takes a moment.
    parts = story.assign_roles(found)
    with place:
        story_parts.reserve_space(len(parts) + elsewhere.count_places(experiment))
    roles, errors = story_parts.read_parts(parts)
    if roles and not elsewhere.are_measured(experiment):
        # The first computation for the other hospitals takes a moment too: the experiments come before it.
        with place.container():
            story_parts.show_story(roles, "story_at_home")
            story_parts.show_words(roles)
    places, more_errors = elsewhere.read_places(experiment)
    with place.container():
        for error in (*errors, *more_errors):
            components.show_error(error)
        if roles or places:
            story_parts.show_story(roles, "story", places)
            story_parts.show_words(roles)
        story_parts.show_missing(parts)
    if places and experiment:
        with beside.container():
            _show_elsewhere(experiment, places)


def _show_live(experiment: Experiment | None) -> None:
    st.subheader("Example reading", anchor=False)
    if experiment is None:
        found, damaged = loaders.experiments()
        if not found and not damaged:
            components.invite_training("Here both networks of an experiment read a slice.")
        return
    turn = int(state.read_value("example", "0", str.isdecimal))
    try:
        example = held_out.pick_typical(experiment, turn)
        live_reading.show_reading(experiment, example, "overview")
        first = (
            "A typical positive slice (the networks' mean probability is near the median of the positives): "
            if turn == 0
            else ""
        )
        live_reading.show_origin(experiment, example, first)
    except StrokeError as error:
        components.show_error(error)
    again = ("example", str(turn + 1))
    st.button(
        "Another slice", on_click=state.set_value, args=again, icon=":material/shuffle:", type="tertiary",
        key="another_slice",
    )  # fmt: skip


def _show_elsewhere(experiment: Experiment, places: list[elsewhere.Place]) -> None:
    st.subheader(elsewhere.TITLE, anchor=False)
    elsewhere.show_places(places)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(elsewhere.describe_thresholds(experiment))
        st.page_link("app_pages/validate.py", label="Validate", icon=":material/fact_check:")


def _show_ways() -> None:
    with st.container(key="pair_ways"):
        first, second, third = st.columns(3, gap="medium")
    with first, st.container(border=True, height="stretch"):
        st.markdown(
            "**Read**  \nUpload a scan: what both networks say of hemorrhage and ischemia, with heat maps."
        )
        st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
    with second, st.container(border=True, height="stretch"):
        st.markdown(
            f"**Present**  \nA tour in {len(STEPS)} steps for an audience, and a quiz against the networks."
        )
        with st.container(horizontal=True):
            st.page_link(
                "app_pages/tour.py", label="Start the tour", icon=":material/slideshow:",
                query_params={"step": "1"},
            )  # fmt: skip
            st.page_link("app_pages/quiz.py", label="Take the quiz", icon=":material/quiz:")
    with third, st.container(border=True, height="stretch"):
        st.markdown("**Investigate**  \nEvery misread slice, and every result with its interval.")
        with st.container(horizontal=True):
            st.page_link("app_pages/explore.py", label="Explore slices", icon=":material/grid_view:")
            st.page_link("app_pages/compare.py", label="Compare", icon=":material/balance:")
            st.page_link("app_pages/validate.py", label="Validate", icon=":material/fact_check:")


with components.page(_TITLE, _LEAD):
    show_page()
