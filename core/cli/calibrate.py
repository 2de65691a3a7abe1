"""The command `calibrate`. Its JSON, site/1 and trial/1, is described in core.validation.site and .trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from core.cli.arguments import AsJson, Name, find_named
from core.cli.terminal import as_figure, plain, print_json, print_table
from core.frameworks import TITLES

_SIDES = ("before", "after", "difference")


def register(app: typer.Typer) -> None:
    """Add the command to the program's command line."""
    app.command()(calibrate)


def calibrate(
    experiment: Name,
    validation: Annotated[
        str, typer.Argument(metavar="VALIDATION", help="Name of a validation of the experiment.")
    ],
    trial: Annotated[
        int | None,
        typer.Option(
            "--try",
            metavar="N",
            min=1,
            help="Store no calibration. Fit calibrations to N patients (N slices, if patients are unknown) "
            "outside the part kept aside, and measure on this part what they change.",
        ),
    ] = None,
    as_json: AsJson = False,
    resamples: Annotated[
        int, typer.Option(min=1, help="Number of bootstrap resamples for the intervals.")
    ] = 2000,
) -> None:
    """Fit a recalibration and thresholds to a validation's slices: a calibration for that site.

    It is stored with the validation, never on the card; `predict --site VALIDATION` uses it. It needs 20
    slices with the finding and 20 without. What it changes is measured on patients it was not fitted to.
    """
    from core.evaluation import LEVELS  # slow to load
    from core.validation import fit_site, open_validation, try_calibration

    opened = find_named(experiment)
    chosen = open_validation(opened, validation)
    if trial is None:
        details = fit_site(opened, chosen, n_resamples=resamples).details
        lines = _describe_site(details)
    else:
        details = try_calibration(opened, chosen, trial, n_resamples=resamples)
        lines = _describe_trial(details)
    if as_json:
        print_json(details)
        return
    for line in lines:
        print(plain(line))
    if trial is None:
        for level in LEVELS:
            found = {name: levels[level] for name, levels in details["cross_fitted"].items()}
            _print_changes({name: one for name, one in found.items() if "before" in one}, f"per {level}")
            fits = {name: one["calibration"] for name, one in found.items() if "calibration" in one}
            _print_changes(fits, f"probabilities per {level}")
        _print_gaps(details)
    else:
        _print_changes(details["models"], "per slice")
    print(f"Stored with the validation: {chosen.folder}")


def _describe_site(details: Mapping[str, Any]) -> list[str]:
    rests_on = details["rests_on"]
    left_out = rests_on["left_out"]
    patients = (
        "patients unknown" if rests_on["n_patients"] is None else f"{rests_on['n_patients']:,} patients"
    )
    return [
        f"{details['experiment']}, calibrated for {details['name']}: value [95 % interval], cross-fitted "
        f"over {rests_on['unit']}",
        f"It rests on {rests_on['n']:,} slices, {rests_on['positives']:,} positive and "
        f"{rests_on['negatives']:,} negative, {patients}; left out: {left_out['kept_aside']:,} kept aside, "
        f"{left_out['unknown_label']:,} without a label, {left_out['refused']:,} refused",
    ]


def _describe_trial(details: Mapping[str, Any]) -> list[str]:
    fitted_to, measured_on = details["fitted_to"], details["measured_on"]
    own = " of the experiment's own data, out of sample" if fitted_to["own"] else ""
    return [
        f"{details['experiment']} on the kept part of {details['name']}: value [95 % interval]",
        f"Fitted {fitted_to['n_draws'] - fitted_to['n_too_few']:,} times to {fitted_to['n_units']:,} of "
        f"{fitted_to['n_available']:,} {fitted_to['unit']}{own} (median {fitted_to['n']:,.0f} slices, "
        f"{fitted_to['positives']:,.0f} positive); {fitted_to['n_too_few']:,} draws had too few slices of a "
        "class",
        f"Measured on {measured_on['n']:,} slices, {measured_on['positives']:,} positive",
    ]


def _print_changes(models: Mapping[str, Mapping[str, Any]], title: str) -> None:
    rows = [
        [
            TITLES[name],
            key.replace("_", " "),
            *(as_figure(change[side][key]) for side in _SIDES if side in change),
        ]
        for name, change in models.items()
        for key in change["before"]
    ]
    if rows:
        print_table([title, "", "card", "site", "difference"][: len(rows[0])], rows)


def _print_gaps(details: Mapping[str, Any]) -> None:
    """Print what the site calibration lacks, and why."""
    for framework, reasons in details["without"].items():
        for part, reason in reasons.items():
            what = (
                "keeps the model card's recalibration"
                if part == "calibration"
                else "gives studies no verdict at this site"
            )
            print(f"{TITLES[framework]} {what}: {plain(reason)}")
