"""Folds are disjoint, complete, stratified and seeded, and can keep patients apart."""

import subprocess
import sys

import numpy as np
import pytest

from core.datasets.splits import make_folds
from core.errors import DatasetError


@pytest.fixture(scope="module")
def cohort():
    """Labels and patients of 30 patients with 10 slices each; a third are positive in 4 slices."""
    patients = np.repeat([f"p{number}" for number in range(30)], 10)
    y = np.tile(np.arange(10) < 4, 30) & (np.repeat(np.arange(30), 10) % 3 == 0)
    return y.astype(int), patients


@pytest.mark.parametrize("split", ["random", "patient"])
@pytest.mark.parametrize("folds", [1, 2, 5])
def test_sets_are_sorted_disjoint_and_complete(cohort, split, folds):
    """In every fold each slice is in exactly one set, in ascending order."""
    result = make_folds(*cohort, split=split, folds=folds, seed=0)
    assert folds == len(result)
    for fold in result:
        together = np.concatenate([fold.train, fold.validation, fold.test])
        assert list(range(300)) == sorted(together.tolist())
        for part in (fold.train, fold.validation, fold.test):
            assert sorted(part.tolist()) == part.tolist()


@pytest.mark.parametrize("split", ["random", "patient"])
def test_test_sets_cover_every_slice_once(cohort, split):
    """With several folds the test sets together hold each slice exactly once."""
    tested = np.concatenate([fold.test for fold in make_folds(*cohort, split=split, folds=5, seed=0)])
    assert list(range(300)) == sorted(tested.tolist())


@pytest.mark.parametrize("folds", [1, 5])
def test_patients_are_kept_apart(cohort, folds):
    """In a split by patient no patient is in two sets of a fold."""
    y, patients = cohort
    for fold in make_folds(y, patients, split="patient", folds=folds, seed=3):
        parts = [set(patients[part]) for part in (fold.train, fold.validation, fold.test)]
        assert 30 == sum(map(len, parts)) == len(set.union(*parts))


def test_random_split_is_stratified(cohort):
    """Every set of a random split has nearly the overall share of positives."""
    y, _ = cohort
    for fold in make_folds(*cohort, split="random", folds=5, seed=0):
        for part in (fold.train, fold.validation, fold.test):
            assert y.mean() == pytest.approx(y[part].mean(), abs=0.05)


def test_single_fold_holds_out_a_tenth(cohort):
    """One fold tests a tenth of the slices, or of the patients, and validates by the same unit."""
    y, patients = cohort
    (by_slice,) = make_folds(y, patients, split="random", folds=1, seed=0)
    assert (243, 27, 30) == (len(by_slice.train), len(by_slice.validation), len(by_slice.test))
    (by_patient,) = make_folds(y, patients, split="patient", folds=1, seed=0)
    counts = [len(set(patients[part])) for part in (by_patient.test, by_patient.validation)]
    assert 2 <= counts[0] <= 4
    assert 3 <= counts[1] <= 5


@pytest.mark.parametrize("split", ["random", "patient"])
def test_seed_decides(cohort, split):
    """The same seed gives the same folds, another seed others."""
    first, again, other = (make_folds(*cohort, split=split, folds=3, seed=seed) for seed in (1, 1, 2))
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a.train, b.train)
        np.testing.assert_array_equal(a.test, b.test)
    assert any(not np.array_equal(a.test, b.test) for a, b in zip(first, other, strict=True))


def test_random_split_needs_no_patients(cohort):
    """A random split works with unknown patients."""
    y, _ = cohort
    assert 5 == len(make_folds(y, [""] * len(y), split="random", folds=5, seed=0))


def test_patient_split_without_patients_is_refused(cohort):
    """A split by patient with unknown patients is refused, and the remedy says how to name files."""
    y, _ = cohort
    with pytest.raises(DatasetError, match="patients are unknown") as caught:
        make_folds(y, [""] * len(y), split="patient", folds=5, seed=0)
    assert "PATIENT (NUMBER)" in caught.value.remedy


@pytest.mark.parametrize("folds", [1, 5])
def test_too_few_patients_are_refused(folds):
    """A class with a single patient is refused, because it cannot be in training and test."""
    y, patients = np.repeat([0, 0, 0, 1], 10), np.repeat(["a", "b", "c", "d"], 10)
    with pytest.raises(DatasetError, match="too few patients"):
        make_folds(y, patients, split="patient", folds=folds, seed=0)


def test_too_few_slices_are_refused():
    """More folds than positive slices are refused."""
    y = np.array([0] * 50 + [1] * 4)
    with pytest.raises(DatasetError, match="too few slices"):
        make_folds(y, [""] * 54, split="random", folds=5, seed=0)


def make_small(sizes, positives):
    """Return (labels, patients) for patients of the given sizes and numbers of positive slices."""
    y = np.concatenate([np.arange(n) < k for n, k in zip(sizes, positives, strict=True)]).astype(int)
    return y, np.repeat([f"p{number}" for number in range(len(sizes))], sizes)


def test_set_of_one_class_is_refused():
    """A set with one class only is refused, with its name and fold."""
    y, patients = make_small([5, 5, 3, 8, 3], [3, 2, 1, 8, 0])
    with pytest.raises(DatasetError, match="test set of fold 2 would contain only one class"):
        make_folds(y, patients, split="patient", folds=3, seed=0)


def test_small_set_is_held_out_where_it_can_be():
    """A hold-out of few patients leaves both classes on both sides if any part does."""
    y, patients = make_small([4, 3, 11, 2, 4, 8], [0, 2, 5, 1, 2, 3])
    (fold,) = make_folds(y, patients, split="patient", folds=1, seed=0)
    assert all({0, 1} == set(y[part]) for part in (fold.train, fold.validation, fold.test))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"split": "site"}, "split must be one of"),
        ({"folds": 0}, "folds must be at least 1"),
        ({"patients": ["a"]}, "of one length"),
    ],
)
def test_wrong_arguments_are_mistakes(cohort, changes, words):
    """Unknown splits, no folds and arrays of different length raise a ValueError."""
    y, patients = cohort
    arguments = {"y": y, "patients": patients, "split": "random", "folds": 1, "seed": 0} | changes
    with pytest.raises(ValueError, match=words):
        make_folds(**arguments)


def test_importing_loads_no_scikit_learn():
    """scikit-learn is loaded only when folds are made."""
    code = "import sys, core.datasets.splits; print('sklearn' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "False" == printed.strip()


def test_some_unknown_patients_are_patients_of_their_own() -> None:
    """If some patients are known, each slice of an unknown one may go to any set, and no patient is split."""
    y = np.tile([0, 1], 60)
    patients = np.array([f"p{number // 6}" if number < 60 else "" for number in range(120)])
    sides = np.full(120, -1)
    for fold in make_folds(y, patients, split="patient", folds=5, seed=0):
        for side, rows in enumerate((fold.train, fold.validation, fold.test)):
            sides[rows] = side
        assert {1} == {len(set(sides[patients == name])) for name in set(patients) - {""}}
        assert {0, 1, 2} == set(sides[patients == ""])
