"""Render the tables of figures in README.md and docs/figures.md from the experiments' records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from core.errors import StrokeError
from core.evaluation import (
    SOURCES_RULE,
    evaluate_experiment,
    evaluate_source,
    list_measures,
    measure_sources,
)
from core.experiments import Experiment, find_published_source
from core.frameworks import TITLES
from core.model_card.elsewhere import tabulate_validations
from core.model_card.markdown import paragraphs
from core.model_card.methods import describe_seeds
from core.model_card.sources import (
    describe_by_source,
    describe_left_out,
    describe_outcomes,
    describe_sources,
    describe_versions,
)

_END = "<!-- end of figures -->"
# Marker -> which table follows it.
_BEGINS: dict[str, Callable[[Sequence[Experiment]], str]] = {
    "<!-- all figures: written by `make figures` -->": lambda found: render_figures(found),
    "<!-- main figures: written by `make figures` -->": lambda found: render_figures(found, short=True),
    "<!-- all figures elsewhere: written by `make figures` -->": lambda found: render_elsewhere(found),
    "<!-- main figures elsewhere: written by `make figures` -->": lambda found: render_elsewhere(
        found, short=True
    ),
    "<!-- outcomes: written by `make figures` -->": lambda found: render_outcomes(found),
    "<!-- thresholds: written by `make figures` -->": lambda found: render_sources(found),
    "<!-- by source: written by `make figures` -->": lambda found: render_by_source(found),
    "<!-- seeds: written by `make figures` -->": lambda found: render_seeds(found),
    "<!-- left out: written by `make figures` -->": lambda found: render_left_out(found),
    "<!-- versions: written by `make figures` -->": lambda found: render_versions(found),
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

    Experiments on several sources, of which one is the published set, have the figures on that set: all rows
    are then about the same slices. Those that have slices of one class there have no row.

    Args:
        experiments: in the order of their rows.
        short: leave out all but the main columns.
    """
    columns = [column for column in _COLUMNS if column.is_main or not short]
    titles = ["experiment", "network", *(column.title for column in columns)]
    rows = [titles, ["---"] * len(titles)]
    for experiment in experiments:
        home = find_published_source(experiment)
        record = evaluate_source(experiment, home) if home else evaluate_experiment(experiment)
        if home and not _has_both_classes(record):
            continue
        for framework in experiment.frameworks:
            levels = record["models"][framework]
            cells = [column.render(levels["slice"], levels["patient"]) for column in columns]
            rows.append([f"`{experiment.name}`", TITLES[framework], *cells])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _has_both_classes(record: dict[str, Any]) -> bool:
    level = next(iter(record["models"].values()))["slice"]
    return 0 < level["positives"] < level["n"]


def render_elsewhere(experiments: Sequence[Experiment], short: bool = False) -> str:
    """Return the tables of the stored validations of these experiments; those without one are left out."""
    tables = [(one, found) for one in experiments if (found := tabulate_validations(one, short))]
    if len(tables) == 1:
        return tables[0][1]
    return "\n\n".join(f"`{one.name}`:\n\n{found}" for one, found in tables) or "No validation is stored."


def render_outcomes(experiments: Sequence[Experiment]) -> str:
    """Return what readers see of the experiments with thresholds of all sources, for docs/figures.md."""
    chosen = [one for one in experiments if one.card["default_operating_point"] == SOURCES_RULE]
    return paragraphs(*(f"`{one.name}`:\n\n{describe_outcomes(one)}" for one in chosen))


def render_sources(experiments: Sequence[Experiment]) -> str:
    """Return the tables of the experiments with thresholds of all sources, for docs/figures.md."""
    return _join(experiments, describe_sources)


def render_by_source(experiments: Sequence[Experiment]) -> str:
    """Return the figures of each own source of the experiments on several, for docs/figures.md."""
    found = _join(experiments, lambda one: describe_by_source(one, measure_sources(one)))
    return found or "No experiment here is on several sources."


def render_seeds(experiments: Sequence[Experiment]) -> str:
    """Return the results with several seeds, for docs/figures.md."""
    return _join(experiments, describe_seeds) or "No experiment here was trained with several seeds."


def render_left_out(experiments: Sequence[Experiment]) -> str:
    """Return the figures of networks trained without a source, for docs/figures.md."""
    return _join(experiments, describe_left_out) or "For no experiment here was a source left out."


def render_versions(experiments: Sequence[Experiment]) -> str:
    """Return how the networks of the experiments changed, for docs/figures.md."""
    return _join(experiments, describe_versions) or "All networks here are the first version."


def _join(experiments: Sequence[Experiment], describe: Callable[[Experiment], str]) -> str:
    return paragraphs(*(f"`{one.name}`:\n\n{found}" for one in experiments if (found := describe(one))))


def replace_figures(text: str, experiments: Sequence[Experiment]) -> str:
    """Return a Markdown text with each table between two markers replaced.

    The first marker says which table it is: all figures, or the main ones, at home or elsewhere.

    Raises:
        StrokeError: the text lacks a marker.
    """
    n_replaced = 0
    for begin, make in _BEGINS.items():
        head, found, rest = text.partition(begin)
        _, end, tail = rest.partition(_END)
        if found and end:
            text = f"{head}{begin}\n{make(experiments)}\n{end}{tail}"
            n_replaced += 1
    if not n_replaced:
        raise StrokeError(
            "The text has no place for the table of results",
            remedy=f"write {' or '.join(_BEGINS)}, and {_END} after it",
        )
    return text


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
