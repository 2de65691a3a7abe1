"""The command `figures`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# The order of the story: the famous number, the same network honestly measured, the honest task.
STORY = ("seed-random-split", "folder-by-patient", "hemorrhage-by-patient")


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(figures)


def figures(
    write: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Put the table into this Markdown file.")
    ] = None,
) -> None:
    """Print the table of figures in README, computed from the experiments' records."""
    from core.experiments import find_experiment
    from core.files import write_whole
    from core.reports import draw_figures, replace_figures

    table = draw_figures([find_experiment(name) for name in STORY])
    if write is None:
        typer.echo(table)
    else:
        write_whole(write, replace_figures(write.read_text(encoding="utf-8"), table).encode("utf-8"))
