"""The parts of an experiment's card that describe its protocol, data, classes and results."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np

from core.datasets import HEMORRHAGE, KNOWN_DATASET, Dataset, Fold, Labels
from core.evaluation import fit_calibrations, operating_points_of, recalibrate, review_bands_of
from core.frameworks import LIBRARIES
from core.manifests import PRESUMED_ABSENT, Finding, get_finding, list_sources_without, warn_of_sources
from core.models import get_architecture

if TYPE_CHECKING:
    import pandas as pd

_VERSIONS = (*LIBRARIES, "onnx", "onnxruntime", "numpy", "pillow", "scikit-learn")
PARTS = ("train", "validation", "test")
_COMMON = "Research and teaching. Not a medical device: not for clinical use."
_EARLY = (
    "Early ischemia is invisible on CT without contrast in many patients, and the lesions that the networks "
    "learned from were visible: a slice that is not flagged does not rule out ischemia."
)
_KNOWN = (
    "The data contain no ischemic stroke, so the networks cannot detect it.",
    "One hospital, 82 patients after head trauma, 8-bit JPEG slices in one fixed brain window: results may "
    "be worse on other scanners, windows and patients.",
    "The slice labels are inferred from gaps in the file numbers; 10 of 2,501 are known to be wrong.",
    "In PhysioNet CT-ICH, from which these images were copied, 27 of the 31 patients in the folder Stroke "
    "but only 19 of the 51 in the folder Normal are men, so the folder label is confounded with sex. The "
    "copy used here records no age, sex or scanner.",
)


def describe_protocol(dataset: Dataset, labels: Labels, finding: str = HEMORRHAGE) -> dict[str, Any]:
    """Return class names, the meaning of positive, the finding and limits.

    Args:
        dataset: the slices that are used.
        labels, finding: see `Protocol`.

    Returns:
        {"negative", "positive", "meaning", "finding": {"key", "name", "counts"} or None for folder labels,
        "limits"}.
    """
    negative, positive = dataset.class_names(labels, finding)
    sought = get_finding(finding)
    known = dataset.fingerprint == KNOWN_DATASET["fingerprint"]
    if labels == "slice":
        meaning = f"Positive means that the slice shows an {sought.name}."
    elif dataset.manifest is not None:
        meaning = f"Positive means that the slice's patient has an {sought.name} on any slice."
    elif known:
        meaning = (
            "Positive means that the slice comes from the Stroke folder: its patient has a traumatic "
            "intracranial hemorrhage, not necessarily on this slice."
        )
    else:
        meaning = f"Positive means that the slice comes from the folder {positive}."
    limits = [_COMMON, *([_EARLY] if finding != HEMORRHAGE else ()), *(_KNOWN if known else ())]
    n_unknown = int((dataset.table["patient"] == "").sum())
    if not dataset.has_patients:
        limits.append(
            "The patients are unknown: slices of one patient may be in both training and test, so results "
            "may be far too good."
        )
    elif n_unknown:
        limits.append(
            f"The patients of {n_unknown:,} of {len(dataset.table):,} slices are unknown: slices of one "
            "patient may be in both training and test, so results may be too good."
        )
    limits += _describe_sources(dataset, dataset.labels(labels, finding), sought)
    described = {"key": sought.key, "name": sought.name, "counts": sought.counts}
    return {
        "negative": negative,
        "positive": positive,
        "meaning": meaning,
        "finding": described if labels == "slice" else None,
        "limits": limits,
    }


def _describe_sources(dataset: Dataset, y_true: np.ndarray, finding: Finding) -> Iterator[str]:
    """Yield what limits the labels (n,) of a manifest: what is presumed, and what a source tells."""
    counts = {}
    for source in dataset.sources:
        name = source.title or source.name
        own = y_true[(dataset.table["source"] == source.name).to_numpy()]
        if own.size:
            counts[name] = (int((own == 0).sum()), int((own == 1).sum()))
        means, reason = source.silence.get(finding.key, ("unknown", ""))
        if means == PRESUMED_ABSENT:
            yield (
                f"{name or 'The source'}: a slice without a label of {finding.key} is presumed to show no "
                f"{finding.key}, because {reason}."
            )
    yield from warn_of_sources(counts, finding)
    if without := list_sources_without(counts, finding):
        yield without


def describe_dataset(dataset: Dataset, y_true: np.ndarray) -> dict[str, Any]:
    """Return counts and fingerprint, and of a manifest its sources; n_patients is None when unknown.

    Of a manifest also "left_out" (reason -> slices that no network is trained on), "n_unknown_patients"
    (slices), and "sources": for each its name, title, terms and counts, and per finding the meaning of
    silence and the reason.
    """
    patients = dataset.table["patient"]
    counts: dict[str, Any] = {
        "fingerprint": dataset.fingerprint,
        "n_slices": len(y_true),
        "n_patients": int(patients[patients != ""].nunique()) if dataset.has_patients else None,
        "n_positive": int(y_true.sum()),
        "n_refused": dataset.n_unreadable,
    }
    if dataset.manifest is None:
        return counts
    sources = [
        {
            "name": source.name,
            "title": source.title,
            "terms": source.terms,
            "n_slices": int(own.sum()),
            "n_positive": int(y_true[own].sum()),
            "silence": {
                finding: {"means": means, "reason": reason}
                for finding, (means, reason) in source.silence.items()
            },
        }
        for source in dataset.sources
        for own in [(dataset.table["source"] == source.name).to_numpy()]
    ]
    n_unknown = int((patients == "").sum())
    return {**counts, "n_unknown_patients": n_unknown, "left_out": dict(dataset.left_out), "sources": sources}


def tabulate_slices(dataset: Dataset, y_true: np.ndarray, folds: Sequence[Fold]) -> pd.DataFrame:
    """Return the table slices.csv: the slices with their labels (n,) and their part in each fold.

    Of a manifest, patients are running numbers: the ids of a hospital stay with the hospital. The columns
    `source` and `vendor` are added.
    """
    slices = dataset.table.assign(label=y_true)
    columns = ["file", "patient", "number", "folder_label", "slice_label", "label", "sha256"]
    if dataset.manifest is not None:
        slices["patient"] = dataset.number_patients()
        columns += ["source", "vendor"]
    for index, fold in enumerate(folds):
        column = np.empty(len(slices), dtype=object)
        for part in PARTS:
            column[getattr(fold, part)] = part
        slices[f"fold_{index}"] = column
    return slices[columns + [f"fold_{index}" for index in range(len(folds))]]


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
    named = f" of {protocol['finding']}" if protocol.get("finding") else ""
    labels = {"folder": "folder labels", "slice": f"slice labels{named}"}[protocol["labels"]]
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
        "not see. The average cannot be tested on these slices, because each was used to train some of the "
        "networks."
    )


def read_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed libraries that training uses."""
    versions = {"python": ".".join(map(str, sys.version_info[:3]))}
    for library in _VERSIONS:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[library] = metadata.version(library)
    return versions
