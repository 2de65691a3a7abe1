"""Arguments that several commands share."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.terminal import plain
from core.errors import DatasetError, StrokeError
from core.experiments import Experiment, open_experiment, open_panel

Name = Annotated[str, typer.Argument(metavar="NAME", help="Name of an experiment; `experiments` lists them.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")]

DatasetFolder = Annotated[
    Path | None,
    typer.Option(
        metavar="DATA",
        exists=True,
        help="Folder or manifest of the data set. Default: STROKE_CT_DATA, else the downloaded one.",
    ),
]


def find_folder(dataset: Path | None) -> Path:
    """Return the folder or manifest of the data set: the one named, or else the one found.

    Raises:
        DatasetError: none was named, and none was found on this machine.
    """
    from core.datasets import find_dataset

    folder = dataset or find_dataset()
    if folder is None:
        raise DatasetError(
            "No data set was found on this machine",
            remedy="give its folder with --dataset, or download it with: stroke-ct download",
        )
    return folder


def find_named(name: str | None, hint: str = "NAME") -> Experiment:
    """Open the experiment `name`; an unknown name is wrong usage of the argument `hint`."""
    try:
        return open_experiment(name)
    except StrokeError as error:
        if error.code != "unknown_experiment":
            raise
        raise typer.BadParameter(plain(str(error)), param_hint=hint) from error


def find_panel(names: Sequence[str]) -> list[Experiment]:
    """Open the experiments that read scans together; see `core.experiments.open_panel`."""
    try:
        return open_panel(names)
    except StrokeError as error:
        if error.code not in ("unknown_experiment", "same_finding"):
            raise
        raise typer.BadParameter(plain(str(error)), param_hint="--experiment") from error


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Let Ctrl-C and SIGTERM stop a long reading after the chunk that is being read."""
    caught: list[int] = []

    def catch(number: int, _: Any) -> None:
        caught.append(number)
        # A second one ends the program at once; at most a chunk is lost.
        signal.signal(number, olds[number])

    olds: dict[int, Any] = {}
    for number in (signal.SIGINT, signal.SIGTERM):
        olds[number] = signal.signal(number, catch)
    try:
        yield lambda: bool(caught)
    finally:
        for caught_number, old in olds.items():
            signal.signal(caught_number, old)
