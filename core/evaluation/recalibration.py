"""Recalibrate the probabilities of an experiment: fitted out of sample, stored on the card, used in serving.

The form is Platt's: p -> sigmoid(intercept + slope * logit(p)). A temperature alone (intercept fixed at 0)
cannot undo class weights: a network trained with them behaves as if both classes were equally frequent, which
shifts every logit by a constant. `method="temperature"` is available nevertheless.

With K > 1 folds, the test slices of a fold are recalibrated by a fit on the test slices of the other folds
(cross-fitting). The fit applied to a slice thus never used that slice or, in folds by patient, its patient.
The served model uses a fit on the test slices of all folds. With one fold, both use its validation slices.

On the card, for each framework:

    {"method": "platt" | "temperature", "fitted_on": sentence,
     "served": {"slope", "intercept"}, "folds": [{"fold", "slope", "intercept"}, ...]}

or, if one of these fits does not exist, {"method", "served": null, "folds": [], "reason": sentence}.
Probabilities then stay raw, as they do for an older card without "calibration".

Source: Platt 1999; Guo et al., ICML 2017; the cross-fitting is that of stacked predictions (Wolpert 1992).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from core.errors import EvaluationError
from core.evaluation.calibration import IDENTITY, Recalibration, fit_recalibration

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["platt", "temperature"]


def fit_calibrations(
    table: pd.DataFrame, frameworks: Sequence[str], *, method: Method = "platt"
) -> dict[str, dict[str, Any]]:
    """Return the card's "calibration" for raw predictions (columns label, fold, part and one per framework).

    If a framework has no fit, its entry holds the reason.

    Raises:
        EvaluationError: `method` is unknown.
    """
    if method not in ("platt", "temperature"):
        raise EvaluationError('the method must be "platt" or "temperature"', found=repr(method))
    folds = sorted(int(fold) for fold in table["fold"].unique())
    tested = (table["part"] == "test").to_numpy()
    if len(folds) > 1:
        source = tested
        others = {fold: tested & (table["fold"] != fold).to_numpy() for fold in folds}
        fitted_on = (
            "out-of-sample predictions: of the other folds to rate a fold, of all folds to read new scans"
        )
    else:
        source = (table["part"] == "validation").to_numpy()
        others = dict.fromkeys(folds, source)
        fitted_on = "the validation slices"
    calibrations: dict[str, dict[str, Any]] = {}
    for framework in frameworks:

        def fit(rows: np.ndarray, framework: str = framework) -> dict[str, float]:
            chosen = table[rows]
            found = fit_recalibration(
                chosen["label"].to_numpy(), chosen[framework].to_numpy(), with_intercept=method == "platt"
            )
            return {"slope": found.slope, "intercept": found.intercept}

        try:
            calibrations[framework] = {
                "method": method,
                "fitted_on": fitted_on,
                "served": fit(source),
                "folds": [{"fold": fold, **fit(others[fold])} for fold in folds],
            }
        except EvaluationError as error:
            calibrations[framework] = {"method": method, "served": None, "folds": [], "reason": str(error)}
    return calibrations


def served_recalibration(calibration: Mapping[str, Any] | None) -> Recalibration:
    """Return the recalibration of the served model; the identity if the card's entry holds no fit."""
    served = calibration["served"] if calibration else None
    return Recalibration(served["slope"], served["intercept"]) if served else IDENTITY


def recalibrate(table: pd.DataFrame, calibrations: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """Return the table with each framework's probabilities recalibrated by the fit of their fold.

    This applies to all parts: thresholds are chosen on validation rows recalibrated by the same fit.

    >>> import pandas as pd
    >>> table = pd.DataFrame({"fold": [0, 1], "keras": [0.9, 0.9]})
    >>> folds = [{"fold": 0, "slope": 0.5, "intercept": 0.0}, {"fold": 1, "slope": 1.0, "intercept": 0.0}]
    >>> recalibrate(table, {"keras": {"folds": folds}})["keras"].round(3).tolist()
    [0.75, 0.9]
    """
    changed = {}
    for framework, calibration in calibrations.items():
        if not calibration["folds"]:
            continue
        values = table[framework].to_numpy(np.float64, copy=True)
        for entry in calibration["folds"]:
            rows = (table["fold"] == entry["fold"]).to_numpy()
            values[rows] = Recalibration(entry["slope"], entry["intercept"]).apply(values[rows])
        changed[framework] = values
    return table.assign(**changed)
