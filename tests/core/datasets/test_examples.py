"""Choosing slices that show a leak or a wrong label."""

import numpy as np
import pandas as pd
import pytest

from core.datasets.examples import deal_slices, pick_copies, sample_label_examples, sample_shared_pairs
from core.datasets.splits import Fold


def make_table(patients, folder, slices=None):
    """A table of slices numbered in the order given, each patient from 1."""
    table = pd.DataFrame({"patient": list(patients), "folder_label": folder})
    table["number"] = (table.groupby("patient").cumcount() + 1).astype("Int64")
    table["slice_label"] = pd.array(folder if slices is None else slices, dtype="Int64")
    table["file"] = [f"{p} ({n}).png" for p, n in zip(table["patient"], table["number"], strict=True)]
    return table


def make_fold(n, test):
    """A fold that tests the given rows and learns from the others."""
    rest = np.setdiff1d(np.arange(n), test)
    return Fold(rest[1:], rest[:1], np.array(test))


def test_slices_are_dealt_in_the_order_of_the_series():
    """Each slice has its place in the series of its patient, and whether it is tested."""
    table = make_table("aabb", [0, 0, 1, 1])
    table["number"] = pd.array([7, 2, 1, 3], dtype="Int64")
    dealt = deal_slices(table, make_fold(4, [0]))
    assert ["a", "a", "b", "b"] == dealt["patient"].to_list()
    assert [1, 2, 1, 2] == dealt["place"].to_list()
    assert [False, True, False, False] == dealt["tested"].to_list()
    assert ["a (2).png", "a (1).png"] == dealt["file"].to_list()[:2]


def test_neighbours_lie_on_either_side():
    """Each pair is a tested slice and the slice before or after it, which is learned, of one patient each."""
    table = make_table("aaaaabbbbbccccc", [0] * 10 + [1] * 5)
    fold = make_fold(15, [0, 2, 6, 10, 11, 12, 13, 14])
    pairs = sample_shared_pairs(table, fold, 3)
    assert {"a", "b"} == {pair.patient for pair in pairs}
    number = dict(zip(table["file"], table["number"], strict=True))
    tested = set(table["file"].iloc[fold.test])
    for pair in pairs:
        assert pair.test_file in tested
        assert pair.learned_file not in tested
        assert 1 == abs(number[pair.test_file] - number[pair.learned_file])
    assert {("a (3).png", "a (4).png")} == {
        (pair.test_file, pair.learned_file) for pair in pairs if pair.patient == "a"
    }
    assert 1 == len(sample_shared_pairs(table, fold, 1))


def test_other_seeds_draw_other_patients():
    """The seed decides which patients are shown."""
    table = make_table(np.repeat(list("abcdefghij"), 4), [0] * 20 + [1] * 20)
    fold = make_fold(40, list(range(1, 40, 4)))
    drawn = {tuple(pair.patient for pair in sample_shared_pairs(table, fold, 2, seed)) for seed in range(5)}
    assert len(drawn) > 1


def test_copies_across_the_split_are_picked():
    """Pairs on one side are passed over; the others come most alike first, the tested one first."""
    table = make_table("aabb", [0, 0, 1, 1])
    names = table["file"].to_list()
    near = [(names[0], names[3], 9), (names[1], names[0], 4), (names[2], names[3], 2)]
    pairs = pick_copies(table, make_fold(4, [1, 3]), near, 2)
    assert [(names[3], names[2], "b", 2), (names[1], names[0], "a", 4)] == [
        (pair.test_file, pair.learned_file, pair.patient, pair.bits) for pair in pairs
    ]


@pytest.mark.parametrize("seed", range(3))
def test_each_label_finding_has_its_example(seed):
    """Examples are of the folder and label that they stand for, the first two of one patient."""
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


def test_findings_that_are_not_there_have_no_example():
    """Without such a slice the example is None."""
    found = sample_label_examples(make_table("aabb", [0, 0, 1, 1], [0, 0, 1, 1]))
    assert (None, None) == (found.positive_without, found.negative_showing)
    assert found.positive_showing in ("b (1).png", "b (2).png")
