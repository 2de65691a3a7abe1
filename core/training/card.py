"""The parts of an experiment's card that describe its protocol, data, classes and results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from core.datasets import KNOWN_DATASET, Dataset
from core.evaluation import fit_calibrations, operating_points_of, recalibrate, review_bands_of
from core.models import get_architecture

if TYPE_CHECKING:
    import pandas as pd

_COMMON = "Research and teaching. Not a medical device: do not use it for decisions about a person."
_KNOWN = (
    "The data hold no ischemic stroke: the networks have never seen one and cannot detect one.",
    "One hospital, 82 patients after head trauma, one brain window burnt into 8-bit JPEG slices: on other "
    "scanners, windows and patients the figures may be worse.",
    "The slice labels are recovered from the file numbers; 10 of 2,501 are known to be wrong.",
    "Sex is confounded with the folder label; age, sex and scanner are not in the data set.",
)


def describe_protocol(dataset: Dataset, labels: str) -> dict[str, Any]:
    """Return class names, the meaning of positive, and limits: {negative, positive, meaning, limits}."""
    negative, positive = dataset.class_names("slice" if labels == "slice" else "folder")
    known = dataset.fingerprint == KNOWN_DATASET["fingerprint"]
    if labels == "slice":
        meaning = "Positive means that the slice shows intracranial hemorrhage."
    elif known:
        meaning = (
            "Positive means that the slice comes from a patient of the Stroke folder, that is, one with "
            "traumatic intracranial hemorrhage somewhere in the head; the slice itself need not show it."
        )
    else:
        meaning = f"Positive means that the slice comes from the folder {positive}."
    limits = [_COMMON, *(_KNOWN if known else ())]
    if not dataset.has_patients:
        limits.append(
            "The patients are unknown: slices of one patient may be in both training and test, so the "
            "figures may be far too good."
        )
    return {"negative": negative, "positive": positive, "meaning": meaning, "limits": limits}


def describe_dataset(dataset: Dataset, y_true: np.ndarray) -> dict[str, Any]:
    """Return counts and fingerprint; n_patients is None when the patients are unknown."""
    return {
        "fingerprint": dataset.fingerprint,
        "n_slices": len(y_true),
        "n_patients": int(dataset.table["patient"].nunique()) if dataset.has_patients else None,
        "n_positive": int(y_true.sum()),
        "n_refused": len(dataset.refused),
    }


def describe_results(predictions: pd.DataFrame, frameworks: Sequence[str]) -> dict[str, Any]:
    """Return {"calibration", "operating_points", "review_bands"}, fitted on the validation rows.

    Calibrations are fitted first. Thresholds and bands are then chosen on calibrated probabilities. See
    `recalibration`, `operating_points` and `review` in `core.evaluation`.

    Raises:
        EvaluationError: the validation slices give no operating point.
    """
    calibrations = fit_calibrations(predictions, frameworks)
    calibrated = recalibrate(predictions, calibrations)
    points = operating_points_of(calibrated, frameworks)
    return {
        "calibration": calibrations,
        "operating_points": points,
        "review_bands": review_bands_of(calibrated, points),
    }


def summarise_protocol(protocol: dict[str, Any]) -> str:
    """Return the protocol of a card in one sentence."""
    labels = {"folder": "the folder's label", "slice": "the slice's own label"}[protocol["labels"]]
    split = {
        "random": "slices split at random, so a patient may be in both training and test",
        "patient": "patients kept apart",
    }[protocol["split"]]
    folds = "one hold-out" if protocol["folds"] == 1 else f"{protocol['folds']} folds"
    return f"{get_architecture(protocol['architecture']).title}, {labels}, {split}, {folds}."


def describe_served(n_folds: int) -> str:
    """Return how the served model relates to the networks that were evaluated."""
    if n_folds == 1:
        return (
            "The served network is the measured one: it was trained on the training part alone, and the "
            "figures are of the test part, which it has not seen."
        )
    return (
        f"The served model is the mean of the {n_folds} networks that were measured, one per fold. Every "
        "measured probability comes from the one network that did not train on the slice (nor, where "
        "patients are kept apart, on its patient). New scans are read by all of them together. Their mean "
        "was not measured on this data set, because some of the networks trained on each of its slices."
    )
