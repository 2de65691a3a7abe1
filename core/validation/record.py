"""The record of a validation: home and there side by side, as `python -m core validate --json` prints it.

Format validate/1, with FIGURE, LEVEL and POINT as in evaluate/2 (core.evaluation.summary):

    {"schema": "validate/1", "name", "experiment": name, "created": date,
     "data": {"finding": the finding labeled; "" for labels of folders, "fingerprint", "part": "kept" or "",
              "sources": [{"name", "title", "terms", "silence": {finding: [state, reason]}}, ...],
              "n_listed": slices and unreadable files of the data set or its part,
              "left_out": {"known_file", "near_copy", "unreadable", "unknown_label"},
              "n_read": slices read, "n": those with a label, which all figures are about,
              "positives", "n_patients": of the slices with a label, null if all are unknown,
              "n_without_patient"},
     "gate": {"n": slices read, "read", "warn", "refuse": how many,
              "reasons": [{"reason": sentence, numbers in it replaced by "n",
                           "outcome": of the slice, "n": slices}, ...], the most frequent first},
     "interval": {"level": 0.95, "method", "resampled": "patients", "slices" or "patients, and slices where
                  the patient is unknown", "n_resamples", "seed"},
     "there": {framework: {"slice": LEVEL, "patient": LEVEL}}, at the card's calibration and thresholds,
     "home": {framework: {"slice": LEVEL, "patient": LEVEL}}, out of sample, as evaluate/2 has it in "models",
     "groups": [{"by": "source" or "vendor", "group": its name, "n", "positives", "n_patients",
                 "models": {framework: {key of each figure of a LEVEL: FIGURE}}}, ...],
     "notes": [sentence, ...]}

A figure that needs a class with fewer than MIN_SLICES members (slices or, at the level of patients, patients)
is {"value": null, "interval": null, "reason": "not estimable: ..."}, there and at home. The gate was
overridden: slices that it refuses count in the figures.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from core.errors import EvaluationError, ExperimentError
from core.evaluation import (
    CONFIDENCE_LEVEL,
    LEVELS,
    Bootstrap,
    evaluate_experiment,
    list_keys,
    make_empty_level,
    measure_level,
    select_rows,
)
from core.experiments import Experiment
from core.validation.notes import describe_earlier, list_notes
from core.validation.small_classes import withhold_figures
from core.validation.store import Validation

if TYPE_CHECKING:
    import pandas as pd

SCHEMA = "validate/1"
OUTCOMES = ("read", "warn", "refuse")


def make_record(
    experiment: Experiment,
    validation: Validation,
    n_resamples: int = 2000,
    seed: int = 0,
    home: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return the record of a stored validation as plain JSON types, in the format of this module's docstring.

    Args:
        experiment: the experiment validated.
        validation: one of its validations.
        n_resamples, seed: of the bootstrap.
        home: the experiment's record (evaluate/2) if it is at hand; computed when None.

    Raises:
        ExperimentError: the validation is of an earlier version of the experiment (code "earlier_version"),
            or its table is damaged.
        EvaluationError: no slice has a label (code "no_labels").
    """
    if not validation.is_current:
        raise ExperimentError(
            f'The validation "{validation.name}" is of an earlier version of "{experiment.name}"',
            found=describe_earlier(experiment, validation),
            remedy="run it again",
            code="earlier_version",
        )
    if not validation.n_labeled:
        raise EvaluationError(
            f'No slice of the validation "{validation.name}" has a label of the finding',
            remedy="give a manifest that says per slice whether the finding is present, or name the class "
            f'folders "{experiment.classes[0]}" and "{experiment.classes[1]}" if they hold slices with and '
            "without it",
            code="no_labels",
        )
    read = validation.predictions()
    table = read[read["label"].notna()].astype({"label": int}).assign(fold=0)
    known = table["patient"] != ""
    there = {level: _measure_level(experiment, table, level, n_resamples, seed) for level in LEVELS}
    home = evaluate_experiment(experiment, n_resamples, seed) if home is None else home
    return {
        "schema": SCHEMA,
        "name": validation.name,
        "experiment": experiment.name,
        "created": validation.details["created"],
        "data": {
            **{
                key: validation.details[key]
                for key in ("finding", "fingerprint", "part", "sources", "n_listed", "left_out")
            },
            "n_read": len(read),
            "n": len(table),
            "positives": int(table["label"].sum()),
            "n_patients": count_patients(table),
            "n_without_patient": int((~known).sum()),
        },
        "gate": count_gate(read),
        "interval": {
            "level": CONFIDENCE_LEVEL,
            "method": "percentile bootstrap",
            "resampled": describe_units(table),
            "n_resamples": n_resamples,
            "seed": seed,
        },
        "there": {
            framework: {level: there[level][framework] for level in LEVELS}
            for framework in experiment.frameworks
        },
        "home": {
            framework: {level: withhold_figures(levels[level], level) for level in LEVELS}
            for framework, levels in home["models"].items()
        },
        "groups": [
            _describe_group(
                by,
                group,
                rows,
                # A group that holds every slice has the results of the whole set.
                there["slice"]
                if len(rows) == len(table)
                else _measure_level(experiment, rows, "slice", n_resamples, seed),
            )
            for by in ("source", "vendor")
            for group in list_groups(table[by])
            for rows in [table[table[by] == group]]
        ],
        "notes": list(list_notes(experiment, validation, read)),
    }


