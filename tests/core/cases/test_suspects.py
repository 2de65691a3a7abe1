"""Suspected label errors."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.cases.suspects import doubts_label, find_suspects
from core.errors import EvaluationError


def test_a_network_doubts_labels_whose_other_class_reaches_its_bar() -> None:
    """The bar of a class is its mean probability over the slices labeled with it."""
    label = np.array([1, 1, 1, 0, 0, 0])
    probability = np.array([0.9, 0.8, 0.1, 0.1, 0.2, 0.9])
    # Class 1 from 0.6 on, the mean of 0.9, 0.8, 0.1; class 0 from 0.6 on, the mean of 0.9, 0.8, 0.1.
    assert [False, False, True, False, False, True] == list(doubts_label(label, probability))


def test_a_class_with_low_probabilities_is_not_suspected_as_a_whole() -> None:
    """If positives have a mean probability of 0.1, a positive slice with 0.1 is not suspected."""
    label = np.array([1, 1, 1, 0, 0, 0, 0, 0, 0])
    probability = np.array([0.2, 0.1, 0.0, 0.0, 0.01, 0.0, 0.0, 0.0, 0.3])
    # Negatives count from 1 - 0.31 / 6 = 0.948 on, positives from 0.1 on.
    assert [2] == list(np.flatnonzero(doubts_label(label, probability) & (label == 1)))
    # The negative with 0.3 reaches the positives' bar and misses its own.
    assert [8] == list(np.flatnonzero(doubts_label(label, probability) & (label == 0)))


def test_if_both_bars_are_reached_the_higher_probability_counts() -> None:
    """A slice that reaches both bars is suspected only if the other class is more likely."""
    label = np.array([1, 1, 0, 0, 0])
    probability = np.array([0.6, 0.45, 0.6, 0.7, 0.7])
    # Positives from 0.525 on, negatives from 1 - 0.667 = 0.333 on: 0.6 reaches both bars.
    assert [False, True, True, True, True] == list(doubts_label(label, probability))


def test_all_networks_must_agree_and_the_least_confident_comes_first() -> None:
    """Rows that only one network doubts are not returned; the others keep their index and columns."""
    table = pd.DataFrame(
        {
            "file": list("abcdef"),
            "label": [1, 1, 1, 0, 0, 0],
            "pytorch": [0.9, 0.05, 0.1, 0.1, 0.95, 0.1],
            "keras": [0.9, 0.9, 0.2, 0.1, 0.99, 0.1],
        },
        index=[10, 11, 12, 13, 14, 15],
    )
    found = find_suspects(table, ("pytorch", "keras"))
    assert [14, 12] == list(found.index)
    assert ["e", "c"] == list(found["file"])
    assert [0.03, 0.15] == found["self_confidence"].round(9).to_list()
    assert [11, 14, 12] == list(find_suspects(table, ("pytorch",)).index)


def test_one_class_is_refused() -> None:
    """Label errors cannot be searched for if all slices have the same label."""
    table = pd.DataFrame({"label": [1, 1], "keras": [0.1, 0.9]})
    with pytest.raises(EvaluationError, match="all slices have the same label"):
        find_suspects(table, ("keras",))
