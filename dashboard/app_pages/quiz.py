"""Reading quiz: you against the networks, on slices that the networks never saw."""

from __future__ import annotations

import streamlit as st

from core.cases import N_CASES
from dashboard.overview import Quiz, held_out, quiz_parts
from dashboard.shared import components, state

_LEAD = f"{N_CASES} slices, you against the networks. Answer with ← and →, continue with Enter."
_HIGHEST = 9999


def show_page() -> None:
    """Show the choice and number of the quiz, then the question, its answer, or the score."""
    with st.container(key="pair_quiz_choice"):
        left, right = st.columns([1.3, 2.3], gap="medium", vertical_alignment="bottom")
    with left:
        experiment = components.choose_experiment()
    if experiment is None:
        return
    number = int(state.read_value("quiz", "1", _is_number))
    examples, synthetic = held_out.sample_quiz(experiment, number)
    name = f"{experiment.digest} {number} {bool(synthetic)}"
    quiz = Quiz(name, experiment, examples, synthetic)
    with right:
        _show_number(quiz, number)
    components.show_meaning(experiment)
    if quiz.shown >= len(examples):
        quiz_parts.show_score(quiz)
    elif len(quiz.answers) > quiz.shown:
        quiz_parts.show_answer(quiz)
    else:
        quiz_parts.show_question(quiz)


def _show_number(quiz: Quiz, number: int) -> None:
    """Show the number of the quiz and the buttons for other slices and a new start."""
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(
            f"**Quiz {number}** :gray[This page's address always opens the same slices.]", width="content"
        )
        following = str(number % _HIGHEST + 1)
        st.button(
            "Other slices", key="other_quiz", on_click=state.set_value, args=("quiz", following),
            icon=":material/shuffle:", type="tertiary",
        )  # fmt: skip
        if quiz.answers:
            with st.popover("Start again", icon=":material/replay:", type="tertiary"):
                answers = "your answer" if len(quiz.answers) == 1 else f"your {len(quiz.answers)} answers"
                st.markdown(f"This deletes {answers} of quiz {number}.")
                st.button("Delete and start again", key="restart_quiz", on_click=quiz.forget, type="primary")


def _is_number(text: str) -> bool:
    return text.isdecimal() and 1 <= int(text) <= _HIGHEST


with components.page("Reading quiz", _LEAD):
    show_page()
