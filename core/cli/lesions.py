"""The commands `localise` and `shortcut`.

localisation/1 and shortcut/1, their JSON; a figure that cannot be estimated is null:

    {"schema": "localisation/1", "experiment": name,
     "localisation": [{"measure": a key of core.measurements.localisation.MEASURES, "source",
                       "part": "out of sample", "kept" or "elsewhere", "framework",
                       "n": slices with an outline, "n_patients", "value", "low", "high": the ends of its 95 %
                       interval over patients, "reason": why there is none, or "", "chance"}, ...]}

    {"schema": "shortcut/1", "experiment": name,
     "shortcut": [{"control": "uncovered", "covered", "away" (AUROC of the slices of "source" against those of
                   "other" without the finding), "source" (AUROC by the features), "sensitivity" or "false
                   alarms" (shares at the threshold; "other" is the vendor), "source", "part", "other",
                   "framework", "n": slices of the source, "n_other": of the other, "value", "low", "high",
                   "reason": as above}, ...]}
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import plain, print_json, print_table, show_progress
from core.frameworks import TITLES

if TYPE_CHECKING:
    import pandas as pd

    from core.datasets import Dataset

Manifests = Annotated[
    list[Path],
    typer.Argument(metavar="MANIFEST", exists=True, help="Manifests (.csv) or folders of labeled slices."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the program's command line."""
    app.command()(localise)
    app.command()(shortcut)


def localise(name: Name, manifests: Manifests, as_json: AsJson = False) -> None:
    """Measure how often heat maps are strongest in or beside a lesion that is outlined.

    Takes minutes. A slice of the experiment's own data is read by the network that did not learn from it.
    Replaces the experiment's localisation.csv.
    """
    from core.experiments import check_writable
    from core.measurements import (
        LOCALISATION_TABLE,
        MEASURES,
        iterate_rows,
        measure_localisation,
        store_localisation,
    )

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    table = measure_localisation(experiment, _index(manifests), show_progress("slices read"))
    experiment = store_localisation(experiment, table)
    if as_json:
        print_json(_record("localisation", experiment.name, table))
        return
    print(f"{experiment.name}: where heat maps are strongest, against outlines [95 % interval over patients]")
    rows = [
        [
            plain(row.source),
            row.part,
            TITLES[row.framework],
            f"{row.n:,}",
            MEASURES[row.measure].title,
            _write(row, MEASURES[row.measure].is_share),
            f"{row.chance:.2f}",
        ]
        for row in iterate_rows(table)
    ]
    print_table(["source", "part", "network", "slices", "", "", "chance"], rows)
    print(f"Stored with the experiment: {LOCALISATION_TABLE}")


def shortcut(name: Name, manifests: Manifests, as_json: AsJson = False) -> None:
    """Measure whether the networks recognize the hospital instead of the lesion.

    Takes minutes; needs slices of several sources, some with an outline. A slice of the experiment's own data
    is read by the network that did not learn from it. Replaces the experiment's shortcut.csv.
    """
    from core.experiments import check_writable
    from core.measurements import (
        CONTROLS,
        LIMIT,
        SHORTCUT_TABLE,
        count_controls,
        iterate_rows,
        measure_shortcut,
        store_shortcut,
    )

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    table = measure_shortcut(experiment, _index(manifests), show_progress("slices read"))
    experiment = store_shortcut(experiment, table)
    if as_json:
        print_json(_record("shortcut", experiment.name, table))
        return
    print(f"{experiment.name}: AUROC, and shares at the threshold [95 % interval over patients]")
    rows = [
        [
            plain(row.source),
            row.part,
            plain(row.other),
            TITLES[row.framework],
            row.control,
            _write(row, not row.n_other),
            f"{row.n:,} / {row.n_other:,}" if row.n_other else f"{row.n:,}",
        ]
        for row in iterate_rows(table)
    ]
    print_table(["source", "part", "against", "network", "", "", "slices"], rows)
    for control in list(CONTROLS)[1:]:
        n_known, n = count_controls(table, control)
        words = CONTROLS[control].title
        print(
            f"Against other sources, {words}: {n_known} of {n} AUROCs are above {LIMIT:.2f} and above chance"
        )
    print(f"Stored with the experiment: {SHORTCUT_TABLE}")


def _index(manifests: list[Path]) -> list[Dataset]:
    from core.datasets import index_dataset

    return [index_dataset(path, show_progress("slices of the data set indexed")) for path in manifests]


def _write(row: Any, is_share: bool) -> str:
    from core.measurements import gather_figure
    from core.model_card import format_figure

    return format_figure(gather_figure(row), "share" if is_share else "number")


def _record(key: str, experiment: str, table: pd.DataFrame) -> dict[str, Any]:
    """Return a table as JSON, with None for NaN."""
    columns = table.astype(object).where(table.notna(), None)
    return {"schema": f"{key}/1", "experiment": experiment, key: columns.to_dict("records")}
