"""The command `features`.

features/1, its JSON:

    {"schema": "features/1", "experiment": name,
     "slices": [{"file", "x", "y": place on the map, or null if the features do not vary,
                 "neighbours": [{"file", "similarity": -1 to 1}, ...], "copies": [file, ...]}, ...]}
"""

from __future__ import annotations

import typer

from core.cli.arguments import AsJson, DatasetFolder, Name, find_folder, find_named
from core.cli.terminal import print_json, show_progress

SCHEMA = "features/1"


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(features)


def features(
    name: Name,
    dataset: DatasetFolder = None,
    as_json: AsJson = False,
) -> None:
    """Find each slice's most similar training slices and its near-duplicates, and map all slices.

    Takes minutes. Replaces what the experiment stores: the table of similar slices, near-duplicates and map
    positions, and the features that new scans are compared with.
    """
    from core.datasets import index_dataset
    from core.experiments import check_writable
    from core.gate import FAMILIARITY_FILE
    from core.measurements import (
        FEATURES_TABLE,
        find_copies,
        find_neighbours,
        measure_features,
        store_features,
    )

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    found = index_dataset(find_folder(dataset), show_progress("slices of the data set indexed"))
    table, familiarity = measure_features(experiment, found, show_progress("steps of the similarity search"))
    experiment = store_features(experiment, table, familiarity)
    files = list(experiment.slices()["file"])
    alike = [find_neighbours(table, row) for row in range(len(files))]
    doubles = [find_copies(table, row) for row in range(len(files))]
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
    print(f"{experiment.name}: found neighbors of {n_tested:,} test slices; mapped {len(files):,} slices")
    print(f"Slices with a near-duplicate: {sum(map(bool, doubles)):,}")
    print(f"Stored with the experiment: {FEATURES_TABLE}, {FAMILIARITY_FILE}")
