"""One scan on Read a scan: verdict, probabilities, warnings, viewer, and the limits of the networks."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.reading import SliceFinding
from core.reports import OVERRIDE_NOTE
from dashboard.read import stack_viewer, study_view
from dashboard.readings import Reading, samples
from dashboard.shared import WORDS, ScaleRow, components, overlays, state

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
    """Show the parts that depend on the slice; only these rerun when the visitor rests on another slice."""
    is_study = unfinished or len(reading.findings.slices) > 1
    finding, go_to = study_view.choose_slice(reading)
    with st.container(key="pair_verdict"):
        verdict, scales = st.columns([1.1, 1], gap="medium")
    with verdict:
        if is_study:
            study_view.show_verdict(experiment, reading.findings, unfinished=unfinished)
        else:
            _show_verdict(experiment, finding)
        with st.container(key="name_of_scan"):
            st.text(reading.name)
    with scales, st.container(key="scales"):
        rows = [
            ScaleRow(n, m.probability, m.threshold, experiment.review_band(n, threshold=m.threshold))
            for n, m in finding.models.items()
        ]
        text = ". ".join(row.describe() for row in rows)
        if is_study:
            st.caption(f"Slice {finding.index + 1} only")
        st.image(overlays.render_scales(rows, state.palette()), width="stretch", alt=text)
    overridden = [OVERRIDE_NOTE] if reading.findings.overridden else []
    # In a study, a slice's reasons are shown next to the slice: here they would move the pictures.
    reasons = () if is_study else finding.gate.reasons
    with scales:
        components.show_remarks((*overridden, *reasons, *finding.warnings))
    if reading.synthetic:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']}] **Synthetic:** " + components.SYNTHETIC
        )
    viewer = st.container()
    label = _choose_reference(experiment)
    reference = None if label is None else samples.find_reference(experiment, label)
    with viewer:
        stack_viewer.show_stack(experiment, reading, finding, rest=go_to, reference=reference)
        st.caption(
            "Heat maps show where a network looked; they do not outline a lesion. Colors are scaled for each "
            "map: compare locations, not brightness."
        )


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
        st.markdown("\n".join(f"- {components.sentence(limit)}" for limit in experiment.card["limits"]))
        st.page_link("app_pages/model_card.py", label="Model card", icon=":material/description:")


def _show_verdict(experiment: Experiment, finding: SliceFinding) -> None:
    """Show the decision of both networks on one slice."""
    if finding.agree:
        summary = "Both networks agree." if len(finding.models) > 1 else "Read by one network."
        positive = next(iter(finding.models.values())).positive
        st.header(components.name_decision(experiment, positive), anchor=False)
    else:
        summary = ", ".join(
            f"{components.name_framework(name)}: {components.name_decision(experiment, model.positive)}"
            for name, model in finding.models.items()
        )
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
    near = [components.name_framework(name) for name, model in finding.models.items() if model.review]
    review = (
        f"  \n:{WORDS['review']}[{components.SIGNS['review']} **Needs review:**] the probability is close to "
        f"the threshold of {' and '.join(near)}."
    )
    st.markdown(summary + (review if near else ""))


def _choose_reference(experiment: Experiment) -> int | None:
    """Let the visitor choose a typical slice to compare with; return its label, or None."""
    names = [components.plain(name) for name in experiment.classes]
    chosen = st.segmented_control(
        "Compare with a typical slice", [_NO_REFERENCE, *names], default=_NO_REFERENCE, key="reference",
        required=True, persist_state="session",
    )  # fmt: skip
    return names.index(chosen) if chosen in names else None
