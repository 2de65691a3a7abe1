"""Model card: what the record says of an experiment's networks, as a document to read, print and keep."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.model_card import ModelCard, render_model_card
from dashboard.shared import components, loaders

_LEAD = (
    "What these networks are for, how they were made and measured, where they fail, and what nobody knows."
)
_KEPT = 8


def show_page() -> None:
    """The choice of the experiment, then contents at the left and the document at the right."""
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
        st.caption("Prints as a document: the browser's own print command.")
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
    """The card, drawn once for each state of the record."""
    kept = loaders.memory("model cards")
    if experiment.digest not in kept:
        with st.spinner("Drawing the model card from the record ..."):
            card = render_model_card(experiment)
        while len(kept) >= _KEPT:
            kept.pop(next(iter(kept)), None)
        kept[experiment.digest] = card
    return kept[experiment.digest]


with components.page("Model card", _LEAD):
    show_page()
