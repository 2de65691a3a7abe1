"""The story of the three experiments on Overview and in the tour: one figure and its sentences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import StrokeError
from core.experiments import SHIPPED, Experiment, find_published_source
from core.frameworks import TITLES
from dashboard.overview.elsewhere import TITLE, Place
from dashboard.overview.story import ROLES, Levels, read_levels
from dashboard.overview.story_chart import StoryRow, height_of, plot_story
from dashboard.shared import charts, components, state, write_percent

Roles = Mapping[str, tuple[Experiment, Levels]]  # by role


def read_parts(parts: Mapping[str, Experiment]) -> tuple[Roles, list[StrokeError]]:
    """Return each role's experiment with its figures, and the errors of those that cannot be read."""
    roles, errors = {}, []
    for key, experiment in parts.items():
        try:
            found = read_levels(experiment)
        except StrokeError as error:
            errors.append(error)
            continue
        if found:
            roles[key] = (experiment, found)
    return roles, errors


def reserve_space(n_rows: int) -> None:
    """Show a placeholder of the figure's height."""
    st.skeleton(height=height_of(n_rows))


def show_story(roles: Roles, key: str, places: Sequence[Place] = (), *, large: bool = False) -> None:
    """Show the AUROC of every experiment on one axis, and of the default one at other places.

    Args:
        roles: the experiments.
        key: of the figure.
        places: of the default experiment; those without an AUROC are not shown.
        large: for an audience, without the CSV file.
    """
    rows, spoken, table = [], [], []
    for role in ROLES:
        if role.key not in roles:
            continue
        experiment, found = roles[role.key]
        # Name the experiment unless it is one of the project's own.
        subtitle = role.subtitle
        if role.key == "honest" and "apart" in roles:
            ours, theirs = (one.card["protocol"]["architecture"] for one in (experiment, roles["apart"][0]))
            subtitle += ", another network" if ours != theirs else ""
            if find_published_source(experiment):
                subtitle = "patients kept apart, more hospitals"
        subtitle = subtitle if experiment.name in SHIPPED else f"{subtitle}: {experiment.name}"
        rows.append(StoryRow(role.title, subtitle, {name: level["auroc"] for name, level in found.items()}))
        for name, level in found.items():
            value, ends = level["auroc"]["value"], level["auroc"]["interval"] or (None, None)
            table.append((role.title, experiment.name, name, value, *ends))
            if value is not None:
                spoken.append(f"{role.title}, {TITLES[name]} {value:.2f}")
    for place in places:
        if not place.has_area:
            continue
        rows.append(place.row)
        for name, level in place.levels.items():
            value, ends = level["auroc"]["value"], level["auroc"]["interval"] or (None, None)
            table.append((TITLE, place.name, name, value, *ends))
            if value is not None:
                spoken.append(f"{place.title}, {TITLES[name]} {value:.2f}")
    figure = plot_story(rows, state.palette(), large=large)
    alt = f"AUROC with 95 % intervals; chance is 0.50. {'; '.join(spoken)}"
    with st.container(key=f"figure_{key}", gap=None):
        st.plotly_chart(figure, key=key, config=charts.CONFIG, alt=alt)
        units = "patients (over slices where they are unknown)" if places else "patients"
        bars = f"Bars: 95 % intervals, bootstrap over {units}." + (
            " The first row says little about new patients." if "famous" in roles else ""
        )
        columns = ["role", "experiment", "framework", "auroc", "low", "high"]
        with st.container(
            horizontal=True, vertical_alignment="center", horizontal_alignment="distribute", gap=None
        ):
            st.caption(bars, width="content")
            if not large:
                components.offer_csv(pd.DataFrame(table, columns=columns), f"{key}.csv")


def show_words(roles: Roles) -> None:
    """Show one sentence for each experiment."""
    sentences = []
    if "famous" in roles:
        sentences.append(
            f"**Published method, repeated here:** accuracy "
            f"{write_each(roles['famous'][1], 'accuracy', True)}, on patients seen in training."
        )
    if "apart" in roles:
        sentences.append(
            f"**Patients apart:** accuracy {write_each(roles['apart'][1], 'accuracy', True)}; "
            f"{write_guess(*roles['apart'])}."
        )
    if "honest" in roles:
        found = roles["honest"][1]
        sentences.append(
            f"**Slice labels, patients apart:** sensitivity {write_each(found, 'recall', True)}, "
            f"specificity {write_each(found, 'specificity', True)}."
        )
    st.markdown("  \n".join(sentences))


def show_missing(parts: Mapping[str, Experiment]) -> None:
    """Say which roles no experiment has, and link to the page Train."""
    missing = [role for role in ROLES if role.key not in parts]
    if not missing:
        return
    named = "; ".join(
        f"“{role.title}” ({role.labels} labels, split by {'patient' if role.split == 'patient' else 'slice'})"
        for role in missing
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Experiments missing here: {named}.", width="content")
        st.page_link("app_pages/train.py", label="Train", icon=":material/model_training:")


def write_each(found: Levels, key: str, percent: bool) -> str:
    """Return a figure of each network with its interval: "PyTorch 91 % [84–96] and Keras ..."."""
    return " and ".join(
        f"{components.name_framework(name)} {_write_figure(level, key, percent)}"
        for name, level in found.items()
    )


def write_in_each(found: Levels, key: str, percent: bool) -> str:
    """Return a figure of each network with its interval: "91 % [84–96] in PyTorch and ..."."""
    return " and ".join(
        f"{_write_figure(level, key, percent)} in {components.name_framework(name)}"
        for name, level in found.items()
    )


def _write_figure(level: Mapping[str, Any], key: str, percent: bool) -> str:
    text = components.write_figure(level[key], percent)
    confusion = level["operating_points"][level["rule"]]["confusion"]
    if key == "accuracy" and not confusion["fp"] + confusion["fn"]:
        return text.replace("(no interval)", "(no errors, so no interval)")
    return text


def write_guess(experiment: Experiment, found: Levels) -> str:
    """Return "always answering “Normal” would be right for 62 % of slices", for the majority class."""
    share = next(iter(found.values()))["prevalence"]
    majority = components.plain(name_majority(experiment, found))
    return (
        f"always answering “{majority}” would be right for {write_percent(max(share, 1 - share))} of slices"
    )


def name_majority(experiment: Experiment, found: Levels) -> str:
    """Return the name of the more frequent class, not escaped."""
    return experiment.classes[int(next(iter(found.values()))["prevalence"] > 0.5)]
