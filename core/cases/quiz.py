"""The reading quiz: a handful of held-out slices, dealt fairly, and the counts of who read them right."""

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
    """How many answers were right, and their share's exact 95 % interval (low, high) in [0, 1].

    `found` of `positives` and `spared` of `negatives` were answered rightly.
    """

    right: int
    n: int
    interval: tuple[float, float]
    found: int
    positives: int
    spared: int
    negatives: int


def deal_cases(
    cases: pd.DataFrame, seed: int, n: int = N_CASES, is_usable: Callable[[Any], bool] = lambda row: True
) -> pd.DataFrame:
    """Deal n slices, half of each class, in random order.

    Only label and patient are looked at, never what a network says of a slice. All slices of a class are
    equally likely to be drawn, but of each patient at most one is taken while there are patients enough.

    Args:
        cases: one row per held-out slice, with label (0 or 1) and patient ("" if unknown).
        seed: the same seed deals the same slices of the same table in the same order.
        n: even.
        is_usable: asked of a row before it is taken, as whether its picture is here.

    Raises:
        EvaluationError: there are fewer than n / 2 usable slices of a class.
    """
    rng = np.random.default_rng(seed)
    taken: list[int] = []
    seen: set[str] = set()
    for label in (1, 0):
        drawn = rng.permutation(np.flatnonzero(cases["label"].to_numpy() == label)).tolist()
        taken += _take(cases, drawn, n // 2, seen, is_usable)
        if len(taken) < (n // 2 if label else n):
            raise EvaluationError(
                f"There are too few held-out slices for a quiz of {n}",
                found=f"fewer than {n // 2} of a class have their picture here",
            )
    return cases.iloc[rng.permutation(taken)].reset_index(drop=True)


def _take(
    cases: pd.DataFrame, drawn: list[int], wanted: int, seen: set[str], is_usable: Callable[[Any], bool]
) -> list[int]:
    """The first usable rows of patients not yet seen; of known ones where there are no others."""
    patients = cases["patient"].to_numpy()
    fresh: list[int] = []
    spare: list[int] = []
    for row in drawn:
        known = bool(patients[row]) and patients[row] in seen
        if known:
            spare.append(row)
        elif is_usable(cases.iloc[row]):
            fresh.append(row)
            seen.add(patients[row])
        if len(fresh) == wanted:
            return fresh
    for row in spare:
        if len(fresh) == wanted:
            break
        if is_usable(cases.iloc[row]):
            fresh.append(row)
    return fresh


def score_answers(labels: Sequence[int], answers: Sequence[int]) -> Score:
    """Count the right answers; both are 0 or 1, one per slice.

    The interval is Clopper and Pearson's: it takes the slices as independent, which those of different
    patients are.

    >>> score_answers([1, 0, 1], [1, 1, 1])
    Score(right=2, n=3, interval=(0.094, 0.992), found=2, positives=2, spared=0, negatives=1)

    Raises:
        ValueError: they differ in number, or there are none.
    """
    if len(labels) != len(answers) or not labels:
        raise ValueError(f"{len(labels)} labels, {len(answers)} answers")
    pairs = list(zip(labels, answers, strict=True))
    found, spared = pairs.count((1, 1)), pairs.count((0, 0))
    low, high = clopper_pearson([found + spared], [len(pairs)])
    return Score(
        right=found + spared,
        n=len(pairs),
        interval=(round(float(low[0]), 3), round(float(high[0]), 3)),
        found=found,
        positives=list(labels).count(1),
        spared=spared,
        negatives=list(labels).count(0),
    )
