"""A slice read live: the picture next to each network's heat map, probability and outcome."""

from __future__ import annotations

import streamlit as st

from core.experiments import Experiment
from core.frameworks import TITLES
from core.reading import decide
from core.reports import shorten_outcome
from dashboard.overview.held_out import Example
from dashboard.readings import CaseReading, pictures, session
from dashboard.shared import WORDS, components, figures, overlays

_OPACITY = 0.5


def show_reading(experiment: Experiment, example: Example, key: str) -> None:
    """Show the slice and its heat maps with each network's outcome at its operating point.

    For a slice of the data set the probability is the recorded out-of-sample one, and the heat map is from
    the same network.

    Raises:
        StrokeError: the networks cannot read it.
    """
    reading = _read(experiment, example)
    scores = example.scores or reading.probabilities
    with st.container(key=f"scan_{key}"):
        columns = st.columns(1 + len(scores), gap="small", vertical_alignment="bottom")
    with columns[0]:
        st.markdown(f"**Slice** :gray[label:]  \n{_name_label(experiment, example)}")
        st.image(overlays.to_gray(reading.picture), width="stretch", output_format="PNG", alt="The slice")
    for column, (name, score) in zip(columns[1:], scores.items(), strict=True):
        threshold = experiment.threshold(name)
        heat = overlays.scale_heat(reading.heats[name], score, threshold)
        with column:
            outcome = decide(score, threshold, experiment.review_band(name, threshold=threshold))
            st.markdown(
                f"{components.name_framework(name)} &ensp;**{score:.2f}**  \n"
                f"{components.name_outcome(outcome, shorten_outcome(outcome))}"
            )
            st.image(
                overlays.overlay_heat(reading.picture, heat, _OPACITY), width="stretch", output_format="PNG",
                alt=f"Heat map of the {TITLES[name]} network over the slice",
            )  # fmt: skip
    with st.container(horizontal=True, vertical_alignment="center"):
        figures.show_color_scale()
        st.caption("Heat maps", help=overlays.HEAT_WORDS, width="content")


def show_picture(experiment: Experiment, example: Example, key: str, alt: str) -> None:
    """Show the slice alone, large; errors as `show_reading`."""
    reading = _read(experiment, example)
    with st.container(key=f"scan_{key}"):
        st.image(overlays.to_gray(reading.picture), width="stretch", output_format="PNG", alt=alt)


def show_origin(experiment: Experiment, example: Example, prefix: str = "") -> None:
    """Say where the slice, its probabilities and its heat maps come from."""
    if example.scores is None:
        st.markdown(
            f":{WORDS['review']}[{components.SIGNS['warning']} **Synthetic:** {components.SYNTHETIC}]"
        )
        st.caption(list_thresholds(experiment))
        return
    unseen = "this patient" if experiment.card["protocol"]["split"] == "patient" else "this slice"
    text = f"Each probability and its heat map are from a network that was not trained on {unseen}."
    st.caption(f"{prefix}{components.plain(example.file)}. {text} {list_thresholds(experiment)}")


def list_thresholds(experiment: Experiment) -> str:
    """Return the networks' thresholds: without them a positive result at a probability of 0.2 looks wrong."""
    cuts = (f"{TITLES[name]} {experiment.threshold(name):.2f}" for name in experiment.frameworks)
    return f"Decision thresholds: {', '.join(cuts)}."


def answers(experiment: Experiment, example: Example) -> dict[str, tuple[float, int]]:
    """Return each network's probability and decision (0 or 1) at its operating point; errors as above."""
    scores = example.scores or _read(experiment, example).probabilities
    return {name: (score, int(score >= experiment.threshold(name))) for name, score in scores.items()}


def _read(experiment: Experiment, example: Example) -> CaseReading:
    """Return the slice as read by the networks that gave its scores."""
    if example.scores is not None:
        return pictures.read_held_out(experiment, example.upload.data, example.sha256, example.fold)
    return pictures.to_case(session.read_upload(experiment, example.upload))


def _name_label(experiment: Experiment, example: Example) -> str:
    if example.scores is None:
        return f":gray[{'simulated hemorrhage' if example.label else 'no simulated hemorrhage'}]"
    return components.name_decision(experiment, bool(example.label))
