"""The command `features`.

features/1, its JSON:

    {"schema": "features/1", "experiment": name,
     "slices": [{"file", "x", "y": place on the map, or null where the features do not vary,
                 "neighbours": [{"file", "similarity": -1 to 1}, ...], "copies": [file, ...]}, ...]}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli_arguments import AsJson, Name, find_named
from core.errors import DatasetError
from core.terminal import print_json, show_progress

SCHEMA = "features/1"


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(features)


def features(
    name: Name,
    dataset: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", exists=True, file_okay=False, help="The data set; looked for if not given."
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Find each slice's most similar training slices and near-copies, and a map of all slices.

    Takes minutes. The table is stored with the experiment and replaces an older one.
    """
    from core.dataset import find_dataset, index_dataset
    from core.feature_space import TABLE, copies, measure_features, nearest, store_features

    experiment = find_named(name)
    folder = dataset or find_dataset()
    if folder is None:
        raise DatasetError(
            "No data set was found on this machine",
            remedy="name its folder with --dataset, or fetch it with: python -m core download",
        )
    found = index_dataset(folder, show_progress("slices of the data set indexed"))
    table = measure_features(experiment, found, show_progress("steps of looking for likeness"))
    experiment = store_features(experiment, table)
    files = list(experiment.slices()["file"])
    alike = [nearest(table, row) for row in range(len(files))]
    doubles = [copies(table, row) for row in range(len(files))]
    if as_json:
        places = table[["x", "y"]].astype(object).where(table[["x", "y"]].notna(), None)
        rows = [
            {
                "file": file,
                "x": x,
                "y": y,
                "neighbours": [
                    {"file": files[other], "similarity": similarity} for other, similarity in others
                ],
                "copies": [files[other] for other in double],
            }
            for file, x, y, others, double in zip(
                files, places["x"], places["y"], alike, doubles, strict=True
            )
        ]
        print_json({"schema": SCHEMA, "experiment": experiment.name, "slices": rows})
        return
    n_tested = sum(map(bool, alike))
    print(f"{experiment.name}: neighbours of {n_tested} tested slices, and a map of {len(files)}")
    print(f"Slices with a near-copy: {sum(map(bool, doubles))}")
    print(f"Stored with the experiment: {TABLE}")
