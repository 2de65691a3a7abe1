"""The commands `succeed`, `versions` and `seeds`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import as_figure, plain, print_json, print_table
from core.frameworks import TITLES


def register(app: typer.Typer) -> None:
    """Add the commands to the program's command line."""
    app.command()(succeed)
    app.command()(versions)
    app.command()(seeds)


def succeed(
    new: Annotated[str, typer.Argument(metavar="NEW", help="Name of the newly trained experiment.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the experiment whose place it takes.")],
) -> None:
    """Put newly trained networks in the place of an experiment, as its next version.

    The name NEW is gone then. Of the earlier networks, figures stay as a row of history. Their site
    calibrations are refused from then on: calibrate again.
    """
    from core.experiments import tell_change
    from core.sources import succeed_experiment

    successor, earlier = find_named(new, "NEW"), find_named(name)
    found = succeed_experiment(successor, earlier)
    typer.echo(f"{tell_change(earlier.version, found.version)}: {found.folder}")
    typer.echo(f"Write its model card: stroke-ct card {name} --write {found.folder / 'MODEL_CARD.md'}")


def versions(name: Name, as_json: AsJson = False) -> None:
    """Print how the networks of an experiment changed: the figures of each version.

    With --json: {"schema": "versions/1", "experiment", "history": [VERSION, ...]}, the first one first; see
    core.sources.versions.
    """
    from core.sources import describe_version, list_versions

    experiment = find_named(name)
    found = list_versions(experiment) or [describe_version(experiment)]
    if as_json:
        print_json({"schema": "versions/1", "experiment": experiment.name, "history": found})
        return
    titles = ["version", "scans", "network", "n (positive)", *(key.replace("_", " ") for key in _KEYS)]
    print_table(titles, [row for one in found for row in _list_rows(one)])


_KEYS = ("auroc", "average_precision", "recall", "specificity")


def _list_rows(version: dict[str, Any]) -> list[list[str]]:
    return [
        [
            str(version["version"]),
            plain(row["scans"]) + (", kept aside" if row["kept"] else ""),
            TITLES[framework],
            f"{row['n']:,} ({row['positives']:,})",
            *(as_figure(figures[key]) for key in _KEYS),
        ]
        for row in version["figures"]
        for framework, figures in row["models"].items()
    ]


def seeds(
    name: Name,
    others: Annotated[
        list[str],
        typer.Argument(metavar="OTHER", help="Experiments from the same training with other seeds."),
    ],
    as_json: AsJson = False,
) -> None:
    """Gather the results of the same training with several seeds: their mean, lowest and highest value.

    Replaces the experiment's seeds.csv. First measure each of the others in the same way as the experiment:
    `thresholds`, `validate`, `localise`, `shortcut`.

    With --json: {"schema": "seeds/1", "experiment", "figures": [the columns of seeds.csv but "seed" and
    "value", and "mean", "low", "high", "n"]}.
    """
    from core.experiments import check_writable
    from core.measurements import SEEDS_TABLE, gather_seeds, iterate_rows, store_seeds, summarise_seeds

    experiment = find_named(name)
    check_writable(experiment)
    table = gather_seeds([experiment, *(find_named(other, "OTHER") for other in others)])
    experiment = store_seeds(experiment, table)
    found = summarise_seeds(table)
    if as_json:
        figures = found.to_dict("records")
        print_json({"schema": "seeds/1", "experiment": experiment.name, "figures": figures})
        return
    rows = [
        [
            plain(row.scans),
            plain(row.part),
            plain(row.other),
            TITLES[row.framework],
            row.figure.replace("_", " "),
            f"{row.mean:.3f}",
            f"{row.low:.3f} to {row.high:.3f}",
            str(row.n),
        ]
        for row in iterate_rows(found)
    ]
    print_table(["scans", "part", "against", "network", "", "mean", "range", "seeds"], rows)
    typer.echo(f"Stored with the experiment: {SEEDS_TABLE}")
