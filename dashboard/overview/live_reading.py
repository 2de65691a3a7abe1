"""A slice read live: the picture next to each network's heat map, probability and decision."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.frameworks import TITLES
from core.reading import SliceFinding
from dashboard.overview.held_out import Example
from dashboard.readings import session
from dashboard.shared import WORDS, components, overlays

_OPACITY = 0.5


def show_reading(experiment: Experiment, example: Example, key: str) -> None:
    """Show the slice and its heat maps with each network's decision at its operating point.

    For a slice of the data set the probability is the recorded out-of-sample one.
    """
    reading = session.read_upload(experiment, example.upload)
    if reading.findings is None:
        components.show_error(reading.refusal)
        return
    finding, picture = reading.findings.slices[0], reading.picture(0)
    with st.container(key=f"scan_{key}"):
        columns = st.columns(1 + len(finding.models), gap="small")
    with columns[0]:
        st.markdown(f"**Slice** :gray[label:]  \n{_name_label(experiment, example)}")
        st.image(overlays.to_gray(picture), width="stretch", output_format="PNG", alt="The slice")
    scores = choose_scores(finding, example)
    for column, (name, model) in zip(columns[1:], finding.models.items(), strict=True):
        positive = scores[name] >= experiment.threshold(name)
        with column:
            st.markdown(
                f"{components.name_framework(name)} &ensp;**{scores[name]:.2f}**  \n"
                f"{components.name_decision(experiment, positive)}"
            )
            st.image(
                overlays.overlay_heat(picture, model.heat, _OPACITY), width="stretch", output_format="PNG",
                alt=f"Heat map of the {TITLES[name]} network over the slice",
            )  # fmt: skip


def show_picture(experiment: Experiment, example: Example, key: str, alt: str) -> None:
    """Show the slice alone, large."""
    reading = session.read_upload(experiment, example.upload)
    if reading.findings is None:
        components.show_error(reading.refusal)
        return
    with st.container(key=f"scan_{key}"):
        st.image(overlays.to_gray(reading.picture(0)), width="stretch", output_format="PNG", alt=alt)


def show_origin(experiment: Experiment, example: Example, prefix: str = "") -> None:
    """Say where the slice, its probabilities and its heat maps come from."""
    if example.scores is None:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']} **Synthetic:** {components.SYNTHETIC}]"
        )
        st.caption(_list_thresholds(experiment))
        return
    unseen = "this patient" if experiment.card["protocol"]["split"] == "patient" else "this slice"
    n_folds = experiment.card["protocol"]["folds"]
    networks = (
        f"Each framework has {n_folds} networks. The probability is from the one that never saw {unseen}, "
        f"the heat map from all {n_folds}; some of them trained on this slice."
        if n_folds > 1
        else f"The networks never saw {unseen}."
    )
    st.caption(f"{prefix}{components.plain(example.file)}. {networks} {_list_thresholds(experiment)}")


def _list_thresholds(experiment: Experiment) -> str:
    """Return the networks' thresholds: without them a positive result at a probability of 0.2 looks wrong."""
    cuts = (f"{TITLES[name]} {experiment.threshold(name):.2f}" for name in experiment.frameworks)
    return f"Decision thresholds: {', '.join(cuts)}."


def choose_scores(finding: SliceFinding, example: Example) -> dict[str, float]:
    """Return each network's probability: the recorded one, or for a synthetic slice the computed one."""
    return example.scores or {name: model.probability for name, model in finding.models.items()}


def answers(experiment: Experiment, example: Example) -> dict[str, tuple[float, int]]:
    """Return each network's probability and decision (0 or 1) at its operating point."""
    scores = example.scores
    if scores is None:
        findings = session.read_upload(experiment, example.upload).findings
        scores = choose_scores(findings.slices[0], example) if findings else {}
    return {name: (score, int(score >= experiment.threshold(name))) for name, score in scores.items()}


def _name_label(experiment: Experiment, example: Example) -> str:
    if example.scores is None:
        return f":gray[{'simulated hemorrhage' if example.label else 'no simulated hemorrhage'}]"
    return components.name_decision(experiment, bool(example.label))
