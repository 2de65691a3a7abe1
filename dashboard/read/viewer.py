"""One scan on Read a scan: result, warnings, viewer, and the limits of the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from core.experiments import Experiment, list_limits
from core.reading import Findings
from core.reports import list_remarks
from dashboard.read import stack_viewer, study_view
from dashboard.readings import Reading, samples
from dashboard.shared import WORDS, components, name_finding, overlays, page_scripts, state

_NO_REFERENCE = "Off"
_KEYS = {"f": ".st-key-finding_on_screen [role=radio][aria-checked=false]"}


def show_reading(panel: Sequence[Experiment], reading: Reading, *, unfinished: bool = False) -> None:
    """Show a reading, decided at the chosen operating points; one finding's heat maps at a time.

    Args:
        panel: the experiments that read.
        reading: the scan.
        unfinished: whether the study is still being read; its findings then hold the slices read so far.
    """
    reading = replace(reading, place=_find_place(panel))
    if unfinished or len(reading.findings.slices) > 1:
        stack_viewer.send_previews(panel[reading.place], reading)
    _show_slice(panel, reading, unfinished)


@st.fragment
def _show_slice(panel: Sequence[Experiment], reading: Reading, unfinished: bool) -> None:
    """Show the results and the viewer; only this reruns when the visitor rests on another slice."""
    finding, go_to = study_view.choose_slice(reading)
    if unfinished:
        with st.container(key="pair_verdict" if len(panel) == 1 else "pair_verdict_panel"):
            verdict, scores = st.columns([1.1, 1], gap="medium")
        with verdict:
            study_view.show_progress_note()
    else:
        for place, (experiment, part) in enumerate(zip(panel, reading.parts, strict=True)):
            verdict, scores = _show_result(experiment, part, place, named=len(panel) > 1)
    with verdict:
        study_view.show_origin(panel, reading)
    if not unfinished:
        with scores:
            remarks = [remark for part in reading.parts for remark in list_remarks(part)]
            components.show_remarks(list(dict.fromkeys(remarks)))
    if reading.synthetic:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']}] **Synthetic:** " + components.SYNTHETIC
        )
    if len(panel) > 1:
        _choose_finding(panel, reading)
    viewer, experiment = st.container(), panel[reading.place]
    label = _choose_reference(experiment)
    reference = None if label is None else samples.find_reference(experiment, label)
    with viewer:
        stack_viewer.show_stack(experiment, reading, finding, rest=go_to, reference=reference)
        st.caption(overlays.HEAT_WORDS)


def _show_result(
    experiment: Experiment, findings: Findings, place: int, *, named: bool
) -> tuple[DeltaGenerator, DeltaGenerator]:
    """Show the conclusion of one experiment beside its networks' scores; return both columns."""
    suffix = f"_{place}" if named else ""
    with st.container(key=f"pair_verdict{suffix}"):
        verdict, scores = st.columns([1.1, 1], gap="medium")
    with verdict, st.container(gap="xsmall"):
        study_view.show_conclusion(experiment, findings, named=named)
    with scores, st.container(key=f"scales{suffix}", gap="xsmall"):
        study_view.show_scores(findings, briefly=named)
    return verdict, scores


def _find_place(panel: Sequence[Experiment]) -> int:
    """Return the place of the experiment on screen: of the finding chosen before, else the first."""
    names = [experiment.finding for experiment in panel]
    shown = state.read_value("finding", names[0], names.__contains__)
    return names.index(shown)


def _choose_finding(panel: Sequence[Experiment], reading: Reading) -> None:
    """Let the visitor choose whose heat maps and probabilities are on screen, also by the key F."""
    names = [experiment.finding for experiment in panel]
    with st.container(key="finding_on_screen"):
        st.segmented_control(
            "Heat maps and probabilities of", names, format_func=name_finding,
            help="Press F for the next finding.", required=True,
            **state.persist_widget("finding", names[0], names.__contains__),
        )  # fmt: skip
    page_scripts.listen_for_keys(_KEYS, "finding")
    if names.index(state.find_value("finding") or names[0]) != reading.place:
        st.rerun()


def show_placeholders(experiment: Experiment) -> None:
    """Show empty frames where the pictures will be."""
    with st.container(key="scan_places"):
        columns = st.columns(1 + len(experiment.frameworks), gap="small")
    for column, title in zip(
        columns, ("**Slice**", *map(components.name_framework, experiment.frameworks)), strict=True
    ):
        column.markdown(title)
        column.image(overlays.render_empty_frame(), width="stretch", alt="")


def show_limits(panel: Sequence[Experiment]) -> None:
    """Show what the positive classes mean and the limits on the experiments' cards."""
    for experiment in panel:
        components.show_meaning(experiment, panel)
    for place, experiment in enumerate(panel):
        named = f": {experiment.finding}" if len(panel) > 1 else ""
        with st.container(key=f"limits_{place}", border=True):
            st.markdown(f"**Limits{named}**")
            limits = list_limits(experiment, panel)
            st.markdown("\n".join(f"- {components.sentence(limit)}" for limit in limits))
    st.page_link("app_pages/model_card.py", label="Model card", icon=":material/description:")


def _choose_reference(experiment: Experiment) -> int | None:
    """Let the visitor choose a typical slice to compare with; return its label, or None."""
    names = [components.plain(name) for name in experiment.classes]
    chosen = st.segmented_control(
        "Compare with a typical slice", [_NO_REFERENCE, *names], default=_NO_REFERENCE, key="reference",
        required=True, persist_state="session",
    )  # fmt: skip
    return names.index(chosen) if chosen in names else None
