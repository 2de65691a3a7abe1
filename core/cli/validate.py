"""The command `validate`.

Its JSON, validate/1, is described in core.validation.record; that for data without labels, domain/1, in
core.validation.unlabeled.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named, stop_on_signal
from core.cli.domain_text import print_domain
from core.cli.terminal import as_count, as_figure, plain, print_json, print_table, show_progress
from core.evaluation import CELLS, list_keys
from core.frameworks import TITLES

if TYPE_CHECKING:
    from core.datasets import Dataset

_N_SHOWN = 10


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(validate)


def validate(
    experiment: Name,
    data: Annotated[
        Path,
        typer.Argument(
            metavar="DATA", exists=True, help="Labeled slices: a folder of class folders, or a manifest."
        ),
    ],
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Name of the validation. Default: that of the folder or manifest."),
    ] = None,
    part: Annotated[
        str | None, typer.Option(metavar="PART", help="Only the slices of this part: kept.")
    ] = None,
    kept: Annotated[
        bool,
        typer.Option(
            "--kept", help="Read only the slices kept aside, as was done for the shipped validations."
        ),
    ] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace a validation of this name.")] = False,
    as_json: AsJson = False,
    resamples: Annotated[
        int, typer.Option(min=1, help="Number of bootstrap resamples for the intervals.")
    ] = 2000,
) -> None:
    """Read labeled slices that the networks never met, and store the outcome with the experiment.

    Of a public set, read only what is kept aside, with --kept: nothing was chosen by it. A hospital's own
    data may be read as a whole, for a calibration of that site.

    Takes about a minute for 1,000 slices. Slices of the experiment's own data set are left out. Ctrl-C stops
    it; the same command continues. No picture, file name or patient's id is stored. Without any label, it
    says how much the slices look like the training slices.
    """
    from core.datasets import DecodedScans, index_dataset
    from core.manifests import KEPT
    from core.validation import check_validation_name, make_domain_record, make_record, run_validation

    opened = find_named(experiment)
    if kept and part not in (None, KEPT):
        raise typer.BadParameter(f"--kept and --part {part} contradict each other", param_hint="--part")
    chosen = check_validation_name(_name_after(data) if name is None else name)
    dataset = index_dataset(data, show_progress("slices of the data set indexed"), decoded=DecodedScans())
    _print_problems(dataset)
    with stop_on_signal() as should_stop:
        validation = run_validation(
            opened,
            dataset,
            chosen,
            part=KEPT if kept else part,
            replace=replace,
            on_progress=show_progress("slices read"),
            should_stop=should_stop,
        )
    labeled = validation.n_labeled > 0
    make = make_record if labeled else make_domain_record
    record = make(opened, validation, n_resamples=resamples)
    if as_json:
        print_json(record)
    else:
        (_print_record if labeled else print_domain)(record)
        print(f"Stored with the experiment: {validation.folder}")


def _print_problems(dataset: Dataset) -> None:
    """Print on standard error what is doubtful about the data set, and the lines or files left out."""
    for warning in dataset.list_warnings("validation"):
        typer.echo(f"Note: {plain(warning)}", err=True)
    for item in dataset.refused[:_N_SHOWN]:
        # The message on a line of a manifest names it.
        place = "" if "line" in item else f"{item['file']}: "
        typer.echo(f"Left out: {plain(place + item['message'])}", err=True)
    if len(dataset.refused) > _N_SHOWN:
        typer.echo(f"and {len(dataset.refused) - _N_SHOWN:,} more", err=True)


def _name_after(data: Path) -> str:
    """Return the name of a folder or manifest as one for a validation."""
    stem = data.resolve().name if data.is_dir() else data.stem
    if stem == "manifest":
        stem = data.resolve().parent.name
    words = "".join(letter if letter.isascii() and letter.isalnum() else "-" for letter in stem.lower())
    return "-".join(filter(None, words.split("-")))[:80] or "validation"


def _print_record(record: dict[str, Any]) -> None:
    from core.evaluation import LEVELS  # slow to load

    data, gate, left_out = record["data"], record["gate"], record["data"]["left_out"]
    print(f"{record['experiment']} on {record['name']}: value [95 % interval], there and at home")
    for source in data["sources"]:
        known = {"": source["title"] or source["name"], "Terms: ": source["terms"]}
        if words := ". ".join(f"{key}{value}" for key, value in known.items() if value):
            print(plain(words))
    print(
        f"{data['n']:,} labeled slices, {data['positives']:,} positive; left out: {left_out['known_file']:,} "
        f"known files, {left_out['near_copy']:,} near-copies, {left_out['unreadable']:,} unreadable, "
        f"{left_out['unknown_label']:,} without a label"
    )
    print(
        f"Of {gate['n']:,} slices, the gate reads {gate['read']:,}, warns of {gate['warn']:,} and refuses "
        f"{gate['refuse']:,}"
    )
    for reason in gate["reasons"]:
        print(f"  {reason['n']:>5}  {reason['outcome']:<6}  {plain(reason['reason'])}")
    for level in LEVELS:
        columns = [(fw, side) for fw in record["there"] for side in ("there", "home")]
        levels = [record[side][fw][level] for fw, side in columns]
        if all(one["n"] is None for one in levels):
            continue
        rows = [[key, *(as_count(one[key]) for one in levels)] for key in ("n", "positives", "threshold")]
        rows += [[cell, *(as_count((one["confusion"] or {}).get(cell)) for one in levels)] for cell in CELLS]
        rows += [[key.replace("_", " "), *(as_figure(one[key]) for one in levels)] for key in list_keys()]
        print_table([f"per {level}", *(f"{TITLES[fw]}, {side}" for fw, side in columns)], rows)
    _print_groups(record["groups"])
    for note in record["notes"]:
        print(plain(note))


def _print_groups(groups: list[dict[str, Any]]) -> None:
    keys = ("auroc", "recall", "specificity")
    rows = [
        [
            plain(f"{group['by']} {group['group'] or '(unknown)'}"),
            TITLES[framework],
            str(group["n"]),
            str(group["positives"]),
            *(as_figure(figures[key]) for key in keys),
        ]
        for group in groups
        for framework, figures in group["models"].items()
    ]
    if rows:
        print_table(["group", "", "n", "positives", *keys], rows)
