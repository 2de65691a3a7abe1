"""The steps of the tour, made of the same live parts as the pages."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import streamlit as st

from core.audit import sample_shared_pairs, tabulate_split
from core.datasets import Fold
from core.experiments import Experiment, list_limits
from core.frameworks import TITLES
from core.reports import describe_flags
from dashboard.overview import elsewhere, held_out, live_reading, story, story_parts
from dashboard.readings import samples
from dashboard.shared import Mark, charts, components, loaders, mark_charts, overlays, state, write_percent

_PICTURE_PX = 320
_FIGURE_PX = 320


class Step(NamedTuple):
    """A step of the tour; `show` is given the default experiment and all experiments."""

    title: str
    lead: str
    show: Callable[[Experiment, list[Experiment]], None]


def _show_reading(experiment: Experiment, found: list[Experiment]) -> None:
    example = held_out.pick_typical(experiment, 0)
    live_reading.show_reading(experiment, example, "tour")
    live_reading.show_origin(experiment, example)


def _show_famous(_: Experiment, found: list[Experiment]) -> None:
    experiment = _find_role(found, "famous")
    if experiment is None:
        return
    levels = story.read_levels(experiment)
    with st.container(key="tour_numbers"):
        columns = st.columns(max(len(levels), 1), gap="large")
    for column, (name, level) in zip(columns, levels.items(), strict=True):
        counts = level["operating_points"][level["rule"]]["confusion"]
        wrong = counts["fp"] + counts["fn"]
        with column, st.container(border=True):
            st.markdown(components.name_framework(name))
            value = level["accuracy"]["value"]
            st.markdown(f"# {'–' if value is None else write_percent(value)}")
            ends = level["accuracy"]["interval"]
            spread = f" [{100 * ends[0]:.0f}–{100 * ends[1]:.0f} %]" if ends else ""
            st.markdown(f"accuracy{spread}: **{wrong:,}** of {level['n']:,} test slices misread")
    st.markdown(
        "The usual published method: label each slice by its folder, split the slices at random into "
        "training and test, train a small network."
    )
    _show_strip(experiment)


def _show_strip(experiment: Experiment) -> None:
    """Show some of these test slices with both networks' results; nothing if the data set is not here."""
    shown = samples.sample_slices(experiment, 0)
    if not shown:
        return
    cuts = {name: experiment.threshold(name) for name in experiment.frameworks}
    with st.container(key="scan_strip"):
        columns = st.columns(len(shown), gap="small")
    for column, sample in zip(columns, shown, strict=True):
        with column:
            st.image(sample.picture, width="stretch", alt=f"Test slice {sample.file}")
            results = [
                f"{components.name_framework(name)} {score:.2f} "
                + components.SIGNS["correct" if (score >= cuts[name]) == bool(sample.label) else "wrong"]
                for name, score in sample.probabilities.items()
            ]
            name = components.name_decision(experiment, bool(sample.label))
            st.markdown("  \n".join([name, *results]))
    st.caption(live_reading.list_thresholds(experiment))


def _show_leak(_: Experiment, found: list[Experiment]) -> None:
    experiment = _find_role(found, "famous")
    if experiment is None:
        return
    shared = loaders.share_of_leaks(experiment)
    if shared is None:
        st.markdown("The file names of this data set do not name patients, so leakage cannot be measured.")
        return
    table = loaders.slices(experiment)
    part = table["fold_0"].to_numpy()
    fold = Fold(*(np.flatnonzero(part == name) for name in ("train", "validation", "test")))
    sides = tabulate_split(table, fold)
    st.markdown(
        f"**{write_percent(shared)}** of the test slices have a slice of the same patient in training. A "
        "network can recognize the head and repeat the label that it learned for it."
    )
    with st.container(key="pair_tour_leak"):
        left, right = st.columns([1.9, 1], gap="large")
    negative, positive = (charts.shorten(name) for name in experiment.classes)
    with left:
        figure = mark_charts.plot_sides(sides, (negative, positive), state.palette())
        st.plotly_chart(
            figure.update_layout(height=_FIGURE_PX + 60), key="tour_sides", config=charts.CONFIG,
            alt=f"Each column is a patient, each cell a slice of the test or of training: "
            f"{write_percent(shared)} of the test slices share their patient with training",
        )  # fmt: skip
    with right:
        _show_neighbours(experiment, fold)


