"""Tell in Markdown how much the results depend on the seed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from core.evaluation import list_measures
from core.experiments import Experiment
from core.frameworks import TITLES
from core.measurements import (
    CONTROLS,
    LOOKING,
    MEASURES,
    RESULTS,
    SHORTCUT,
    group_rows,
    iterate_rows,
    summarise_seeds,
)
from core.model_card.markdown import paragraphs, percent, plain, render, table

if TYPE_CHECKING:
    import pandas as pd

_NUMBERS = {one.key: one.label for one in list_measures("ranking")}
_SHARES = {one.key: one.label for one in list_measures("rate")}
_TITLES = {
    **_NUMBERS,
    **_SHARES,
    **{key: measure.title for key, measure in MEASURES.items()},
    **{key: f"AUROC, {control.title}" for key, control in CONTROLS.items()},
}
_KINDS = {
    RESULTS: "Results per slice:",
    LOOKING: "Where the networks look:",
    SHORTCUT: "Without the lesion, against slices without the finding of another source:",
}


def describe_seeds(experiment: Experiment) -> str:
    """Return the mean and range of each figure over the seeds, as tables; "" if they were not gathered."""
    gathered = experiment.seeds()
    if gathered is None:
        return ""
    found = summarise_seeds(gathered)
    tables = [
        paragraphs(words, _tabulate(found[found["about"] == about]))
        for about, words in _KINDS.items()
        if (found["about"] == about).any()
    ]
    seeds = sorted(set(gathered["seed"]))
    return render("seeds", seeds=", ".join(map(str, seeds)), n=len(seeds), tables="\n\n".join(tables))


def _tabulate(found: pd.DataFrame) -> str:
    """Return a table with one row for each place and network, and a column for each figure."""
    figures = list(dict.fromkeys(found["figure"]))
    with_other = bool((found["other"] != "").any())
    rows = []
    for (scans, part, other, framework), own in group_rows(found, "scans", "part", "other", "framework"):
        cells = {row.figure: _write(row) for row in iterate_rows(own)}
        where = [plain(f"{scans}, {part}"), *([plain(other)] if with_other else [])]
        rows.append([*where, TITLES[framework], *(cells.get(key, "-") for key in figures)])
    titles = ["slices", *(["against"] if with_other else []), "network"]
    return table([*titles, *(_TITLES[key] for key in figures)], rows)


def _write(row: Any) -> str:
    mean, low, high, key = row.mean, row.low, row.high, row.figure
    key = str(row.figure)
    if key in _SHARES or (key in MEASURES and MEASURES[key].is_share):
        return f"{percent(mean)} ({100 * low:.0f} to {100 * high:.0f})"
    return f"{mean:.3f} ({low:.3f} to {high:.3f})"
