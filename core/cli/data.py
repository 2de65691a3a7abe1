"""The commands for data: `download`, `audit` and `leakage`.

leakage/1, the JSON of `leakage`; a figure that cannot be estimated is null, and "reason" says why:

    {"schema": "leakage/1", "fingerprint": of the data set, "seed", "classes": [negative, positive],
     "n_slices", "n_patients", "n_slices_in_set",
     "outcomes": [{"labels": "folder" or "slice", "shuffled": whether they were shuffled between patients,
                   "split": "random" or "patient", "n_runs",
                   "majority": accuracy of always answering the more common label,
                   "accuracy": {"value", "low", "high", "reason"}, "auroc": likewise}, ...],
     "conclusion": sentences}
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from core.cli.terminal import plain, print_json, print_table
from core.errors import DatasetError

if TYPE_CHECKING:
    from core.audit import Control, Estimate

LEAKAGE_SCHEMA = "leakage/1"

DatasetFolder = Annotated[
    Path | None,
    typer.Argument(
        metavar="DATASET",
        exists=True,
        help="Folder with two class folders, or a manifest (.csv). Default: STROKE_CT_DATA, else the "
        "downloaded data set.",
    ),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program's command line."""
    app.command()(download)
    app.command()(audit)
    app.command()(leakage)


def download() -> None:
    """Download the published data set from Kaggle with kagglehub, and check it."""
    from core.datasets import KNOWN_DATASET, download as fetch

    with _bars() as show:
        folder = fetch(show("downloading"), show("checking"))
    typer.echo(f"{KNOWN_DATASET['n_files']:,} slices, fingerprint as expected: {folder}")


def audit(
    dataset: DatasetFolder = None,
    split: Annotated[
        Literal["random", "patient"] | None,
        typer.Option(help="The split to audit. Default: both."),
    ] = None,
    folds: Annotated[
        int, typer.Option(min=1, help="1: one test set of about 10 %; 2 or more: cross-validation.")
    ] = 1,
    labels: Annotated[
        Literal["folder", "slice"] | None,
        typer.Option(help="The labels to stratify the split by. Default: folder; of a manifest, slice."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
) -> None:
    """Count the slices, duplicates and labels of a data set, and the leakage of its splits."""
    from core.audit import audit_dataset, audit_split
    from core.cli.audit_text import format_audit
    from core.datasets import SPLITS, index_dataset, make_folds

    folder = _find_folder(dataset)
    with _bars() as show:
        found = index_dataset(folder, show("reading"))
        outcome = audit_dataset(found, show("comparing"))
    which = labels or ("folder" if found.manifest is None else "slice")
    splits, impossible = {}, []
    for kind in SPLITS if split is None else (split,):
        title = f"{kind}, {folds} fold{'s' if folds > 1 else ''}, {which} labels, seed {seed}"
        try:
            used = found.select_known(which)
            parts = make_folds(used.labels(which), used.groups(), split=kind, folds=folds, seed=seed)
        except DatasetError as error:
            if split is not None:
                raise
            impossible.append(f"\nSplit: {title}\n  {plain(str(error))}")
            continue
        splits[title] = audit_split(used.table, parts, outcome.near_duplicates)
    typer.echo("\n".join([format_audit(outcome, splits), *impossible]))


def leakage(
    dataset: DatasetFolder = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of splits and shuffles.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of a table.")
    ] = False,
) -> None:
    """Score a model that can only recognize patients, on true and on shuffled labels."""
    from core.audit import conclude, run_control
    from core.datasets import index_dataset

    folder = _find_folder(dataset)
    with _bars() as show:
        found = index_dataset(folder, show("checking"))
        control = run_control(found, seed=seed, reading=show("reading"), comparing=show("comparing"))
    if as_json:
        print_json({"schema": LEAKAGE_SCHEMA, **asdict(control), "conclusion": conclude(control)})
    else:
        _print_control(control, conclude(control))


def _print_control(control: Control, conclusion: str) -> None:
    whole = "" if control.n_slices == control.n_slices_in_set else f" of {control.n_slices_in_set:,}"
    patients = f"{control.n_patients} patients" if control.n_patients else "patients unknown"
    print(f"Control: nearest neighbor on small images; {control.n_slices:,}{whole} slices, {patients}")
    ways = {"random": "random 90/10", "patient": "patients apart"}
    rows, reasons = [], []
    for outcome in control.outcomes:
        labels = f"{outcome.labels} label" + (", shuffled between patients" if outcome.shuffled else "")
        figures = [_write_estimate(estimate) for estimate in (outcome.accuracy, outcome.auroc)]
        guessing = f"{outcome.majority:.3f}"
        rows.append([labels, ways[outcome.split], str(outcome.n_runs), *figures, guessing])
        reasons += [estimate.reason for estimate in (outcome.accuracy, outcome.auroc) if estimate.reason]
    print_table(["labels", "split", "runs", "accuracy", "AUROC", "guessing"], rows)
    print("In brackets: lowest and highest of the runs; for a single run, the 95 % interval over patients.")
    print("Guessing: the accuracy of always answering the more common label.")
    for reason in dict.fromkeys(reasons):
        print(f"Not estimable: {plain(reason)}.")
    print(f"\n{plain(conclusion)}")


def _write_estimate(estimate: Estimate) -> str:
    if estimate.value is None:
        return "-"
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.3f}"
    return f"{estimate.value:.3f} [{estimate.low:.3f}, {estimate.high:.3f}]"


def _find_folder(named: Path | None) -> Path:
    from core.datasets import find_dataset

    folder = named or find_dataset()
    if folder is None:
        raise DatasetError(
            "No data set was found on this machine",
            remedy="give its folder, or download it with: stroke-ct download",
        )
    return folder


@contextmanager
def _bars() -> Iterator[Callable[[str], Callable[[int, int], None]]]:
    """Show progress bars on standard error until done; show none if it is not a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:

        def show(words: str) -> Callable[[int, int], None]:
            task = progress.add_task(words, total=None, visible=False)
            return lambda done, total: progress.update(task, completed=done, total=total, visible=True)

        yield show
