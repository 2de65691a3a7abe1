"""The tabs Learning and Slices of Compare: training history, and single slices."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from core.experiments import Experiment
from core.frameworks import TITLES
from dashboard.readings import samples
from dashboard.shared import WORDS, charts, components, figures, loaders, state


def show_learning(experiment: Experiment) -> None:
    """Show loss and accuracy by epoch."""
    history = loaders.history(experiment)
    with st.container(key="pair_learning"):
        columns = st.columns(len(experiment.frameworks), gap="large")
    for column, name in zip(columns, experiment.frameworks, strict=True):
        figure = charts.plot_learning(history, [name], state.palette())
        alt = f"Loss and accuracy of the {TITLES[name]} network by epoch"
        own = history[history["framework"] == name]
        with column:
            figures.show_figure(figure, f"learning_{name}", f"{experiment.name}-learning-{name}", alt, own)
    if experiment.card["protocol"]["folds"] > 1:
        st.caption(
            "Faint: each fold. Bold: mean of the folds. Marks: the epochs whose weights were kept. Training "
            "accuracy is measured on augmented slices, so it can be below validation accuracy."
        )


def show_samples(experiment: Experiment, level: str, thresholds: Mapping[str, float]) -> None:
    """Show a few test slices with both networks' probabilities and decisions."""
    shown = samples.sample_slices(experiment, state.sample_number())
    if shown is None:
        st.markdown(
            "The data set is not on this machine, so its images cannot be shown. "
            "Download it on the page *Data*, or with `stroke-ct download`."
        )
        return
    if not shown:
        st.markdown("The data set on this machine is not the one this experiment was trained on.")
        return
    if level == "patient":
        st.markdown("Single slices, at the networks' default thresholds for slices.")
        thresholds = {name: _usual_threshold(experiment, name) for name in experiment.frameworks}
    st.button("Show others", on_click=state.sample_again, icon=":material/shuffle:")
    with st.container(key="scan_samples"):
        for start in range(0, len(shown), 4):
            for column, sample in zip(st.columns(4, gap="small"), shown[start : start + 4], strict=False):
                with column:
                    _show_sample(experiment, sample, thresholds)


def _usual_threshold(experiment: Experiment, framework: str) -> float:
    rules = components.list_rules(experiment, "slice")
    rule = components.usual_rule(experiment, rules)
    return 0.5 if rule == "custom" else experiment.threshold(framework, "slice", rule)


def _show_sample(experiment: Experiment, sample: samples.Sample, thresholds: Mapping[str, float]) -> None:
    st.image(sample.picture, width="stretch", alt=f"Test slice {sample.file}")
    actual = components.name_decision(experiment, bool(sample.label))
    lines = [f"Actual: {actual}"]
    for name, cut in thresholds.items():
        probability = sample.probabilities[name]
        right = (probability >= cut) == bool(sample.label)
        sign = (
            f":green[{components.SIGNS['correct']}]"
            if right
            else f":{WORDS['positive']}[{components.SIGNS['wrong']}]"
        )
        predicted = components.name_decision(experiment, probability >= cut)
        lines.append(f"{components.name_framework(name)} {probability:.2f} {sign} {predicted}")
    st.markdown("  \n".join(lines))
    patient = f"patient {components.plain(sample.patient)}, " if sample.patient else ""
    st.caption(f"{patient}{components.plain(sample.file)}")
