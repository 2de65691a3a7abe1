"""The command `gate`.

gate/1, its JSON:

    {"schema": "gate/1", "experiment": name, "images": "development" or "kept_aside", "what": sentence,
     "left_out": files of public sets that are kept aside, or, with "kept_aside", that are not,
     "gate": {"head_ct", "other" or, of each of several sources, "head_ct: NAME":
                  {"n": slices judged, "unreadable": files that cannot be read,
                   "read", "warn", "refuse": {"count": slices, "value": share of n in [0, 1],
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
            "--head-ct",
            metavar="PATH",
            exists=True,
            help="Folder or manifest of head CT only; can be repeated.",
        ),
    ],
    other: Annotated[
        list[Path],
        typer.Option("--other", metavar="PATH", exists=True, help="Folder without head CT; can be repeated."),
    ],
    kept_aside: Annotated[
        bool,
        typer.Option(
            "--kept-aside",
            help="Record that these images did not set the limits of the input check. Of public sets, count "
            "only the slices kept aside. Without this option, these slices are left out.",
        ),
    ] = False,
    what: Annotated[
        str, typer.Option(metavar="SENTENCE", help="Description of the images, for the model card.")
    ] = "",
    learn: Annotated[
        bool,
        typer.Option(
            "--learn",
            help="First learn from these images to tell head CT from others by the networks' features; each "
            "--head-ct is a source. Takes more minutes.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Count the slices that the gate accepts, warns about and refuses, in folders of known content.

    Takes minutes. Replaces the experiment's earlier counts: with --kept-aside those of images kept aside,
    otherwise those of development images. File names are not stored.
    """
    from core.experiments import check_writable
    from core.measurements import (
        GATE_TABLE,
        OUTCOMES,
        compute_shares,
        learn_gate,
        measure_gate,
        store_gate,
    )
    from core.model_card import format_figure

    experiment = find_named(name)
    check_writable(experiment)  # before minutes of measuring
    images = "kept_aside" if kept_aside else "development"
    if learn and kept_aside:
        raise typer.BadParameter("images kept aside are not learned from", param_hint="--learn")
    if learn:
        experiment, left_out_counts = learn_gate(
            experiment, head_ct, other, show_progress("slices read by the networks")
        )
        experiment = store_gate(experiment, left_out_counts)
    table = measure_gate(
        experiment, head_ct, other, images=images, what=what, on_file=show_progress("files judged")
    )
    experiment = store_gate(experiment, table)
    shares, left_out = compute_shares(table), table.attrs["left_out"]
    if as_json:
        about = {"images": images, "what": what, "left_out": left_out}
        print_json({"schema": SCHEMA, "experiment": experiment.name, **about, "gate": shares})
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
    if left_out:
        print(
            f"Left out: {left_out:,} files of public sets, which are {'not ' if kept_aside else ''}kept aside"
        )
    print(f"Stored with the experiment: {GATE_TABLE}")
