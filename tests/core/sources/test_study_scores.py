"""The comparison of ways to score a study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from core.evaluation import leave_each_out, score_study
from core.evaluation.patients import ASSUMED_SPACING_MM
from core.experiments import OPTIONAL_TABLES
from core.sources.study_scores import SERVED, TABLE, WAYS, compare_scores, score_source

RNG = np.random.default_rng(0)
SLICES = RNG.random(24)
# Scores of these are far from 1, where little would change them.
LOW = SLICES * 0.3
UNKNOWN = np.full(24, np.nan)
PLACES = np.arange(24) * ASSUMED_SPACING_MM


def test_the_way_that_is_served_is_score_study() -> None:
    """The row of the table that is marked as chosen is the score of evaluation and reading."""
    assert score_study(SLICES) == pytest.approx(WAYS[SERVED].score(SLICES, UNKNOWN))
    assert "" == WAYS[SERVED].fault


@pytest.mark.parametrize("key", sorted(set(WAYS) - {"maximum"}))
def test_thin_slices_change_no_score(key: str) -> None:
    """Five thin copies of every slice give the same score, which without their positions is another."""
    slices = LOW if key in {"noisy_or", "soft_1", "soft_2"} else SLICES
    thin = np.repeat(slices, 5), (PLACES[:, None] + np.arange(-2, 3)).ravel()
    score = WAYS[key].score
    assert score(slices, PLACES) == pytest.approx(score(*thin), abs=0.005)
    if key not in {"mean", "fifth"}:
        assert abs(score(slices, PLACES) - score(thin[0], np.full(120, np.nan))) > 0.01


@pytest.mark.parametrize("key", [key for key, way in WAYS.items() if not way.fault])
def test_what_can_be_chosen_needs_no_order_and_no_length(key: str) -> None:
    """The order of slices, and more of them without a finding, hardly change the score."""
    stack = np.append(np.full(20, 0.02), [0.5, 0.7, 0.6, 0.4, 0.3])
    score, unknown = WAYS[key].score, np.full(99, np.nan)
    assert score(stack, unknown[:25]) == pytest.approx(score(RNG.permutation(stack), unknown[:25]))
    longer = np.append(np.full(20, 0.02), stack)
    assert score(stack, unknown[:25]) == pytest.approx(score(longer, unknown[:45]), abs=0.01)


def test_known_values_of_simple_ways() -> None:
    """Means, highest slices, neighbors and noisy-or by hand."""
    values, unknown = np.array([0.1, 0.9, 0.5, 0.3]), np.full(4, np.nan)
    expected = {
        "mean": 0.45,
        "maximum": 0.9,
        "highest_10_mm": 0.7,
        "highest_15_mm": 1.7 / 3,
        "neighbors": 1.7 / 3,
        "noisy_or": 1 - 0.1 * 0.5 * 0.7,
    }
    assert expected == {key: pytest.approx(WAYS[key].score(values, unknown)) for key in expected}


def test_every_way_is_rated_on_every_source_left_out() -> None:
    """A row for each way, network and source, with the threshold that the others choose."""
    tables = {"home": make_table(30, 30), "there": make_table(0, 30), "sick": make_table(30, 0)}
    found = compare_scores(tables, {}, ("keras",))
    assert list(OPTIONAL_TABLES[TABLE]) == list(found.columns)
    assert 3 * len(WAYS) == len(found)
    assert {SERVED} == set(found.loc[found["chosen"] == 1, "score"])
    sources = {name: score_source(table, "keras") for name, table in tables.items()}
    expected = leave_each_out(sources, {})["there"]
    (row,) = found.query("chosen == 1 and left_out == 'there'").to_dict("records")
    assert (expected["threshold"], expected["specificity"]) == (row["threshold"], row["specificity"])


def make_table(n_positive: int, n_negative: int) -> pd.DataFrame:
    """Slices of patients, four each, positive ones scoring higher."""
    label = np.repeat([1, 0], [4 * n_positive, 4 * n_negative])
    patient = np.repeat(np.arange(n_positive + n_negative), 4).astype(str)
    score = np.clip(RNG.normal(0.3 + 0.3 * label, 0.15), 0.01, 0.99)
    return pd.DataFrame({"patient": patient, "label": label, "keras": score})
