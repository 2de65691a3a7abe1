"""Folds: disjoint, complete, stratified, seeded, and with patients kept apart when asked."""

import subprocess
import sys

import numpy as np
import pytest

from core.datasets.splits import make_folds
from core.errors import DatasetError


@pytest.fixture(scope="module")
def cohort():
    """(labels, patients) of 30 patients with 10 slices each, a third of them positive in 4 slices."""
    patients = np.repeat([f"p{number}" for number in range(30)], 10)
    y = np.tile(np.arange(10) < 4, 30) & (np.repeat(np.arange(30), 10) % 3 == 0)
    return y.astype(int), patients


@pytest.mark.parametrize("split", ["random", "patient"])
@pytest.mark.parametrize("folds", [1, 2, 5])
def test_parts_are_sorted_disjoint_and_complete(cohort, split, folds):
    """In every fold each slice is in exactly one part, in ascending order."""
    result = make_folds(*cohort, split=split, folds=folds, seed=0)
    assert folds == len(result)
    for fold in result:
        together = np.concatenate([fold.train, fold.validation, fold.test])
        assert list(range(300)) == sorted(together.tolist())
        for part in (fold.train, fold.validation, fold.test):
            assert sorted(part.tolist()) == part.tolist()


@pytest.mark.parametrize("split", ["random", "patient"])
def test_test_parts_cover_every_slice_once(cohort, split):
    """With several folds the test parts together hold each slice exactly once."""
    tested = np.concatenate([fold.test for fold in make_folds(*cohort, split=split, folds=5, seed=0)])
    assert list(range(300)) == sorted(tested.tolist())


@pytest.mark.parametrize("folds", [1, 5])
def test_patients_are_kept_apart(cohort, folds):
    """With a split by patient no patient is in two parts of a fold."""
    y, patients = cohort
    for fold in make_folds(y, patients, split="patient", folds=folds, seed=3):
        parts = [set(patients[part]) for part in (fold.train, fold.validation, fold.test)]
        assert 30 == sum(map(len, parts)) == len(set.union(*parts))


def test_random_split_is_stratified(cohort):
    """Every part of a random split has nearly the whole set's share of positives."""
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
    """A random split is made where patients are unknown."""
    y, _ = cohort
    assert 5 == len(make_folds(y, [""] * len(y), split="random", folds=5, seed=0))


def test_patient_split_without_patients_is_refused(cohort):
    """A split by patient where patients are unknown is refused, with the way to name them."""
    y, _ = cohort
    with pytest.raises(DatasetError, match="patients are unknown") as caught:
        make_folds(y, [""] * len(y), split="patient", folds=5, seed=0)
    assert "PATIENT (NUMBER)" in caught.value.remedy


@pytest.mark.parametrize("folds", [1, 5])
def test_too_few_patients_are_refused(folds):
    """A class with a single patient cannot be in training and test alike."""
    y, patients = np.repeat([0, 0, 0, 1], 10), np.repeat(["a", "b", "c", "d"], 10)
    with pytest.raises(DatasetError, match="too few patients"):
        make_folds(y, patients, split="patient", folds=folds, seed=0)


def test_too_few_slices_are_refused():
    """More folds than positive slices are refused."""
    y = np.array([0] * 50 + [1] * 4)
    with pytest.raises(DatasetError, match="too few slices"):
        make_folds(y, [""] * 54, split="random", folds=5, seed=0)


def make_small(sizes, positives):
    """(labels, patients): patients of the given sizes, each with so many positive slices."""
    y = np.concatenate([np.arange(n) < k for n, k in zip(sizes, positives, strict=True)]).astype(int)
    return y, np.repeat([f"p{number}" for number in range(len(sizes))], sizes)


def test_part_of_one_class_is_refused():
    """Where grouping leaves a part with one class, the part and the fold are named."""
    y, patients = make_small([5, 5, 3, 8, 3], [3, 2, 1, 8, 0])
    with pytest.raises(DatasetError, match="test part of fold 2 would hold one class only"):
        make_folds(y, patients, split="patient", folds=3, seed=0)


def test_small_set_is_held_out_where_it_can_be():
    """A hold-out of few patients takes a part that leaves both classes on both sides, not just the first."""
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
    """Unknown splits, no folds and arrays of different length are programming errors."""
    y, patients = cohort
    arguments = {"y": y, "patients": patients, "split": "random", "folds": 1, "seed": 0} | changes
    with pytest.raises(ValueError, match=words):
        make_folds(**arguments)


def test_importing_loads_no_scikit_learn():
    """scikit-learn is only loaded when folds are made."""
    code = "import sys, core.datasets.splits; print('sklearn' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "False" == printed.strip()