def _show_neighbours(experiment: Experiment, fold: Fold) -> None:
    table = loaders.slices(experiment)
    hashes = dict(zip(table["file"], table["sha256"], strict=True))
    for pair in sample_shared_pairs(table, fold, 1):
        files = (("Test", pair.test_file), ("Training", pair.training_file))
        pictures = [held_out.find_picture(file, hashes[file], _PICTURE_PX) for _, file in files]
        with st.container(key="scan_neighbours"):
            columns = st.columns(2, gap="small")
        for column, (title, file), picture in zip(columns, files, pictures, strict=True):
            with column:
                st.image(picture or overlays.render_empty_frame(_PICTURE_PX), width="stretch", alt=title)
                st.markdown(f"**{title}**  \n:gray[{components.plain(file)}]")
        if None in pictures:
            st.caption("The images appear once the data set is on this machine: see the page *Data*.")


def _show_apart(_: Experiment, found: list[Experiment]) -> None:
    parts = {key: one for key, one in story.assign_roles(found).items() if key != "honest"}
    roles, errors = story_parts.read_parts(parts)
    for error in errors:
        components.show_error(error)
    marks = []
    for role in story.ROLES[:2]:
        for name, level in roles[role.key][1].items() if role.key in roles else ():
            ends = level["accuracy"]["interval"] or (None, None)
            majority = max(level["prevalence"], 1 - level["prevalence"])
            if level["accuracy"]["value"] is not None:
                row = role.subtitle.capitalize()
                marks.append(Mark(row, name, level["accuracy"]["value"], *ends, majority))
    if marks:
        spoken = "; ".join(f"{mark.row}, {TITLES[mark.series]} {write_percent(mark.value)}" for mark in marks)
        st.markdown(
            f"**Accuracy** of the same network with the same labels. The split differs: {_list_tests(roles)}."
        )
        guess = f"always “{charts.shorten(story_parts.name_majority(*next(iter(roles.values()))))}”"
        figure = mark_charts.plot_marks(marks, state.palette(), percent=True, guess=guess)
        figure.update_layout(height=_FIGURE_PX).update_xaxes(tickfont_size=16).update_yaxes(tickfont_size=18)
        alt = f"Accuracy with 95 % intervals: {spoken}"
        st.plotly_chart(figure, key="tour_apart", config=charts.CONFIG, alt=alt)
    if "apart" in roles:
        experiment, levels = roles["apart"]
        st.markdown(
            f"With patients kept apart, accuracy is {story_parts.write_in_each(levels, 'accuracy', True)}; "
            f"{story_parts.write_guess(experiment, levels)}. AUROC is "
            f"{story_parts.write_in_each(levels, 'auroc', False)}; chance is 0.50."
        )
    story_parts.show_missing(parts | _only(found, "honest"))


def _show_honest(experiment: Experiment, found: list[Experiment]) -> None:
    parts = story.assign_roles(found)
    roles, errors = story_parts.read_parts(parts)
    for error in errors:
        components.show_error(error)
    with st.container(key="pair_tour_honest"):
        left, right = st.columns([1.5, 1], gap="large")
    with left:
        if roles:
            story_parts.show_story(roles, "tour_story", large=True)
        story_parts.show_missing(parts)
    with right:
        _show_reading(experiment, found)


