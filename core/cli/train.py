"""The command `python -m core train`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from core.cli.terminal import plain
from core.frameworks import FRAMEWORKS

if TYPE_CHECKING:
    from core.training import OnProgress

# Faulty lines of a manifest that are printed; the others are counted.
_N_PROBLEMS = 5
_STAGES = {
    "waiting": "Waiting for another training run to finish",
    "reading": "Reading the data set",
    "preparing": "Preparing the slices",
    "training": "Training",
    "publishing": "Checking and saving",
}


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(train)


def train(
    dataset: Annotated[Path, typer.Option(help="Folder with the two class folders, or a manifest (.csv).")],
    name: Annotated[str, typer.Option(help="Name of the experiment, and of its folder.")],
    labels: Annotated[
        Literal["folder", "slice"],
        typer.Option(
            help="folder: the class folder; slice: inferred from file numbers, as in the published data set."
        ),
    ] = "slice",
    finding: Annotated[
        Literal["hemorrhage", "ischemia"],
        typer.Option(help="What slice labels are about; for ischemia the data set must be a manifest."),
    ] = "hemorrhage",
    split: Annotated[
        Literal["random", "patient"],
        typer.Option(help="Split slices at random, or keep all slices of a patient together."),
    ] = "patient",
    folds: Annotated[
        int, typer.Option(help="1: one test set of about 10 %; 2 or more: cross-validation.")
    ] = 5,
    architecture: Annotated[
        str, typer.Option(help="Name of the architecture, such as plain or framed.")
    ] = "framed",
    frameworks: Annotated[str, typer.Option(help="Frameworks to train, separated by commas.")] = ",".join(
        FRAMEWORKS
    ),
    seed: Annotated[int, typer.Option(help="Seed of all random choices.")] = 0,
    epochs: Annotated[
        int | None, typer.Option(help="Maximum number of epochs. Default: the architecture's.")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(help="Slices per batch. Default: the architecture's.")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Peak learning rate. Default: the architecture's.")
    ] = None,
    augmentation: Annotated[
        Literal["none", "light", "usual", "strong"],
        typer.Option(help="Strength of random changes to training images."),
    ] = "usual",
    class_weights: Annotated[bool, typer.Option(help="Give both classes equal weight.")] = True,
    resume: Annotated[bool, typer.Option("--resume", help="Continue an unfinished training run.")] = False,
    keep_maps: Annotated[
        bool,
        typer.Option(
            "--keep-maps", help="Keep the backbone's feature maps (gigabytes) for the next training."
        ),
    ] = False,
) -> None:
    """Train a CNN in each framework under one protocol and save them as an experiment."""
    from core.errors import StrokeError
    from core.experiments import check_name
    from core.training import Protocol, train_experiment

    try:
        check_name(name)
        protocol = Protocol(
            labels=labels,
            finding=finding,
            split=split,
            folds=folds,
            architecture=architecture,
            frameworks=tuple(part.strip() for part in frameworks.split(",") if part.strip()),
            seed=seed,
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            augmentation=augmentation,
            class_weights=class_weights,
        )
    except StrokeError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error
    if not dataset.exists():
        typer.echo(f"There is no folder {dataset}; give the folder with the two class folders", err=True)
        raise typer.Exit(2)
    _describe_manifest(dataset, finding)
    with end_on_signal(), show_bars() as on_progress:
        experiment = train_experiment(
            dataset, protocol, name, resume=resume, keep_maps=keep_maps, on_progress=on_progress
        )
    typer.echo(f"{experiment.name} is ready: {experiment.folder}")
    typer.echo(f"See its results with: stroke-ct evaluate {experiment.name}")


def _describe_manifest(path: Path, finding: str) -> None:
    """Print what a training uses of a manifest, and its first faulty lines; nothing for class folders."""
    from core.manifests import find_manifest, read_manifest

    table = find_manifest(path)
    if table is None:
        return
    manifest = read_manifest(table)
    for sentence in manifest.describe_training(finding):
        typer.echo(sentence, err=True)
    for problem in manifest.problems[:_N_PROBLEMS]:
        typer.echo(f"Not used in full: {plain(str(problem))}", err=True)
    rest = len(manifest.problems) - _N_PROBLEMS
    if rest > 0:
        typer.echo(f"... and {rest:,} more lines; `audit` lists them", err=True)


@contextmanager
def end_on_signal() -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C: child processes end, and the state says "cancelled"."""
    import signal

    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, old)


@contextmanager
def show_bars() -> Iterator[OnProgress]:
    """Show one bar per framework on a terminal, and one line per stage elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    shown: set[str] = set()
    bars: dict[str, TaskID] = {}
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:

        def on_progress(stage: str, tracks: dict[str, dict[str, Any]]) -> None:
            if stage not in shown:
                shown.add(stage)
                if not sys.stderr.isatty():
                    typer.echo(_STAGES[stage], err=True)
            for track, values in tracks.items():
                key = f"{stage}:{track}"
                if key not in bars:
                    bars[key] = progress.add_task(_STAGES[stage], total=1.0)
                text = f"{_STAGES[stage]}: {track}"
                if "epoch" in values:
                    text += f", fold {values['fold']}/{values['folds']}"
                    text += f", epoch {values['epoch']}/{values['epochs']}"
                progress.update(bars[key], completed=values["fraction"], description=text)

        yield on_progress
