"""The commands for data: `download` and `audit`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import typer

from core.errors import DatasetError


def register(app: typer.Typer) -> None:
    """Add the commands to the program's command line."""
    app.command()(download)
    app.command()(audit)


def download() -> None:
    """Fetch the published data set from Kaggle with kagglehub, and check it."""
    from core.dataset import download as fetch
    from core.kaggle import KNOWN_DATASET

    with _bars() as show:
        folder = fetch(show("downloading"), show("checking"))
    typer.echo(f"{KNOWN_DATASET['n_files']} slices, fingerprint as expected: {folder}")


def audit(
    dataset: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATASET",
            exists=True,
            file_okay=False,
            help="Folder with two class folders; the published set, if left out and on this machine.",
        ),
    ] = None,
    split: Annotated[
        Literal["random", "patient"] | None,
        typer.Option(help="The split to audit; both when left out."),
    ] = None,
    folds: Annotated[int, typer.Option(min=1, help="1 holds out about 10 %; K tests every slice once.")] = 1,
    labels: Annotated[
        Literal["folder", "slice"], typer.Option(help="The labels the split is stratified by.")
    ] = "folder",
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
) -> None:
    """Count what a data set holds, its copies and its labels, and what splits of it leak."""
    from core.audit import audit_dataset, audit_split
    from core.audit_text import format_audit
    from core.dataset import find_dataset, index_dataset
    from core.splits import SPLITS, make_folds

    folder = dataset or find_dataset()
    if folder is None:
        raise DatasetError(
            "No data set was found on this machine",
            remedy="name its folder, or fetch it with: python -m core download",
        )
    with _bars() as show:
        found = index_dataset(folder, show("reading"))
        outcome = audit_dataset(found, show("comparing"))
    y = found.labels(labels)
    patients = found.table["patient"].to_numpy(dtype=str)
    splits, impossible = {}, []
    for kind in SPLITS if split is None else (split,):
        title = f"{kind}, {folds} fold{'s' if folds > 1 else ''}, {labels} labels, seed {seed}"
        try:
            parts = make_folds(y, patients, split=kind, folds=folds, seed=seed)
        except DatasetError as error:
            if split is not None:
                raise
            impossible.append(f"\nSplit: {title}\n  {error}")
            continue
        splits[title] = audit_split(found.table, parts, outcome.near_duplicates)
    typer.echo("\n".join([format_audit(outcome, splits), *impossible]))


@contextmanager
def _bars() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Progress bars on standard error, which vanish when done; nothing is drawn when nobody is watching."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def show(words: str) -> Callable[[int, int], None]:
            task = progress.add_task(words, total=None, visible=False)
            return lambda done, total: progress.update(task, completed=done, total=total, visible=True)

        yield show
