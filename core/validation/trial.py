"""Try a site calibration of a given size: fit it to a few patients of one part, measure it on the kept part.

A few patients (slices, where patients are unknown) are drawn many times from the part that is not kept. To
each draw a recalibration and thresholds are fitted, and the kept part, which nothing is fitted to, is decided
by each. If the networks were trained on the rest of the source, its slices are not in the validation; their
out-of-sample probabilities, by the network of their fold, are then fitted to. The outcome is stored as
trial.json with the validation, format trial/1:

    {"schema": "trial/1", "name": of the validation, "experiment": name, "created": date, UTC,
     "served", "predictions": as in site.json, "rule": the card's default rule, "site_rule": that of the fits,
     "fitted_to": {"n_units": drawn each time, "unit": "patients" or "slices", "n_available": to draw from,
                   "own": whether they are the experiment's own slices, out of sample (absent in older ones),
                   "n_draws", "n_too_few": draws with fewer than 20 slices of a class, which are left out,
                   "n", "positives": median number of slices in a draw},
     "measured_on": {"n", "positives": slices of the kept part, "n_patients": null if unknown,
                     "left_out": {"unknown_label", "refused": slices}},
     "interval": {"level": 0.95, "method", "resampled", "n_resamples", "seed"},
     "models": {framework: {"before", "after", "difference": {rate: FIGURE},
                            "spread": {rate: [2.5 %, 97.5 %] over the draws, each measured on the
                                              whole kept part}}}}

FIGURE is that of core.evaluation.summary. "before" is what the card decides; "after" is the mean over the
draws; "difference" is after minus before. The intervals of these two come from resampling the kept part's
patients together with the draw, so they include both sources of chance: which patients were drawn for the
fit, and which are in the kept part.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from core.errors import EvaluationError, ExperimentError
from core.evaluation import CONFIDENCE_LEVEL, Bools, Bootstrap
from core.experiments import Experiment
from core.system import write_whole
from core.validation.cross_fit import RATES, SiteRows, check_enough, fit_slices, select_rows
from core.validation.site import check_site_writable, choose_rule
from core.validation.site_fit import check_served
from core.validation.store import Validation

if TYPE_CHECKING:
    from core.validation.cross_fit import Floats

SCHEMA = "trial/1"
FILE_NAME = "trial.json"


def try_calibration(
    experiment: Experiment,
    validation: Validation,
    n_units: int,
    *,
    n_draws: int = 100,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Try site calibrations of this size, store the outcome and return it, in this module's format.

    Args:
        experiment: the experiment validated.
        validation: of the version that is served now, with slices of the part "kept"; the others are in it
            or are slices of the same sources, by name, in the experiment's own data.
        n_units: patients to fit to, or slices where patients are unknown.
        n_draws: how often they are drawn.
        n_resamples, seed: of the bootstrap; the seed is also that of the draws.

    Raises:
        ExperimentError: the validation is of another experiment or version, or damaged.
        EvaluationError: there is no kept part, or nothing else (code "no_kept_part"); there are fewer than
            `n_units` to draw from, or every draw has too few slices of a class (code "too_few_slices").
        StrokeError: code "not_written".
    """
    check_served(experiment, validation)
    check_site_writable(experiment, validation)
    predictions = validation.predictions()
    rows, kept = select_rows(predictions), select_rows(predictions, kept=True)
    is_own = not rows.positive.size
    if is_own:
        rows = _select_own(experiment, set(predictions["source"]))
    if not rows.positive.size or not kept.positive.size:
        raise EvaluationError(
            "A trial needs labeled slices of the kept part, and others to fit to",
            found=f"{kept.positive.size:,} of the kept part, {rows.positive.size:,} others",
            remedy="validate a manifest whose column 'part' says which slices are kept",
            code="no_kept_part",
        )
    drawn, n_too_few = _draw(rows, n_units, n_draws, seed)
    bootstrap = Bootstrap.over(kept.units, kept.positive.size, n_resamples=n_resamples, seed=seed)
    record = {
        "schema": SCHEMA,
        "name": validation.name,
        "experiment": experiment.name,
        "created": datetime.now(UTC).date().isoformat(),
        "served": experiment.served_digest,
        "predictions": validation.details["predictions"],
        "rule": experiment.card["default_operating_point"],
        "site_rule": choose_rule(experiment),
        "fitted_to": {
            "n_units": n_units,
            "unit": rows.unit,
            "n_available": len(np.unique(rows.units)),
            "own": is_own,
            "n_draws": n_draws,
            "n_too_few": n_too_few,
            "n": float(np.median([len(chosen) for chosen in drawn])),
            "positives": float(np.median([rows.positive[chosen].sum() for chosen in drawn])),
        },
        "measured_on": {
            "n": kept.positive.size,
            "positives": int(kept.positive.sum()),
            "n_patients": kept.n_patients,
            "left_out": {key: kept.left_out[key] for key in ("unknown_label", "refused")},
        },
        "interval": {
            "level": CONFIDENCE_LEVEL,
            "method": "percentile bootstrap over the kept part and the draws",
            "resampled": kept.unit,
            "n_resamples": n_resamples,
            "seed": seed,
        },
        "models": {
            framework: _measure(experiment, framework, rows, kept, drawn, bootstrap)
            for framework in experiment.frameworks
        },
    }
    text = json.dumps(record, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    write_whole(validation.folder / FILE_NAME, text.encode("utf-8"))
    return record


def read_trial(experiment: Experiment, validation: Validation) -> dict[str, Any] | None:
    """Return the stored trial of a validation; None if there is none, or it is of other predictions.

    Raises:
        ExperimentError: the file is damaged.
    """
    path = validation.folder / FILE_NAME
    if not path.is_file():
        return None
    try:
        record: dict[str, Any] = json.loads(path.read_bytes())
        is_own = (record["served"], record["predictions"]) == (
            experiment.served_digest,
            validation.details["predictions"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ExperimentError(
            f'The trial of the validation "{validation.name}" is damaged',
            remedy=f"make it again: stroke-ct calibrate {experiment.name} {validation.name} --try N",
            code="damaged_trial",
        ) from error
    return record if is_own else None


def _select_own(experiment: Experiment, sources: set[str]) -> SiteRows:
    """Return the experiment's own slices of these sources with their out-of-sample probabilities."""
    slices, table = experiment.slices(), experiment.predictions()
    files = slices["file"][slices["source"].isin(sources)] if "source" in slices else ()
    own = table[(table["part"] == "test") & table["file"].isin(files)]
    # Slices are told apart by their row: they may have no number. None of them is of the kept part.
    return select_rows(own.assign(number=range(len(own)), gate="", part=""))


def _draw(rows: SiteRows, n_units: int, n_draws: int, seed: int) -> tuple[list[NDArray[np.intp]], int]:
    """Return the slices of each draw that can be fitted to, and the number of draws that cannot."""
    names, codes = np.unique(rows.units, return_inverse=True)
    if n_units > len(names):
        raise EvaluationError(
            f"There are fewer than {n_units:,} {rows.unit} to draw from",
            found=f"{len(names):,} outside the kept part",
            remedy="draw fewer",
            code="too_few_slices",
        )
    rng = np.random.default_rng(seed)
    drawn, problem = [], None
    for _ in range(n_draws):
        chosen = np.flatnonzero(np.isin(codes, rng.choice(len(names), n_units, replace=False)))
        try:
            check_enough(rows.positive[chosen])
        except EvaluationError as error:
            problem = error
        else:
            drawn.append(chosen)
    if not drawn and problem:
        raise problem
    return drawn, n_draws - len(drawn)


def _measure(
    experiment: Experiment,
    framework: str,
    rows: SiteRows,
    kept: SiteRows,
    drawn: list[NDArray[np.intp]],
    bootstrap: Bootstrap,
) -> dict[str, Any]:
    rule, home = choose_rule(experiment), experiment.recalibration(framework)
    raw, of_kept = (part.table[framework].to_numpy(np.float64) for part in (rows, kept))
    called = np.empty((len(drawn), of_kept.size), bool)
    for place, chosen in enumerate(drawn):
        fitted, _, points = fit_slices(rows.positive[chosen], raw[chosen], home)
        called[place] = fitted.apply(of_kept) >= points[rule]
    of_card = home.apply(of_kept) >= experiment.threshold(framework)
    before, of_before = _count_rates(kept.positive, of_card[None], bootstrap)
    after, of_after = _count_rates(kept.positive, called, bootstrap)
    # Each resample takes one draw, in turn.
    turn = np.arange(bootstrap.n_resamples) % len(drawn)
    rounds = np.arange(bootstrap.n_resamples)
    paired = {rate: (of_before[rate][:, 0], of_after[rate][rounds, turn]) for rate in RATES}
    return {
        "before": {rate: bootstrap.figure(before[rate][0], paired[rate][0]) for rate in RATES},
        "after": {rate: bootstrap.figure(after[rate].mean(), paired[rate][1]) for rate in RATES},
        "difference": {
            rate: bootstrap.figure(after[rate].mean() - before[rate][0], paired[rate][1] - paired[rate][0])
            for rate in RATES
        },
        "spread": {rate: np.quantile(after[rate], (0.025, 0.975)).tolist() for rate in RATES},
    }


def _count_rates(
    positive: Bools, called: Bools, bootstrap: Bootstrap
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Return RATES of k sets of decisions (k, n): {rate: (k,)}, and resampled {rate: (n_resamples, k)}."""

    def count(members: Bools) -> Floats:
        tables = [np.bincount(bootstrap.codes[row], minlength=bootstrap.n_groups) for row in members]
        return np.array(tables, np.float64).T  # (n_groups, k)

    right = {"recall": count(called & positive), "specificity": count(~called & ~positive)}
    sizes = {"recall": count(positive[None]), "specificity": count(~positive[None])}

    def rates(weights: Any) -> dict[str, Floats]:
        with np.errstate(invalid="ignore"):
            found = {name: (weights @ right[name]) / (weights @ sizes[name]) for name in right}
        return found | {"balanced_accuracy": (found["recall"] + found["specificity"]) / 2}

    once = rates(np.ones((1, bootstrap.n_groups)))
    return {rate: values[0] for rate, values in once.items()}, bootstrap.run(rates)
