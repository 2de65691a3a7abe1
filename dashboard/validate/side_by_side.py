"""The figures on the own data set and on the new scans side by side: as marks, as a table, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from core.evaluation import LEVELS, Measure, list_measures
from dashboard.shared import Mark, components

# "home" and "there" of the record, in the words of the page.
SIDES = {"home": "own data set", "there": "new scans"}
# Metrics of the chart: those in [0, 1] that are read first.
_CHARTED = ("auroc", "average_precision", "recall", "specificity")


def list_figures() -> list[Measure]:
    """Return all metrics, in the order of the table."""
    return [*list_measures("ranking"), *list_measures("rate"), *list_measures("calibration")]


def list_marks(record: Mapping[str, Any], level: str) -> list[Mark]:
    """Return the metrics of the chart as marks, home above there."""
    titles = {one.key: one.title for one in list_figures()}
    marks = []
    for key in _CHARTED:
        for side, words in SIDES.items():
            for name, levels in record[side].items():
                figure = levels[level][key]
                if figure["value"] is None:
                    continue
                low, high = figure["interval"] or (None, None)
                chance = {"auroc": 0.5, "average_precision": levels[level]["prevalence"]}.get(key)
                marks.append(Mark(f"{titles[key]}, {words}", name, figure["value"], low, high, chance))
    return marks


def list_rows(
    record: Mapping[str, Any], level: str, measures: Sequence[Measure]
) -> tuple[list[dict[str, str]], list[str]]:
    """Return the table of figures, a row for each metric, and the reasons of those that are not estimable.

    Such a figure has the number of its reason, from 1.
    """
    rows: list[dict[str, str]] = []
    reasons: list[str] = []
    for measure in measures:
        hint = f"  \n:gray[{measure.hint}]" if measure.kind == "calibration" else ""
        row = {"": f"{measure.title}{hint}"}
        for name in record["there"]:
            for side, words in SIDES.items():
                figure = record[side][name][level][measure.key]
                title = f"{components.name_framework(name)}, {words}"
                row[title] = _write(figure, measure.form == "share", reasons)
        rows.append(row)
    return rows, reasons


def _write(figure: Mapping[str, Any], percent: bool, reasons: list[str]) -> str:
    if figure["value"] is not None:
        return components.write_figure(figure, percent)
    reason = figure["reason"].removeprefix("not estimable: ")
    if reason not in reasons:
        reasons.append(reason)
    return f":gray[not estimable ({reasons.index(reason) + 1})]"


def list_data(record: Mapping[str, Any]) -> pd.DataFrame:
    """Return every figure at full precision."""
    return pd.DataFrame(
        {
            "model": name,
            "where": side,
            "level": level,
            "figure": measure.key,
            "value": levels[level][measure.key]["value"],
            "low": (levels[level][measure.key]["interval"] or (None, None))[0],
            "high": (levels[level][measure.key]["interval"] or (None, None))[1],
            "reason": levels[level][measure.key].get("reason", ""),
        }
        for side in SIDES
        for name, levels in record[side].items()
        for level in LEVELS
        for measure in list_figures()
    )