def _show_elsewhere(experiment: Experiment, found: list[Experiment]) -> None:
    places, errors = elsewhere.read_places(experiment)
    for error in errors:
        components.show_error(error)
    if not places:
        st.markdown(
            "No validation of this experiment is stored yet. The page *Validate* reads labeled scans from "
            "elsewhere and compares the results with those on the experiment's own data set."
        )
    else:
        with st.container(key="pair_tour_elsewhere"):
            left, right = st.columns([1.5, 1], gap="large")
        home, _ = story_parts.read_parts({"honest": experiment})
        with left:
            story_parts.show_story(home, "tour_elsewhere", places, large=True)
        with right:
            elsewhere.show_places(places)
            st.caption(elsewhere.describe_thresholds(experiment))
            st.caption(describe_flags(loaders.flags(experiment), experiment.finding))
    st.page_link("app_pages/validate.py", label="Validate", icon=":material/fact_check:")


def _show_trust(experiment: Experiment, found: list[Experiment]) -> None:
    with st.container(key="pair_tour_trust"):
        left, right = st.columns([1, 1.2], gap="large")
    with left:
        st.subheader("Results on test slices", anchor=False)
        for name, level in story.read_levels(experiment).items():
            counts = level["operating_points"][level["rule"]]["confusion"]
            negative, positive = map(components.plain, experiment.classes)
            st.markdown(
                f"{components.name_framework(name)} misses **{counts['fn']:,}** of "
                f"{level['positives']:,} slices labeled “{positive}”, and calls positive "
                f"**{counts['fp']:,}** of {level['n'] - level['positives']:,} slices labeled “{negative}”."
            )
        st.subheader("Where to go", anchor=False)
        st.page_link("app_pages/quiz.py", label="Take the quiz", icon=":material/quiz:")
        st.page_link("app_pages/read_scan.py", label="Read a scan", icon=":material/radiology:")
        st.page_link("app_pages/compare.py", label="Compare", icon=":material/balance:")
        st.page_link("app_pages/explore.py", label="Explore slices", icon=":material/grid_view:")
        st.page_link("app_pages/model_card.py", label="Model card", icon=":material/description:")
    with right:
        st.subheader("Limits", anchor=False)
        st.markdown("\n".join(f"- {components.plain(limit)}" for limit in list_limits(experiment)))


def _list_tests(roles: story_parts.Roles) -> str:
    """Return how each experiment was split and tested, in words."""
    parts = ((role.subtitle, roles[role.key][0]) for role in story.ROLES[:2] if role.key in roles)
    return "; ".join(f"{split}, {components.describe_folds(one)}" for split, one in parts)


def _find_role(found: list[Experiment], key: str) -> Experiment | None:
    """Return the experiment in this role; if there is none, say how to get one."""
    parts = story.assign_roles(found)
    if key not in parts:
        story_parts.show_missing({role.key: found[0] for role in story.ROLES if role.key != key})
    return parts.get(key)


def _only(found: list[Experiment], key: str) -> dict[str, Experiment]:
    """Return {role: any experiment}, so that this step does not report the role as missing."""
    return {key: found[0]}


STEPS = (
    Step(
        "Two networks read a brain CT slice",
        "One in PyTorch, one in Keras: the same design, trained on the same slices. Heat maps "
        "estimate which places raised each network's probability; they do not outline a lesion. For research "
        "and teaching, **not a medical device**.",
        _show_reading,
    ),
    Step(
        "The published method",
        "Publications report results like these, which we obtained by repeating their method. Would you "
        "trust them on a new patient?",
        _show_famous,
    ),
    Step(
        "Why the result is misleading",
        "Adjacent slices of one head look almost the same, and a random split puts some in training and "
        "others in the test.",
        _show_leak,
    ),
    Step(
        "Keep the patients apart",
        "The same network, labels and slices. Now every patient is either in training or in the test.",
        _show_apart,
    ),
    Step(
        "Label every slice",
        "Each slice now has its own label: does **this slice** show a hemorrhage? Patients are kept apart. "
        "The network is a different one, with a pretrained backbone.",
        _show_honest,
    ),
    Step(
        elsewhere.TITLE,
        "The same networks at the same thresholds, on scans that they were not trained on.",
        _show_elsewhere,
    ),
    Step(
        "How far to trust it",
        "What the networks get wrong, and their limits.",
        _show_trust,
    ),
)
