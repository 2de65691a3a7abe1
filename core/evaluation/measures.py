"""The table of all metrics: their names, formats and functions.

The record (core.evaluation.summary), the terminal, the page Compare, its CSV files and the model card list
the metrics of this table. To add a metric, write its function and add a row here. A rate at a threshold is a
function of the four counts (core.evaluation.metrics). Any other metric is a function of labels and scores,
and needs a statistic for weighted patients, for its interval (core.evaluation.statistics).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from core.errors import EvaluationError
from core.evaluation import metrics
from core.evaluation.calibration import brier, calibration_error, calibration_line, calibration_statistic
from core.evaluation.curves import auroc, average_precision
from core.evaluation.intervals import Bootstrap, Statistic
from core.evaluation.metrics import Confusion, Floats
from core.evaluation.statistics import ranking_statistic

# A "rate" depends on a threshold, "ranking" on the order of the scores, "calibration" on probabilities.
Kind = Literal["rate", "ranking", "calibration"]
# "share": in percent; "number": with two decimals; "fine": with three decimals if space permits.
Form = Literal["share", "number", "fine"]


@dataclass(frozen=True)
class Need:
    """Cells of the 2x2 table that must not all be empty, and the reason to state if they are."""

    cells: tuple[str, ...]
    reason: str


_POSITIVES = Need(("fn", "tp"), "there are no positives")
_NEGATIVES = Need(("tn", "fp"), "there are no negatives")
_CALLED_POSITIVE = Need(("fp", "tp"), "nothing is called positive at this threshold")
_CALLED_NEGATIVE = Need(("tn", "fn"), "nothing is called negative at this threshold")
_FALSE_POSITIVE = Need(("fp",), "without a false positive it is infinite")
_TRUE_NEGATIVE = Need(("tn",), "without a true negative it is infinite")


@dataclass(frozen=True)
class Measure:
    """One metric.

    Attributes:
        key: name in the record and in files.
        label: name in a sentence or a document.
        kind: what it depends on.
        form: number format.
        better: which values are better; "" if neither.
        short: short name; the label if None.
        meaning: how to read a value, if "higher is better" or "lower is better" does not say it.
        of_counts: for a rate, function of the four counts.
        of_scores: for other metrics, function of labels and scores.
        statistic: for other metrics, function of labels, scores and groups that returns a Statistic.
        needs: what a rate needs, the most important first.
        rank: position among the rates on a page or in a document; equal ranks keep the order of the table.
        bounded: whether values are in [0, 1].
        charted: whether its difference between two models is plotted.
        chance: value of a random guess; None if it is the share of positives.
    """

    key: str
    label: str
    kind: Kind
    form: Form
    better: Literal["higher", "lower", ""] = "higher"
    short: str | None = None
    meaning: str | None = None
    of_counts: Callable[[Floats, Floats, Floats, Floats], Floats] | None = None
    of_scores: Callable[[ArrayLike, ArrayLike], float] | None = None
    statistic: Callable[[ArrayLike, ArrayLike, ArrayLike], Statistic] | None = None
    needs: tuple[Need, ...] = ()
    rank: int = 3
    bounded: bool = True
    charted: bool = True
    chance: float | None = None

    @property
    def title(self) -> str:
        """Return the short name with a capital letter, for the first column of a table."""
        name = self.short or self.label
        return name[:1].upper() + name[1:]

    @property
    def hint(self) -> str:
        """Return how to read a value, in a few words."""
        return self.meaning or (f"{self.better} is better" if self.better else "")


def _calibration_slope(y_true: ArrayLike, y_prob: ArrayLike) -> float:
    return calibration_line(y_true, y_prob).slope


def _calibration_intercept(y_true: ArrayLike, y_prob: ArrayLike) -> float:
    return calibration_line(y_true, y_prob).intercept


# In the order of the record.
MEASURES: dict[str, Measure] = {
    one.key: one
    for one in (
        Measure("accuracy", "accuracy", "rate", "share", of_counts=metrics.accuracy, rank=0),
        Measure(
            "balanced_accuracy", "balanced accuracy", "rate", "share",
            of_counts=metrics.balanced_accuracy, needs=(_POSITIVES, _NEGATIVES), rank=0, charted=False,
        ),
        Measure(
            "precision", "positive predictive value (precision)", "rate", "share", short="precision (PPV)",
            of_counts=metrics.precision, needs=(_CALLED_POSITIVE,), rank=2,
        ),
        Measure(
            "npv", "negative predictive value", "rate", "share", short="NPV",
            of_counts=metrics.npv, needs=(_CALLED_NEGATIVE,), rank=2, charted=False,
        ),
        Measure(
            "recall", "sensitivity (recall)", "rate", "share",
            of_counts=metrics.recall, needs=(_POSITIVES,), rank=1,
        ),
        Measure(
            "specificity", "specificity", "rate", "share",
            of_counts=metrics.specificity, needs=(_NEGATIVES,), rank=1,
        ),
        Measure("f1", "F1", "rate", "number", of_counts=metrics.f1, needs=(_POSITIVES,)),
        Measure(
            "likelihood_ratio_positive", "positive likelihood ratio", "rate", "number",
            short="likelihood ratio +", of_counts=metrics.likelihood_ratio_positive,
            needs=(_POSITIVES, _NEGATIVES, _FALSE_POSITIVE), bounded=False, charted=False,
        ),
        Measure(
            "likelihood_ratio_negative", "negative likelihood ratio", "rate", "number", "lower",
            short="likelihood ratio −", of_counts=metrics.likelihood_ratio_negative,
            needs=(_POSITIVES, _NEGATIVES, _TRUE_NEGATIVE), bounded=False, charted=False,
        ),
        Measure(
            "auroc", "AUROC", "ranking", "number",
            of_scores=auroc, statistic=ranking_statistic, chance=0.5,
        ),
        Measure(
            "average_precision", "average precision", "ranking", "number",
            of_scores=average_precision, statistic=ranking_statistic,
        ),
        Measure(
            "brier", "Brier score", "calibration", "fine", "lower",
            of_scores=brier, statistic=calibration_statistic,
        ),
        Measure(
            "calibration_error", "expected calibration error", "calibration", "fine", "lower",
            meaning="ideal 0", of_scores=calibration_error, statistic=calibration_statistic,
        ),
        Measure(
            "calibration_slope", "calibration slope", "calibration", "number", "",
            meaning="ideal 1; below: probabilities too extreme; above: not extreme enough",
            of_scores=_calibration_slope, statistic=calibration_statistic, bounded=False,
        ),
        Measure(
            "calibration_intercept", "calibration intercept", "calibration", "number", "",
            meaning="ideal 0; negative: probabilities too high",
            of_scores=_calibration_intercept, statistic=calibration_statistic, bounded=False,
        ),
    )
}  # fmt: skip


# The figures of a source, in order (core.evaluation.by_source); "auroc_across" may be left out.
GROUP_FIGURES = ("auroc", "average_precision", "recall", "specificity", "auroc_across")


def list_keys(*kinds: Kind) -> tuple[str, ...]:
    """Return the keys of these kinds, or of all kinds if none is given, in the order of the record.

    >>> list_keys("ranking")
    ('auroc', 'average_precision')
    """
    return tuple(key for key, one in MEASURES.items() if not kinds or one.kind in kinds)


def list_measures(kind: Kind) -> list[Measure]:
    """Return the metrics of a kind in the order used on pages and in documents.

    >>> [one.key for one in list_measures("rate")][:3]
    ['accuracy', 'balanced_accuracy', 'recall']
    """
    return sorted((MEASURES[key] for key in list_keys(kind)), key=lambda one: one.rank)


def rates(tn: ArrayLike, fp: ArrayLike, fn: ArrayLike, tp: ArrayLike) -> dict[str, Floats]:
    """Return all rates for counts of any shape; NaN where undefined.

    >>> {name: float(v.round(3)) for name, v in rates(tn=5, fp=1, fn=0, tp=2).items()}
    ... # doctest: +NORMALIZE_WHITESPACE
    {'accuracy': 0.875, 'balanced_accuracy': 0.917, 'precision': 0.667, 'npv': 1.0, 'recall': 1.0,
     'specificity': 0.833, 'f1': 0.8, 'likelihood_ratio_positive': 6.0, 'likelihood_ratio_negative': 0.0}
    """
    counts = [np.asarray(count, np.float64) for count in (tn, fp, fn, tp)]
    return {key: one.of_counts(*counts) for key, one in MEASURES.items() if one.of_counts}


def measures_at(y_true: ArrayLike, y_score: ArrayLike, threshold: float) -> dict[str, float | None]:
    """Return all rates at one threshold; None where undefined. Errors as `metrics.confusion_at`.

    >>> measures_at([0, 0, 1], [0.1, 0.2, 0.3], 0.5)["precision"] is None
    True
    """
    found = rates(**metrics.confusion_at(y_true, y_score, threshold).to_dict())
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def why_undefined(confusion: Confusion) -> Mapping[str, str]:
    """Return the reason for each rate that is undefined for this table.

    >>> why_undefined(Confusion(tn=3, fp=1, fn=0, tp=0))["recall"]
    'there are no positives'
    """
    if confusion.n == 0:
        return dict.fromkeys(list_keys("rate"), "there is nothing to count")
    counts = confusion.to_dict()
    return {
        key: lacking[0].reason
        for key in list_keys("rate")
        if (lacking := [need for need in MEASURES[key].needs if not any(counts[cell] for cell in need.cells)])
    }


def measure_scores(
    kind: Kind, y_true: ArrayLike, y_score: ArrayLike
) -> tuple[dict[str, float], dict[str, str]]:
    """Return the values of the metrics of a kind (not "rate"), and reasons for those without a value.

    >>> measure_scores("ranking", [0, 1], [0.2, 0.7])
    ({'auroc': 1.0, 'average_precision': 1.0}, {})
    """
    values, reasons = {}, {}
    for key in list_keys(kind):
        function = MEASURES[key].of_scores
        if function is None:
            continue
        try:
            values[key] = function(y_true, y_score)
        except EvaluationError as error:
            reasons[key] = str(error)
    return values, reasons


def resample_scores(
    kind: Kind, y_true: ArrayLike, y_score: ArrayLike, bootstrap: Bootstrap
) -> dict[str, Floats]:
    """Return the resampled values of the metrics of a kind (not "rate"), by key."""
    statistics = dict.fromkeys(MEASURES[key].statistic for key in list_keys(kind))
    return bootstrap.run(*(one(y_true, y_score, bootstrap.codes) for one in statistics if one))
