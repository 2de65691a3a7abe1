"""The tabs Curves, Threshold and Calibration of an opened validation."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import pandas as pd
import streamlit as st

from core.errors import EvaluationError
from core.experiments import Experiment
from core.frameworks import TITLES
from core.validation import Validation
from dashboard.curves import plot_reliability, point_charts
from dashboard.shared import case_links, components, figures, records, state, write_percent
from dashboard.validate.side_by_side import SIDES

Curve = point_charts.Curve
_UNITS = {"slice": "slices", "patient": "patients"}


def show_curves(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str
) -> None:
    """Show the precision-recall and ROC curves there, with thin curves of home beside them."""
    try:
        there = records.validation_curves(experiment, validation, level)
    except EvaluationError as error:
        st.markdown(f"There are no curves. {components.sentence(str(error))}")
        return
    try:
        home = records.curves(experiment, level)
    except EvaluationError:
        home = {}
    precision_recall, roc = draw_curves(there, record["there"], level)
    beside_pr, beside_roc = draw_curves(home, record["home"], level)
    prevalence = next(iter(record["there"].values()))[level]["prevalence"]
    with st.container(key="pair_curves_there"):
        left, right = st.columns(2, gap="large")
    file = f"{experiment.name}-{validation.name}-{level}"
    with left:
        figure = point_charts.plot_precision_recall(
            precision_recall, prevalence, state.palette(), beside=beside_pr
        )
        table = partial(_list_points, {"there": precision_recall, "home": beside_pr}, "recall", "precision")
        alt = "Precision-recall curves of the networks on the new scans and on the own data set"
        figures.show_figure(figure, "pr_there", f"{file}-precision-recall", alt, table)
    with right:
        figure = point_charts.plot_roc(roc, state.palette(), beside=beside_roc)
        sides = {"there": roc, "home": beside_roc}
        table = partial(_list_points, sides, "false_positive_rate", "true_positive_rate")
        alt = "ROC curves of the networks on the new scans and on the own data set"
        figures.show_figure(figure, "roc_there", f"{file}-roc", alt, table)
    st.caption(
        "Broad lines: new scans. Thin lines: own data set, out of sample. Marks: thresholds of the model "
        "card. Precision depends on the share of positives, which differs between the two: compare ROC "
        "curves."
    )


def draw_curves(
    found: Mapping[str, Any], side: Mapping[str, Any], level: str
) -> tuple[dict[str, Curve], dict[str, Curve]]:
    """Return the precision-recall and the ROC curve of each framework with its mark at the card's threshold.

    Args:
        found: framework -> (precision-recall curve, ROC curve), see `records.curves`.
        side: "there" or "home" of the record: framework -> levels.
        level: "slice" or "patient".
    """
    precision_recall, roc = {}, {}
    for name, (pr, rates) in found.items():
        one = side[name][level]
        counts, cut = one["confusion"], one["threshold"]
        pr_mark = roc_mark = None
        if counts is not None:
            positives, negatives = counts["tp"] + counts["fn"], counts["tn"] + counts["fp"]
            called = counts["tp"] + counts["fp"]
            if positives and negatives:
                recall = counts["tp"] / positives
                roc_mark = (counts["fp"] / negatives, recall, cut)
                pr_mark = (recall, counts["tp"] / called, cut) if called else None
        areas = (one[key]["value"] for key in ("average_precision", "auroc"))
        area_pr, area_roc = areas
        precision_recall[name] = Curve(pr.recall, pr.precision, pr.thresholds, pr_mark, area_pr)
        roc[name] = Curve(
            rates.false_positive_rate, rates.true_positive_rate, rates.thresholds, roc_mark, area_roc
        )
    return precision_recall, roc


def show_confusions(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str
) -> None:
    """Show the confusion matrix of each network there, at the card's threshold."""
    unit = _UNITS[level]
    rule = components.name_rule(experiment.card["default_operating_point"])
    st.markdown(
        f"These decisions on the new scans use the thresholds of the model card (rule *{rule}*). At these "
        f"thresholds, this share of the {unit} is called positive: own data set, "
        f"{_write_flagged(record['home'], level)}; new scans, {_write_flagged(record['there'], level)}."
    )
    known = {name: levels[level] for name, levels in record["there"].items() if levels[level]["confusion"]}
    if not known:
        st.markdown(f"Not estimable: this experiment has no threshold for {unit}.")
        return
    with st.container(key="pair_confusion_there"):
        columns = st.columns(len(known), gap="large")
    for column, (name, one) in zip(columns, known.items(), strict=True):
        counts = one["confusion"]
        figure = point_charts.plot_confusion(
            counts, experiment.classes, name, state.palette(), review=one["review"].get("counts")
        )
        cells = ", ".join(f"{point_charts.name_cell(cell)} {n:,}" for cell, n in counts.items())
        table = pd.DataFrame({"cell": list(counts), "count": list(counts.values())})
        alt = f"Confusion matrix of the {TITLES[name]} network on the new scans: {cells}"
        file = f"{experiment.name}-{validation.name}-{level}-confusion-{name}"
        choose = partial(_open_cell, experiment, validation, name) if level == "slice" else None
        with column:
            st.markdown(f"{components.name_framework(name)} threshold ≥ **{one['threshold']:.3f}**")
            figures.show_figure(figure, f"confusion_there_{name}", file, alt, table, choose)
    if level == "slice":
        st.caption("Click a cell to see its slices on the page Explore.")


