"""Compare scans from elsewhere with those of home, without labels: do they look like the training slices.

Format domain/1, with FIGURE as in evaluate/2 (core.evaluation.summary):

    {"schema": "domain/1", "name": of the validation, "experiment": name, "created": date,
     "data": {"n": slices read, "n_patients": null if unknown, "sources": as in validate/1,
              "left_out": {"known_file", "near_copy", "unreadable"}},
     "interval": {"level": 0.95, "method", "resampled", "n_resamples", "seed"}, as in validate/1,
     "gate": {"there": COUNTS, "home": COUNTS or {"reason"},
              "reasons": as in validate/1},
     "familiarity": {"there": {"beyond_limit", "beyond_farthest": FIGURE, shares of the slices; "quantiles":
                               of the distance divided by its limit},
                     "home": {"beyond_limit", "beyond_farthest": shares of the held-out slices}}
                    or {"reason"},
     "probability": {framework: {"threshold": the card's, "there", "home": DISTRIBUTION,
                                 "higher_there": FIGURE}},
     "groups": [{"by": "source" or "vendor", "group", "n", "n_patients", "refused", "warned": FIGUREs,
                 "beyond_limit": FIGURE or null, "flagged": {framework: FIGURE}}, ...],
     "notes": [sentence, ...]}

    COUNTS: {"n", "read", "warn", "refuse": slices, and there "warned", "refused": FIGUREs}
    DISTRIBUTION: {"n", "quantiles": [5 %, 25 %, 50 %, 75 %, 95 %], "bins": shares of the slices in ten bins
                   of equal width, "flagged": FIGURE, the share at or above the threshold}

Probabilities are calibrated as on the card; those there are of the slices that the gate does not refuse,
those at home are out of sample. "higher_there" is the chance that a slice from there scores higher than one
from home: 0.5 if they are alike. Labels in the validation are not used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import ExperimentError
from core.evaluation import CONFIDENCE_LEVEL, Bootstrap, measure_ranking, unit_names, without_value
from core.experiments import Experiment
from core.gate import HELD_OUT_BEYOND_LIMIT
from core.validation.notes import MEAN_OF_FOLDS, describe_earlier
from core.validation.record import (
    OUTCOMES,
    count_gate,
    count_patients,
    describe_units,
    list_groups,
    name_units,
)
from core.validation.store import Validation

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    Resample = Callable[[ArrayLike | None, int], Bootstrap]

SCHEMA = "domain/1"
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
N_BINS = 10


def make_domain_record(
    experiment: Experiment, validation: Validation, n_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Return the comparison of a validation's slices with home, in the format of this module's docstring.

    Args:
        experiment: the experiment validated.
        validation: one of its validations, with or without labels.
        n_resamples, seed: of the bootstrap.

    Raises:
        ExperimentError: the validation is of another version of the experiment (code "other_version"), or its
            table is damaged.
    """
    if not validation.is_current:
        raise ExperimentError(
            f'The validation "{validation.name}" is of another version of "{experiment.name}"',
            found=describe_earlier(experiment, validation),
            remedy="run it again",
            code="other_version",
        )
    read = validation.predictions()
    there, home = _list_scores(experiment, read), experiment.calibrated_predictions()
    home = home[home["part"] == "test"]

    def resample(units: ArrayLike | None, n: int) -> Bootstrap:
        return Bootstrap.over(units, n, n_resamples=n_resamples, seed=seed)

    gate = count_gate(read)
    whole = resample(name_units(read), len(read))
    return {
        "schema": SCHEMA,
        "name": validation.name,
        "experiment": experiment.name,
        "created": validation.details["created"],
        "data": {
            "n": len(read),
            "n_patients": count_patients(read),
            "sources": validation.details["sources"],
            "left_out": {
                key: validation.details["left_out"][key] for key in ("known_file", "near_copy", "unreadable")
            },
        },
        "interval": {
            "level": CONFIDENCE_LEVEL,
            "method": "percentile bootstrap",
            "resampled": describe_units(read),
            "n_resamples": n_resamples,
            "seed": seed,
        },
        "gate": {
            "there": {
                **{key: gate[key] for key in ("n", *OUTCOMES)},
                "warned": _measure_share(read["gate"] == "warn", whole),
                "refused": _measure_share(read["gate"] == "refuse", whole),
            },
            "home": _count_home(experiment),
            "reasons": gate["reasons"],
        },
        "familiarity": _compare_familiarity(experiment, read, whole),
        "probability": {
            framework: _compare_probabilities(experiment, framework, there, home, resample)
            for framework in experiment.frameworks
        },
        "groups": [
            _describe_group(
                experiment, by, group, read[read[by] == group], there[there[by] == group], resample
            )
            for by in ("source", "vendor")
            for group in list_groups(read[by])
        ],
        "notes": _list_notes(experiment, read),
    }


