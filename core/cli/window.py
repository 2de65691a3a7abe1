"""The command `window`.

window/1, its JSON:

    {"schema": "window/1", "experiment": name, "n_slices": slices in Hounsfield units,
     "limit": the distance above which a slice is unlike training, see core.gate.familiarity,
     "windows": [{"level_hu", "width_hu", "distance": median over the slices that show brain,
                  "own": whether it is the experiment's}, ...], nearest first}
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import plain, print_json, print_table, show_progress

SCHEMA = "window/1"


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(window)


def window(
    name: Name,
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            exists=True,
            help="Head CT in Hounsfield units: DICOM or NIfTI files, folders, or manifests (.csv).",
        ),
    ],
    as_json: AsJson = False,
) -> None:
    """Find the window through which head CT in Hounsfield units looks most like the training data.

    Takes minutes; nothing is stored.
    """
    from core.measurements import compare_windows, open_images
    from core.scans import Refused

    experiment = find_named(name)
    slices = []
    for path in paths:
        for outcome in open_images(path, False, lambda: None).scans:
            if isinstance(outcome, Refused):
                print(f"Refused: {plain(outcome.source)}: {plain(str(outcome.error))}", file=sys.stderr)
            elif outcome.unit == "hu":
                slices += [piece.pixels for piece in outcome.slices]
            else:
                print(f"Skipped: {plain(outcome.source)} is not in Hounsfield units", file=sys.stderr)
    matches = compare_windows(experiment, slices, show_progress("windows compared"))
    own, familiarity = experiment.recipe.window, experiment.familiarity()
    assert familiarity is not None
    if as_json:
        rows = [
            {
                "level_hu": match.window.center_hu,
                "width_hu": match.window.width_hu,
                "distance": match.distance,
                "own": match.window == own,
            }
            for match in matches
        ]
        record = {"n_slices": len(slices), "limit": familiarity.limit, "windows": rows}
        print_json({"schema": SCHEMA, "experiment": experiment.name, **record})
        return
    print(f"{experiment.name}: median distance between slices that show brain and the training slices")
    print_table(
        ["width", "center", "distance", ""],
        [
            [
                f"{match.window.width_hu:g}",
                f"{match.window.center_hu:g}",
                f"{match.distance:.3f}",
                "the experiment's" if match.window == own else "",
            ]
            for match in matches
        ],
    )
    print(f"Above {familiarity.limit:.3f} a slice looks more unusual than nearly all slices of the data set.")
