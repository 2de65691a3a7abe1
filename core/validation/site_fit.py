"""Fit a site calibration to a stored validation, measure it out of sample, and store it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import EvaluationError, ExperimentError
from core.evaluation import Bootstrap, Recalibration
from core.experiments import Experiment
from core.reading import make_study_rules
from core.system import write_whole
from core.validation import cross_fit
from core.validation.notes import describe_earlier
from core.validation.site import FILE_NAME, SCHEMA, SiteCalibration, check_site_writable, choose_rule
from core.validation.store import Validation

if TYPE_CHECKING:
    from core.validation.cross_fit import SiteRows


def fit_site(
    experiment: Experiment, validation: Validation, *, n_resamples: int = 2000, seed: int = 0
) -> SiteCalibration:
    """Fit a site calibration to a validation's slices, store it with the validation and return it.

    Slices of the kept part, slices without a label and refused slices are left out and counted.

    Args:
        experiment: the experiment validated.
        validation: of the version of the experiment that is served now.
        n_resamples, seed: of the bootstrap of the cross-fitted figures.

    Raises:
        ExperimentError: the validation is of another experiment or version (code "other_version"), came with
            the installed program (code "read_only"), or is damaged.
        EvaluationError: code "too_few_slices", "too_few_patients" or "no_ranking", see
            core.validation.cross_fit; or no threshold can be chosen.
        StrokeError: code "not_written".
    """
    check_served(experiment, validation)
    check_site_writable(experiment, validation)
    rows = cross_fit.select_rows(validation.predictions())
    cross_fit.check_enough(rows.positive)
    folds = cross_fit.deal_into_folds(rows.units, rows.positive)
    rule = choose_rule(experiment)
    details: dict[str, Any] = {
        "schema": SCHEMA,
        "name": validation.name,
        "experiment": experiment.name,
        "created": datetime.now(UTC).strftime("%Y-%m-%d"),
        "version": experiment.version,
        "served": experiment.served_digest,
        "predictions": validation.details["predictions"],
        "finding": validation.details["finding"],
        "rests_on": {
            "n": rows.positive.size,
            "positives": int(rows.positive.sum()),
            "negatives": int((~rows.positive).sum()),
            "n_patients": rows.n_patients,
            "unit": rows.unit,
            "left_out": rows.left_out,
        },
        "default_operating_point": rule,
        "calibration": {},
        "operating_points": {},
        "review_bands": {},
        "without": {},
        "cross_fitted": {},
    }
    bootstrap = Bootstrap.over(rows.units, rows.positive.size, n_resamples=n_resamples, seed=seed)
    for framework in experiment.frameworks:
        _add_fit(details, framework, rows, experiment.recalibration(framework))
        details["cross_fitted"][framework] = {
            "slice": _measure_slices(experiment, framework, rows, folds, bootstrap),
            "patient": _measure_patients(experiment, framework, rows, folds, details, bootstrap),
        }
    write_whole(
        validation.folder / FILE_NAME,
        (json.dumps(details, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8"),
    )
    return SiteCalibration(validation, details)


def check_served(experiment: Experiment, validation: Validation) -> None:
    """Raise an ExperimentError (code "other_version") unless the validation is of what is served now."""
    if validation.details["served"] != experiment.networks_digest:
        raise ExperimentError(
            f'The validation "{validation.name}" is not of experiment "{experiment.name}" as it is now',
            found=describe_earlier(experiment, validation),
            remedy="validate again, then calibrate again",
            code="other_version",
        )


def _add_fit(details: dict[str, Any], framework: str, rows: SiteRows, home: Recalibration) -> None:
    raw = rows.table[framework].to_numpy(np.float64)
    fitted, reason, of_slices = cross_fit.fit_slices(rows.positive, raw, home)
    points = {"slice": of_slices}
    bands = {"slice": cross_fit.choose_bands(fitted.apply(raw), of_slices)}
    without = {"calibration": reason} if reason else {}
    try:
        scores, points["patient"] = cross_fit.fit_patients(rows, framework, fitted)
        bands["patient"] = cross_fit.choose_bands(scores, points["patient"])
    except EvaluationError as error:
        without["patient"] = str(error)
    served = {"slope": fitted.slope, "intercept": fitted.intercept}
    details["calibration"][framework] = {"method": "platt", "served": served}
    details["operating_points"][framework] = points
    details["review_bands"][framework] = bands
    details["without"][framework] = without


def _measure_slices(
    experiment: Experiment, framework: str, rows: SiteRows, folds: np.ndarray, bootstrap: Bootstrap
) -> dict[str, Any]:
    """Return the CHANGE of slices."""
    raw, home = rows.table[framework].to_numpy(np.float64), experiment.recalibration(framework)
    rule = choose_rule(experiment)
    called, probability = cross_fit.cross_fit_slices(rows, folds, raw, home, rule)
    before = home.apply(raw)
    changed = cross_fit.compare_decisions(
        rows.positive, before >= experiment.threshold(framework), called, bootstrap
    )
    counts = {"n": rows.positive.size, "positives": int(rows.positive.sum())}
    compared = cross_fit.compare_probabilities(rows.positive, before, probability, bootstrap)
    return {**counts, **changed, "calibration": compared}


def _measure_patients(
    experiment: Experiment,
    framework: str,
    rows: SiteRows,
    folds: np.ndarray,
    details: dict[str, Any],
    resampling: Bootstrap,
) -> dict[str, Any]:
    """Return the CHANGE of studies, or the reason why there is none."""
    if reason := details["without"][framework].get("patient"):
        return {"reason": reason}
    rules = make_study_rules(experiment)
    if framework not in rules:
        return {"reason": "the card has no threshold for studies to compare with"}
    home, rule = experiment.recalibration(framework), choose_rule(experiment)
    labels, called, names = cross_fit.cross_fit_patients(rows, folds, framework, home, rule)
    _, scores, known = cross_fit.score_studies(rows.table, framework, home)
    before = scores[np.searchsorted(known, names)] >= rules[framework].threshold
    bootstrap = Bootstrap.over(names, len(names), n_resamples=resampling.n_resamples, seed=resampling.seed)
    changed = cross_fit.compare_decisions(labels == 1, before, called, bootstrap)
    return {"n": len(labels), "positives": int(labels.sum()), **changed}
