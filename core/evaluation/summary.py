"""All figures of one experiment with intervals: the JSON of `python -m core evaluate NAME --json`.

Format evaluate/2:

    {"schema": "evaluate/2", "experiment": name,
     "interval": {"level": 0.95, "method", "resampled": "patients", "slices" or "patients, and slices
                  where the patient is unknown", "n_resamples", "seed"},
     "default_rule": the card's default operating point, "notes": [sentence, ...],
     "models": {framework: {"slice": LEVEL, "patient": LEVEL}},
     "comparison": {"slice": COMPARISON, "patient": COMPARISON},
     and with --json "by_source": see core.evaluation.by_source}

A FIGURE is {"value", "interval": [low, high] or null, "reason"?}: a value or interval that cannot be
estimated is null, and "reason" says why. {"reason": sentence} replaces a whole part that cannot be estimated.

    LEVEL: {"n", "n_patients" (null if unknown), "positives", "prevalence",
            "rule": the default rule, with all fields of its POINT,
            "auroc", "average_precision" and CALIBRATION "after": FIGUREs,
            "operating_points": {rule: POINT},
            "calibration": {"before": CALIBRATION of raw, "after": CALIBRATION of calibrated probabilities,
                            ("before" also has "auroc" and "average_precision" of the raw scores)
                            "reliability": {"before": [BIN, ...], "after": [BIN, ...]},
                            "fits": the recalibration, as on the card (core.evaluation.recalibration)},
            "decision_curve": {"thresholds", "net_benefit", "low", "high", "treat_all": equally long lists},
            and with --json (core.evaluation.conditions.complete_record):
            "subgroups": {"level": [GROUP, ...] (of the head), "brightness": [GROUP, ...]} or {"reason"},
            "robustness": {"conditions": [CONDITION, ...], the unchanged rows first} or {"reason"}}
    POINT (depends on the threshold): {"threshold", "confusion": {"tn", "fp", "fn", "tp"},
            "accuracy", "balanced_accuracy", "precision", "npv", "recall", "specificity", "f1",
            "likelihood_ratio_positive", "likelihood_ratio_negative": FIGUREs,
            "predictive_values": [{"prevalence", "ppv": FIGURE, "npv": FIGURE}, ...], also at the data's own,
            "review": {"low", "high": the band, "share": FIGURE, the share of rows in it,
                       "counts": {"tn", "fp", "fn", "tp", "indeterminate_negative", "indeterminate_positive"},
                       and the nine FIGUREs above for the rows outside the band}}
    CALIBRATION: {"brier", "calibration_error", "calibration_slope", "calibration_intercept": FIGUREs}
    BIN: {"low_edge", "high_edge", "n", "positives", "mean_probability", "observed", "low", "high"}; the last
            two are the Clopper-Pearson interval of observed
    GROUP (of slices; a patient has no position in the head): {"group": its name, "n", "n_patients",
            "positives", "auroc": FIGURE}
    CONDITION: {"perturbation", "amount": see core.imaging.perturbations, "n": rows measured, "auroc",
            "average_precision": FIGUREs}
    COMPARISON (first minus second): {"first", "second": frameworks, "rule", "thresholds": [two],
            "differences": {figure: FIGURE} for the nine rates, auroc and average_precision,
            "mcnemar": {"only_first_right", "only_second_right", "p_value"},
            "disagreement": {"positives"|"negatives": {"both", "only_first", "only_second", "neither"}},
            "delong", "delong_by_patient" (rows of the same patient may be correlated):
                {"first", "second", "difference", "standard_error", "interval", "z", "p_value"}}

Only rows with part == "test" are evaluated: each was scored by a network that never trained on it.
Probabilities and thresholds are calibrated; "before" is raw. Thresholds and review bands come from validation
rows. A patient's score is used for ranking and decisions. Its CALIBRATION "after" and its decision curve use
the score recalibrated to a probability (core.evaluation.levels). A single POINT, for a threshold on a slider,
takes milliseconds: `core.evaluation.points.measure_point`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Protocol

import pandas as pd

from core.errors import EvaluationError
from core.evaluation.comparison import compare_models
from core.evaluation.intervals import CONFIDENCE_LEVEL, Bootstrap
from core.evaluation.levels import LEVELS, Rows, make_empty_level, measure_level, select_rows
from core.evaluation.operating_points import DEFAULT_RULE, review_bands_of
from core.evaluation.patients import knows_patients, patient_names
from core.evaluation.recalibration import recalibrate

SCHEMA = "evaluate/2"

# The tables are small, so BLAS runs with one thread: several would mostly wait for each other. The number of
# BLAS threads is a setting of the whole process; this lock lets one record at a time change and reset it.
_BLAS_LOCK = Lock()

# {framework: {level: {rule: threshold, or None where none could be chosen}}}
Points = Mapping[str, Mapping[str, Mapping[str, float | None]]]


class Evaluable(Protocol):
    """The parts of an experiment used here."""

    @property
    def name(self) -> str: ...

    @property
    def card(self) -> dict[str, Any]: ...

    @property
    def frameworks(self) -> Sequence[str]: ...

    def predictions(self) -> pd.DataFrame: ...


def evaluate_experiment(experiment: Evaluable, n_resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Return the record of an experiment as plain JSON types, in the format of this module's docstring.

    Raises:
        EvaluationError: the predictions are unusable: a column is missing, scores are NaN, labels not 0/1.
        ExperimentError: the predictions cannot be read.
    """
    card = experiment.card
    return from_predictions(
        experiment.predictions(),
        experiment.frameworks,
        card["operating_points"],
        default_rule=card["default_operating_point"],
        calibrations=card.get("calibration"),
        bands=card.get("review_bands"),
        name=experiment.name,
        n_resamples=n_resamples,
        seed=seed,
    )


