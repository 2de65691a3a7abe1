"""The command `robustness`.

robustness/1, its JSON; a figure that cannot be estimated and an unknown position are null:

    {"schema": "robustness/1", "experiment": name,
     "robustness": [{"perturbation": see core.imaging.perturbations ("none": the unchanged slice), "amount",
                     "framework", "level": "slice" or "patient", "n", "auroc", "average_precision",
                     and for both, with the suffixes "_low", "_high", "_reason": the ends of the 95 %
                     interval, or why there is none}, ...],
     "properties": [{"file", "brightness", "position", "level": "base", "middle", "vertex" or "",
                     "brain_visible": 1 or 0}, ...]}
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.arguments import AsJson, DatasetFolder, Name, find_folder, find_named
from core.cli.terminal import print_json, print_table, show_progress
from core.frameworks import TITLES

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "robustness/1"


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(robustness)


def robustness(
    name: Name,
    dataset: DatasetFolder = None,
    sample: Annotated[
        int | None,
        typer.Option(min=50, metavar="N", help="Measure on N random test slices, not on all."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure AUROC on altered slices (noise, rotation, ...), and store each slice's region and brightness.

    Takes minutes; needs the experiment's frameworks (PyTorch, TensorFlow). Replaces the experiment's tables
    robustness.csv and properties.csv. If this changes which slices count in a
    patient's score, the thresholds for patients are chosen again.
    """
    from core.datasets import index_dataset
    from core.experiments import add_files, check_writable
    from core.measurements import check_dataset, measure_properties, measure_robustness, store_properties

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    found = index_dataset(find_folder(dataset), show_progress("slices of the data set indexed"))
    found = found.select_known(experiment.card["protocol"]["labels"], experiment.finding_key)
    check_dataset(experiment, found)
    properties = measure_properties(found, show_progress("slices measured"))
    experiment = store_properties(experiment, properties)
    figures = measure_robustness(
        experiment, found, n_slices=sample, on_progress=show_progress("steps of measuring")
    )
    table = figures.to_csv(index=False, lineterminator="\n").encode()
    experiment = add_files(experiment, {"robustness.csv": table})
    tables = {"robustness.csv": figures, "properties.csv": properties}
    if as_json:
        rows = {path.removesuffix(".csv"): _records(table) for path, table in tables.items()}
        print_json({"schema": SCHEMA, "experiment": experiment.name, **rows})
    else:
        _print_figures(experiment.name, figures)
        known = properties["level"].value_counts()
        regions = ", ".join(f"{known[region]:,} {region or 'unknown'}" for region in sorted(known.index))
        print(f"Regions of the {len(properties):,} slices: {regions}")
        print(f"Stored with the experiment: {', '.join(tables)}")


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as plain values, with None for NaN."""
    columns = table.astype(object).where(table.notna(), None)
    return [{str(key): value for key, value in row.items()} for row in columns.to_dict("records")]


def _print_figures(name: str, figures: pd.DataFrame) -> None:
    from core.imaging import Perturbation

    print(f"{name}: AUROC of test slices, altered before preprocessing")
    columns = list(figures[["framework", "level"]].drop_duplicates().itertuples(index=False, name=None))
    areas = figures.set_index(["perturbation", "amount", "framework", "level"])["auroc"].to_dict()
    changes = figures[["perturbation", "amount"]].drop_duplicates().itertuples(index=False, name=None)
    rows = []
    for change, amount in changes:
        values = [areas[change, amount, *column] for column in columns]
        cells = [f"{value:.3f}" if value == value else "-" for value in values]
        rows.append([Perturbation(change, amount).title, *cells])
    print_table(["", *(f"{TITLES[framework]}, {level}" for framework, level in columns)], rows)
