"""The commands `python -m core export` and `python -m core import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.arguments import Name, find_named


def register(app: typer.Typer) -> None:
    """Add the commands to the program."""
    app.command("export")(export_zip)
    app.command("import")(import_zip)


def export_zip(
    name: Name,
    out: Annotated[
        Path | None, typer.Option(help="File to write; NAME.zip in this folder if not given.")
    ] = None,
) -> None:
    """Write an experiment as a zip file: card, tables and served networks, without native weights."""
    from core.exchange import export_experiment

    target = out or Path(f"{name}.zip")
    export_experiment(find_named(name), target)
    print(f"{name} is in {target}")


def import_zip(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A zip file from `export`.")
    ],
) -> None:
    """Import an experiment from a zip file, after checking everything in it."""
    from core.exchange import import_experiment

    with file.open("rb") as source:
        experiment = import_experiment(source)
    print(f"{experiment.name} is ready: {experiment.folder}")
