"""Tour: full-screen steps for an audience, with the arrow keys."""

from __future__ import annotations

import streamlit as st

from core.errors import StrokeError
from dashboard.overview import STEPS
from dashboard.shared import components, loaders, state


def show_page() -> None:
    """Show the bar with the buttons and the step that the link names."""
    numbers = [str(number) for number in range(1, len(STEPS) + 1)]
    number = int(state.read_value("step", "1", numbers.__contains__))
    _show_bar(number)
    step = STEPS[number - 1]
    with st.container(key="tour"):
        st.title(step.title, anchor=False)
        st.markdown(step.lead)
        found, _ = loaders.experiments()
        experiment = components.open_default()
        if experiment is None:
            return
        try:
            step.show(experiment, found)
        except StrokeError as error:
            components.show_error(error)


def _show_bar(number: int) -> None:
    """Show the buttons at the bottom of the screen; each press moves from the current step."""
    with st.container(
        key="tour_bar", horizontal=True, vertical_alignment="center", horizontal_alignment="center"
    ):
        st.button("Back", key="tour_back", on_click=_move, args=(-1,), disabled=number == 1, shortcut="Left")
        st.markdown(f"**{number}** / {len(STEPS)}", width="content")
        st.button(
            "Next", key="tour_next", on_click=_move, args=(1,), disabled=number == len(STEPS),
            shortcut="Right", type="primary",
        )  # fmt: skip
        if st.button("End", key="tour_end", shortcut="Esc", type="tertiary"):
            st.switch_page("app_pages/overview.py")


def _move(by: int) -> None:
    number = int(state.find_value("step") or "1") + by
    state.set_value("step", str(min(max(number, 1), len(STEPS))))


with components.frame():
    show_page()
