"""All figures of one experiment, with their intervals: the JSON of `python -m core evaluate NAME --json`.

Form evaluate/2:

    {"schema": "evaluate/2", "experiment": name,
     "interval": {"level": 0.95, "method", "resampled": "patients"|"slices", "n_resamples", "seed"},
     "default_rule": the card's default operating point, "notes": [sentence, ...],
     "models": {framework: {"slice": LEVEL, "patient": LEVEL}},
     "comparison": {"slice": COMPARISON, "patient": COMPARISON}}

A FIGURE is {"value", "interval": [low, high] or null, "reason"?}: what cannot be estimated is null, and
"reason" says why. A part that cannot be estimated at all is {"reason": sentence} in its place.

    LEVEL: {"n", "n_patients" (null if unknown), "positives", "prevalence",
            "rule": the default one, and all of its POINT,
            "auroc", "average_precision" and CALIBRATION "after": FIGUREs,
            "operating_points": {rule: POINT},
            "calibration": {"before": CALIBRATION of raw, "after": CALIBRATION of calibrated probabilities,
                            "reliability": {"before": [BIN, ...], "after": [BIN, ...]},
                            "fits": what was applied, as on the card (core.evaluation.recalibration)},
            "decision_curve": {"thresholds", "net_benefit", "low", "high", "treat_all": lists of one length}}
    POINT (depends on the threshold): {"threshold", "confusion": {"tn", "fp", "fn", "tp"},
            "accuracy", "balanced_accuracy", "precision", "npv", "recall", "specificity", "f1",
            "likelihood_ratio_positive", "likelihood_ratio_negative": FIGUREs,
            "predictive_values": [{"prevalence", "ppv": FIGURE, "npv": FIGURE}, ...], the data's own as well,
            "review": {"low", "high": the band, "share": FIGURE of rows in it,
                       "counts": {"tn", "fp", "fn", "tp", "indeterminate_negative", "indeterminate_positive"},
                       and the nine FIGUREs above among the decided rows}}
    CALIBRATION: {"brier", "calibration_error", "calibration_slope", "calibration_intercept": FIGUREs}
    BIN: {"low_edge", "high_edge", "n", "positives", "mean_probability", "observed", "low", "high"}, the last
            two the Clopper-Pearson interval of observed
    COMPARISON (first minus second): {"first", "second": frameworks, "rule", "thresholds": [two],
            "differences": {figure: FIGURE} for the nine, auroc, average_precision and brier,
            "mcnemar": {"only_first_right", "only_second_right", "p_value"},
            "disagreement": {"positives"|"negatives": {"both", "only_first", "only_second", "neither"}},
            "delong", "delong_by_patient" (rows of a patient may depend on each other):
                {"first", "second", "difference", "standard_error", "interval", "z", "p_value"}}

Only rows with part == "test" are measured: each was scored by a network that never saw it in training.
Probabilities are calibrated, and thresholds are on calibrated probabilities; "before" is raw. Thresholds and
review bands come from validation rows. One POINT alone, for a threshold moved by hand, takes milliseconds:
`core.evaluation.points.evaluate_point`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import EvaluationError, StrokeError
from core.evaluation import metrics
from core.evaluation.curves import auroc, average_precision
from core.evaluation.intervals import (
    LEVEL,
    Statistic,
    group_codes,
    percentile_interval,
    resample,
    with_interval,
    without_value,
)
from core.evaluation.patients import patient_level, patient_names
from core.evaluation.statistics import ranking_statistic, rate_statistic

SCHEMA = "evaluate/1"
LEVELS = ("slice", "patient")
FIGURES = (*metrics.MEASURES, "auroc", "average_precision")


class Evaluable(Protocol):
    """What is asked of an experiment here."""

    @property
    def name(self) -> str: ...

    @property
    def frameworks(self) -> Sequence[str]: ...

    def predictions(self) -> pd.DataFrame: ...

    def threshold(self, framework: str, level: str = "slice") -> float: ...


def evaluate_experiment(experiment: Evaluable, n_resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Everything the experiment's recorded predictions say, as plain JSON types (see this module's head).

    Raises:
        EvaluationError: the record itself is unusable: a column missing, NaN scores, labels not 0/1.
        ExperimentError: the predictions cannot be read.
    """
    thresholds = {
        framework: {level: _threshold_of(experiment, framework, level) for level in LEVELS}
        for framework in experiment.frameworks
    }
    return from_predictions(
        experiment.predictions(),
        experiment.frameworks,
        thresholds,
        name=experiment.name,
        n_resamples=n_resamples,
        seed=seed,
    )


