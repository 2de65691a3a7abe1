"""Say in sentences how far the figures of a validation can be trusted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from core.evaluation import SOURCES_RULE
from core.experiments import Experiment, tell_change
from core.manifests import GROUPED_BY_STUDY, KEPT
from core.validation.small_classes import MIN_SLICES
from core.validation.store import Validation

if TYPE_CHECKING:
    import pandas as pd

MEAN_OF_FOLDS = (
    "At home, each slice was read by the network that was not trained on it; here, by the networks of all "
    "folds of that framework, averaged."
)


def list_notes(experiment: Experiment, validation: Validation, read: pd.DataFrame) -> Iterator[str]:
    """Yield the notes on a validation.

    Args:
        experiment: the experiment validated.
        validation: the validation.
        read: its predictions.
    """
    details = validation.details
    left_out = details["left_out"]
    if n := left_out["known_file"]:
        yield f"Left out as part of the experiment's own data set: {_count(n)}."
    if n := left_out["near_copy"]:
        yield f"Left out as near-copies of training slices: {_count(n)}."
    if not details["likeness_searched"]:
        yield (
            "Copies of training slices in another size or format were not searched for: there are no "
            "reference values to find them with."
        )
    if n := left_out["unreadable"]:
        yield f"Left out as unreadable: {_count(n)}."
    if n := left_out["unknown_label"]:
        yield f"Without a label: {_count(n)}; they count for the input check only."
    finding = details["finding"]
    for source in details["sources"]:
        state, reason = source["silence"].get(finding, ("", ""))
        if state == "presumed absent":
            name = source["title"] or source["name"]
            yield (
                f'Where the source "{name}" does not label {finding}, {finding} is presumed absent: '
                f"{reason.rstrip('.')}."
            )
    # The validations of an experiment on several sources have no say.
    alone = len(experiment.card["dataset"].get("sources", ())) < 2
    is_default = alone and experiment.card["default_operating_point"] == SOURCES_RULE
    chose = [one["name"] for one in experiment.card.get("sources", {}).get("slice", {}).get("sources", ())]
    if is_default and validation.name in chose and (read["part"] != KEPT).any():
        yield (
            "The model card's thresholds were chosen with slices of this data set, among others: all but the "
            "kept part. So sensitivity and specificity here are somewhat optimistic. The model card has, "
            "under Decisions, those at thresholds chosen without this data set."
        )
    labeled = read[read["label"].notna()]
    unknown = int((labeled["patient"] == "").sum())
    if unknown == len(labeled):
        yield (
            "Patients are unknown: slices are resampled as if they were independent, so intervals are too "
            "narrow if several slices come from one patient."
        )
    elif unknown:
        yield (
            f"{_count(unknown)} of unknown patients: in the bootstrap each is drawn on its own; results per "
            "patient leave them out."
        )
    n_positive = int(labeled["label"].sum())
    for name, n in (("positive", n_positive), ("negative", len(labeled) - n_positive)):
        if n < MIN_SLICES:
            yield f"Too few {name} slices ({n}): figures that need at least {MIN_SLICES} are not estimable."
    if n := int((labeled["gate"] == "refuse").sum()):
        yield f"Refused by the input check: {_count(n)} with a label; the figures include them."
    if experiment.card["protocol"]["folds"] > 1:
        yield MEAN_OF_FOLDS


def describe_earlier(experiment: Experiment, validation: Validation) -> str:
    """Return why a validation is not of the experiment as it is now, without a full stop."""
    version = int(validation.details.get("version", 1))
    if version != experiment.version:
        return tell_change(version, experiment.version)
    return (
        "The networks, the preprocessing, the input check or the step that turns pictures upright have "
        "changed since, or an older version of the program stored it"
    )


def describe_patients(data: Mapping[str, Any]) -> str:
    """Return how many patients the labeled slices show, or studies where the files name no patient.

    Args:
        data: the "data" of a record, validate/1.
    """
    n = data["n_patients"]
    if n is None:
        return "patients unknown"
    if [source["name"] for source in data["sources"]] == [GROUPED_BY_STUDY]:
        words = f"{n:,} {'study' if n == 1 else 'studies'} (patients unknown)"
    else:
        words = f"{n:,} {'patient' if n == 1 else 'patients'}"
    without = data["n_without_patient"]
    return f"{words}, unknown for {_count(without)}" if without else words


def _count(n: int) -> str:
    return "1 slice" if n == 1 else f"{n:,} slices"
