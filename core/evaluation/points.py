"""Compute everything that depends on an operating point: counts, rates, predictive values, review band.

It takes milliseconds, so that a page can follow a slider.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.evaluation.intervals import Bootstrap, Statistic, Weights, encode_groups
from core.evaluation.measures import list_keys, rates, why_undefined
from core.evaluation.metrics import (
    CELLS,
    SET_ASIDE,
    Bools,
    Confusion,
    Floats,
    check_scores,
    decide,
    predictive_values,
    ratio,
    split_cells,
)
from core.evaluation.review import Band, in_band

STATED_PREVALENCES = (0.05, 0.3)


def measure_point(
    y_true: ArrayLike,
    y_score: ArrayLike,
    threshold: float,
    bootstrap: Bootstrap,
    *,
    band: Band | None = None,
    prevalences: tuple[float, ...] = STATED_PREVALENCES,
) -> tuple[dict[str, Any], dict[str, Floats]]:
    """Return one POINT of the record (see core.evaluation.summary), and its resampled rates (n_resamples,).

    Args:
        y_true, y_score: labels (n,) 0/1 and scores (n,) of the rows of `bootstrap`.
        threshold: rows with score >= threshold are called positive.
        bootstrap: the resamples of these rows.
        band: the review band; None if there is none.
        prevalences: prevalences in (0, 1) for predictive values, in addition to that of the rows.

    Raises:
        EvaluationError: see `metrics.check_scores`; a threshold that is NaN.

    >>> bootstrap = Bootstrap.over(["a", "a", "b", "c"], 4)
    >>> point, _ = measure_point([0, 0, 1, 1], [0.1, 0.4, 0.45, 0.9], 0.42, bootstrap, band=(0.4, 0.5))
    >>> point["review"]["counts"]["indeterminate_positive"], point["review"]["share"]["value"]
    (1, 0.25)
    """
    positive, scores = check_scores(y_true, y_score)
    called = decide(scores, threshold)
    undecided = np.zeros(positive.size, bool) if band is None else in_band(scores, band)
    cells = split_cells(positive, called)
    counts = _count(cells)
    # (n_groups, 8): the four cells of all rows, then of the undecided rows
    tables = np.stack(
        [
            np.bincount(bootstrap.codes[cell & rows], minlength=bootstrap.n_groups)
            for rows in (np.ones(positive.size, bool), undecided)
            for cell in cells
        ],
        axis=1,
    ).astype(np.float32)

    def statistic(weights: Weights) -> dict[str, Floats]:
        resampled = (weights @ tables).T.astype(np.float64)
        everyone, aside = resampled[:4], resampled[4:]
        found = rates(*everyone)
        if band is not None:
            found |= {f"decided_{name}": values for name, values in rates(*(everyone - aside)).items()}
            found["share"] = ratio(aside.sum(axis=0), everyone.sum(axis=0))
        return found

    resampled = bootstrap.run(statistic)
    point: dict[str, Any] = {"threshold": float(threshold), "confusion": counts.to_dict()}
    point |= _figures(counts, resampled, bootstrap)
    point["predictive_values"] = _predict(counts, resampled, bootstrap, prevalences)
    point["review"] = {"reason": "there are no validation rows to choose a review band on"}
    if band is not None:
        point["review"] = _review(
            counts, _count([cell & undecided for cell in cells]), band, resampled, bootstrap
        )
    return point, resampled


def rate_statistic(
    y_true: ArrayLike,
    y_score: ArrayLike,
    threshold: float,
    groups: ArrayLike,
) -> Statistic:
    """Return the statistic of all rates at a threshold, for groups (n,). Errors as `confusion_at`."""
    positive, scores = check_scores(y_true, y_score)
    codes, n_groups = encode_groups(groups)
    called = decide(scores, threshold)
    cells = split_cells(positive, called)
    tables = np.stack([np.bincount(codes[cell], minlength=n_groups) for cell in cells], axis=1).astype(float)

    def statistic(weights: Weights) -> dict[str, Floats]:
        return rates(*(weights @ tables).T)

    return statistic


def _count(cells: tuple[Bools, ...] | list[Bools]) -> Confusion:
    return Confusion(**{name: int(np.count_nonzero(cell)) for name, cell in zip(CELLS, cells, strict=True)})


def _figures(
    counts: Confusion, resampled: dict[str, Floats], bootstrap: Bootstrap, prefix: str = ""
) -> dict[str, Any]:
    values, reasons = rates(**counts.to_dict()), why_undefined(counts)
    return {
        name: bootstrap.figure(float(values[name]), resampled.get(prefix + name), reasons.get(name, ""))
        for name in list_keys("rate")
    }


def _predict(
    counts: Confusion, resampled: dict[str, Floats], bootstrap: Bootstrap, prevalences: tuple[float, ...]
) -> list[dict[str, Any]]:
    """Return predictive values at each prevalence, including that of the rows, in ascending order."""
    values, reasons = rates(**counts.to_dict()), why_undefined(counts)
    own = (counts.fn + counts.tp) / counts.n if counts.n else 0.0
    found = []
    for prevalence in sorted({*prevalences, own} if 0 < own < 1 else set(prevalences)):
        at = predictive_values(values["recall"], values["specificity"], prevalence)
        at_prevalence: tuple[Floats | None, Floats | None] = (None, None)
        if resampled:
            at_prevalence = predictive_values(resampled["recall"], resampled["specificity"], prevalence)
        why = reasons.get("recall") or reasons.get("specificity")
        found.append(
            {
                "prevalence": prevalence,
                "ppv": bootstrap.figure(float(at[0]), at_prevalence[0], why or reasons.get("precision", "")),
                "npv": bootstrap.figure(float(at[1]), at_prevalence[1], why or reasons.get("npv", "")),
            }
        )
    return found


def _review(
    counts: Confusion, aside: Confusion, band: Band, resampled: dict[str, Floats], bootstrap: Bootstrap
) -> dict[str, Any]:
    decided = Confusion(**{cell: getattr(counts, cell) - getattr(aside, cell) for cell in CELLS})
    share = aside.n / counts.n if counts.n else None
    return {
        "low": band[0],
        "high": band[1],
        "share": bootstrap.figure(share, resampled.get("share"), "there is nothing to count"),
        "counts": {
            **decided.to_dict(),
            **dict(zip(SET_ASIDE, (aside.tn + aside.fp, aside.fn + aside.tp), strict=True)),
        },
        **_figures(decided, resampled, bootstrap, "decided_"),
    }
