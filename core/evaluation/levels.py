"""Select the rows of one network at one level (slices or patients), and compute all their figures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation import metrics
from core.evaluation.calibration import cross_fit_recalibration, reliability_diagram
from core.evaluation.intervals import Bootstrap, percentile_band, without_value
from core.evaluation.measures import Kind, list_keys, measure_scores, resample_scores
from core.evaluation.metrics import Bools, Floats
from core.evaluation.patients import Names, patient_level, unit_names
from core.evaluation.points import measure_point
from core.evaluation.review import Band
from core.evaluation.utility import decision_curve, net_benefit_statistic

LEVELS = ("slice", "patient")

Resampled = dict[str, Floats]


@dataclass(frozen=True, eq=False)
class Rows:
    """Labels and scores of one network for the n rows (slices or patients) of one level.

    Attributes:
        y_true: (n,) labels.
        raw: (n,) scores from raw probabilities, in [0, 1].
        score: (n,) scores from calibrated probabilities, in [0, 1], used for ranking and decisions.
        groups: (n,) patient of each row, or the row itself if that is unknown; None if all are unknown.
        probability: (n,) chance of a positive, in [0, 1]; None if not available, and `reason` says why. For
            slices it is the score. A patient's score is not a probability: it is recalibrated with
            cross-fitting over folds, for the calibration figures and the decision curve only.
        fits: the recalibration behind `probability`, in the format of the card.
    """

    y_true: Bools
    raw: Floats
    score: Floats
    groups: np.ndarray | None
    probability: Floats | None = None
    reason: str = ""
    fits: Mapping[str, Any] | None = None


def select_rows(
    raw: pd.DataFrame,
    calibrated: pd.DataFrame,
    framework: str,
    level: str,
    fits: Mapping[str, Any] | None = None,
) -> Rows:
    """Return the rows of one level ("slice" or "patient").

    Args:
        raw, calibrated: test predictions, with the same rows in the same order.
        framework: the column of scores.
        level: "slice" or "patient".
        fits: the framework's entry of the card's "calibration".

    Raises:
        EvaluationError: patients are unknown, for level "patient"; see `metrics.check_scores`.
    """
    if level == "slice":
        y_true, score = metrics.check_scores(raw["label"].to_numpy(), calibrated[framework].to_numpy())
        scored = raw[framework].to_numpy(np.float64)
        fits = fits or {"reason": "the card contains no calibration"}
        return Rows(y_true, scored, score, unit_names(raw), score, fits=fits)
    labels, score, names = patient_level(calibrated, framework)
    scored = patient_level(raw, framework)[1]
    y_true = labels == 1
    try:
        folds = _folds_of(raw, names)
        probability, found = cross_fit_recalibration(y_true, score, folds, with_intercept=True)
    except EvaluationError as error:
        reason = f"a patient's score is not calibrated to a probability: {error}"
        return Rows(y_true, scored, score, names, None, reason, {"reason": reason})
    entries = [{"fold": fold, "slope": fit.slope, "intercept": fit.intercept} for fold, fit in found.items()]
    fitted = {
        "method": "platt",
        "fitted_on": "the test patients of the other folds",
        "folds": entries,
    }
    return Rows(y_true, scored, score, names, probability, "", fitted)


def measure_level(
    rows: Rows,
    thresholds: Mapping[str, float | None],
    rule: str,
    bootstrap: Bootstrap,
    *,
    bands: Mapping[str, Band] | None = None,
) -> tuple[dict[str, Any], Resampled]:
    """Return one LEVEL of the record (see core.evaluation.summary), and its resampled figures.

    Args:
        rows: the rows to evaluate.
        thresholds: rule -> threshold; None where none could be chosen.
        rule: the default rule.
        bootstrap: the resamples of these rows.
        bands: rule -> review band.

    Returns:
        Figures that cannot be estimated are null with a reason. The resampled figures are the rates at the
        default rule, ranking and calibration, as far as they exist.
    """
    n, n_positive = rows.y_true.size, int(np.count_nonzero(rows.y_true))
    points, resampled = {}, Resampled()
    for name, threshold in thresholds.items():
        if threshold is None:
            continue
        band = (bands or {}).get(name)
        points[name], part = measure_point(rows.y_true, rows.score, threshold, bootstrap, band=band)
        if name == rule:
            resampled |= part
    ranking, part = measure_ranking(rows.y_true, rows.score, bootstrap)
    resampled |= part
    before, _ = _measure("calibration", rows.y_true, rows.raw, bootstrap)
    before |= measure_ranking(rows.y_true, rows.raw, bootstrap)[0]
    after: dict[str, Any] = {"reason": rows.reason}
    figures: dict[str, Any] = {name: without_value(rows.reason) for name in list_keys("calibration")}
    if rows.probability is not None:
        after, part = _measure("calibration", rows.y_true, rows.probability, bootstrap)
        figures = after
        resampled |= part
    level = {
        "n": n,
        "n_patients": None if rows.groups is None else bootstrap.n_groups,
        "positives": n_positive,
        "prevalence": n_positive / n if n else None,
        "rule": rule,
        **points.get(rule, _no_point(f'no operating point "{rule}" was chosen for this level')),
        **ranking,
        **figures,
        "operating_points": points,
        "calibration": {
            "before": before,
            "after": after,
            "reliability": {
                "before": _reliability(rows.y_true, rows.raw),
                "after": _reliability(rows.y_true, rows.probability),
            },
            "fits": dict(rows.fits or {}),
        },
        "decision_curve": _benefit(rows, bootstrap),
    }
    return level, resampled


def make_empty_level(reason: str) -> dict[str, Any]:
    """Return a LEVEL without figures, with the reason.

    >>> make_empty_level("patients are unknown")["auroc"]
    {'value': None, 'interval': None, 'reason': 'patients are unknown'}
    """
    empty: dict[str, Any] = dict.fromkeys(("n", "n_patients", "positives", "prevalence", "rule"))
    return {
        **empty,
        **_no_point(reason),
        **{figure: without_value(reason) for figure in list_keys("ranking", "calibration")},
        "operating_points": {},
        "calibration": {"reason": reason},
        "decision_curve": {"reason": reason},
        "reason": reason,
    }


def _no_point(reason: str) -> dict[str, Any]:
    return {
        "threshold": None,
        "confusion": None,
        **{figure: without_value(reason) for figure in list_keys("rate")},
        "predictive_values": [],
        "review": {"reason": reason},
    }


def _folds_of(table: pd.DataFrame, names: Names) -> np.ndarray:
    """Return the test fold of each patient in `names` (p,).

    Raises:
        EvaluationError: a patient was tested in several folds.
    """
    known = set(names.tolist())
    pairs = {
        (str(name).strip(), int(fold))
        for name, fold in zip(table["patient"], table["fold"], strict=True)
        if str(name).strip() in known
    }
    fold_of = dict(pairs)
    if len(pairs) > len(fold_of):
        raise EvaluationError("cross-fitting needs patients that are tested in one fold only")
    return np.array([fold_of[name] for name in names])


def measure_ranking(
    y_true: ArrayLike, score: ArrayLike, bootstrap: Bootstrap
) -> tuple[dict[str, Any], Resampled]:
    """Return the ranking FIGUREs of labels (n,) and scores (n,), and the resampled values.

    FIGUREs that cannot be estimated are null with a reason, and have no resampled values.
    """
    return _measure("ranking", y_true, score, bootstrap)


def measure_calibration(
    y_true: ArrayLike, y_prob: ArrayLike, bootstrap: Bootstrap
) -> tuple[dict[str, Any], Resampled]:
    """Return the CALIBRATION of labels (n,) and probabilities (n,), and the resampled values.

    FIGUREs that cannot be estimated are null with a reason, and have no resampled values.
    """
    return _measure("calibration", y_true, y_prob, bootstrap)


def _measure(
    kind: Kind, y_true: ArrayLike, score: ArrayLike, bootstrap: Bootstrap
) -> tuple[dict[str, Any], Resampled]:
    values, reasons = measure_scores(kind, y_true, score)
    resampled = resample_scores(kind, y_true, score, bootstrap) if values else {}
    figures = {
        key: bootstrap.figure(values.get(key), resampled.get(key), reasons.get(key, ""))
        for key in list_keys(kind)
    }
    return figures, resampled


def _reliability(y_true: Bools, probability: Floats | None) -> list[dict[str, float]]:
    """Return the bins of the reliability diagram; none without a probability."""
    if probability is None:
        return []
    try:
        diagram = reliability_diagram(y_true, probability)
    except EvaluationError:
        return []
    columns = {
        "low_edge": diagram.edges[:, 0],
        "high_edge": diagram.edges[:, 1],
        "n": diagram.counts,
        "positives": diagram.positives,
        "mean_probability": diagram.mean_probability,
        "observed": diagram.observed,
        "low": diagram.low,
        "high": diagram.high,
    }
    lists = [values.tolist() for values in columns.values()]
    return [dict(zip(columns, values, strict=True)) for values in zip(*lists, strict=True)]


def _benefit(rows: Rows, bootstrap: Bootstrap) -> dict[str, Any]:
    if rows.probability is None:
        return {"reason": rows.reason}
    try:
        curve = decision_curve(rows.y_true, rows.probability)
    except EvaluationError as error:
        return {"reason": str(error)}
    resampled = bootstrap.run(net_benefit_statistic(rows.y_true, rows.probability, bootstrap.codes))
    low, high = percentile_band(resampled["net_benefit"], n_groups=bootstrap.n_groups)
    return {
        "thresholds": curve.thresholds.tolist(),
        "net_benefit": curve.net_benefit.tolist(),
        "low": [None if np.isnan(value) else float(value) for value in low],
        "high": [None if np.isnan(value) else float(value) for value in high],
        "treat_all": curve.act_on_all.tolist(),
    }
