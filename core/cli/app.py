"""The command line: `stroke-ct COMMAND`, in a checkout also `python -m core COMMAND`.

Exit codes: 0 success; 1 an expected error, named on standard error; 2 wrong usage.

With `--json`, standard output holds one JSON object and nothing else. Its format and version are in "schema":
within one version, fields may be added, but none is removed or changed.

predict/2:

    {"schema": "predict/2", "experiment": name,
     "elsewhere": {"n_slices": labeled single slices in the stored validations that were judged, of the parts
                       kept aside where there are such parts, "positives": how many show the finding,
                   "flagged", "not_flagged", "uncertain": {"n": slices with this outcome of all networks
                       together, at the card's thresholds, "positives": how many of them show the finding},
                   "kept_aside": whether all are of parts kept aside, which had no say in the thresholds};
                  null without a validation,
     "experiments": {finding: {"name", "elsewhere": as above}}, hemorrhage first; "experiment" and "elsewhere"
         are those of the first,
     "scans": [{"source": name of the file, or its path below the folder searched; of a series, its
                    folder, its archive, or its first file "and 27 more",
                "sha256": of the file's bytes; of a series, of its files' sorted hashes,
                "slices": [{"index": from 0,
                            "findings": {finding: {framework: {
                                "probability": of the finding, recalibrated, "threshold",
                                "outcome": of this network alone; "not_judged" if the slice is not judged,
                                "needs_review": no clear answer: it is uncertain or not judged}}},
                            "conclusion": {finding: {"outcome": of all networks together,
                                                     "reasons": [sentence, ...], "agree": as below,
                                                     "counted": whether it counts in the verdict: it shows
                                                         brain and is not refused}},
                            "outcome", "reasons", "agree", "counted": those of the first finding,
                            "warnings": [sentence, ...],
                            "position_mm": along the scan's axis, higher towards the head; null if unknown,
                            "brain_visible": whether it shows brain,
                            "gate": of the first experiment: {
                                     "outcome": "read", "warn" or "refuse", "reasons": [sentence, ...],
                                     "turned": degrees counterclockwise, to stand upright: 0, 90, 180, 270}},
                           ...],
                "verdict": {finding: {framework: {
                    "score": for one slice its probability; for a study see core.reading.verdict; null if no
                        slice is counted,
                    "threshold", "band": [low, high], the scores that are uncertain, or null,
                    "outcome": of this network, given what is known of the scan,
                    "needs_review": no clear answer: uncertain or not judged, or the scan is incomplete,
                    "reasons": [sentence, ...], "n_counted": number of slices counted,
                    "key_slices": indices of the slices that raise the score most}}},
                "conclusion": {finding: {
                    "outcome": of all networks together, "words": the outcome in words,
                    "reasons": [why it is uncertain or not judged, as a sentence, ...], "needs_review",
                    "agree": whether several networks gave the same clear answer,
                    "decided_by": whose calibration and thresholds decided: "the card", or the name of a site
                        calibration}},
                "incomplete": [why it is part of a study only, as a sentence, ...],
                "doubts": [why else nothing sure is said, ...],
                "unfit": [why nothing on it can be judged, ...]; all three are empty for most scans,
                "gate_overridden": whether the gate refused it and it was read anyway,
                "decided_by": that of the first finding,
                "technical": {"modality": "CT", ..., "other", or "" if the file does not say,
                              "spacing_mm": [between rows, between columns], "slice_spacing_mm",
                              "gantry_tilt_deg"; null if unknown}}, ...],
     "refused": [{"source": as above, "code": a word for programs, "message": sentence}, ...]}

    An outcome is "flagged", "not_flagged", "uncertain" or "not_judged"; core.reading.outcome has the rules. A
    finding is what an experiment looks for, such as "hemorrhage". Every result needs a person, also where
    "needs_review" is false; "not_flagged" excludes nothing.

    Changed from predict/1: names of classes ("decision") gave way to outcomes, because a result may be
    uncertain or not judged; each has its reasons. Networks stand below the finding they look for, in slices
    below "findings", so that an experiment can have several findings. "agree" is true only where several
    networks gave the same clear answer. The verdict has a band, counts its slices in "n_counted" (was
    "n_voting"), lists its "key_slices" (was "driving"), and is there, with a score of null, if no slice is
    counted. "elsewhere" counts outcomes of all networks together in place of "flags" of each. New are
    "conclusion", "unfit", "counted" and the gate's "turned".

evaluate/2: see core.evaluation.summary. leakage/1: see core.cli.data. robustness/1: see core.cli.robustness.
features/1: see core.cli.features. gate/1: see core.cli.gate. window/1: see core.cli.window.
localisation/1, shortcut/1: see core.cli.lesions.
validate/1: see core.validation.record. domain/1: see core.validation.unlabeled.
site/1: see core.validation.site. trial/1: see core.validation.trial. thresholds/1: see core.cli.thresholds.
versions/1, seeds/1: see core.cli.versions. left_out/1: see core.sources.left_out.

Heavy libraries are imported inside the commands that need them, so that `predict` starts at once.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from core.cli import (
    calibrate,
    cards,
    dashboard,
    data,
    exchange,
    features,
    gate,
    leave_out,
    lesions,
    manifest,
    predict,
    robustness,
    thresholds,
    train,
    validate,
    versions,
    window,
)
from core.cli.arguments import AsJson, DatasetFolder, Name, find_named
from core.cli.terminal import plain, print_evaluation, print_json, print_table, show_progress
from core.errors import StrokeError
from core.experiments import Experiment, list_experiments
from core.frameworks import TITLES

if TYPE_CHECKING:
    from core.datasets import Dataset

# The name of the command in an installation.
COMMAND = "stroke-ct"

app = typer.Typer(
    help="Two convolutional networks read brain CT slices. For research and teaching, not for diagnosis.",
    no_args_is_help=True,
    add_completion=False,
    # Plain text: rich costs start-up time, and wraps messages that programs may want to read.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


predict.register(app)
dashboard.register(app)


@app.command()
def evaluate(
    name: Name,
    as_json: AsJson = False,
    resamples: Annotated[
        int, typer.Option(min=1, help="Number of bootstrap resamples for the intervals.")
    ] = 2000,
) -> None:
    """Compute all results of an experiment from its recorded predictions."""
    from core.evaluation import complete_record, evaluate_experiment, measure_sources

    experiment = find_named(name)
    record = evaluate_experiment(experiment, n_resamples=resamples)
    if as_json:
        print_json(complete_record(record, experiment))
    else:
        print_evaluation({**record, "by_source": measure_sources(experiment, resamples)})


@app.command()
def verify(
    name: Name,
    dataset: DatasetFolder = None,
    all_slices: Annotated[bool, typer.Option("--all", help="Check every test slice, not a sample.")] = False,
    sample: Annotated[int, typer.Option(min=1, help="Number of test slices to check.")] = 64,
) -> None:
    """Compare the ONNX networks and the recorded predictions with the PyTorch and Keras weights."""
    from core.measurements import TOLERANCE, verify_experiment

    experiment = find_named(name)
    found, note = _find_dataset(experiment, dataset)
    outcome = verify_experiment(experiment, found, n_slices=None if all_slices else sample)
    rows = [
        [
            TITLES[check.framework],
            check.compared,
            str(check.n_slices),
            f"{check.max_difference:.1e}",
            "ok" if check.passed else "DIFFERS",
        ]
        for check in outcome.checks
    ]
    print(f"{experiment.name}: largest difference in probability ({TOLERANCE:.0e} is allowed)")
    print_table(["", "compared", "slices", "difference", ""], rows)
    for remark in (*([note] if note else []), *outcome.notes):
        print(remark)
    raise typer.Exit(0 if outcome.passed else 1)


@app.command()
def experiments() -> None:
    """List the experiments."""
    found, damaged = list_experiments()
    rows = [
        [
            experiment.name,
            experiment.card["protocol"]["labels"],
            experiment.card["protocol"]["split"],
            str(experiment.card["protocol"]["folds"]),
            ", ".join(experiment.frameworks),
            experiment.card["summary"],
        ]
        for experiment in found
    ]
    print_table(["name", "labels", "split", "folds", "frameworks", "summary"], rows)
    for error in damaged:
        print(f"Skipped: {error}", file=sys.stderr)


data.register(app)
manifest.register(app)
train.register(app)
cards.register(app)
validate.register(app)
calibrate.register(app)
thresholds.register(app)
leave_out.register(app)
versions.register(app)
robustness.register(app)
features.register(app)
gate.register(app)
lesions.register(app)
window.register(app)
exchange.register(app)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and raise SystemExit; `arguments` default to those of the process."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            # A console that cannot show a character must not end the program.
            stream.reconfigure(errors="replace")
    try:
        app(args=arguments, prog_name=_name_program())
    except StrokeError as error:
        print(f"Error: {plain(str(error))}", file=sys.stderr)
        raise SystemExit(1) from error


def _name_program() -> str:
    return COMMAND if Path(sys.argv[0]).stem == COMMAND else "python -m core"


def _find_dataset(experiment: Experiment, folder: Path | None) -> tuple[Dataset | None, str]:
    """Return the data set to verify with, or None and why the one found is not used."""
    from core.datasets import find_dataset, index_dataset

    place = folder or find_dataset()
    if place is None:
        return None, ""
    dataset = index_dataset(place, show_progress("slices of the data set indexed"))
    if folder is None and dataset.fingerprint != experiment.card["dataset"]["fingerprint"]:
        expected = experiment.card["dataset"]["fingerprint"]
        note = (
            f'The data set in {place} is not the one that "{experiment.name}" was trained on (fingerprint '
            f"{dataset.fingerprint[:12]}..., expected {expected[:12]}...)."
        )
        return None, note
    return dataset, ""
