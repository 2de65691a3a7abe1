"""The parts of the story that Overview and the tour are made of: one figure, and its words."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd
import streamlit as st

from core.errors import StrokeError
from core.experiments import SHIPPED, Experiment
from core.frameworks import TITLES
from dashboard.overview.story import ROLES, Levels, levels
from dashboard.overview.story_chart import StoryRow, height_of, plot_story
from dashboard.shared import charts, components, state, write_percent

Told = Mapping[str, tuple[Experiment, Levels]]  # by role


def measure(parts: Mapping[str, Experiment]) -> tuple[Told, list[StrokeError]]:
    """The figures of each part, and why one that is left out has none."""
    told, errors = {}, []
    for key, experiment in parts.items():
        try:
            found = levels(experiment)
        except StrokeError as error:
            errors.append(error)
            continue
        if found:
            told[key] = (experiment, found)
    return told, errors


def reserve(n_rows: int) -> None:
    """Where the figure will stand."""
    st.skeleton(height=height_of(n_rows))


def show_figure(told: Told, key: str, *, large: bool = False) -> None:
    """AUROC of every experiment on one axis; `large` for an audience, without its data."""
    rows, spoken, table = [], [], []
    for role in ROLES:
        if role.key not in told:
            continue
        experiment, found = told[role.key]
        # A role that another experiment than the project's own plays says whose figures these are.
        told_as = role.told if experiment.name in SHIPPED else f"{role.told}: {experiment.name}"
        rows.append(StoryRow(role.title, told_as, {name: level["auroc"] for name, level in found.items()}))
        for name, level in found.items():
            value, ends = level["auroc"]["value"], level["auroc"]["interval"] or (None, None)
            table.append((role.title, experiment.name, name, value, *ends))
            if value is not None:
                spoken.append(f"{role.title}, {TITLES[name]} {value:.2f}")
    figure = plot_story(rows, state.palette(), large=large)
    alt = f"AUROC with 95 % intervals; guessing gives 0.50. {'; '.join(spoken)}"
    with st.container(key=f"figure_{key}", gap=None):
        st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt)
        told_bars = "Bars: 95 % intervals, drawn over patients." + (
            " The first row's say nothing about new patients." if "famous" in told else ""
        )
        columns = ["role", "experiment", "framework", "auroc", "low", "high"]
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap=None
        ):
            st.caption(told_bars, width="content")
            if not large:
                components.offer_csv(pd.DataFrame(table, columns=columns), f"{key}.csv")


def show_words(told: Told) -> None:
    """The story in three sentences at most, one for each experiment that is here."""
    sentences = []
    if "famous" in told:
        sentences.append(
            f"**Famous:** accuracy {write_each(told['famous'][1], 'accuracy', True)}, on patients already met."
        )
    if "apart" in told:
        sentences.append(
            f"**Patients apart:** accuracy {write_each(told['apart'][1], 'accuracy', True)}, where "
            f"{write_guess(*told['apart'])}."
        )
    if "honest" in told:
        found = told["honest"][1]
        sentences.append(
            f"**Honest:** sensitivity {write_each(found, 'recall', True)}, specificity "
            f"{write_each(found, 'specificity', True)}."
        )
    st.markdown("  \n".join(sentences))


def show_missing(parts: Mapping[str, Experiment]) -> None:
    """Say which roles nobody plays, and how to train an experiment for them."""
    missing = [role for role in ROLES if role.key not in parts]
    if not missing:
        return
    named = "; ".join(f"{role.title.lower()} (labels {role.labels}, split {role.split})" for role in missing)
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Missing in this story: {named}.", width="content")
        st.page_link("app_pages/train.py", label="Train it", icon=":material/model_training:")


def write_each(found: Levels, key: str, percent: bool) -> str:
    """A figure of each network with its interval, as "PyTorch 91 % [84–96] and Keras ..."."""
    told = [
        f"{components.name_framework(name)} {components.write_figure(level[key], percent)}"
        for name, level in found.items()
    ]
    return " and ".join(told)


def write_guess(experiment: Experiment, found: Levels) -> str:
    """What always giving the commoner answer reaches, as "always answering “Normal” is right in 62 %"."""
    share = next(iter(found.values()))["prevalence"]
    commoner = components.plain(experiment.classes[int(share > 0.5)])
    return f"always answering “{commoner}” is right in {write_percent(max(share, 1 - share))}"
