"""One scan on Read a scan: the verdict, how sure, where the networks look, and what they have never seen."""

from __future__ import annotations

import numpy as np
import streamlit as st

from core.experiments import Experiment
from core.prediction import SliceFinding
from core.scan_reports import LET_THROUGH
from core.scans import Marks
from dashboard import components, loaders, overlays, page_scripts, state, study_view
from dashboard.overlays import ScaleRow
from dashboard.palette import TITLES, WORDS
from dashboard.readings import Reading

_KEYS = {"h": ".st-key-heat_shown input"}
_NO_REFERENCE = "None"


@st.fragment
def show_reading(experiment: Experiment, reading: Reading) -> None:
    """Show a reading, decided at the chosen operating points; verdict first."""
    is_study = len(reading.findings.slices) > 1
    with st.container(key="pair_verdict"):
        verdict, scales = st.columns([1.1, 1], gap="medium")
    finding = study_view.choose_slice(experiment, reading) if is_study else reading.findings.slices[0]
    window = study_view.choose_window(reading)
    picture = reading.picture(finding.index, window)
    with verdict:
        if is_study:
            study_view.show_verdict(experiment, reading.findings)
        else:
            _show_verdict(experiment, finding)
        with st.container(key="name_of_scan"):
            st.text(reading.name)
    with scales, st.container(key="scales"):
        rows = [
            ScaleRow(n, m.probability, m.threshold, experiment.review_band(n, threshold=m.threshold))
            for n, m in finding.models.items()
        ]
        told = ". ".join(row.tell() for row in rows)
        if is_study:
            st.caption(f"Slice {finding.index + 1} alone")
        st.image(overlays.draw_scales(rows, state.palette()), width="stretch", alt=told)
    if reading.synthetic:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']}] **Synthetic:** drawn by this program, no "
            "person's scan. It shows how the page works, not how well the networks read."
        )
    let_through = [LET_THROUGH] if reading.findings.overridden else []
    components.show_remarks((*let_through, *finding.gate.reasons, *finding.warnings))
    if place := study_view.tell_place(reading, finding):
        st.markdown(place)
    pictures = st.container(key="scan_pictures")
    shown, opacity, label = _choose_looks(experiment)
    with pictures:
        _show_pictures(
            experiment, finding, picture, opacity if shown else 0.0, label, reading.technical.marks
        )
    page_scripts.listen_for_keys(_KEYS, "viewer")


def show_limits(experiment: Experiment) -> None:
    """What the networks were made for, and what they have never seen; from the experiment's card."""
    components.show_meaning(experiment)
    with st.container(key="limits", border=True):
        st.markdown("**What these networks have never seen**")
        st.markdown("\n".join(f"- {components.sentence(limit)}" for limit in experiment.card["limits"]))
        st.page_link("app_pages/model_card.py", label="The model card", icon=":material/description:")


def _show_verdict(experiment: Experiment, finding: SliceFinding) -> None:
    """First what both say together, in one line."""
    if finding.agree:
        together = "Both networks agree." if len(finding.models) > 1 else "By one network."
        positive = next(iter(finding.models.values())).positive
        st.header(components.name_decision(experiment, positive), anchor=False)
    else:
        together = ", ".join(
            f"{components.name_framework(name)} says {components.name_decision(experiment, model.positive)}"
            for name, model in finding.models.items()
        )
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
    near = [components.name_framework(name) for name, model in finding.models.items() if model.review]
    doubt = (
        f"  \n:{WORDS['review']}[{components.SIGNS['review']} **Needs review:**] too near to the operating "
        f"point of {' and '.join(near)} to decide."
    )
    st.markdown(together + (doubt if near else ""))


def _choose_looks(experiment: Experiment) -> tuple[bool, float, int | None]:
    """Heat maps on or off, their opacity, and the label of the slice to compare with."""
    with st.container(key="heat_controls", horizontal=True, vertical_alignment="bottom", gap="medium"):
        shown = st.toggle("Heat maps (key H)", True, key="heat_shown", persist_state="session")
        opacity = st.slider(
            "Heat map opacity", 0.0, 1.0, 0.5, 0.05, key="opacity", persist_state="session", width=160,
            disabled=not shown,
        )  # fmt: skip
        with st.container(width=230, gap=None):
            st.caption("Heat: 0 (none) to 1 (strongest here)")
            st.image(overlays.draw_color_bar(), width="stretch", alt="Colour scale of heat, from 0 to 1")
        asked = st.segmented_control(
            "Compare with a typical slice", [_NO_REFERENCE, *map(components.plain, experiment.classes)],
            default=_NO_REFERENCE, key="reference", required=True, persist_state="session",
        )  # fmt: skip
    names = [components.plain(name) for name in experiment.classes]
    return shown, opacity, names.index(asked) if asked in names else None


def _show_pictures(
    experiment: Experiment,
    finding: SliceFinding,
    picture: np.ndarray,
    opacity: float,
    label: int | None,
    marks: Marks | None,
) -> None:
    columns = st.columns(1 + len(finding.models) + (label is not None), gap="small")
    with columns[0]:
        st.markdown("**Slice**")
        st.image(
            overlays.mark_sides(overlays.to_gray(picture), marks), width="stretch", output_format="PNG",
            alt="The slice as handed in" + (f"; {marks[0]} is on the left" if marks else ""),
        )  # fmt: skip
    for column, (name, model) in zip(columns[1:], finding.models.items(), strict=False):
        with column:
            decision = components.name_decision(experiment, model.positive)
            doubt = (
                f"&ensp; :{WORDS['review']}[{components.SIGNS['review']} needs review]"
                if model.review
                else ""
            )
            st.markdown(
                f"{components.name_framework(name)} &ensp;**{model.probability:.2f}**&ensp; {decision}{doubt}"
            )
            st.image(
                overlays.lay_heat(picture, model.heat, opacity), width="stretch", output_format="PNG",
                alt=f"Heat map of the {TITLES[name]} network over the slice",
            )  # fmt: skip
            if not model.heat.any():
                st.caption(f"No heat: nothing here speaks for {components.plain(experiment.classes[1])}.")
    if label is not None:
        with columns[-1]:
            _show_reference(experiment, label)
    st.caption(
        "Each heat map is scaled to its own strongest point: it shows where a network looks, not how "
        "sure it is."
    )


def _show_reference(experiment: Experiment, label: int) -> None:
    reference = loaders.reference(experiment, label)
    if reference.file is None:
        planted = "with a planted bright spot" if label else "without a spot"
        st.markdown("**Phantom**")
        told = f"Drawn by this program, {planted}: the data set is not on this machine."
    else:
        st.markdown(f"**Typical** {components.name_decision(experiment, bool(label))}")
        said = ", ".join(f"{TITLES[name]} {value:.2f}" for name, value in reference.probabilities.items())
        told = f"{components.plain(reference.file)} of the data set, held out: {said}."
    st.image(
        overlays.to_gray(reference.picture), width="stretch", output_format="PNG",
        alt="A slice to compare with",
    )  # fmt: skip
    st.caption(told)
