"""One scan on Read a scan: result, warnings, viewer, and the limits of the networks."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment, list_limits
from core.reports import list_remarks
from dashboard.read import stack_viewer, study_view
from dashboard.readings import Reading, samples
from dashboard.shared import WORDS, components, overlays

_NO_REFERENCE = "Off"


def show_reading(experiment: Experiment, reading: Reading, *, unfinished: bool = False) -> None:
    """Show a reading, decided at the chosen operating points.

    Args:
        unfinished: whether the study is still being read; its findings then hold the slices read so far.
    """
    if unfinished or len(reading.findings.slices) > 1:
        stack_viewer.send_previews(experiment, reading)
    _show_slice(experiment, reading, unfinished)


@st.fragment
def _show_slice(experiment: Experiment, reading: Reading, unfinished: bool) -> None:
    """Show the result and the viewer; only this reruns when the visitor rests on another slice."""
    findings = reading.findings
    finding, go_to = study_view.choose_slice(reading)
    with st.container(key="pair_verdict"):
        verdict, scores = st.columns([1.1, 1], gap="medium")
    with verdict, st.container(gap="xsmall"):
        if unfinished:
            study_view.show_progress_note()
        else:
            study_view.show_conclusion(experiment, findings)
        study_view.show_origin(experiment, reading)
    with scores, st.container(key="scales", gap="xsmall"):
        if not unfinished:
            study_view.show_scores(findings)
            components.show_remarks(list_remarks(findings))
    if reading.synthetic:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']}] **Synthetic:** " + components.SYNTHETIC
        )
    viewer = st.container()
    label = _choose_reference(experiment)
    reference = None if label is None else samples.find_reference(experiment, label)
    with viewer:
        stack_viewer.show_stack(experiment, reading, finding, rest=go_to, reference=reference)
        st.caption(overlays.HEAT_WORDS)


def show_placeholders(experiment: Experiment) -> None:
    """Show empty frames where the pictures will be."""
    with st.container(key="scan_places"):
        columns = st.columns(1 + len(experiment.frameworks), gap="small")
    for column, title in zip(
        columns, ("**Slice**", *map(components.name_framework, experiment.frameworks)), strict=True
    ):
        column.markdown(title)
        column.image(overlays.render_empty_frame(), width="stretch", alt="")


def show_limits(experiment: Experiment) -> None:
    """Show what the positive class means and the limits on the experiment's card."""
    components.show_meaning(experiment)
    with st.container(key="limits", border=True):
        st.markdown("**Limits**")
        st.markdown("\n".join(f"- {components.sentence(limit)}" for limit in list_limits(experiment)))
        st.page_link("app_pages/model_card.py", label="Model card", icon=":material/description:")


def _choose_reference(experiment: Experiment) -> int | None:
    """Let the visitor choose a typical slice to compare with; return its label, or None."""
    names = [components.plain(name) for name in experiment.classes]
    chosen = st.segmented_control(
        "Compare with a typical slice", [_NO_REFERENCE, *names], default=_NO_REFERENCE, key="reference",
        required=True, persist_state="session",
    )  # fmt: skip
    return names.index(chosen) if chosen in names else None
