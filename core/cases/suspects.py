"""Suspected label errors: slices for which all networks favor the other class, out of sample.

The rule is that of confident learning. Each class has a bar: the network's mean probability of the class over
the slices labeled with it. A network that generally doubts a class thus has a low bar for it. A slice is
suspected if two things hold: the probability of the other class reaches the bar of that class, and the
probability of the label is below the label's bar or below the probability of the other class. Suspects are
sorted by self-confidence, the probability of the given label, lowest first.

A suspect is a label to check, not a proven error. The networks may be wrong, for example on faint findings.
In the published data set, ten labels contradict the radiologists' (nine of one patient); the default
experiment suspects none of them.

Source: Northcutt, Jiang and Chuang, "Confident learning: estimating uncertainty in dataset labels", Journal
of Artificial Intelligence Research 70 (2021), 1373-1411, sections 3.1 and 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.errors import EvaluationError

if TYPE_CHECKING:
    import pandas as pd


def find_suspects(predictions: pd.DataFrame, frameworks: Sequence[str]) -> pd.DataFrame:
    """Return the slices whose label all networks doubt.

    Args:
        predictions: out-of-sample rows with `label` (0 or 1) and for each framework its calibrated
            probability of the positive class: the test rows of an experiment's `calibrated_predictions()`.
        frameworks: the networks; at least one.

    Returns:
        The suspected rows with their index, and a column `self_confidence`: the mean over the networks of the
        probability of the given label, in [0, 1]; lowest first.

    Raises:
        EvaluationError: all slices have the same label.
    """
    label = predictions["label"].to_numpy(np.int64)
    if len(np.unique(label)) < 2:
        raise EvaluationError(
            "Cannot search for label errors",
            found="all slices have the same label",
            remedy="choose slices of both classes",
        )
    scores = [predictions[name].to_numpy(np.float64) for name in frameworks]
    suspected = np.logical_and.reduce([doubts_label(label, score) for score in scores])
    confidence = np.mean([np.where(label == 1, score, 1 - score) for score in scores], axis=0)
    found = predictions.assign(self_confidence=confidence)[suspected]
    return found.sort_values("self_confidence", kind="stable")


def doubts_label(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Return which labels one network doubts, by the rule in the module's docstring.

    Args:
        label: (n,) 0 or 1, both present.
        probability: (n,) of class 1, in [0, 1].

    Returns:
        (n,) bool.
    """
    given = np.where(label == 1, probability, 1 - probability)
    other = 1 - given
    bar = np.array([given[label == side].mean() for side in (0, 1)])
    reaches_other, reaches_given = other >= bar[1 - label], given >= bar[label]
    doubts: np.ndarray = reaches_other & (~reaches_given | (other > given))
    return doubts
