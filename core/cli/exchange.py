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
        Path | None, typer.Option(help="File to write. Default: NAME.zip in the current folder.")
    ] = None,
) -> None:
    """Write experiment.json, tables and ONNX networks as a zip file, without PyTorch and Keras weights."""
    from core.exchange import export_experiment

    target = out or Path(f"{name}.zip")
    export_experiment(find_named(name), target)
    print(f"Exported {name} to {target}")


def import_zip(
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A zip file written by `export`."),
    ],
) -> None:
    """Check an exported zip file, test its networks, and add it to the experiments."""
    from core.exchange import import_experiment

    with file.open("rb") as source:
        experiment = import_experiment(source)
    print(f"{experiment.name} is ready: {experiment.folder}")
