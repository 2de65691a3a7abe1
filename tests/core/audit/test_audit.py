"""The audit counts copies, label errors and leakage."""

import io
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.audit.audit import NEAR_DUPLICATE_BITS, audit_dataset, find_near_duplicates
from core.audit.split_audit import audit_split
from core.datasets.dataset import index_dataset
from core.datasets.splits import Fold, make_folds
from core.errors import MissingExtraError
from core.synthetic.phantoms import write_phantom_dataset
from tests.core.real_data import index_real_data, needs_real_data


def make_table(patients, digests=None):
    """Return a table of slices, three numbers apart, of the given patients."""
    n = len(patients)
    return pd.DataFrame(
        {
            "file": [f"f{row}" for row in range(n)],
            "patient": list(patients),
            "number": pd.array(range(0, 3 * n, 3), dtype="Int64"),
            "sha256": digests or [f"d{row}" for row in range(n)],
        }
    )


def make_fold(train, validation, test):
    """Return a fold of the given rows."""
    return Fold(*(np.array(part, dtype=np.int64) for part in (train, validation, test)))


@pytest.fixture
def phantoms(tmp_path):
    """A folder of 4 patients with 6 phantoms each."""
    write_phantom_dataset(tmp_path / "set", n_patients=4, slices_per_patient=6, size=128)
    return tmp_path / "set"


def test_counts_of_a_clean_set(phantoms):
    """Slices, classes, patients, sizes and labels of a set without copies are counted."""
    dataset = index_dataset(phantoms)
    audit = audit_dataset(dataset)
    assert (24, 4, (2, 2), (6, 6), ()) == (
        audit.n_slices,
        audit.n_patients,
        audit.patients_per_class,
        audit.slices_per_patient,
        audit.patients_in_both,
    )
    assert (("Normal", 12), ("Stroke", 12)) == audit.n_per_class
    assert (((128, 128), 24),) == audit.sizes
    assert ((), 0) == (audit.duplicates, audit.n_near_across_patients)
    shown = int(dataset.labels("slice").sum())
    assert (12, shown, 0, ()) == (
        audit.labels.n_positive_folder,
        audit.labels.n_showing_in_positive,
        audit.labels.n_showing_in_negative,
        audit.labels.patients_showing_in_negative,
    )
    assert shown / 12 == audit.labels.share_showing_in_positive


def test_exact_copies_are_grouped(phantoms):
    """Files with equal bytes form a group, and a group in both class folders is counted."""
    data = (phantoms / "Normal" / "1 (1).jpg").read_bytes()
    (phantoms / "Normal" / "1 (7).jpg").write_bytes(data)
    (phantoms / "Stroke" / "9 (1).jpg").write_bytes(data)
    audit = audit_dataset(index_dataset(phantoms))
    assert (("Normal/1 (1).jpg", "Normal/1 (7).jpg", "Stroke/9 (1).jpg"),) == audit.duplicates
    assert 1 == audit.n_duplicates_across_classes
    assert not any(
        "1 (7)" in first + second for first, second, _ in audit.near_duplicates if "1 (1)" in first + second
    )


@pytest.mark.parametrize("change", ["jpeg", "smaller", "brighter"])
def test_near_copies_are_found(phantoms, change):
    """A picture saved again, reduced or brightened is found, and counted as of another patient."""
    image = Image.open(phantoms / "Normal" / "1 (3).jpg")
    if change == "smaller":
        image = image.resize((90, 90))
    if change == "brighter":
        image = image.point(lambda value: min(255, int(value * 1.08)))
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=70)
    (phantoms / "Stroke" / "9 (1).jpg").write_bytes(stream.getvalue())
    audit = audit_dataset(index_dataset(phantoms))
    pairs = [{first, second} for first, second, _ in audit.near_duplicates]
    assert {"Normal/1 (3).jpg", "Stroke/9 (1).jpg"} in pairs
    assert audit.n_near_across_patients >= 1


def test_near_duplicates_are_pairs_within_the_limit():
    """Pairs within the limit are listed, most similar first, without exact copies."""
    hashes = np.zeros((4, 32), np.uint8)
    hashes[1, 0] = 0b1
    hashes[2, :2] = [0b11111110, 0b11000000]  # 9 bits from row 0, 10 from row 1
    table = make_table("aabb", ["x", "y", "z", "x"])
    assert (("f0", "f1", 1), ("f1", "f3", 1), ("f0", "f2", 9), ("f2", "f3", 9), ("f1", "f2", 10)) == (
        find_near_duplicates(table, hashes)
    )
    assert 10 == NEAR_DUPLICATE_BITS
    hashes[2, 2] = 0b11
    assert {("f0", "f1", 1), ("f1", "f3", 1)} == set(find_near_duplicates(table, hashes))


def test_patients_in_both_folders_are_named(phantoms):
    """A patient with pictures in both class folders is named."""
    (phantoms / "Stroke" / "3 (1).jpg").rename(phantoms / "Stroke" / "2 (9).jpg")
    assert ("2",) == audit_dataset(index_dataset(phantoms)).patients_in_both


