"""Model card: the record of an experiment's networks as a document to read, print and save."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.model_card import ModelCard, render_model_card
from dashboard.shared import components, loaders

_LEAD = (
    "What these networks are for, how they were trained and evaluated, where they fail, and what is unknown."
)
_MOST = 8  # cards in memory


def show_page() -> None:
    """Show the choice of the experiment, then the contents on the left and the document on the right."""
    with st.container(key="pair_card_choice"):
        left, right = st.columns([1.3, 2.3], gap="medium", vertical_alignment="bottom")
    with left:
        experiment = components.choose_experiment()
    if experiment is None:
        return
    card = _find_card(experiment)
    with right:
        st.download_button(
            "Download as Markdown", card.markdown, f"MODEL_CARD-{experiment.name}.md", "text/markdown",
            on_click="ignore", icon=":material/download:",
        )  # fmt: skip
    with st.container(key="pair_card"):
        contents, document = st.columns([1, 4], gap="large")
    with contents, st.container(key="card_contents"):
        st.markdown("\n".join(f"- [{section.title}](#{section.anchor})" for section in card.sections))
        st.caption("To print the document, use the browser's print command.")
    with document, st.container(key="card_document"):
        _show(card)


def _show(card: ModelCard) -> None:
    st.header(card.name, anchor=False)
    st.markdown(card.summary)
    for warning in card.warnings:
        st.warning(warning, icon=components.SIGNS["warning"])
    for section in card.sections:
        st.header(section.title, anchor=section.anchor, divider="gray")
        st.markdown(section.text)


def _find_card(experiment: Experiment) -> ModelCard:
    """Return the card, cached by the experiment's digest and its validations."""
    stored = loaders.memory("model cards")
    key = (experiment.digest, *map(loaders.key_of, loaders.labeled_validations(experiment)))
    if key not in stored:
        with st.spinner("Preparing the model card ..."):
            card = render_model_card(experiment)
        while len(stored) >= _MOST:
            stored.pop(next(iter(stored)), None)
        stored[key] = card
    return stored[key]


with components.page("Model card", _LEAD):
    show_page()
