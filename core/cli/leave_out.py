"""The command `leave-out`.

With `--json`, left_out/1: {"schema", "experiment": name, and the card's "left_out", described in
core.sources.left_out}.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import as_figure, plain, print_json, print_table
from core.cli.train import end_on_signal, show_bars
from core.evaluation import list_keys
from core.frameworks import TITLES


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command(name="leave-out")(leave_out)


def leave_out(
    name: Name,
    manifest: Annotated[
        Path,
        typer.Argument(metavar="MANIFEST", exists=True, help="The data set that it was trained on."),
    ],
    keep_maps: Annotated[
        bool, typer.Option("--keep-maps", help="Keep the backbone's feature maps for later trainings.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train without each source of an experiment in turn, and test on the one left out.

    Tells how the networks do in a hospital that they never met. Takes about as long as training. Ctrl-C stops
    it; the same command continues.
    """
    from core.sources import measure_left_out

    experiment = find_named(name)
    with end_on_signal(), show_bars() as on_progress:
        found = measure_left_out(experiment, manifest, keep_maps=keep_maps, on_progress=on_progress)
    about = found.card["left_out"]
    if as_json:
        print_json({"schema": "left_out/1", "experiment": found.name, **about})
        return
    figures = [key.replace("_", " ") for key in list_keys("ranking")]
    titles = ["left out", "network", "slices trained on", "n (positive)", *figures]
    print_table(titles, [row for one in about["sources"] for row in _list_rows(one)])


def _list_rows(one: dict[str, Any]) -> list[list[str]]:
    source = plain(one["source"] or "(unnamed)")
    if "reason" in one:
        return [[source, f"not possible: {plain(one['reason'])}", *[""] * 4]]
    return [
        [
            source,
            TITLES[framework],
            f"{one['n_trained']:,}",
            f"{one['n']:,} ({one['positives']:,})",
            *(as_figure(figure) for figure in figures.values()),
        ]
        for framework, figures in one["models"].items()
    ]
