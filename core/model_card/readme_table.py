"""Render the tables of figures in README.md and docs/figures.md from the experiments' records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from core.errors import StrokeError
from core.evaluation import evaluate_experiment, list_measures
from core.experiments import Experiment
from core.frameworks import TITLES

_END = "<!-- end of figures -->"
_BEGINS = {
    "<!-- all figures: written by `make figures` -->": False,
    "<!-- main figures: written by `make figures` -->": True,
}


class _Column(NamedTuple):
    """A column of the table: its title, whether the short table has it, and its text.

    `render` makes the text from one model's figures per slice and its figures per patient.
    """

    title: str
    is_main: bool
    render: Callable[[dict[str, Any], dict[str, Any]], str]


_LABELS = {one.key: one.label for kind in ("rate", "ranking") for one in list_measures(kind)}
_COLUMNS = (
    _Column("slices (positive)", False, lambda slices, _: f"{slices['n']:,} ({slices['positives']:,})"),
    _Column("patients", False, lambda slices, _: str(slices.get("n_patients") or "unknown")),
    _Column(_LABELS["accuracy"], True, lambda slices, _: _render_figure(slices["accuracy"], percent=True)),
    _Column(_LABELS["auroc"], True, lambda slices, _: _render_figure(slices["auroc"])),
    _Column(
        _LABELS["average_precision"], False, lambda slices, _: _render_figure(slices["average_precision"])
    ),
    _Column(f"patient {_LABELS['auroc']}", True, lambda _, patients: _render_figure(patients["auroc"])),
)


def render_figures(experiments: Sequence[Experiment], short: bool = False) -> str:
    """Return a Markdown table of the figures per slice and per patient, one row for each model.

    Args:
        experiments: in the order of their rows.
        short: leave out all but the main columns.
    """
    columns = [column for column in _COLUMNS if column.is_main or not short]
    titles = ["experiment", "network", *(column.title for column in columns)]
    rows = [titles, ["---"] * len(titles)]
    for experiment in experiments:
        record = evaluate_experiment(experiment)
        for framework in experiment.frameworks:
            levels = record["models"][framework]
            cells = [column.render(levels["slice"], levels["patient"]) for column in columns]
            rows.append([f"`{experiment.name}`", TITLES[framework], *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def replace_figures(text: str, experiments: Sequence[Experiment]) -> str:
    """Return a Markdown text with the table between its two markers replaced.

    The first marker says which table it is: all figures, or the main ones.

    Raises:
        StrokeError: the text lacks a marker.
    """
    for begin, short in _BEGINS.items():
        head, found, rest = text.partition(begin)
        _, end, tail = rest.partition(_END)
        if found and end:
            return f"{head}{begin}\n{render_figures(experiments, short)}\n{end}{tail}"
    raise StrokeError(
        "The text has no place for the table of results",
        remedy=f"write {' or '.join(_BEGINS)}, and {_END} after it",
    )


def _render_figure(figure: dict[str, Any], percent: bool = False) -> str:
    """Return a value with its interval in brackets: 0.92 [0.89-0.94], or 82.8 % [80-85]."""
    if figure["value"] is None:
        return "not estimable"
    scale, ends = (100, ".0f") if percent else (1, ".2f")
    text = f"{100 * figure['value']:.1f} %" if percent else f"{figure['value']:.2f}"
    if figure["interval"] is None:
        return text
    low, high = (format(scale * end, ends) for end in figure["interval"])
    return f"{text} [{low}-{high}]"
