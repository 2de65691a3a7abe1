"""Compare two models on the same slices: differences with intervals, and tests.

A difference is always first minus second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation import metrics
from core.evaluation.intervals import CONFIDENCE_LEVEL, Bootstrap, encode_groups, without_value
from core.evaluation.measures import list_keys, measure_scores, measures_at, resample_scores, why_undefined
from core.evaluation.metrics import Bools, Floats, check_both_classes, check_scores
from core.evaluation.points import rate_statistic

_NO_POINT = "no operating point was chosen for this level"


@dataclass(frozen=True)
class McNemar:
    """Number of rows that exactly one of two models decides correctly, and the exact p-value."""

    only_first_right: int
    only_second_right: int
    p_value: float


def mcnemar(y_true: ArrayLike, first_calls: ArrayLike, second_calls: ArrayLike) -> McNemar:
    """Test two models' decisions (n,) on the same rows for equal accuracy (exact, two-sided).

    The test assumes independent rows, which slices of one patient are not: read it together with the
    bootstrap interval of the difference in accuracy. The p-value is 1 if both are right on the same rows.
    Source: McNemar, Psychometrika 1947, 12:153-157.

    Raises:
        EvaluationError: lengths that differ, labels other than 0 and 1.

    >>> mcnemar([1, 1, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0])
    McNemar(only_first_right=3, only_second_right=0, p_value=0.25)
    """
    from scipy.stats import binomtest

    positive, first, second = _check_calls(y_true, first_calls, second_calls)
    only_first = int(np.count_nonzero((first == positive) & (second != positive)))
    only_second = int(np.count_nonzero((first != positive) & (second == positive)))
    n = only_first + only_second
    return McNemar(only_first, only_second, float(binomtest(only_first, n).pvalue) if n else 1.0)


def disagreement_table(
    y_true: ArrayLike, first_calls: ArrayLike, second_calls: ArrayLike
) -> dict[str, dict[str, int]]:
    """Count the positives and negatives that both, one or neither model calls positive. Errors as `mcnemar`.

    >>> disagreement_table([1, 1, 0], [1, 0, 1], [1, 0, 0])["negatives"]
    {'both': 0, 'only_first': 1, 'only_second': 0, 'neither': 0}
    """
    positive, first, second = _check_calls(y_true, first_calls, second_calls)
    cells = {
        "both": first & second,
        "only_first": first & ~second,
        "only_second": ~first & second,
        "neither": ~first & ~second,
    }
    rows = {"positives": positive, "negatives": ~positive}
    return {
        name: {cell: int(np.count_nonzero(row & members)) for cell, members in cells.items()}
        for name, row in rows.items()
    }


@dataclass(frozen=True)
class DeLong:
    """Two correlated AUROCs; their difference with standard error and 95 % interval; z and p-value."""

    first: float
    second: float
    difference: float
    standard_error: float
    interval: tuple[float, float]
    z: float
    p_value: float


def delong(
    y_true: ArrayLike, first: ArrayLike, second: ArrayLike, *, groups: ArrayLike | None = None
) -> DeLong:
    """Test two scores (n,) of the same rows with labels (n,) 0/1 for equal AUROC.

    Without `groups`, rows are assumed independent (DeLong et al., Biometrics 1988, 44:837-845; computed by
    ranks: Sun and Xu, IEEE Signal Process Lett 2014, 21:1389-1393). With groups (n,), for example patients,
    rows of the same group may be correlated (Obuchowski, Biometrics 1997, 53:567-578).

    Raises:
        EvaluationError: fewer than two positives or negatives (with `groups`: fewer than two groups that hold
            positives, or negatives), or zero variance, for example because both scores give the same ranking.

    >>> result = delong([0, 0, 0, 1, 1, 1], [1, 2, 4, 3, 5, 6], [1, 5, 3, 2, 4, 6])
    >>> round(result.first, 4), round(result.second, 4), round(result.p_value, 4)
    (0.8889, 0.6667, 0.3711)
    """
    from scipy.stats import norm

    positive, first_scores = check_scores(y_true, first)
    _, second_scores = check_scores(y_true, second)
    check_both_classes(positive, "DeLong's test")
    units = np.arange(positive.size) if groups is None else np.asarray(groups)
    codes, n_groups = encode_groups(units)
    # (n_groups,): deviation of each group's positives and negatives from the area, first minus second
    areas, of_positives, of_negatives = [], np.zeros(n_groups), np.zeros(n_groups)
    for scores, sign in ((first_scores, 1), (second_scores, -1)):
        above, below = _placements(positive, scores)
        areas.append(float(above.mean()))
        of_positives += sign * np.bincount(codes[positive], weights=above - areas[-1], minlength=n_groups)
        of_negatives += sign * np.bincount(codes[~positive], weights=below - areas[-1], minlength=n_groups)
    n_with_positives = np.unique(codes[positive]).size
    n_with_negatives = np.unique(codes[~positive]).size
    if min(n_with_positives, n_with_negatives) < 2:
        raise EvaluationError(
            "a variance of AUROC needs at least two independent positives and two negatives",
            found=f"{n_with_positives} and {n_with_negatives}",
        )
    n_positive = int(np.count_nonzero(positive))
    n_negative = positive.size - n_positive
    variance = (
        n_with_positives / (n_with_positives - 1) * np.sum(of_positives**2) / n_positive**2
        + n_with_negatives / (n_with_negatives - 1) * np.sum(of_negatives**2) / n_negative**2
        + 2 * n_groups / (n_groups - 1) * np.sum(of_positives * of_negatives) / (n_positive * n_negative)
    )
    if variance <= 1e-20:
        raise EvaluationError(
            "the difference in AUROC has no variance", found="both scores give the same ranking"
        )
    gap, error = areas[0] - areas[1], float(np.sqrt(variance))
    reach = float(norm.ppf((1 + CONFIDENCE_LEVEL) / 2)) * error
    z = gap / error
    return DeLong(areas[0], areas[1], gap, error, (gap - reach, gap + reach), z, float(2 * norm.sf(abs(z))))


def compare_models(
    y_true: ArrayLike,
    first: ArrayLike,
    second: ArrayLike,
    thresholds: tuple[float | None, float | None],
    bootstrap: Bootstrap,
    *,
    resampled: tuple[Mapping[str, Floats], Mapping[str, Floats]] | None = None,
) -> dict[str, Any]:
    """Return all comparisons of two scores (n,) of the same rows, as plain JSON types.

    Args:
        y_true, first, second: labels and both scores, of the rows of `bootstrap`.
        thresholds: operating points of first and second; None where there is none.
        bootstrap: the resamples of these rows, shared by both models, so that differences are paired.
        resampled: the resampled figures of both, if already computed.

    Returns:
        {"thresholds", "differences": {figure: FIGURE}, "mcnemar", "disagreement", "delong",
        "delong_by_patient"}, see core.evaluation.summary. What cannot be estimated is null or {"reason"}.

    Raises:
        EvaluationError: see `metrics.check_scores`; no rows.
    """
    positive, scores = check_scores(y_true, first)
    others = check_scores(y_true, second)[1]
    if not positive.size:
        raise EvaluationError("a comparison needs at least one row", found="none")
    both = list(zip((scores, others), thresholds, strict=True))
    pair = resampled or tuple(_resample(positive, *one, bootstrap) for one in both)
    values, reasons = zip(*(_measure(positive, *one) for one in both), strict=True)
    differences: dict[str, Any] = {}
    for figure in list_keys("rate", "ranking"):
        one, other = values[0].get(figure), values[1].get(figure)
        if one is None or other is None:
            why = reasons[0].get(figure) or reasons[1].get(figure, "")
            differences[figure] = without_value(why)
        else:
            differences[figure] = bootstrap.figure(one - other, pair[0][figure] - pair[1][figure])
    found: dict[str, Any] = {"thresholds": list(thresholds), "differences": differences}
    if thresholds[0] is None or thresholds[1] is None:
        found |= {part: {"reason": _NO_POINT} for part in ("mcnemar", "disagreement")}
    else:
        calls = metrics.decide(scores, thresholds[0]), metrics.decide(others, thresholds[1])
        found["mcnemar"] = vars(mcnemar(positive, *calls))
        found["disagreement"] = disagreement_table(positive, *calls)
    found["delong"] = _delong_record(positive, scores, others, None)
    found["delong_by_patient"] = {"p_value": None, "reason": "patients are unknown"}
    if bootstrap.unit == "patients":
        found["delong_by_patient"] = _delong_record(positive, scores, others, bootstrap.codes)
    return found


def _measure(
    positive: Bools, scores: Floats, threshold: float | None
) -> tuple[dict[str, float | None], dict[str, str]]:
    """Return the figures of one model that are compared, and the reasons why some are missing."""
    values: dict[str, float | None] = {}
    reasons = dict.fromkeys(list_keys("rate"), _NO_POINT)
    if threshold is not None:
        values |= measures_at(positive, scores, threshold)
        reasons = dict(why_undefined(metrics.confusion_at(positive, scores, threshold)))
    ranking, unranked = measure_scores("ranking", positive, scores)
    return values | ranking, reasons | unranked


def _resample(
    positive: Bools, scores: Floats, threshold: float | None, bootstrap: Bootstrap
) -> dict[str, Floats]:
    resampled = resample_scores("ranking", positive, scores, bootstrap)
    if threshold is not None:
        resampled |= bootstrap.run(rate_statistic(positive, scores, threshold, bootstrap.codes))
    return resampled


def _delong_record(y_true: Bools, first: Floats, second: Floats, groups: Any) -> dict[str, Any]:
    try:
        found = delong(y_true, first, second, groups=groups)
    except EvaluationError as error:
        return {"p_value": None, "reason": str(error)}
    return vars(found) | {"interval": list(found.interval)}


def _placements(positive: Bools, scores: Floats) -> tuple[Floats, Floats]:
    """Return the share of negatives below each positive, and the share of positives above each negative."""
    from scipy.stats import rankdata

    ranks = rankdata(scores)
    n_positive = int(np.count_nonzero(positive))
    above = (ranks[positive] - rankdata(scores[positive])) / (positive.size - n_positive)
    below = 1 - (ranks[~positive] - rankdata(scores[~positive])) / n_positive
    return above, below


def _check_calls(y_true: ArrayLike, first: ArrayLike, second: ArrayLike) -> tuple[Bools, Bools, Bools]:
    positive, calls = check_scores(y_true, first)
    return positive, calls == 1, check_scores(y_true, second)[1] == 1
