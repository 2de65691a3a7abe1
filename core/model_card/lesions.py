"""The places where the networks look, and the control for shortcuts, on a model card."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from core.frameworks import TITLES
from core.measurements import (
    CONTROLS,
    LIMIT,
    MEASURES,
    count_controls,
    gather_figure,
    group_rows,
    iterate_rows,
)
from core.model_card.facts import Facts
from core.model_card.markdown import Style, format_figure, number, plain, render, table

if TYPE_CHECKING:
    import pandas as pd

_RATES = ("sensitivity", "false alarms")


def describe_looking(facts: Facts) -> str:
    """Return how often the heat maps are strongest in or beside an outlined lesion, if it was measured."""
    measured = facts.experiment.localisation()
    if measured is None:
        return render("where-the-networks-look", facts=facts, figures="")
    rows = []
    for (source, part, framework), own in group_rows(measured, "source", "part", "framework"):
        found = {row.measure: row for row in iterate_rows(own)}
        first = next(iter(found.values()))
        cells = [_write_measure(found.get(name), name) for name in MEASURES]
        rows.append(
            [plain(source), part, TITLES[framework], number(first.n), number(first.n_patients), *cells]
        )
    titles = [f"{measure.title}" for measure in MEASURES.values()]
    return render(
        "where-the-networks-look",
        facts=facts,
        figures=table(["source", "slices", "network", "number", "patients", *titles], rows),
        details=[(measure.title, measure.detail) for measure in MEASURES.values()],
    )


def describe_shortcut(facts: Facts) -> str:
    """Return whether the networks know the lesion or the hospital, if it was measured."""
    measured = facts.experiment.shortcut()
    if measured is None:
        return render("lesion-or-hospital", facts=facts, controls="")
    without = [
        (CONTROLS[control].title, *count_controls(measured, control)) for control in list(CONTROLS)[1:]
    ]
    return render(
        "lesion-or-hospital",
        facts=facts,
        limit=LIMIT,
        without=without,
        known=any(n_known for _, n_known, _ in without),
        controls=_tabulate_controls(measured),
        details=[(control.title, control.detail) for control in CONTROLS.values()],
        sources=_tabulate(measured[measured["control"] == "source"], ["source"], "number"),
        rates=_tabulate(
            measured[measured["control"].isin(_RATES)], ["control", "source", "part", "other"], "share"
        ),
    )


def _write_measure(row: Any, name: str) -> str:
    if row is None:
        return "not estimable"
    style: Style = "share" if MEASURES[name].is_share else "number"
    chance = f"{100 * row.chance:.0f} %" if MEASURES[name].is_share else f"{row.chance:.2f}"
    return f"{format_figure(gather_figure(row), style)}; chance {chance}"


def _tabulate_controls(measured: pd.DataFrame) -> str:
    """Return a row for each source, part, other source and network; "" if no slice has an outline."""
    ranks = measured[measured["control"].isin(CONTROLS)]
    rows = []
    for (source, part, other, framework), own in group_rows(ranks, "source", "part", "other", "framework"):
        found = {row.control: row for row in iterate_rows(own)}
        first = next(iter(found.values()))
        cells = [format_figure(gather_figure(found[control])) for control in CONTROLS]
        counts = f"{number(first.n)} / {number(first.n_other)}"
        against = "the same source" if other == source else plain(other)
        rows.append([plain(source), part, against, TITLES[framework], counts, *cells])
    titles = [control.title for control in CONTROLS.values()]
    return table(["source", "slices", "against", "network", "numbers", *titles], rows) if rows else ""


def _tabulate(rows: pd.DataFrame, keys: Sequence[str], style: Style) -> str:
    """Return a row for each value of the keys, with a column for each network; "" without rows."""
    if rows.empty:
        return ""
    frameworks = list(dict.fromkeys(rows["framework"]))
    lines = []
    for names, own in group_rows(rows, *keys):
        found = {row.framework: row for row in iterate_rows(own)}
        first = next(iter(found.values()))
        cells = [format_figure(gather_figure(found[name]), style) for name in frameworks]
        lines.append([*map(plain, names), number(first.n), *cells])
    heads = {"control": "", "part": "slices", "other": "vendor"}
    titles = [heads.get(key, key) for key in keys]
    return table([*titles, "number", *(TITLES[name] for name in frameworks)], lines)