def from_predictions(
    table: pd.DataFrame,
    frameworks: Sequence[str],
    thresholds: Mapping[str, Mapping[str, float | None]],
    *,
    name: str = "",
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """`evaluate_experiment` on a table of predictions: columns patient, label, part and one per framework.

    `thresholds[framework][level]` may be None: the figures that need one are then null.
    """
    missing = [column for column in ("label", "part", *frameworks) if column not in table.columns]
    if missing:
        raise EvaluationError(
            f"the predictions lack the column {', '.join(missing)}",
            came=f"columns {', '.join(map(str, table.columns))}",
        )
    test = table[table["part"] == "test"]
    patients = patient_names(test)
    notes = []
    if patients is None:
        notes.append(
            "Patients are unknown: intervals are by slices, as if these were independent, and too narrow "
            "if several slices come from one patient."
        )
    models = {}
    for framework in frameworks:
        options = {"n_resamples": n_resamples, "seed": seed}
        limits = thresholds.get(framework, {})
        labels, scores = test["label"].to_numpy(), test[framework].to_numpy()
        models[framework] = {
            "slice": evaluate_level(labels, scores, patients, limits.get("slice"), **options)
        }
        if patients is None:
            models[framework]["patient"] = _nothing("patients are unknown")
        else:
            y_true, y_score, names = patient_level(test, framework)
            models[framework]["patient"] = evaluate_level(
                y_true, y_score, names, limits.get("patient"), **options
            )
    return {
        "schema": SCHEMA,
        "experiment": name,
        "interval": {
            "level": LEVEL,
            "method": "percentile bootstrap",
            "resampled": "slices" if patients is None else "patients",
            "n_resamples": n_resamples,
            "seed": seed,
        },
        "notes": notes,
        "models": models,
    }


def evaluate_level(
    y_true: ArrayLike,
    y_score: ArrayLike,
    groups: ArrayLike | None,
    threshold: float | None,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """One LEVEL of the record (see this module's head) from labels (n,), scores (n,) and patients (n,).

    `groups` None: patients unknown, every row is resampled on its own. Never raises for what is merely not
    estimable (nothing there, one class, too few patients); those figures are null with a reason.

    Raises:
        EvaluationError: see `metrics.check_scores`.
    """
    positive, scores = metrics.check_scores(y_true, y_score)
    units = np.arange(positive.size) if groups is None else np.asarray(groups)
    n_groups = group_codes(units)[1]
    found: dict[str, float] = {}
    reasons: dict[str, str] = {}
    statistics: list[Statistic] = []
    confusion = None
    if threshold is None:
        reasons |= dict.fromkeys(metrics.MEASURES, "no operating point was chosen for this level")
    else:
        confusion = metrics.confusion_at(positive, scores, threshold)
        reasons |= metrics.why_undefined(confusion)
        at_threshold = metrics.measures_at(positive, scores, threshold)
        found |= {figure: value for figure, value in at_threshold.items() if value is not None}
        statistics.append(rate_statistic(positive, scores, threshold, units))
    try:
        found["auroc"] = auroc(positive, scores)
        found["average_precision"] = average_precision(positive, scores)
        statistics.append(ranking_statistic(positive, scores, units))
    except EvaluationError as error:
        reasons |= dict.fromkeys(("auroc", "average_precision"), str(error))
    drawn: dict[str, metrics.Floats] = {}
    if n_groups and statistics:
        drawn = resample(statistics, n_groups, n_resamples=n_resamples, seed=seed)
    level: dict[str, Any] = {
        "n": positive.size,
        "n_patients": None if groups is None else n_groups,
        "positives": int(np.count_nonzero(positive)),
        "threshold": None if threshold is None else float(threshold),
        "confusion": None if confusion is None else confusion.to_dict(),
    }
    for figure in FIGURES:
        if figure in found:
            unit = "patients" if groups is not None else "slices"
            interval = percentile_interval(drawn[figure], n_groups=n_groups, unit=unit)
            level[figure] = with_interval(found[figure], interval)
        else:
            level[figure] = without_value(reasons[figure])
    return level


def _threshold_of(experiment: Evaluable, framework: str, level: str) -> float | None:
    """The experiment's threshold, or None where its card holds none for this level."""
    try:
        return float(experiment.threshold(framework, level))
    except StrokeError:
        if level == "slice":
            raise
        return None


def _nothing(reason: str) -> dict[str, Any]:
    """A LEVEL of which nothing can be said."""
    counts = dict.fromkeys(("n", "n_patients", "positives", "threshold", "confusion"))
    return {**counts, "reason": reason, **{figure: without_value(reason) for figure in FIGURES}}
