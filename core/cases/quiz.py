"""The reading quiz: sample held-out slices, and count right answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.errors import EvaluationError
from core.evaluation import clopper_pearson

if TYPE_CHECKING:
    import pandas as pd

N_CASES = 10


@dataclass(frozen=True)
class Score:
    """Number of right answers among n, and the exact 95 % interval (low, high) of their share in [0, 1].

    `true_positives` of `positives` and `true_negatives` of `negatives` were right.
    """

    right: int
    n: int
    interval: tuple[float, float]
    true_positives: int
    positives: int
    true_negatives: int
    negatives: int


def sample_cases(
    cases: pd.DataFrame, seed: int, n: int = N_CASES, is_usable: Callable[[Any], bool] = lambda row: True
) -> pd.DataFrame:
    """Sample n slices, half of each class, in random order.

    Only label and patient are used, never the networks' probabilities. All slices of a class are equally
    likely. Each patient gives at most one slice, unless there are too few patients.

    Args:
        cases: one row per held-out slice, with label (0 or 1) and patient ("" if unknown).
        seed: the same seed gives the same slices of the same table in the same order.
        n: an even number.
        is_usable: whether a row may be sampled, for example because its picture exists.

    Raises:
        EvaluationError: a class has fewer than n / 2 usable slices.
    """
    rng = np.random.default_rng(seed)
    chosen: list[int] = []
    seen: set[str] = set()
    for label in (1, 0):
        rows = rng.permutation(np.flatnonzero(cases["label"].to_numpy() == label)).tolist()
        chosen += _choose(cases, rows, n // 2, seen, is_usable)
        if len(chosen) < (n // 2 if label else n):
            raise EvaluationError(
                f"There are too few test slices for a quiz of {n}",
                found=f"one class has fewer than {n // 2} test slices whose image is on this machine",
                remedy="download the data set, or choose another experiment",
            )
    return cases.iloc[rng.permutation(chosen)].reset_index(drop=True)


def _choose(
    cases: pd.DataFrame, rows: list[int], n: int, seen: set[str], is_usable: Callable[[Any], bool]
) -> list[int]:
    """Return the first n usable rows: of new patients first, then of patients already seen."""
    patients = cases["patient"].to_numpy()
    chosen: list[int] = []
    spare: list[int] = []
    for row in rows:
        known = bool(patients[row]) and patients[row] in seen
        if known:
            spare.append(row)
        elif is_usable(cases.iloc[row]):
            chosen.append(row)
            seen.add(patients[row])
        if len(chosen) == n:
            return chosen
    for row in spare:
        if len(chosen) == n:
            break
        if is_usable(cases.iloc[row]):
            chosen.append(row)
    return chosen


def score_answers(labels: Sequence[int], answers: Sequence[int]) -> Score:
    """Count the right answers; labels and answers are 0 or 1, one per slice.

    The interval is exact (Clopper and Pearson) and assumes independent slices, that is of different patients.

    >>> score_answers([1, 0, 1], [1, 1, 1]).interval
    (0.094, 0.992)

    Raises:
        ValueError: the numbers of labels and answers differ, or there are none.
    """
    if len(labels) != len(answers) or not labels:
        raise ValueError(f"{len(labels)} labels, {len(answers)} answers")
    pairs = list(zip(labels, answers, strict=True))
    true_positives, true_negatives = pairs.count((1, 1)), pairs.count((0, 0))
    right = true_positives + true_negatives
    low, high = clopper_pearson([right], [len(pairs)])
    return Score(
        right=right,
        n=len(pairs),
        interval=(round(float(low[0]), 3), round(float(high[0]), 3)),
        true_positives=true_positives,
        positives=list(labels).count(1),
        true_negatives=true_negatives,
        negatives=list(labels).count(0),
    )
