"""Read a scan: drop files in, see what both networks make of each."""

from __future__ import annotations

import time
from typing import NamedTuple

import streamlit as st

from core.evaluation.review import Band, in_band
from core.experiments import Experiment
from core.prediction import SliceFinding
from dashboard import components, loaders, overlays, state
from dashboard.loaders import Reading
from dashboard.palette import TITLES, WORDS

_TYPES = ["jpg", "jpeg", "png", "tif", "tiff", "bmp", "webp"]
_MOST_REFUSALS = 3
_PATIENCE_S = 0.4
_LEAD = (
    "Drop in head CT slices. A PyTorch and a Keras network, trained on the same slices, read each of them."
)


class Said(NamedTuple):
    """What a network says of a slice at the chosen operating point."""

    probability: float
    positive: bool
    review: bool  # too near to the operating point to decide


Verdict = dict[str, Said]  # by framework
Rules = dict[str, tuple[float, Band | None]]  # by framework: operating point, and the review band around it


def draw_page() -> None:
    """Lay the page out: files and settings on the left, the chosen scan on the right."""
    with st.container(key="rail_and_viewer"):
        rail, viewer = st.columns([1, 3.6], gap="large")
    with rail:
        uploads = _take_files()
        worklist, refusals = st.container(), st.container()
        experiment = components.choose_experiment()
        if experiment is None:
            return
        thresholds = components.choose_thresholds(experiment)
        bands = loaders.review_bands(experiment, thresholds)
        rules: Rules = {name: (cut, bands[name]) for name, cut in thresholds.items()}
    with viewer:
        readings = _read_all(experiment, uploads) if uploads else []
        read = sorted((r for r in readings if r.findings is not None), key=_urgency, reverse=True)
        with refusals:
            _show_refusals([reading for reading in readings if reading.refusal is not None])
        if read:
            with worklist:
                chosen = _choose(read, rules)
            _show_reading(experiment, chosen, rules)
        else:
            _invite(experiment)
            components.show_meaning(experiment)


def _take_files() -> list[loaders.Upload]:
    files = st.file_uploader(
        "Drop head CT slices here", type=_TYPES, accept_multiple_files=True, key="files",
        help="JPEG, PNG, TIFF, BMP or WebP. Files stay in this computer's memory and are not stored.",
    )  # fmt: skip
    uploads = loaders.received(files)
    if state.samples_shown():
        st.button("Remove the synthetic scans", on_click=state.hide_samples, width="stretch")
        uploads += loaders.samples()
    return loaders.tell_apart(uploads)


def _invite(experiment: Experiment) -> None:
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.markdown(
            "### Drop a head CT slice to begin\nSee where each network looks, and whether the two agree."
        )
        st.button("No scan at hand? Show synthetic ones", on_click=state.show_samples, type="primary")
    with st.container(key="scan_places"):
        columns = st.columns(1 + len(experiment.frameworks), gap="small")
    for column, title in zip(
        columns, ("**Slice**", *map(components.name_framework, experiment.frameworks)), strict=True
    ):
        column.markdown(title)
        column.image(overlays.draw_empty_frame(), width="stretch", alt="")


def _show_refusals(refused: list[Reading]) -> None:
    for reading in refused[:_MOST_REFUSALS]:
        components.show_error(reading.refusal, subject=reading.name)
    if len(refused) > _MOST_REFUSALS:
        with st.expander(f"{len(refused) - _MOST_REFUSALS} more files were not read"):
            for reading in refused[_MOST_REFUSALS:]:
                components.show_error(reading.refusal, subject=reading.name)


def _read_all(experiment: Experiment, uploads: list[loaders.Upload]) -> list[Reading]:
    place, started = st.empty(), time.monotonic()
    readings = []
    for number, upload in enumerate(uploads, start=1):
        # What was read before comes at once; a bar that flashes by would only make the page jump.
        if time.monotonic() - started > _PATIENCE_S:
            place.progress((number - 1) / len(uploads), f"Reading {number} of {len(uploads)}")
        readings.append(loaders.read_upload(experiment, upload))
    place.empty()
    return readings


def _urgency(reading: Reading) -> float:
    """The highest probability of any slice and network: the most suspicious scan comes first."""
    return max(m.probability for s in reading.findings.slices for m in s.models.values())


def _judge(finding: SliceFinding, rules: Rules) -> Verdict:
    verdict = {}
    for name, (cut, band) in rules.items():
        probability = finding.models[name].probability
        review = band is not None and bool(in_band(probability, band))
        verdict[name] = Said(probability, probability >= cut, review)
    return verdict


