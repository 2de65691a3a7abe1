"""The operating point on the page Compare, and all figures that depend on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.cases import find_patients
from core.errors import EvaluationError
from core.evaluation import Measure, list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from dashboard.curves import point_charts
from dashboard.shared import (
    WORDS,
    Scene,
    case_links,
    components,
    figures,
    loaders,
    records,
    state,
    write_percent,
)

UNITS = {"slice": "slices", "patient": "patients"}
_STEP = 0.005


def choose_operating_point(experiment: Experiment, level: str) -> dict[str, float]:
    """Let the visitor choose a preset or one threshold for all networks; return {framework: threshold}."""
    rules = components.list_rules(experiment, level)
    options = [*rules, "custom"]
    with st.container(key="pair_point"):
        left, middle, right = st.columns([1.9, 1.1, 0.8], gap="large", vertical_alignment="center")
    rule = left.segmented_control(
        "Operating point",
        options,
        required=True,
        format_func=components.name_rule,
        help=components.RULE_HELP,
        **state.persist_widget(
            "operating_point", components.usual_rule(experiment, rules), options.__contains__
        ),
    )
    cuts = {}
    for name in experiment.frameworks:
        if rule == "custom":
            start = components.usual_threshold(experiment, name, level, rules)
            cuts[name] = state.read_value(f"{name}_threshold", start, lambda value: 0 <= value <= 1)
        else:
            cuts[name] = experiment.threshold(name, level, rule)

    def move(threshold: float) -> None:
        state.set_value("operating_point", "custom")
        for name in experiment.frameworks:
            state.set_value(f"{name}_threshold", threshold)

    middle.slider(
        "Custom decision threshold",
        0.0,
        1.0,
        step=_STEP,
        format="%.3f",
        help="One threshold for all networks. With a preset, each network has its own threshold, shown on "
        "the right.",
        **state.set_widget("threshold", round(sum(cuts.values()) / len(cuts) / _STEP) * _STEP, move),
    )
    right.markdown(
        "  \n".join(f"{components.name_framework(name)} ≥ **{cut:.3f}**" for name, cut in cuts.items())
    )
    return cuts


def list_figures() -> list[Measure]:
    """Return the metrics in the order of the table."""
    return [*list_measures("ranking"), *list_measures("rate")]


def show_figures(experiment: Experiment, level: str, scene: Scene, set_aside: bool) -> None:
    """Show the table of the networks' figures with intervals, and their differences."""
    one = next(iter(scene.models.values()))
    compared = "reason" not in scene.comparison and not set_aside
    rows = []
    for measure in list_figures():
        key, percent = measure.key, measure.form == "share"
        row = {"": measure.title}
        for name, model in scene.models.items():
            review = model["review"]
            found = review[key] if set_aside and key in review else model[key]
            row[components.name_framework(name)] = components.write_figure(found, percent)
        if compared:
            difference = scene.comparison["differences"][key]
            row[_difference_title(scene)] = components.write_difference(difference, percent)
        rows.append(row)
    rows.append({"": f":{WORDS['review']}[{components.SIGNS['review']} Needs review]"} | {
        components.name_framework(name): _write_share(model["review"], level)
        for name, model in scene.models.items()
    } | ({_difference_title(scene): ""} if compared else {}))  # fmt: skip
    with st.container(key="pair_figures"):
        left, right = st.columns([2.6, 1], gap="large")
    left.table(rows, hide_index=True, border="horizontal", alt="Results of the networks with 95 % intervals")
    with left:
        components.offer_csv(
            lambda: _list_figures(scene), f"{experiment.name}-{level}-figures.csv", of="Table"
        )
    with right:
        _show_counts(level, one)
        _show_interval(scene, level, set_aside)