def _list_scores(experiment: Experiment, read: pd.DataFrame) -> pd.DataFrame:
    """Return the slices that are not refused, with calibrated probabilities."""
    let_in = read[read["gate"] != "refuse"]
    calibrated = {name: experiment.recalibration(name).apply(let_in[name]) for name in experiment.frameworks}
    return let_in.assign(**calibrated)


def _measure_share(flags: ArrayLike, bootstrap: Bootstrap) -> dict[str, Any]:
    """Return the share of the rows of `bootstrap` with a flag (n,), as a FIGURE."""
    marked = np.asarray(flags, np.float64)
    if not marked.size:
        return without_value("there are no slices")
    hits = np.bincount(bootstrap.codes, weights=marked, minlength=bootstrap.n_groups)
    sizes = np.bincount(bootstrap.codes, minlength=bootstrap.n_groups)
    drawn = bootstrap.run(lambda weights: {"share": (weights @ hits) / (weights @ sizes)})
    return bootstrap.figure(float(marked.mean()), drawn["share"])


def _count_home(experiment: Experiment) -> dict[str, Any]:
    """Return the gate's counts on the head CT that its limits were set on."""
    table = experiment.gate()
    rows = None if table is None else table[(table["kind"] == "head_ct") & (table["images"] == "development")]
    if rows is None or rows.empty:
        return {"reason": "the experiment holds no counts of the input check"}
    return {key: int(rows.iloc[0][key]) for key in ("n", *OUTCOMES)}


def _compare_familiarity(experiment: Experiment, read: pd.DataFrame, whole: Bootstrap) -> dict[str, Any]:
    known = experiment.familiarity()
    if known is None or read["familiarity"].isna().any():
        return {"reason": "the experiment holds no reference values of its training data"}
    distances = read["familiarity"].to_numpy(np.float64)
    return {
        "there": {
            "beyond_limit": _measure_share(distances > 1, whole),
            "beyond_farthest": _measure_share(distances > known.farthest / known.limit, whole),
            "quantiles": _list_quantiles(distances),
        },
        # So the limits were set: see core.gate.familiarity.
        "home": {"beyond_limit": HELD_OUT_BEYOND_LIMIT, "beyond_farthest": 0.0},
    }


def _compare_probabilities(
    experiment: Experiment,
    framework: str,
    there: pd.DataFrame,
    home: pd.DataFrame,
    resample: Resample,
) -> dict[str, Any]:
    threshold = experiment.threshold(framework)
    units = {"there": name_units(there), "home": unit_names(home)}

    def describe(table: pd.DataFrame, own: NDArray | None) -> dict[str, Any]:
        values = table[framework].to_numpy(np.float64)
        counts, _ = np.histogram(values, N_BINS, (0, 1))
        return {
            "n": len(values),
            "quantiles": _list_quantiles(values),
            "bins": (counts / max(len(values), 1)).tolist(),
            "flagged": _measure_share(values >= threshold, resample(own, len(values))),
        }

    is_there = np.repeat([1, 0], [len(there), len(home)])
    both = np.concatenate([there[framework], home[framework]])
    of_home = np.arange(len(home)).astype(str) if units["home"] is None else units["home"]
    groups = np.concatenate([np.char.add("there ", units["there"]), np.char.add("home ", of_home)])
    ranking, _ = measure_ranking(is_there, both, resample(groups, len(groups)))
    return {
        "threshold": threshold,
        "there": describe(there, units["there"]),
        "home": describe(home, units["home"]),
        "higher_there": ranking["auroc"],
    }


def _describe_group(
    experiment: Experiment,
    by: str,
    group: str,
    read: pd.DataFrame,
    there: pd.DataFrame,
    resample: Resample,
) -> dict[str, Any]:
    whole, let_in = resample(name_units(read), len(read)), resample(name_units(there), len(there))
    distances = read["familiarity"].to_numpy(np.float64)
    return {
        "by": by,
        "group": group,
        "n": len(read),
        "n_patients": count_patients(read),
        "refused": _measure_share(read["gate"] == "refuse", whole),
        "warned": _measure_share(read["gate"] == "warn", whole),
        "beyond_limit": None if np.isnan(distances).any() else _measure_share(distances > 1, whole),
        "flagged": {
            name: _measure_share(there[name] >= experiment.threshold(name), let_in)
            for name in experiment.frameworks
        },
    }


def _list_quantiles(values: NDArray[np.float64]) -> list[float]:
    return np.quantile(values, QUANTILES).tolist() if values.size else []


def _list_notes(experiment: Experiment, read: pd.DataFrame) -> list[str]:
    notes = [
        "Labels are not used here: this says how unlike the experiment's own data set these scans are, not "
        "how often the networks are right on them. Other patients change the probabilities too, not only "
        "other scanners.",
    ]
    if experiment.card["protocol"]["folds"] > 1:
        notes.append(MEAN_OF_FOLDS)
    if (read["patient"] == "").any():
        notes.append(
            "Some patients are unknown: their slices are resampled as if they were independent, so intervals "
            "may be too narrow."
        )
    return notes
