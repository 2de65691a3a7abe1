"""The command `manifest`: describe a public set, as it was downloaded, by a table of its slices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from core.cli.terminal import plain, print_table, show_progress
from core.errors import DatasetError

if TYPE_CHECKING:
    from core.manifests import Line, Source

Folder = Annotated[
    Path, typer.Argument(metavar="FOLDER", exists=True, file_okay=False, help="Folder of the set.")
]


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command()(manifest)


def manifest(
    kind: Annotated[
        Literal["kaggle", "phe-sich", "rsna", "teknofest"],
        typer.Argument(metavar="KIND", help="The set: kaggle, phe-sich, rsna or teknofest."),
    ],
    folder: Folder,
    out: Annotated[Path, typer.Option(metavar="FILE", help="The manifest to write, such as set.csv.")],
    append: Annotated[
        bool, typer.Option("--append", help="Add the set to an existing manifest, as one more source.")
    ] = False,
) -> None:
    """Write a manifest for a public data set: a table of its slices, and one of its sources beside it."""
    from core.datasets import describe_class_folders, index_dataset
    from core.manifests import FINDINGS, describe_folder, join_manifest, place_layout, write_manifest

    if out.suffix.lower() != ".csv":
        raise typer.BadParameter("The manifest's name must end in .csv", param_hint="--out")
    if out.exists() != append:
        raise DatasetError(
            f"There is {'no' if append else 'already a'} file {out.name}",
            remedy="leave out --append" if append else "choose another name, or add to it with --append",
        )
    progress = show_progress("files of the set looked at") or (lambda done, total: None)
    if kind == "kaggle":
        dataset = index_dataset(folder, progress)
        layout, folder = describe_class_folders(dataset), dataset.folder
    else:
        layout = describe_folder(kind, folder, progress)
    placed = place_layout(layout, folder, out)
    whole = join_manifest(out, placed) if append else placed
    write_manifest(out, whole.lines, whole.sources)
    rows = []
    for source in whole.sources:
        lines = [line for line in whole.lines if line.get("source", "") == source.name]
        patients = {line["patient"] for line in lines if line.get("patient")}
        kept = sum(bool(line.get("part")) for line in lines)
        labels = [_count_labels(lines, source, finding) for finding in FINDINGS]
        n_patients = str(len(patients) or "unknown")
        rows.append([plain(source.name), f"{len(lines):,}", n_patients, *labels, f"{kept:,}"])
    print_table(["source", "slices", "patients", *FINDINGS, "kept aside"], rows)
    for note in layout.notes:
        print(plain(note))
    print(f"Written: {out}")


def _count_labels(lines: Sequence[Line], source: Source, finding: str) -> str:
    """Return how many lines of a source have each label of a finding, as words."""
    silence = source.silence.get(finding, ("unknown", ""))[0]
    counts = Counter(line.get(finding, "") or silence for line in lines)
    return ", ".join(f"{n:,} {word}" for word, n in sorted(counts.items()))
