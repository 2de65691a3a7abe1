"""The command `gate`.

gate/1, its JSON:

    {"schema": "gate/1", "experiment": name, "images": "development" or "kept_aside", "what": sentence,
     "gate": {"head_ct" or "other": {"n": slices judged, "unreadable": files that cannot be read,
                                     "read", "warn", "refuse": {"count": slices,
                                                                "value": share of n in [0, 1],
                                                                "interval": 95 %, [low, high]}}}}
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import print_json, print_table, show_progress

SCHEMA = "gate/1"


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(gate)


def gate(
    name: Name,
    head_ct: Annotated[
        list[Path],
        typer.Option(
            "--head-ct", metavar="DIR", exists=True, help="Folder of head CT only; can be repeated."
        ),
    ],
    other: Annotated[
        list[Path],
        typer.Option("--other", metavar="DIR", exists=True, help="Folder without head CT; can be repeated."),
    ],
    kept_aside: Annotated[
        bool,
        typer.Option(
            "--kept-aside", help="Record that these images were not used to set the limits of the gate."
        ),
    ] = False,
    what: Annotated[
        str, typer.Option(metavar="SENTENCE", help="Description of the images, for the model card.")
    ] = "",
    as_json: AsJson = False,
) -> None:
    """Count the slices that the gate accepts, warns about and refuses, in folders of known content.

    Takes minutes. Replaces the experiment's counts of the same kind of images, with or without --kept-aside.
    File names are not stored.
    """
    from core.experiments import check_writable
    from core.measurements import GATE_TABLE, OUTCOMES, compute_shares, measure_gate, store_gate
    from core.model_card import format_figure

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    images = "kept_aside" if kept_aside else "development"
    table = measure_gate(
        experiment, head_ct, other, images=images, what=what, on_file=show_progress("files judged")
    )
    experiment = store_gate(experiment, table)
    shares = compute_shares(table)
    if as_json:
        print_json(
            {"schema": SCHEMA, "experiment": experiment.name, "images": images, "what": what, "gate": shares}
        )
        return
    print(f"{experiment.name}: share of the slices [95 % interval]")
    rows = [
        [
            kind,
            str(one["n"]),
            *(
                f"{one[outcome]['count']}: {format_figure(one[outcome], 'fine share')}"
                for outcome in OUTCOMES
            ),
            str(one["unreadable"]),
        ]
        for kind, one in shares.items()
    ]
    print_table(["", "slices", *OUTCOMES, "unreadable files"], rows)
    print(f"Stored with the experiment: {GATE_TABLE}")
