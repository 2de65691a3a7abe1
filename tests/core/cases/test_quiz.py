"""Sampling slices for the reading quiz, and counting right answers."""

from __future__ import annotations

import pandas as pd
import pytest

from core.cases.quiz import sample_cases, score_answers
from core.errors import EvaluationError


def _cases(n_patients: int = 12, n_slices: int = 6) -> pd.DataFrame:
    """Return cases of which half of each patient's are positive."""
    rows = [
        {"file": f"{patient}-{number}", "patient": str(patient), "label": number % 2}
        for patient in range(n_patients)
        for number in range(n_slices)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize("seed", range(5))
def test_half_of_the_slices_are_of_each_class(seed: int) -> None:
    """Ten slices are five positive and five negative ones, without repetition."""
    sampled = sample_cases(_cases(), seed)
    assert {0: 5, 1: 5} == sampled["label"].value_counts().to_dict()
    assert sampled["file"].is_unique


@pytest.mark.parametrize("seed", range(5))
def test_no_patient_comes_twice_if_there_are_enough(seed: int) -> None:
    """With enough patients, ten slices are of ten patients."""
    assert 10 == sample_cases(_cases(), seed)["patient"].nunique()


def test_few_patients_give_several_slices_each() -> None:
    """With two patients, all ten slices are theirs."""
    assert 2 == sample_cases(_cases(n_patients=2, n_slices=12), 0)["patient"].nunique()


def test_unknown_patients_do_not_limit_the_sample() -> None:
    """If patients are unknown, ten slices are sampled as usual."""
    assert 10 == len(sample_cases(_cases().assign(patient=""), 0))


def test_the_order_is_random() -> None:
    """Over many seeds, every position holds a positive slice about half of the time."""
    table = _cases()
    share = sum(sample_cases(table, seed)["label"].to_numpy() for seed in range(60)) / 60
    assert share.min() > 0.25
    assert share.max() < 0.75


def test_the_sample_depends_on_the_seed() -> None:
    """The same seed gives the same slices in the same order; another seed gives others."""
    first, again, other = (sample_cases(_cases(), seed)["file"].to_list() for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_probabilities_are_not_used() -> None:
    """A column of probabilities does not change the sample."""
    table = _cases()
    seen = table.assign(pytorch=range(len(table)))
    assert sample_cases(table, 1)["file"].to_list() == sample_cases(seen, 1)["file"].to_list()


def test_unusable_slices_are_skipped() -> None:
    """Unusable slices are not sampled."""
    sampled = sample_cases(_cases(), 0, is_usable=lambda row: row.patient != "3")
    assert "3" not in set(sampled["patient"])


def test_too_few_slices_of_a_class_are_refused() -> None:
    """A quiz of ten needs more than four positive slices."""
    table = _cases()
    table = pd.concat([table[table["label"] == 0], table[table["label"] == 1].head(4)], ignore_index=True)
    with pytest.raises(EvaluationError, match="too few test slices"):
        sample_cases(table, 0)


def test_right_answers_are_counted_by_class() -> None:
    """One of two positive and one of two negative slices read correctly are two of four right answers."""
    score = score_answers([1, 1, 0, 0], [1, 0, 0, 1])
    assert (2, 4) == (score.right, score.n)
    assert (1, 2, 1, 2) == (
        score.true_positives, score.positives, score.true_negatives, score.negatives,
    )  # fmt: skip


def test_the_interval_is_exact() -> None:
    """For seven of ten, the Clopper-Pearson interval is 35 % to 93 %."""
    score = score_answers([1] * 10, [1] * 7 + [0] * 3)
    assert (0.348, 0.933) == score.interval


@pytest.mark.parametrize(("labels", "answers"), [([], []), ([1], [1, 0])])
def test_answers_must_fit_the_slices(labels: list[int], answers: list[int]) -> None:
    """No slices, or a different number of answers, is refused."""
    with pytest.raises(ValueError, match="answers"):
        score_answers(labels, answers)