def show_calibration(
    experiment: Experiment, validation: Validation, record: Mapping[str, Any], level: str
) -> None:
    """Show the reliability diagram of each network there, beside home."""
    st.markdown(
        "Of all slices with a predicted probability of 20 %, about 20 % should be positive. Below the dotted "
        "line, the predicted probability is too high. The calibration is that of the model card."
        if level == "slice"
        else "The patient's score, converted to a probability."
    )
    with st.container(key="pair_reliability_there"):
        columns = st.columns(len(record["there"]), gap="large")
    for column, name in zip(columns, record["there"], strict=True):
        bins = {
            words: record[side][name][level]["calibration"].get("reliability", {}).get("after", [])
            for side, words in SIDES.items()
        }
        with column:
            if not any(bins.values()):
                reason = record["there"][name][level]["brier"].get("reason", "")
                st.markdown(
                    f"{components.name_framework(name)}: no diagram. "
                    f"{components.sentence(reason) if reason else ''}"
                )
                continue
            figure = plot_reliability(bins, name, state.palette())
            table = pd.DataFrame([{"where": where, **one} for where, found in bins.items() for one in found])
            alt = f"Reliability diagram of the {TITLES[name]} network on the own data set and the new scans"
            file = f"{experiment.name}-{validation.name}-{level}-reliability-{name}"
            figures.show_figure(figure, f"reliability_there_{name}", file, alt, table)
    st.caption(
        "Bars on the points: 95 % Clopper-Pearson intervals, which assume independent slices. Calibration "
        "in the large (the intercept) and the slope are in the table above."
    )


def _write_flagged(side: Mapping[str, Any], level: str) -> str:
    """Return the share that each network calls positive: "PyTorch 26 %, Keras 30 %"."""
    parts = []
    for name, levels in side.items():
        counts = levels[level]["confusion"]
        n = sum(counts.values()) if counts else 0
        share = write_percent((counts["tp"] + counts["fp"]) / n) if n else "an unknown share"
        parts.append(f"{components.name_framework(name)} **{share}**")
    return ", ".join(parts)


def _open_cell(experiment: Experiment, validation: Validation, name: str, cell: str) -> None:
    case_links.request_slices(experiment, validation.name, **{f"{name}_outcome": [cell]})
    st.switch_page("app_pages/explore.py")


def _list_points(sides: Mapping[str, Mapping[str, Curve]], x: str, y: str) -> pd.DataFrame:
    """Return all points of the curves, with these column names for x and y."""
    return pd.concat(
        pd.DataFrame({"model": name, "where": where, "threshold": curve.threshold, x: curve.x, y: curve.y})
        for where, curves in sides.items()
        for name, curve in curves.items()
    )
