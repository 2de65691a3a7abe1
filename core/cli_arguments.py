"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

from core.errors import StrokeError
from core.experiments import Experiment, find_experiment
from core.terminal import plain

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of an experiment; `experiments` lists them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]


def find_named(name: str, hint: str = "NAME") -> Experiment:
    """The experiment `name`; that there is none is wrong usage of the argument `hint`."""
    try:
        return find_experiment(name)
    except StrokeError as error:
        if error.code != "unknown_experiment":
            raise
        raise typer.BadParameter(plain(str(error)), param_hint=hint) from error