def from_predictions(
    table: pd.DataFrame,
    frameworks: Sequence[str],
    points: Points,
    *,
    default_rule: str = DEFAULT_RULE,
    calibrations: Mapping[str, Mapping[str, Any]] | None = None,
    bands: Mapping[str, Mapping[str, Mapping[str, Sequence[float] | None]]] | None = None,
    name: str = "",
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return the record for a table of raw predictions; see `evaluate_experiment`.

    Args:
        table: columns label, part, fold, one per framework, and patient if known.
        frameworks: the frameworks to evaluate, in this order; the first two are compared.
        points: thresholds on calibrated probabilities; a level or a framework may be missing.
        default_rule: the rule for the figures at the top of a LEVEL.
        calibrations: from the card, see core.evaluation.recalibration; if None, probabilities stay raw.
        bands: review bands of the card; those it lacks are chosen on the validation rows.
        name: name of the experiment.
        n_resamples, seed: of the bootstrap.
    """
    missing = [column for column in ("label", "part", "fold", *frameworks) if column not in table.columns]
    if missing:
        raise EvaluationError(
            f"the predictions lack the column {', '.join(missing)}",
            found=f"columns {', '.join(map(str, table.columns))}",
        )
    calibrations = calibrations or {}
    calibrated = recalibrate(table, {fw: calibrations[fw] for fw in frameworks if fw in calibrations})
    points = {fw: points.get(fw, {}) for fw in frameworks}
    chosen_bands = review_bands_of(calibrated, points)
    tested = (table["part"] == "test").to_numpy()
    raw, scored = table[tested], calibrated[tested]
    known, all_known = knows_patients(raw), patient_names(raw) is not None
    n_patients = len(set(raw["patient"].fillna("").astype(str).str.strip()) - {""}) if known else None
    rows = {
        (fw, level): select_rows(raw, scored, fw, level, calibrations.get(fw))
        for level in LEVELS
        for fw in frameworks
        if known or level == "slice"
    }
    bootstraps = {
        level: Bootstrap.over(one.groups, one.y_true.size, n_resamples=n_resamples, seed=seed)
        for (_, level), one in rows.items()
    }

    def evaluate(key: tuple[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
        fw, level = key
        known = (bands or {}).get(fw, {}).get(level, {})
        own = {rule: (band[0], band[1]) for rule, band in known.items() if band is not None}
        chosen = {rule: band for rule, band in chosen_bands[fw].get(level, {}).items() if band} | own
        thresholds = points[fw].get(level, {})
        found, part = measure_level(rows[key], thresholds, default_rule, bootstraps[level], bands=chosen)
        # Slices of unknown patients are resampled by themselves, but are no patients.
        counts = {"n_patients": n_patients} if level == "slice" and known else {}
        return {**found, **counts}, part

    from threadpoolctl import threadpool_limits

    with _BLAS_LOCK, threadpool_limits(1, "blas"), ThreadPoolExecutor(2) as pool:
        levels = dict(zip(rows, pool.map(evaluate, rows), strict=True))
    unknown = make_empty_level("patients are unknown")
    return {
        "schema": SCHEMA,
        "experiment": name,
        "interval": {
            "level": CONFIDENCE_LEVEL,
            "method": "percentile bootstrap",
            "resampled": _name_units(known, all_known),
            "n_resamples": n_resamples,
            "seed": seed,
        },
        "default_rule": default_rule,
        "notes": _notes(known, raw, frameworks, calibrations),
        "models": {
            fw: {level: levels[fw, level][0] if (fw, level) in levels else unknown for level in LEVELS}
            for fw in frameworks
        },
        "comparison": {
            level: _compare(level, frameworks, default_rule, rows, levels, bootstraps.get(level))
            for level in LEVELS
        },
    }


def _name_units(known: bool, all_known: bool) -> str:
    if known and not all_known:
        return "patients, and slices where the patient is unknown"
    return "patients" if known else "slices"


def _notes(
    known: bool,
    raw: pd.DataFrame,
    frameworks: Sequence[str],
    calibrations: Mapping[str, Mapping[str, Any]],
) -> list[str]:
    notes = []
    if known and (unknown := int((raw["patient"].fillna("").astype(str).str.strip() == "").sum())):
        notes.append(
            f"The patients of {unknown:,} of {len(raw):,} test slices are unknown: each is resampled by "
            "itself, and none counts at the level of patients."
        )
    if not known:
        notes.append(
            "Patients are unknown: slices are resampled as if they were independent, so intervals are too "
            "narrow if several slices come from one patient."
        )
    if not calibrations:
        notes.append("The card contains no calibration: probabilities are the networks' own.")
    for fw in frameworks:
        if (entry := calibrations.get(fw)) and not entry["folds"]:
            notes.append(f"The probabilities of {fw} are not calibrated: {entry['reason']}.")
    return notes


def _compare(
    level: str,
    frameworks: Sequence[str],
    rule: str,
    rows: Mapping[tuple[str, str], Rows],
    levels: Mapping[tuple[str, str], tuple[dict[str, Any], dict[str, Any]]],
    bootstrap: Bootstrap | None,
) -> dict[str, Any]:
    """Return the COMPARISON of the first two frameworks."""
    if len(frameworks) < 2:
        return {"reason": "the experiment has only one network: there is nothing to compare it with"}
    if bootstrap is None:
        return {"reason": "patients are unknown"}
    first, second = ((fw, level) for fw in frameworks[:2])
    if not rows[first].y_true.size:
        return {"reason": "there is nothing to compare the networks on"}
    found = compare_models(
        rows[first].y_true,
        rows[first].score,
        rows[second].score,
        (levels[first][0]["threshold"], levels[second][0]["threshold"]),
        bootstrap,
        resampled=(levels[first][1], levels[second][1]),
    )
    return {"first": frameworks[0], "second": frameworks[1], "rule": rule, **found}