def show_curves(experiment: Experiment, level: str, scene: Scene) -> None:
    """Show the precision-recall and ROC curves with operating points and review bands."""
    try:
        found = records.curves(experiment, level)
    except EvaluationError as error:
        components.show_error(error)
        return
    precision_recall, roc = {}, {}
    for name, (pr, rates) in found.items():
        model, cut = scene.models[name], scene.models[name]["threshold"]
        recall, precision, specificity = (
            model[key]["value"] for key in ("recall", "precision", "specificity")
        )
        pr_mark = None if None in (recall, precision) else (recall, precision, cut)
        roc_mark = None if None in (recall, specificity) else (1 - specificity, recall, cut)
        band = (model["review"]["low"], model["review"]["high"]) if "low" in model["review"] else None
        precision_recall[name] = point_charts.Curve(
            pr.recall, pr.precision, pr.thresholds, pr_mark, pr.average_precision, band
        )
        roc[name] = point_charts.Curve(
            rates.false_positive_rate, rates.true_positive_rate, rates.thresholds, roc_mark, rates.auroc, band
        )
    prevalence = next(iter(scene.models.values()))["prevalence"]
    with st.container(key="pair_curves"):
        left, right = st.columns(2, gap="large")
    file = f"{experiment.name}-{level}"
    marks = ", ".join(
        f"{TITLES[name]} at threshold {model['threshold']:.3f}" for name, model in scene.models.items()
    )
    with left:
        figure = point_charts.plot_precision_recall(precision_recall, prevalence, state.palette())
        alt = f"Precision-recall curves of the networks, marked: {marks}"
        table = partial(_list_points, precision_recall, "recall", "precision")
        figures.show_figure(figure, "pr", f"{file}-precision-recall", alt, table)
    with right:
        figure = point_charts.plot_roc(roc, state.palette())
        alt = f"ROC curves of the networks, marked: {marks}"
        table = partial(_list_points, roc, "false_positive_rate", "true_positive_rate")
        figures.show_figure(figure, "roc", f"{file}-roc", alt, table)


def show_confusions(experiment: Experiment, level: str, scene: Scene, set_aside: bool) -> None:
    """Show the confusion matrix of each network, with the cases that need review."""
    with st.container(key="pair_confusion"):
        columns = st.columns(len(scene.models), gap="large")
    for column, (name, model) in zip(columns, scene.models.items(), strict=True):
        review = model["review"]
        counts = review.get("counts")
        figure = point_charts.plot_confusion(
            model["confusion"], experiment.classes, name, state.palette(), review=counts, set_aside=set_aside
        )
        shown = counts if set_aside and counts else model["confusion"]
        cells = ", ".join(f"{point_charts.name_cell(key)} {value:,}" for key, value in shown.items())
        alt = f"Confusion matrix of the {TITLES[name]} network: {cells}"
        table = pd.DataFrame({"cell": list(shown), "count": list(shown.values())})
        with column:
            file = f"{experiment.name}-{level}-confusion-{name}"
            choose = partial(_open_cell, experiment, level, name, model, set_aside)
            figures.show_figure(figure, f"confusion_{name}", file, alt, table, choose)
    st.caption("Click a cell to see its slices on the page Explore.")


def _open_cell(
    experiment: Experiment, level: str, name: str, model: Mapping[str, Any], set_aside: bool, cell: str
) -> None:
    """Open the cases of a cell on the page Explore; for a cell of patients, all their slices."""
    if level == "slice":
        case_links.request_slices(experiment, "", **{f"{name}_outcome": [cell]})
    else:
        review = model["review"]
        band = (review["low"], review["high"]) if set_aside and "low" in review else None
        patients = find_patients(loaders.cases(experiment), name, model["threshold"], band, cell)
        if not patients:
            return
        case_links.request_slices(experiment, "", patient=patients)
    st.switch_page("app_pages/explore.py")


