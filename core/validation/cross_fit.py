"""Fit a recalibration and thresholds to labeled slices of a site; decide slices that were not fitted to.

Form and rules are the card's: Platt's recalibration (core.evaluation.recalibration), the operating points of
core.evaluation.operating_points, and the review band of core.evaluation.review. A study is scored as reading
scores it, see core.evaluation.patients.

What a site calibration changes is measured with cross-fitting: patients are dealt into folds, and those of a
fold are decided by a fit to the others. Slices whose patient is unknown are dealt one by one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import EvaluationError
from core.evaluation import (
    Bools,
    Bootstrap,
    Recalibration,
    auroc,
    choose_band,
    choose_operating_points,
    fit_recalibration,
    measure_calibration,
    measure_point,
    patient_level,
)
from core.validation.record import count_patients, describe_units, name_units
from core.validation.small_classes import MIN_SLICES

if TYPE_CHECKING:
    import pandas as pd

N_FOLDS = 10
RATES = ("recall", "specificity", "balanced_accuracy")

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class SiteRows:
    """The slices that a site calibration may rest on: labeled, not refused, and not of the kept part.

    Attributes:
        table: rows of the validation's predictions.csv.
        left_out: number of slices by why they are not among them.
        positive: (n,) whether each shows the finding.
        units: (n,) its patient, or the slice itself where the patient is unknown.
        unit: the units in words: patients, slices, or both.
    """

    table: pd.DataFrame
    left_out: dict[str, int]
    positive: Bools
    units: NDArray[np.str_]
    unit: str

    @property
    def n_patients(self) -> int | None:
        """Return the number of patients; None if all are unknown."""
        return count_patients(self.table)


def select_rows(predictions: pd.DataFrame, *, kept: bool = False) -> SiteRows:
    """Select the slices to fit to or, if `kept`, those of the kept part, which nothing is fitted to."""
    labeled = predictions["label"].notna().to_numpy()
    refused = (predictions["gate"] == "refuse").to_numpy()
    aside = (predictions["part"] == "kept").to_numpy() != kept
    left_out = {
        "kept_aside": int(aside.sum()),
        "unknown_label": int((~aside & ~labeled).sum()),
        "refused": int((~aside & labeled & refused).sum()),
    }
    table = predictions[labeled & ~refused & ~aside].reset_index(drop=True)
    positive = table["label"].to_numpy(dtype=int) == 1
    return SiteRows(table, left_out, positive, name_units(table), describe_units(table))


def check_enough(positive: Bools) -> None:
    """Raise an EvaluationError (code "too_few_slices") for fewer than 20 slices of a class."""
    n_positive = int(np.count_nonzero(positive))
    counts = (n_positive, positive.size - n_positive)
    if min(counts) < MIN_SLICES:
        raise EvaluationError(
            f"A site calibration needs {MIN_SLICES} slices with the finding and {MIN_SLICES} without",
            found=f"{counts[0]:,} with, {counts[1]:,} without",
            remedy="label more slices of this site, and validate again",
            code="too_few_slices",
        )


def fit_slices(
    positive: Bools, raw: Floats, home: Recalibration
) -> tuple[Recalibration, str, dict[str, float]]:
    """Return the recalibration of one network, why it is still `home` ("" if it is not), and the thresholds.

    Args:
        positive: (n,) labels.
        raw: (n,) raw probabilities.
        home: the card's recalibration, kept if the site's slices are separated so well that none fits.

    Raises:
        EvaluationError: the probabilities do not rank the slices, or no threshold can be chosen.
    """
    if auroc(positive, raw) <= 0.5:
        raise EvaluationError(
            "the network ranks these slices no better than chance",
            remedy="do not use this experiment here",
            code="no_ranking",
        )
    try:
        found, reason = fit_recalibration(positive, raw, with_intercept=True), ""
    except EvaluationError as error:
        found, reason = home, str(error)
    return found, reason, choose_operating_points(positive, found.apply(raw))


def fit_patients(rows: SiteRows, framework: str, fitted: Recalibration) -> tuple[Floats, dict[str, float]]:
    """Return the scores (p,) of the site's studies after this recalibration, and their thresholds.

    Raises:
        EvaluationError: patients are unknown, or fewer than 20 are with or without the finding.
    """
    if rows.n_patients is None:
        raise EvaluationError("a threshold for studies needs patients, and they are unknown")
    labels, scores, _ = score_studies(rows.table, framework, fitted)
    n_positive = int(labels.sum())
    if min(n_positive, len(labels) - n_positive) < MIN_SLICES:
        raise EvaluationError(
            f"a threshold for studies needs {MIN_SLICES} patients with the finding and {MIN_SLICES} without",
            found=f"{n_positive} with, {len(labels) - n_positive} without",
        )
    return scores, choose_operating_points(labels, scores)


def score_studies(
    table: pd.DataFrame, framework: str, fitted: Recalibration
) -> tuple[NDArray[np.int64], Floats, NDArray[np.str_]]:
    """Return labels (p,), scores (p,) and names (p,) of the known patients; see `patient_level`."""
    known = table[table["patient"] != ""]
    calibrated = fitted.apply(known[framework].to_numpy(np.float64))
    return patient_level(known.assign(**{framework: calibrated}), framework)


def choose_bands(scores: Floats, points: Mapping[str, float]) -> dict[str, list[float]]:
    """Return the review band around each threshold, [low, high], from the scores (n,) of the site."""
    return {rule: list(choose_band(scores, threshold)) for rule, threshold in points.items()}


def deal_into_folds(units: NDArray[np.str_], positive: Bools) -> NDArray[np.intp]:
    """Return the fold (n,) of each slice: units are dealt in turn, those with most positives first.

    Raises:
        EvaluationError: code "too_few_patients": all slices of a class are of one unit, so that no fit to the
            others exists.

    >>> deal_into_folds(np.array(["a", "a", "b", "c"]), np.array([True, False, True, False])).tolist()
    [0, 0, 1, 2]
    """
    names, codes = np.unique(units, return_inverse=True)
    sizes, n_positive = np.bincount(codes), np.bincount(codes, weights=positive)
    order = np.lexsort((-sizes, -n_positive))
    place = np.empty(len(names), dtype=np.intp)
    place[order] = np.arange(len(names)) % N_FOLDS
    folds = place[codes]
    for fold in np.unique(folds):
        if len(np.unique(positive[folds != fold])) < 2:
            raise EvaluationError(
                "A site calibration needs slices with and without the finding of at least two patients each",
                found=f"{np.count_nonzero(n_positive)} of {len(names)} patients have slices with it",
                remedy="add patients",
                code="too_few_patients",
            )
    return folds


def cross_fit_slices(
    rows: SiteRows, folds: NDArray[np.intp], raw: Floats, home: Recalibration, rule: str
) -> tuple[Bools, Floats]:
    """Return the decision (n,) and probability (n,) of each slice, by a fit to the other folds."""
    called, probability = np.zeros(raw.size, bool), np.empty(raw.size)
    for fold in np.unique(folds):
        inside = folds == fold
        fitted, _, points = fit_slices(rows.positive[~inside], raw[~inside], home)
        probability[inside] = fitted.apply(raw[inside])
        called[inside] = probability[inside] >= points[rule]
    return called, probability


def cross_fit_patients(
    rows: SiteRows, folds: NDArray[np.intp], framework: str, home: Recalibration, rule: str
) -> tuple[NDArray[np.int64], Bools, NDArray[np.str_]]:
    """Return labels (p,), decisions (p,) by a fit to the other folds, and names (p,) of the patients."""
    raw = rows.table[framework].to_numpy(np.float64)
    parts = []
    for fold in np.unique(folds):
        inside = folds == fold
        fitted, _, _ = fit_slices(rows.positive[~inside], raw[~inside], home)
        labels, scores, _ = score_studies(rows.table[~inside], framework, fitted)
        threshold = choose_operating_points(labels, scores)[rule]
        tested, scored, names = score_studies(rows.table[inside], framework, fitted)
        parts.append((tested, scored >= threshold, names))
    labels, called, names = map(np.concatenate, zip(*parts, strict=True))
    return labels, called, names


def compare_decisions(
    positive: Bools, before: Bools, after: Bools, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Return {"before", "after", "difference"}, each {rate: FIGURE} of RATES; resamples are paired.

    Args:
        positive, before, after: (n,) labels and decisions of the rows of `bootstrap`.
    """
    (first, of_first), (second, of_second) = (
        measure_point(positive, called.astype(float), 0.5, bootstrap) for called in (before, after)
    )
    return {
        "before": {rate: first[rate] for rate in RATES},
        "after": {rate: second[rate] for rate in RATES},
        "difference": {
            rate: bootstrap.figure(
                second[rate]["value"] - first[rate]["value"], of_second[rate] - of_first[rate]
            )
            if first[rate]["value"] is not None
            else first[rate]
            for rate in RATES
        },
    }


def compare_probabilities(
    positive: Bools, before: Floats, after: Floats, bootstrap: Bootstrap
) -> dict[str, dict[str, Any]]:
    """Return {"before", "after"}, each with the calibration FIGUREs of its probabilities (n,)."""
    values = {"before": before, "after": after}
    return {name: measure_calibration(positive, one, bootstrap)[0] for name, one in values.items()}
