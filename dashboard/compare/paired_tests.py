"""The tabs Tests and Other experiments of Compare: models compared within and across experiments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import EvaluationError
from core.evaluation import list_keys, list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from dashboard.compare import compare_charts
from dashboard.compare.compare_charts import Gap
from dashboard.compare.operating_point import UNITS, list_figures
from dashboard.shared import (
    WORDS,
    Mark,
    Scene,
    components,
    figures,
    loaders,
    mark_charts,
    records,
    state,
    write_percent,
)

_CLASSES = ("positives", "negatives")


def show_tests(experiment: Experiment, level: str, scene: Scene) -> None:
    """Show the differences between the two networks, with intervals and tests."""
    found = scene.comparison
    if "reason" in found:
        st.markdown(f"Nothing to test: {components.plain(found['reason'])}.")
        return
    pair = (found["first"], found["second"])
    file = f"{experiment.name}-{level}"
    with st.container(key="pair_tests"):
        left, right = st.columns([1.15, 1], gap="large")
    with left:
        st.subheader("Differences", anchor=False)
        _show_gaps(found, pair, f"{file}-differences")
    with right:
        st.subheader("Tests", anchor=False)
        rows = [_write_mcnemar(found["mcnemar"], pair, level), *_list_delong(found, level)]
        st.table(rows, hide_index=True, border="horizontal", alt="Tests of one network against the other")
        st.caption(
            (
                "McNemar's test and plain DeLong treat slices as independent, but slices of one patient are "
                "not. Rely on the bootstrap intervals and on DeLong by patient."
                if level == "slice"
                else f"McNemar's and DeLong's tests treat {UNITS[level]} as independent."
            )
            + " No correction for multiple tests."
        )
    st.subheader("Agreement of the two networks", anchor=False)
    _show_agreement(experiment, found["disagreement"], pair, level, file)


def show_others(experiment: Experiment, level: str) -> None:
    """Show AUROC and average precision of every experiment, and whether they can be compared."""
    everyone = loaders.experiments()[0]
    rows, marks = [], {key: [] for key in list_keys("ranking")}
    data = []
    for other in everyone:
        try:
            models = records.record(other)["models"]
        except EvaluationError as error:
            components.show_error(error, other.name)
            continue
        row = {"": f"**{components.plain(other.name)}**" + (" (this one)" if other is experiment else "")}
        for name, levels in models.items():
            model = levels[level]
            for measure in list_measures("ranking"):
                key, figure = measure.key, model[measure.key]
                low, high = figure["interval"] or (None, None)
                row[f"{components.name_framework(name)} {measure.title}"] = components.write_figure(
                    figure, False
                )
                data.append(
                    (other.name, name, level, key, figure["value"], low, high, figure.get("reason", ""))
                )
                if figure["value"] is not None:
                    chance = model["prevalence"] if measure.chance is None else measure.chance
                    marks[key].append(Mark(other.name, name, figure["value"], low, high, chance))
        row["Comparable with this one"] = _write_comparable(experiment, other)
        rows.append(row)
    columns = ["experiment", "model", "level", "figure", "value", "low", "high", "reason"]
    table = pd.DataFrame(data, columns=columns)
    with st.container(key="pair_others"):
        sides = st.columns(len(marks), gap="large")
    for column, measure in zip(sides, list_measures("ranking"), strict=True):
        key, title = measure.key, measure.title
        if not marks[key]:
            continue
        with column:
            st.markdown(f"**{title}, per {level}**")
            figure = mark_charts.plot_marks(marks[key], state.palette())
            alt = f"{title} of every experiment per {level}"
            own = table[table["figure"] == key]
            figures.show_figure(figure, f"others_{key}", f"experiments-{level}-{key}", alt, own)
    titles = list(dict.fromkeys(title for row in rows for title in row))
    st.table(
        [{title: row.get(title, "") for title in titles} for row in rows],
        hide_index=True, border="horizontal",
        alt=f"AUROC and average precision of every experiment per {level}",
    )  # fmt: skip
    st.caption(
        "Bars: 95 % intervals by bootstrap; dotted: chance, which for average precision is the share of "
        "positives. To judge which networks are better, compare only experiments with the same labels and "
        "test slices."
    )


def _show_gaps(found: Mapping[str, Any], pair: tuple[str, str], file: str) -> None:
    gaps, data = [], []
    for measure in list_figures():
        if not measure.charted:
            continue
        key, one = measure.key, found["differences"][measure.key]
        low, high = one["interval"] or (None, None)
        data.append((key, one["value"], low, high, one.get("reason", "")))
        if one["value"] is not None:
            gaps.append(Gap(measure.title, one["value"], low, high))
    if not gaps:
        st.markdown(f"Not estimable: {components.plain(data[0][-1])}.")
        return
    sides = (f"{TITLES[pair[1]]} higher", f"{TITLES[pair[0]]} higher")
    figure = compare_charts.plot_gaps(gaps, sides, state.palette())
    alt = f"Differences {TITLES[pair[0]]} minus {TITLES[pair[1]]} with 95 % intervals"
    table = pd.DataFrame(data, columns=["figure", "difference", "low", "high", "reason"])
    figures.show_figure(figure, "gaps", file, alt, table)


def _write_mcnemar(found: Mapping[str, Any], pair: tuple[str, str], level: str) -> dict[str, str]:
    row = {"": "McNemar, exact  \n:gray[decisions at the thresholds in use]"}
    if "reason" in found:
        return row | {"Result": f":gray[not estimable: {components.plain(found['reason'])}]", "p": ""}
    counts = ", ".join(
        f"{components.name_framework(name)} alone right: **{found[key]:,}**"
        for name, key in zip(pair, ("only_first_right", "only_second_right"), strict=True)
    )
    return row | {"Result": f"{counts} {UNITS[level]}", "p": _write_p(found["p_value"])}


def _list_delong(found: Mapping[str, Any], level: str) -> list[dict[str, str]]:
    titles = {"delong": f"DeLong  \n:gray[AUROC, {UNITS[level]} treated as independent]"}
    if level == "slice":
        titles["delong_by_patient"] = "DeLong by patient  \n:gray[AUROC, clustered by patient]"
    rows = []
    for key, title in titles.items():
        one = found[key]
        if one["p_value"] is None:
            rows.append(
                {"": title, "Result": f":gray[not estimable: {components.plain(one['reason'])}]", "p": ""}
            )
            continue
        low, high = one["interval"]
        gap = f"difference **{one['difference']:+.3f}** :gray[\\[{low:+.3f} to {high:+.3f}\\]]"
        rows.append({"": title, "Result": gap.replace("-", "−"), "p": _write_p(one["p_value"])})
    return rows


def _show_agreement(
    experiment: Experiment, found: Mapping[str, Any], pair: tuple[str, str], level: str, file: str
) -> None:
    if "reason" in found:
        st.markdown(f"Not estimable: {components.plain(found['reason'])}.")
        return
    with st.container(key="pair_agreement"):
        columns = st.columns(2, gap="large")
    for column, kind in zip(columns, _CLASSES, strict=True):
        cells = found[kind]
        title = f"{sum(cells.values()):,} {kind} ({UNITS[level]})"
        figure = compare_charts.plot_agreement(cells, title, pair, kind == "positives", state.palette())
        words = {"only_first": f"only {TITLES[pair[0]]}", "only_second": f"only {TITLES[pair[1]]}"}
        spoken = ", ".join(f"{words.get(key, key)} {count:,}" for key, count in cells.items())
        table = pd.DataFrame({"calls positive": list(cells), "count": list(cells.values())})
        with column:
            alt = f"{UNITS[level].capitalize()} labeled {kind.removesuffix('s')}: called positive by {spoken}"
            figures.show_figure(figure, f"agreement_{kind}", f"{file}-agreement-{kind}", alt, table)
    apart = sum(found[kind][key] for kind in _CLASSES for key in ("only_first", "only_second"))
    total = sum(sum(found[kind].values()) for kind in _CLASSES)
    st.caption(f"They disagree on {apart:,} of {total:,} {UNITS[level]} ({write_percent(apart / total)}).")


def _write_p(p_value: float) -> str:
    return "<\u00a00.001" if p_value < 0.001 else f"{p_value:.3f}"


def _write_comparable(one: Experiment, other: Experiment) -> str:
    """Return why the results of two experiments cannot be compared, or that they can."""
    if other is one:
        return ""
    ours, theirs = one.card["protocol"], other.card["protocol"]
    differences: Sequence[str] = [
        f"{what} differ"
        for what, key in (("labels", "labels"), ("splits", "split"), ("folds", "folds"))
        if ours[key] != theirs[key]
    ]
    share = records.share_in_common(one, other)
    if share < 1:
        differences = [
            *differences,
            f"only {write_percent(share)} of all their test slices are in both test sets with the same label",
        ]
    if not differences:
        return f":green[{components.SIGNS['correct']} same slices, labels and split]"
    return f":{WORDS['review']}[{components.SIGNS['warning']}] not comparable: {', '.join(differences)}"
