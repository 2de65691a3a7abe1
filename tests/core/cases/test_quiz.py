"""Dealing slices for the reading quiz, and counting right answers."""

from __future__ import annotations

import pandas as pd
import pytest

from core.cases.quiz import deal_cases, score_answers
from core.errors import EvaluationError


def _cases(n_patients: int = 12, n_slices: int = 6) -> pd.DataFrame:
    """Half of each patient's slices are positive."""
    rows = [
        {"file": f"{patient}-{number}", "patient": str(patient), "label": number % 2}
        for patient in range(n_patients)
        for number in range(n_slices)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_slices_are_of_each_class(seed: int) -> None:
    """Ten slices are five positive ones and five negative ones, none twice."""
    dealt = deal_cases(_cases(), seed)
    assert {0: 5, 1: 5} == dealt["label"].value_counts().to_dict()
    assert dealt["file"].is_unique


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_comes_twice_while_there_are_others(seed: int) -> None:
    """With patients enough, ten slices are of ten patients."""
    assert 10 == deal_cases(_cases(), seed)["patient"].nunique()


def test_few_patients_give_several_slices_each() -> None:
    """Two patients have to give all ten slices."""
    assert 2 == deal_cases(_cases(n_patients=2, n_slices=12), 0)["patient"].nunique()


def test_slices_of_unknown_patients_are_all_taken_as_new() -> None:
    """Where no patient is known, ten slices are dealt all the same."""
    assert 10 == len(deal_cases(_cases().assign(patient=""), 0))


def test_the_order_tells_nothing() -> None:
    """Over many seeds every place holds a positive slice about half of the time."""
    table = _cases()
    share = sum(deal_cases(table, seed)["label"].to_numpy() for seed in range(60)) / 60
    assert share.min() > 0.25
    assert share.max() < 0.75


def test_a_seed_deals_the_same_again_and_another_deals_others() -> None:
    """The same seed gives the same slices in the same order; another seed does not."""
    first, again, other = (deal_cases(_cases(), seed)["file"].to_list() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_the_scores_of_a_network_are_not_looked_at() -> None:
    """A column of probabilities changes nothing."""
    table = _cases()
    seen = table.assign(pytorch=range(len(table)))
    assert deal_cases(table, 1)["file"].to_list() == deal_cases(seen, 1)["file"].to_list()


def test_unusable_slices_are_passed_over() -> None:
    """Slices whose picture is not here are not dealt."""
    dealt = deal_cases(_cases(), 0, is_usable=lambda row: row.patient != "3")
    assert "3" not in set(dealt["patient"])


def test_too_few_slices_of_a_class_are_refused() -> None:
    """With four positive slices no quiz of ten can be dealt."""
    table = _cases()
    table = pd.concat([table[table["label"] == 0], table[table["label"] == 1].head(4)], ignore_index=True)
    with pytest.raises(EvaluationError, match="too few held-out slices"):
        deal_cases(table, 0)


def test_right_answers_are_counted_by_class() -> None:
    """Of two positive and two negative slices, one of each read rightly: two of four."""
    score = score_answers([1, 1, 0, 0], [1, 0, 0, 1])
    assert (2, 4, 1, 2, 1, 2) == (
        score.right, score.n, score.found, score.positives, score.spared, score.negatives,
    )  # fmt: skip


def test_the_interval_is_the_exact_one() -> None:
    """Seven of ten: Clopper and Pearson give 35 % to 93 %."""
    score = score_answers([1] * 10, [1] * 7 + [0] * 3)
    assert (0.348, 0.933) == score.interval


@pytest.mark.parametrize(("labels", "answers"), [([], []), ([1], [1, 0])])
def test_answers_must_fit_the_slices(labels: list[int], answers: list[int]) -> None:
    """No slices, or another number of answers than of slices, is refused."""
    with pytest.raises(ValueError, match="answers"):
        score_answers(labels, answers)
