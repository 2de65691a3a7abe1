"""Texts made from experiments' records; nothing in them is typed by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from core.errors import StrokeError
from core.evaluation import evaluate_experiment
from core.experiments import Experiment
from core.frameworks import TITLES

_BEGIN = "<!-- figures: written by `make figures` -->"
_END = "<!-- end of figures -->"


def draw_figures(experiments: Sequence[Experiment]) -> str:
    """The table of README: the figures of every experiment, per slice and per patient, in Markdown."""
    lines = [
        "| experiment | model | slices (positive) | patients | accuracy | AUROC | average precision "
        "| patient AUROC |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for experiment in experiments:
        record = evaluate_experiment(experiment)
        for framework in experiment.frameworks:
            levels = record["models"][framework]
            slices, patients = levels["slice"], levels["patient"]
            cells = [
                f"`{experiment.name}`",
                TITLES[framework],
                f"{slices['n']} ({slices['positives']})",
                str(slices.get("n_patients") or "unknown"),
                _tell_percent(slices["accuracy"]),
                _tell(slices["auroc"]),
                _tell(slices["average_precision"]),
                _tell(patients["auroc"]),
            ]
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def replace_figures(text: str, figures: str) -> str:
    """Put the table between the two marks of a Markdown text.

    Raises:
        StrokeError: the text has not the two marks.
    """
    head, begin, rest = text.partition(_BEGIN)
    _, end, tail = rest.partition(_END)
    if not begin or not end:
        raise StrokeError(
            "The text has no place for the figures", remedy=f"write {_BEGIN} and {_END} into it"
        )
    return f"{head}{begin}\n{figures}\n{end}{tail}"


def _tell(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "not estimable"
    if figure["interval"] is None:
        return f"{figure['value']:.2f}"
    low, high = figure["interval"]
    return f"{figure['value']:.2f} [{low:.2f}-{high:.2f}]"


def _tell_percent(figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return "not estimable"
    text = f"{100 * figure['value']:.1f} %"
    if figure["interval"] is None:
        return text
    low, high = figure["interval"]
    return f"{text} [{100 * low:.0f}-{100 * high:.0f}]"
