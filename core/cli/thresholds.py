"""The command `thresholds`.

With `--json`, thresholds/1: {"schema", "experiment": name, "levels": the card's "sources", described in
core.sources.source_thresholds}.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named, stop_on_signal
from core.cli.terminal import plain, print_json, print_table, show_progress
from core.frameworks import TITLES

if TYPE_CHECKING:
    import pandas as pd

    from core.experiments import Experiment


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(thresholds)


def thresholds(
    experiment: Name,
    also: Annotated[
        Path | None,
        typer.Option(
            metavar="DATA",
            exists=True,
            help="Labeled slices of other sources that take part, too: a manifest, or class folders.",
        ),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Choose thresholds that hold on several sources, each counting alike.

    They are those of the experiment's own data; if it has one only, with its stored validations. Slices of
    other sources can be named; they are read now, and stored with the experiment. Thresholds are written to
    experiment.json, as the default, with the results for each source at thresholds chosen without it. Slices
    of parts kept aside are not used.
    """
    from core.sources import set_thresholds

    opened = find_named(experiment)
    changed = set_thresholds(opened, also=_read(opened, also) if also else None)
    about = changed.card["sources"]
    if as_json:
        print_json({"schema": "thresholds/1", "experiment": changed.name, "levels": about})
        return
    for level, found in about.items():
        say = ", ".join(
            f"{plain(one['name'])} {one['n']:,} ({one['positives']:,})" for one in found["sources"]
        )
        print(f"Per {level}, from (positive): {say}")
        for name in changed.frameworks:
            if name in found["at"]:
                low, high = changed.review_band(name, level) or (0.0, 1.0)
                print(
                    f"{TITLES[name]}: {changed.threshold(name, level):.3f}, uncertain {low:.3f} to {high:.3f}"
                )
        print_table(_HEADS, [row for name in changed.frameworks for row in _list_rows(found, name)])


def _read(experiment: Experiment, data: Path) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    from core.datasets import DecodedScans, index_dataset
    from core.validation import read_development

    dataset = index_dataset(data, show_progress("slices of the data set indexed"), decoded=DecodedScans())
    with stop_on_signal() as should_stop:
        return read_development(
            experiment, dataset, on_progress=show_progress("slices read"), should_stop=should_stop
        )


_HEADS = ["network", "source", "sensitivity", "specificity", "in band", "left out: threshold", "sensitivity",
          "specificity", "balanced", "best"]  # fmt: skip


def _list_rows(found: Mapping[str, Any], framework: str) -> list[list[str]]:
    rows = []
    for source, at in found["at"].get(framework, {}).items():
        out = found["left_out"][framework][source]
        keys = ("threshold", "recall", "specificity", "balanced_accuracy", "best")
        cells = [at["recall"], at["specificity"], at["in_band"], *(out.get(key) for key in keys)]
        shown = ("-" if cell is None else f"{cell:.3f}" for cell in cells)
        rows.append([TITLES[framework], plain(source), *shown])
    return rows