def _list_points(curves: Mapping[str, point_charts.Curve], x: str, y: str) -> pd.DataFrame:
    """Return all points of the curves, with these column names for x and y."""
    return pd.concat(
        pd.DataFrame({"model": name, "threshold": curve.threshold, x: curve.x, y: curve.y})
        for name, curve in curves.items()
    )


def _difference_title(scene: Scene) -> str:
    first, second = (TITLES[scene.comparison[key]] for key in ("first", "second"))
    return f"Difference, {first} − {second}"


def _write_share(review: Mapping[str, Any], level: str) -> str:
    if "share" not in review:
        return f":gray[no band: {components.plain(review['reason'])}]"
    share = components.write_figure(review["share"], True)
    scale = "probability" if level == "slice" else "score"
    return f"{share}, :gray[{scale} {review['low']:.3f}–{review['high']:.3f}]"


def _show_counts(level: str, model: Mapping[str, Any]) -> None:
    patients = f" of {model['n_patients']} patients" if level == "slice" and model["n_patients"] else ""
    share = f" ({write_percent(model['prevalence'])})" if model["n"] else ""
    st.metric(f"Test {UNITS[level]}{patients}", f"{model['n']:,}")
    st.metric(f"Positive {UNITS[level]}{share}", f"{model['positives']:,}")


def _show_interval(scene: Scene, level: str, set_aside: bool) -> None:
    interval = scene.interval
    st.caption(
        f"In brackets: {write_percent(interval['level'])} intervals, {interval['method']} over "
        f"{interval['resampled']}, {interval['n_resamples']:,} resamples. AUROC and average precision do not "
        "depend on the threshold."
    )
    if set_aside:
        st.caption(
            f"Results cover only the {UNITS[level]} outside each network's review band. These differ between "
            "the networks, so no differences are shown."
        )
    elif "reason" in scene.comparison:
        st.caption(f"No differences: {components.plain(scene.comparison['reason'])}.")
    else:
        st.caption(
            "Differences are paired (same resamples) and taken before rounding; those of percentages are in "
            "percentage points (pp). "
            "**Bold**: the interval excludes zero."
        )
    for note in [*scene.notes, *_list_reasons(scene.models.values())]:
        st.caption(components.plain(note))


def _list_reasons(models: Sequence[Mapping[str, Any]] | Any) -> list[str]:
    """Return the reasons why figures have no interval, each once."""
    keys = [measure.key for measure in list_figures()]
    found = [model[key] for model in models for key in keys]
    reasons = {one["reason"] for one in found if one["value"] is not None and one["interval"] is None}
    return [f"No interval: {reason}." for reason in sorted(reasons)]


def _list_figures(scene: Scene) -> pd.DataFrame:
    """Return the table's figures at full precision, also over decided cases and at other prevalences."""
    rows: list[dict[str, Any]] = []
    keys = [measure.key for measure in list_figures()]

    def add(model: str, threshold: float | None, figure: str, among: str, found: Mapping[str, Any]) -> None:
        low, high = found["interval"] or (None, None)
        rows.append(
            {"model": model, "threshold": threshold, "figure": figure, "among": among,
             "value": found["value"], "low": low, "high": high, "reason": found.get("reason", "")}
        )  # fmt: skip

    for name, model in scene.models.items():
        for key in keys:
            add(name, model["threshold"], key, "all", model[key])
        for values in model["predictive_values"]:
            for key in ("ppv", "npv"):
                title = f"{key} at prevalence {values['prevalence']:g}"
                add(name, model["threshold"], title, "all", values[key])
        if "share" in model["review"]:
            add(name, model["threshold"], "needs review", "all", model["review"]["share"])
            for measure in list_measures("rate"):
                add(name, model["threshold"], measure.key, "decided", model["review"][measure.key])
    if "reason" not in scene.comparison:
        pair = f"{scene.comparison['first']} - {scene.comparison['second']}"
        for key in keys:
            add(pair, None, key, "all", scene.comparison["differences"][key])
    return pd.DataFrame(rows)