def _measure_level(
    experiment: Experiment, table: pd.DataFrame, level: str, n_resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return {framework: LEVEL} of labeled slices; those of unknown patients count only as slices."""
    known = table[table["patient"] != ""]
    raw = table if level == "slice" else known
    if raw.empty:
        return dict.fromkeys(experiment.frameworks, make_empty_level("patients are unknown"))
    found, bootstrap = {}, None
    for framework in experiment.frameworks:
        calibrated = raw.assign(**{framework: experiment.recalibration(framework).apply(raw[framework])})
        fits = experiment.card.get("calibration", {}).get(framework)
        rows = select_rows(raw, calibrated, framework, level, fits)
        if level == "slice" and len(known):
            rows = replace(rows, groups=name_units(raw))
        bootstrap = bootstrap or Bootstrap.over(
            rows.groups, rows.y_true.size, n_resamples=n_resamples, seed=seed
        )
        points = experiment.card["operating_points"][framework].get(level, {})
        bands = experiment.card.get("review_bands", {}).get(framework, {}).get(level, {})
        measured, _ = measure_level(
            rows,
            points,
            experiment.card["default_operating_point"],
            bootstrap,
            bands={rule: (band[0], band[1]) for rule, band in bands.items() if band},
        )
        # Of the slices, those of unknown patients are resampled, too, but are no patients.
        counts = {"n_patients": count_patients(raw)} if level == "slice" else {}
        found[framework] = withhold_figures({**measured, **counts}, level)
    return found


def _describe_group(
    by: str, group: str, rows: pd.DataFrame, measured: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    return {
        "by": by,
        "group": group,
        "n": len(rows),
        "positives": int(rows["label"].sum()),
        "n_patients": count_patients(rows),
        "models": {
            framework: {key: level[key] for key in list_keys()} for framework, level in measured.items()
        },
    }


def name_units(table: pd.DataFrame) -> Any:
    """Return what is resampled, for each slice: its patient, or the slice itself if that is unknown."""
    return (
        table["patient"].where(table["patient"] != "", "slice " + table["number"].astype(str)).to_numpy(str)
    )


def describe_units(table: pd.DataFrame) -> str:
    """Return what `name_units` names, in words."""
    known = table["patient"] != ""
    if known.all():
        return "patients"
    return "patients, and slices where the patient is unknown" if known.any() else "slices"


def count_patients(table: pd.DataFrame) -> int | None:
    """Return the number of known patients; None if all are unknown."""
    known = table.loc[table["patient"] != "", "patient"]
    return int(known.nunique()) if len(known) else None


def list_groups(values: pd.Series) -> list[str]:
    """Return the known groups in the order of their names, and "" for the rest; none if all are unknown."""
    names = sorted(set(values), key=lambda name: (name == "", name))
    return [] if names == [""] else names


def count_gate(read: pd.DataFrame) -> dict[str, Any]:
    """Return the "gate" of the record for the slices that were read."""
    counts: dict[tuple[str, str], int] = {}
    for reasons, outcome in zip(read["reasons"], read["gate"], strict=True):
        for reason in reasons.split(" | ") if reasons else ():
            key = (re.sub(r"\d[\d.,]*", "n", reason), outcome)
            counts[key] = counts.get(key, 0) + 1
    return {
        "n": len(read),
        **{outcome: int((read["gate"] == outcome).sum()) for outcome in OUTCOMES},
        "reasons": [
            {"reason": reason, "outcome": outcome, "n": n}
            for (reason, outcome), n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
        ],
    }
