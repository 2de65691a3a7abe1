"""Example slices of leakage and label errors are chosen."""

import numpy as np
import pandas as pd
import pytest

from core.audit.examples import sample_label_examples, sample_shared_pairs, select_copies, tabulate_split
from core.datasets.splits import Fold


def make_table(patients, folder, slices=None):
    """Return a table of slices numbered in the given order, each patient from 1."""
    table = pd.DataFrame({"patient": list(patients), "folder_label": folder})
    table["number"] = (table.groupby("patient").cumcount() + 1).astype("Int64")
    table["slice_label"] = pd.array(folder if slices is None else slices, dtype="Int64")
    table["file"] = [f"{p} ({n}).png" for p, n in zip(table["patient"], table["number"], strict=True)]
    return table


def make_fold(n, test):
    """Return a fold that tests the given rows and develops on the others."""
    rest = np.setdiff1d(np.arange(n), test)
    return Fold(rest[1:], rest[:1], np.array(test))


def test_a_split_is_tabulated_in_the_order_of_the_series():
    """Each slice has its place in the patient's series and whether it is tested."""
    table = make_table("aabb", [0, 0, 1, 1])
    table["number"] = pd.array([7, 2, 1, 3], dtype="Int64")
    sides = tabulate_split(table, make_fold(4, [0]))
    assert ["a", "a", "b", "b"] == sides["patient"].to_list()
    assert [1, 2, 1, 2] == sides["place"].to_list()
    assert [False, True, False, False] == sides["tested"].to_list()
    assert ["a (2).png", "a (1).png"] == sides["file"].to_list()[:2]


def test_adjacent_slices_are_on_either_side_of_the_split():
    """Each pair is a test slice and an adjacent slice of training or validation, one pair a patient."""
    table = make_table("aaaaabbbbbccccc", [0] * 10 + [1] * 5)
    fold = make_fold(15, [0, 2, 6, 10, 11, 12, 13, 14])
    pairs = sample_shared_pairs(table, fold, 3)
    assert {"a", "b"} == {pair.patient for pair in pairs}
    number = dict(zip(table["file"], table["number"], strict=True))
    tested = set(table["file"].iloc[fold.test])
    for pair in pairs:
        assert pair.test_file in tested
        assert pair.training_file not in tested
        assert 1 == abs(number[pair.test_file] - number[pair.training_file])
    assert {("a (3).png", "a (4).png")} == {
        (pair.test_file, pair.training_file) for pair in pairs if pair.patient == "a"
    }
    assert 1 == len(sample_shared_pairs(table, fold, 1))


def test_other_seeds_choose_other_patients():
    """The seed decides which patients are chosen."""
    table = make_table(np.repeat(list("abcdefghij"), 4), [0] * 20 + [1] * 20)
    fold = make_fold(40, list(range(1, 40, 4)))
    chosen = {tuple(pair.patient for pair in sample_shared_pairs(table, fold, 2, seed)) for seed in range(5)}
    assert len(chosen) > 1


def test_copies_across_the_split_are_selected():
    """Pairs on one side are skipped; the others are sorted by similarity, each with the test slice first."""
    table = make_table("aabb", [0, 0, 1, 1])
    names = table["file"].to_list()
    near = [(names[0], names[3], 9), (names[1], names[0], 4), (names[2], names[3], 2)]
    pairs = select_copies(table, make_fold(4, [1, 3]), near, 2)
    assert [(names[3], names[2], "b", 2), (names[1], names[0], "a", 4)] == [
        (pair.test_file, pair.training_file, pair.patient, pair.bits) for pair in pairs
    ]


@pytest.mark.parametrize("seed", range(3))
def test_each_label_finding_has_its_example(seed):
    """Each example has the right folder and slice label; the first two are of one patient."""
    table = make_table("aaabbbccc", [0] * 3 + [1] * 6, [0, 1, 0, 1, 0, 0, 0, 0, 1])
    found = sample_label_examples(table, seed)
    row = table.set_index("file").loc
    assert (1, 1) == tuple(row[found.positive_showing, ["folder_label", "slice_label"]])
    assert (1, 0) == tuple(row[found.positive_without, ["folder_label", "slice_label"]])
    assert row[found.positive_showing, "patient"] == row[found.positive_without, "patient"]
    assert "a (2).png" == found.negative_showing
    assert (6, 2, 1, ("a",)) == (
        found.findings.n_positive_folder,
        found.findings.n_showing_in_positive,
        found.findings.n_showing_in_negative,
        found.findings.patients_showing_in_negative,
    )


def test_missing_findings_have_no_example():
    """An example is None if there is no such slice."""
    found = sample_label_examples(make_table("aabb", [0, 0, 1, 1], [0, 0, 1, 1]))
    assert (None, None) == (found.positive_without, found.negative_showing)
    assert found.positive_showing in ("b (1).png", "b (2).png")
