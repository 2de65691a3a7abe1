"""The parts of the reading quiz: a question, its answer, and the score at the end."""

from __future__ import annotations

from dataclasses import dataclass

import streamlit as st

from core.cases import Score, score_answers
from core.experiments import Experiment
from dashboard.overview import live_reading
from dashboard.overview.held_out import Example
from dashboard.shared import WORDS, components, state

_KIND = "quiz"
_PER_ROW = 5


@dataclass(frozen=True)
class Quiz:
    """A quiz and this visitor's answers.

    Attributes:
        name: identifies the slices and the experiment.
        experiment: whose networks take part.
        examples: the slices.
        synthetic: why they are synthetic; "" if they are not.
    """

    name: str
    experiment: Experiment
    examples: list[Example]
    synthetic: str

    @property
    def answers(self) -> tuple[int, ...]:
        """Return the answers so far, 0 or 1 for each slice in order. An answer is final."""
        return state.recall(_KIND, self.name, ((), 0))[0]

    @property
    def shown(self) -> int:
        """Return the index of the shown slice; at the end the number of slices."""
        return state.recall(_KIND, self.name, ((), 0))[1]

    def answer(self, number: int, label: int) -> None:
        """Answer slice `number` unless it has an answer; for the callback of a button."""
        if len(self.answers) == number:
            state.remember(_KIND, self.name, ((*self.answers, label), number))

    def go_on(self, number: int) -> None:
        """Show slice `number`; for the callback of a button."""
        state.remember(_KIND, self.name, (self.answers, number))

    def forget(self) -> None:
        """Start again; for the callback of a button."""
        state.remember(_KIND, self.name, ((), 0))


def show_question(quiz: Quiz) -> None:
    """Show the slice and two buttons, and nothing that reveals the answer."""
    number, total = quiz.shown, len(quiz.examples)
    with st.container(key="pair_question"):
        left, right = st.columns([1, 1], gap="large")
    with left:
        alt = f"Slice {number + 1} of {total}"
        live_reading.show_picture(quiz.experiment, quiz.examples[number], "question", alt)
    with right:
        _show_progress(quiz)
        st.subheader(_ask(quiz), anchor=False)
        negative, positive = _name_answers(quiz)
        with st.container(horizontal=True):
            for label, (sign, name, shortcut) in enumerate(
                (("negative", negative, "Left"), ("positive", positive, "Right"))
            ):
                st.button(
                    f"{components.SIGNS[sign]} {name}", key=f"answer_{number}_{label}",
                    on_click=quiz.answer, args=(number, label), shortcut=shortcut,
                )  # fmt: skip
        st.caption("An answer is final. You then see the label and the networks' answers.")
        _show_rules(quiz)


def show_answer(quiz: Quiz) -> None:
    """Show the label, the visitor's answer and the networks' answers with their heat maps."""
    number = quiz.shown
    example, given = quiz.examples[number], quiz.answers[number]
    last = number + 1 == len(quiz.examples)
    _show_progress(quiz)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        word = ":green[✓ **Right.**]" if given == example.label else ":violet[✗ **Wrong.**]"
        st.markdown(f"{word} &ensp;{_name_label(quiz, example)}", width="content")
        st.button(
            "See the score" if last else "Next slice", key=f"next_{number}", type="primary",
            on_click=quiz.go_on, args=(number + 1,), shortcut="Enter",
        )  # fmt: skip
    live_reading.show_reading(quiz.experiment, example, "answer")
    live_reading.show_origin(quiz.experiment, example)


def show_score(quiz: Quiz) -> None:
    """Show the visitor's score next to the networks', then every slice with all answers."""
    labels = [example.label for example in quiz.examples]
    results = [live_reading.answers(quiz.experiment, example) for example in quiz.examples]
    scores = {"You": score_answers(labels, quiz.answers)}
    for name in quiz.experiment.frameworks:
        scores[name] = score_answers(labels, [one[name][1] for one in results])
    with st.container(key="quiz_score"):
        columns = st.columns(len(scores), gap="medium")
    for column, (name, score) in zip(columns, scores.items(), strict=True):
        with column, st.container(border=True):
            _show_one(quiz, "**You**" if name == "You" else components.name_framework(name), score)
    st.caption(
        f"Gray: 95 % interval of the share of right answers. With only {len(labels)} slices, overlapping "
        "intervals mean no clear winner."
    )
    _show_cases(quiz, results)


def _show_one(quiz: Quiz, who: str, score: Score) -> None:
    low, high = (f"{100 * end:.0f}" for end in score.interval)
    negative, positive = _name_answers(quiz)
    st.markdown(f"{who}")
    st.markdown(f"## {score.right} of {score.n} :gray[\\[{low}–{high} %\\]]")
    st.markdown(
        f"{positive}: {score.true_positives} of {score.positives} right  \n"
        f"{negative}: {score.true_negatives} of {score.negatives} right"
    )


def _show_cases(quiz: Quiz, results: list[dict[str, tuple[float, int]]]) -> None:
    rows = list(enumerate(zip(quiz.examples, quiz.answers, results, strict=True)))
    for start in range(0, len(rows), _PER_ROW):
        with st.container(key=f"quiz_row_{start}"):
            columns = st.columns(_PER_ROW, gap="small")
        for column, (number, (example, given, networks)) in zip(columns, rows[start:], strict=False):
            with column:
                alt = f"Slice {number + 1}"
                live_reading.show_picture(quiz.experiment, example, f"case_{number}", alt)
                answers = [f"You {_mark(given == example.label)}"] + [
                    f"{components.name_framework(name)} {score:.2f} {_mark(answer == example.label)}"
                    for name, (score, answer) in networks.items()
                ]
                st.markdown(f"{number + 1} · {_name_label(quiz, example)}  \n" + "  \n".join(answers))


def _show_progress(quiz: Quiz) -> None:
    labels = [example.label for example in quiz.examples]
    done = len(quiz.answers)
    right = sum(one == label for one, label in zip(quiz.answers, labels, strict=False))
    text = f"Slice {quiz.shown + 1} of {len(labels)}" + (f" · {right} of {done} right" if done else "")
    st.progress(done / len(labels), text)


def _show_rules(quiz: Quiz) -> None:
    if quiz.synthetic:
        components.show_remarks([f"{quiz.synthetic}, so these slices are synthetic: {components.SYNTHETIC}"])
    source = "generated by this program" if quiz.synthetic else "sampled at random from the test slices"
    st.markdown(
        f"{len(quiz.examples)} slices, {len(quiz.examples) // 2} of each class, {source}, without regard to "
        "the networks' answers. The networks use their default thresholds."
    )


def _ask(quiz: Quiz) -> str:
    if quiz.synthetic:
        return "Does this slice show a simulated hemorrhage?"
    negative, positive = _name_answers(quiz)
    return f"{positive}, or {negative.lower()}?"


def _name_answers(quiz: Quiz) -> tuple[str, str]:
    if quiz.synthetic:
        return "No simulated hemorrhage", "Simulated hemorrhage"
    negative, positive = map(components.plain, quiz.experiment.classes)
    return negative, positive


def _name_label(quiz: Quiz, example: Example) -> str:
    kind = "positive" if example.label else "negative"
    name = _name_answers(quiz)[example.label]
    return f":{WORDS[kind]}[{components.SIGNS[kind]} **{name}**]"


def _mark(right: bool) -> str:
    return f":green[{components.SIGNS['correct']}]" if right else f":violet[{components.SIGNS['wrong']}]"