def test_set_without_patients_or_slice_labels(phantoms):
    """With unknown patients, counts that depend on them are 0 and labels None."""
    (phantoms / "Normal" / "1 (1).jpg").rename(phantoms / "Normal" / "x.jpg")
    audit = audit_dataset(index_dataset(phantoms))
    assert (0, (0, 0), (0, 0), None) == (
        audit.n_patients,
        audit.patients_per_class,
        audit.slices_per_patient,
        audit.labels,
    )


def test_progress_counts_every_picture(phantoms):
    """The callback is called for every picture."""
    calls = []
    audit_dataset(index_dataset(phantoms), lambda done, total: calls.append((done, total)))
    assert [(done, 24) for done in range(1, 25)] == calls


def test_missing_library_is_named(phantoms, monkeypatch):
    """Without ImageHash the message says what to install."""
    monkeypatch.setitem(sys.modules, "imagehash", None)
    with pytest.raises(MissingExtraError, match="pip install ImageHash"):
        audit_dataset(index_dataset(phantoms))


def test_shared_patients_and_neighbours_are_counted():
    """Test slices whose patient or adjacent slice is in training or validation are counted."""
    #        rows: 0 1 2 3 4 of patient a, 5 6 of b, 7 of c
    table = make_table("aaaaabbc")
    (row,) = audit_split(table, [make_fold([0, 5], [3], [1, 2, 4, 6, 7])])
    assert (2, 1, 5, 3) == tuple(row[key] for key in ("n_train", "n_validation", "n_test", "n_test_patients"))
    assert (4, 0.8) == (row["n_test_sharing_patient"], row["share_sharing_patient"])
    # 1 is adjacent to 0, 2 and 4 to 3, 6 to 5.
    assert (4, 0.8) == (row["n_test_with_direct_neighbour"], row["share_with_direct_neighbour"])
    (far,) = audit_split(table, [make_fold([0], [5], [2, 3, 4])])
    assert (3, 0) == (far["n_test_sharing_patient"], far["n_test_with_direct_neighbour"])


def test_neighbours_follow_numbers_not_rows():
    """Adjacent slices follow the slice numbers, not the order of the table."""
    table = make_table("aaa").assign(number=pd.array([1, 3, 2], dtype="Int64"))
    (far, near) = audit_split(table, [make_fold([0], [], [1]), make_fold([0], [], [2])])
    assert (0, 1) == (far["n_test_with_direct_neighbour"], near["n_test_with_direct_neighbour"])


def test_copies_in_training_are_counted():
    """Exact and near copies of test slices in training or validation are counted, each slice once."""
    table = make_table("abcdef", ["x", "x", "y", "z", "x", "w"])
    near = [("f2", "f3", 4), ("f2", "f1", 6)]
    (row,) = audit_split(table, [make_fold([0, 3], [5], [1, 2, 4])], near)
    assert (3, 1.0) == (row["n_test_with_copy"], row["share_with_copy"])
    (none,) = audit_split(table, [make_fold([5], [], [0, 1, 2, 3, 4])], near)
    assert 0 == none["n_test_with_copy"]


def test_unknown_patients_give_none():
    """With unknown patients, values that depend on them are None, not 0."""
    (row,) = audit_split(make_table(["", "", ""]), [make_fold([0], [1], [2])])
    assert [None] * 5 == [
        row[key]
        for key in (
            "n_test_patients",
            "n_test_sharing_patient",
            "share_sharing_patient",
            "n_test_with_direct_neighbour",
            "share_with_direct_neighbour",
        )
    ]


@pytest.mark.parametrize("folds", [1, 5])
def test_patient_split_has_no_leakage(tmp_path, folds):
    """A split by patient shares no patient and no adjacent slice, a random split nearly all."""
    write_phantom_dataset(tmp_path, n_patients=20, slices_per_patient=10, size=64)
    dataset = index_dataset(tmp_path)
    y, patients = dataset.labels("folder"), dataset.table["patient"]
    for split, expected in (("patient", 0.0), ("random", 1.0)):
        for row in audit_split(dataset.table, make_folds(y, patients, split=split, folds=folds, seed=0)):
            assert expected == row["share_sharing_patient"]
            assert expected == pytest.approx(row["share_with_direct_neighbour"], abs=0.2 * expected)


@needs_real_data
def test_leak_of_the_published_protocol():
    """In random 90/10 splits of the real set all test slices share a patient, 98 % have an adjacent slice."""
    dataset = index_real_data()
    y, patients = dataset.labels("folder"), dataset.table["patient"]
    rows = [
        audit_split(dataset.table, make_folds(y, patients, split="random", folds=1, seed=seed))[0]
        for seed in range(10)
    ]
    assert 1.0 == np.mean([row["share_sharing_patient"] for row in rows])
    assert 0.984 == pytest.approx(np.mean([row["share_with_direct_neighbour"] for row in rows]), abs=0.005)


@needs_real_data
@pytest.mark.slow
def test_real_set_has_the_documented_findings():
    """The real set has no exact copies, no near-copies across patients, and 259 of 950 slices with blood."""
    audit = audit_dataset(index_real_data())
    assert ((), 0, 82, (51, 31)) == (
        audit.duplicates,
        audit.n_near_across_patients,
        audit.n_patients,
        audit.patients_per_class,
    )
    assert (950, 259, 49) == (
        audit.labels.n_positive_folder,
        audit.labels.n_showing_in_positive,
        audit.labels.n_showing_in_negative,
    )