def _choose(read: list[Reading], rules: Rules) -> Reading:
    """The worklist, most suspicious first; arrow keys move in it. The chosen scan stays when others come."""
    if len(read) == 1:
        return read[0]
    listed = {components.plain(reading.name): reading for reading in read}
    captions = []
    for reading in read:
        worst = max(reading.findings.slices, key=lambda s: max(m.probability for m in s.models.values()))
        verdict = _judge(worst, rules)
        signs = [f":{WORDS[name]}[{TITLES[name]} {said.probability:.2f}]" for name, said in verdict.items()]
        doubts = [
            components.SIGNS[doubt]
            for doubt, there in (
                ("disagree", len({said.positive for said in verdict.values()}) > 1),
                ("review", any(said.review for said in verdict.values())),
            )
            if there
        ]
        captions.append(" ".join([" · ".join(signs), *doubts]))
    with st.container(height=320 if len(read) > 5 else "content", border=False):
        label = "Worklist, highest probability first"
        return listed[st.radio(label, list(listed), captions=captions, key="worklist")]


@st.fragment
def _show_reading(experiment: Experiment, reading: Reading, rules: Rules) -> None:
    slices = reading.findings.slices
    index = 0
    if len(slices) > 1:
        index = st.slider("Slice", 1, len(slices), key="slice") - 1
    finding, picture = slices[index], reading.pictures[index]
    verdict = _judge(finding, rules)
    _show_verdict(experiment, verdict)
    with st.container(key="name_of_scan"):
        st.text(reading.name)
    if reading.synthetic:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']}] **Synthetic:** drawn by this program, no "
            "person's "
            "scan. It shows how the page works, not how well the networks read."
        )
    components.show_remarks(finding.warnings)
    pictures = st.container(key="scan_pictures")
    with st.container(key="heat_controls", horizontal=True, vertical_alignment="bottom", gap="large"):
        opacity = st.slider(
            "Heat map opacity", 0.0, 1.0, 0.5, 0.05, key="opacity", persist_state="session", width=260
        )
        with st.container(width=320, gap=None):
            st.caption("Heat from 0 (none) to 1 (strongest in this slice)")
            st.image(overlays.draw_color_bar(), width="stretch", alt="Colour scale of heat, from 0 to 1")
    with pictures:
        columns = st.columns(1 + len(finding.models), gap="small")
    with columns[0]:
        st.markdown("**Slice**")
        st.image(
            overlays.to_gray(picture), width="stretch", output_format="PNG", alt="The slice as handed in"
        )
    for column, (name, model) in zip(columns[1:], finding.models.items(), strict=True):
        probability, positive, review = verdict[name]
        cut, band = rules[name]
        with column:
            decision = components.name_decision(experiment, positive)
            doubt = f"&ensp; :{WORDS['review']}[{components.SIGNS['review']} needs review]" if review else ""
            st.markdown(
                f"{components.name_framework(name)} &ensp;**{probability:.2f}**&ensp; {decision}{doubt}"
            )
            st.image(
                overlays.lay_heat(picture, model.heat, opacity), width="stretch", output_format="PNG",
                alt=f"Heat map of the {TITLES[name]} network over the slice",
            )  # fmt: skip
            if not model.heat.any():
                st.caption(f"No heat: nothing here speaks for {components.plain(experiment.classes[1])}.")
            scale = overlays.draw_scale(probability, cut, name, state.palette(), band)
            with st.container(key=f"scale_{name}"):
                told = f"{TITLES[name]}: {probability:.2f}, operating point {cut:.2f}"
                told += f", needs review from {band[0]:.2f} to {band[1]:.2f}" if band else ""
                st.image(scale, width="stretch", alt=told)
    components.show_meaning(experiment)
    st.caption(
        "Each heat map is scaled to its own strongest point: it shows where a network looks, not how "
        "sure it is."
    )


def _show_verdict(experiment: Experiment, verdict: Verdict) -> None:
    """First what both say together, in one line."""
    sides = [said.positive for said in verdict.values()]
    if len(set(sides)) > 1:
        said = ", ".join(
            f"{components.name_framework(name)} says {components.name_decision(experiment, said.positive)}"
            for name, said in verdict.items()
        )
        st.header(f":{WORDS['review']}[{components.SIGNS['disagree']} The networks disagree]", anchor=False)
        st.markdown(said)
    else:
        together = "Both networks agree" if len(sides) > 1 else "By one network"
        st.header(components.name_decision(experiment, sides[0]), anchor=False)
        st.markdown(f"{together}.")
    near = [components.name_framework(name) for name, said in verdict.items() if said.review]
    if near:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['review']} **Needs review:**] too near to the operating "
            f"point of {' and '.join(near)} to decide."
        )


with components.page("Read a scan", _LEAD):
    draw_page()
