"""AUROC within groups of slices, for example thirds of the head or of brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation.curves import auroc
from core.evaluation.intervals import (
    encode_groups,
    percentile_interval,
    resample,
    with_interval,
    without_value,
)
from core.evaluation.metrics import check_scores
from core.evaluation.patients import Names
from core.evaluation.statistics import ranking_statistic


def measure_subgroups(
    y_true: ArrayLike,
    y_score: ArrayLike,
    patients: ArrayLike | None,
    groups: ArrayLike,
    *,
    order: Sequence[str] | None = None,
    n_resamples: int = 2000,
    seed: int = 0,
) -> list[dict[str, Any]]:
    """Return one record per group: {"group", "n", "n_patients", "positives", "auroc"}, as plain JSON types.

    "auroc" is a FIGURE with a bootstrap interval over the patients of the group. Average precision is
    omitted: it depends on the share of positives, which differs between groups.

    Args:
        y_true: (n,) 0 or 1.
        y_score: (n,) probabilities or other scores.
        patients: (n,) names; None if unknown: then slices are resampled, and n_patients is null.
        groups: (n,) group of each slice; slices with "" are ignored.
        order: the groups to report, even if empty. None: the groups found, sorted by name.
        n_resamples, seed: of the bootstrap.

    Raises:
        EvaluationError: the arguments differ in length, or see `metrics.check_scores`.

    >>> y_true, y_score = [0, 1, 0, 1, 1], [0.2, 0.9, 0.8, 0.1, 0.5]
    >>> rows = measure_subgroups(y_true, y_score, None, ["base", "base", "vertex", "vertex", ""])
    >>> [(row["group"], row["n"], row["positives"], row["auroc"]["value"]) for row in rows]
    [('base', 2, 1, 1.0), ('vertex', 2, 1, 0.0)]
    """
    positive, scores = check_scores(y_true, y_score)
    names = np.asarray(groups, dtype=str)
    units = np.arange(positive.size) if patients is None else np.asarray(patients)
    if not names.shape == units.shape == positive.shape:
        raise EvaluationError(
            "labels, scores, patients and groups must have the same length",
            found=f"{positive.size:,} labels, {units.size:,} patients, {names.size:,} groups",
        )
    records = []
    for group in sorted(set(names) - {""}) if order is None else order:
        members = names == group
        n_units = encode_groups(units[members])[1]
        try:
            value = auroc(positive[members], scores[members])
        except EvaluationError as error:
            figure = without_value(str(error))
        else:
            statistic = ranking_statistic(positive[members], scores[members], units[members])
            resampled = resample([statistic], n_units, n_resamples=n_resamples, seed=seed)["auroc"]
            unit = "slices" if patients is None else "patients"
            figure = with_interval(value, percentile_interval(resampled, n_groups=n_units, unit=unit))
        records.append(
            {
                "group": str(group),
                "n": int(members.sum()),
                "n_patients": None if patients is None else n_units,
                "positives": int(positive[members].sum()),
                "auroc": figure,
            }
        )
    return records


def name_thirds(values: ArrayLike, names: Sequence[str] = ("low", "middle", "high")) -> Names:
    """Return for each of `values` (n,) the name of its third among all known values; "" for NaN.

    Equal values are in the same third, so thirds may differ in size.

    >>> name_thirds([0.1, float("nan"), 0.5, 0.9], names=("dark", "medium", "bright")).tolist()
    ['dark', '', 'medium', 'bright']
    """
    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers)
    found = np.full(numbers.shape, "", dtype=f"<U{max(map(len, names))}")
    if known.any():
        limits = np.quantile(numbers[known], [1 / 3, 2 / 3])
        found[known] = np.asarray(names)[np.searchsorted(limits, numbers[known])]
    return found
