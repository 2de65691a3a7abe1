"""Suspected label errors: slices whose label both networks, never having seen them, hold to be the other one.

The rule is that of confident learning. A network is sure of a class from the mean probability on that it
gives this class on slices that bear it as their label, so that a class which it always doubts is not
suspected as a whole. A slice is suspected when the network is sure of the other class, and not of the slice's
own or less so. The order is that of self-confidence, the probability of the label given, least first.

A suspect is worth a look and no verdict: the networks may be wrong, and are, where a finding is faint. Of
the ten slices of the published set whose labels contradict the radiologists' own (nine are one patient's),
the default experiment suspects none.

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
    """The slices whose label every network holds to be wrong.

    Args:
        predictions: out-of-sample rows with `label` (0 or 1) and for each framework its calibrated
            probability of the positive class: the test rows of an experiment's `calibrated_predictions()`.
        frameworks: which networks judge; at least one.

    Returns:
        The suspected rows with their index, and a column `self_confidence`: the mean over the networks of the
        probability of the label given, in [0, 1], least first.

    Raises:
        EvaluationError: there are not slices of both labels, so that nothing tells when a network is sure.
    """
    label = predictions["label"].to_numpy(np.int64)
    if len(np.unique(label)) < 2:
        raise EvaluationError(
            "Label errors cannot be looked for",
            found="all slices have one label",
            remedy="choose more slices",
        )
    scores = [predictions[name].to_numpy(np.float64) for name in frameworks]
    suspected = np.logical_and.reduce([doubts_label(label, score) for score in scores])
    confidence = np.mean([np.where(label == 1, score, 1 - score) for score in scores], axis=0)
    found = predictions.assign(self_confidence=confidence)[suspected]
    return found.sort_values("self_confidence", kind="stable")


def doubts_label(label: np.ndarray, probability: np.ndarray) -> np.ndarray:
    """Whether one network holds each slice for the other class, by the rule in this module's head.

    Args:
        label: (n,) 0 or 1, both present.
        probability: (n,) of class 1.

    Returns:
        (n,) bool.
    """
    given = np.where(label == 1, probability, 1 - probability)
    other = 1 - given
    sure = np.array([given[label == side].mean() for side in (0, 1)])
    sure_of_other, sure_of_given = other >= sure[1 - label], given >= sure[label]
    doubts: np.ndarray = sure_of_other & (~sure_of_given | (other > given))
    return doubts
