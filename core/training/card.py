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

_COMMON = "Research and teaching. Not a medical device: not for clinical use."
_KNOWN = (
    "The data contain no ischemic stroke, so the networks cannot detect it.",
    "One hospital, 82 patients after head trauma, 8-bit JPEG slices in one fixed brain window: results may "
    "be worse on other scanners, windows and patients.",
    "The slice labels are inferred from gaps in the file numbers; 10 of 2,501 are known to be wrong.",
    "In the original CT-ICH data, 27 of 31 patients in Stroke but 19 of 51 in Normal are men, so the folder "
    "label is confounded with sex. This data set records no age, sex or scanner.",
)


def describe_protocol(dataset: Dataset, labels: str) -> dict[str, Any]:
    """Return class names, the meaning of positive, and limits: {negative, positive, meaning, limits}."""
    negative, positive = dataset.class_names("slice" if labels == "slice" else "folder")
    known = dataset.fingerprint == KNOWN_DATASET["fingerprint"]
    if labels == "slice":
        meaning = "Positive means that the slice shows intracranial hemorrhage."
    elif known:
        meaning = (
            "Positive means that the slice comes from the Stroke folder: its patient has a traumatic "
            "intracranial hemorrhage, not necessarily on this slice."
        )
    else:
        meaning = f"Positive means that the slice comes from the folder {positive}."
    limits = [_COMMON, *(_KNOWN if known else ())]
    if not dataset.has_patients:
        limits.append(
            "The patients are unknown: slices of one patient may be in both training and test, so results "
            "may be far too good."
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
    labels = {"folder": "folder labels", "slice": "slice labels"}[protocol["labels"]]
    split = {
        "random": "slices split at random (a patient can be in both training and test)",
        "patient": "patients kept apart",
    }[protocol["split"]]
    folds = "one test set" if protocol["folds"] == 1 else f"{protocol['folds']}-fold cross-validation"
    return f"{get_architecture(protocol['architecture']).title}, {labels}, {split}, {folds}."


def describe_served(n_folds: int, split: str) -> str:
    """Return how the served model relates to the networks that were evaluated."""
    if n_folds == 1:
        return (
            "New scans are read by the network that was tested: it was trained on the training slices alone, "
            "and its results are on test slices that it did not see."
        )
    unseen = "patients" if split == "patient" else "slices"
    return (
        f"New scans are read by all {n_folds} networks together, one per fold: their probabilities are "
        f"averaged. The results are of single networks, each tested on its own fold, on {unseen} that it did "
        "not see. The average was not tested, because every slice was used to train some of the networks."
    )
