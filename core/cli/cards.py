"""The commands `card`, `figures` and `recompute`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.arguments import Name, find_named
from core.experiments import SHIPPED
from core.frameworks import TITLES


def register(app: typer.Typer) -> None:
    """Add the commands to the program's command line."""
    app.command()(card)
    app.command()(figures)
    app.command()(recompute)


def card(
    name: Name,
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the model card to this Markdown file.")
    ] = None,
) -> None:
    """Print an experiment's model card in Markdown, made from the experiment's files alone."""
    from core.model_card import render_model_card
    from core.system import write_whole

    text = render_model_card(find_named(name)).markdown
    if write is None:
        typer.echo(text, nl=False)
    else:
        write_whole(write, text.encode("utf-8"))


def figures(
    write: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write the table into this Markdown file, between its marker comments."
        ),
    ] = None,
) -> None:
    """Print the table of results of the shipped experiments, from their recorded predictions."""
    from core.experiments import find_experiment
    from core.model_card import render_figures, replace_figures
    from core.system import write_whole

    experiments = [find_experiment(name) for name in SHIPPED]
    if write is None:
        typer.echo(render_figures(experiments))
    else:
        write_whole(write, replace_figures(write.read_text(encoding="utf-8"), experiments).encode("utf-8"))


def recompute(
    names: Annotated[list[str], typer.Argument(metavar="NAME", help="Names of experiments.")],
) -> None:
    """Recompute calibration, thresholds and review bands from the recorded predictions.

    They replace those in the experiment's experiment.json. Thresholds that were chosen on validations, too,
    are chosen again; if they cannot be, nothing is changed.
    """
    from core.evaluation import SOURCES_RULE
    from core.experiments import update_card
    from core.sources import set_thresholds
    from core.training import describe_results

    for experiment in [find_named(name) for name in names]:
        described = describe_results(experiment.predictions(), experiment.frameworks)
        if experiment.card["default_operating_point"] == SOURCES_RULE:
            set_thresholds(experiment, described)
        else:
            update_card(experiment, described)
        for framework, entry in described["calibration"].items():
            served = entry["served"]
            fit = (
                f"slope {served['slope']:.3f}, intercept {served['intercept']:.3f}"
                if served
                else f"not calibrated: {entry['reason']}"
            )
            typer.echo(f"{experiment.name}: {TITLES[framework]} {fit}")
