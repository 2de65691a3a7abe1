"""Labels, the slices that a training may use, and the groups that a split must not separate."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.datasets.dataset import index_dataset
from core.datasets.slices import Dataset, join_copies, label_patients
from core.datasets.splits import make_folds
from core.errors import DatasetError
from core.synthetic.phantoms import write_phantom_dataset
from tests.manifest_files import write_lines, write_slice, write_two_sources


@pytest.fixture
def mixed(tmp_path: Path) -> Dataset:
    """Six slices: two unknown labels, one patient kept aside, one slice of an unknown patient."""
    lines = ["file,patient,hemorrhage,ischemia,part"]
    rows = ["1,present,,", "1,absent,,", "2,,,", "2,absent,present,", "3,present,,kept", ",absent,absent,"]
    for number, row in enumerate(rows):
        write_slice(tmp_path / f"{number}.png", seed=number)
        lines.append(f"{number}.png,{row}")
    return index_dataset(write_lines(tmp_path / "set.csv", *lines))


def test_only_known_slices_outside_the_kept_part_are_selected(mixed: Dataset) -> None:
    """The others are counted by reason and said; the fingerprint stays that of the whole set."""
    used = mixed.select_known("slice")
    assert ["0.png", "1.png", "3.png", "5.png"] == used.table["file"].to_list()
    assert {"kept part": 1, "unknown label": 1} == dict(used.left_out)
    assert "Left out of 6 slices: 1 (kept part) and 1 (unknown label)." == used.warnings[-1]
    assert mixed.fingerprint == used.fingerprint
    assert [1, 0, 0, 0] == used.labels("slice").tolist()
    assert [1, 1, 0, 0] == used.labels("folder").tolist()


def test_a_finding_has_labels_of_its_own(mixed: Dataset) -> None:
    """Labels of another finding are selected and read by its name."""
    used = mixed.select_known("slice", "ischemia")
    assert ["3.png", "5.png"] == used.table["file"].to_list()
    assert [1, 0] == used.labels("slice", "ischemia").tolist()
    assert [1, 0] == used.table["slice_label"].to_list() == used.table["folder_label"].to_list()
    assert ("No ischemic lesion", "Ischemic lesion") == used.class_names("slice", "ischemia")


def test_known_labels_of_another_finding_are_chosen_too(tmp_path: Path) -> None:
    """If nothing is left out, the labels are still those of the finding, and nothing is said."""
    lines = ["file,patient,hemorrhage,ischemia", "0.png,1,absent,present", "1.png,2,present,absent"]
    for number in range(2):
        write_slice(tmp_path / f"{number}.png", seed=number)
    found = index_dataset(write_lines(tmp_path / "set.csv", *lines))
    used = found.select_known("slice", "ischemia")
    assert [1, 0] == used.table["slice_label"].to_list()
    assert [0, 1] == found.table["slice_label"].to_list()
    assert found.warnings == used.warnings


def test_class_folders_have_no_other_finding(tmp_path: Path) -> None:
    """The error says how to give labels of ischemia."""
    write_phantom_dataset(tmp_path, n_patients=4, slices_per_patient=4, size=48)
    with pytest.raises(DatasetError, match=r"no label of ischemia.*write a manifest"):
        index_dataset(tmp_path).select_known("slice", "ischemia")


def test_unknown_labels_are_no_labels(mixed: Dataset, tmp_path: Path) -> None:
    """Labels with gaps, of one class, or of a finding that no line names are errors, never guesses."""
    with pytest.raises(DatasetError, match=r"slice labels of some slices are unknown.*1 of 6"):
        mixed.labels("slice")
    table = mixed.table.assign(ischemia=pd.array([None] * 6, dtype="Int64"))
    without = Dataset(
        mixed.folder, table, mixed.classes, "", findings=mixed.findings, manifest=mixed.manifest
    )
    with pytest.raises(DatasetError, match=r"no label of ischemia.*fill its column 'ischemia'"):
        without.select_known("slice", "ischemia")
    write_slice(tmp_path / "only.png")
    one_class = index_dataset(write_lines(tmp_path / "one.csv", "file,hemorrhage", "only.png,present"))
    with pytest.raises(DatasetError, match=r"All slice labels are equal.*1 slices of class 'Hemorrhage'"):
        one_class.select_known("slice").labels("slice")


def test_a_set_that_is_kept_aside_as_a_whole_cannot_be_trained_on(tmp_path: Path) -> None:
    """Nothing is left, and the error says why."""
    write_slice(tmp_path / "a.png")
    found = index_dataset(write_lines(tmp_path / "set.csv", "file,hemorrhage,part", "a.png,present,kept"))
    with pytest.raises(DatasetError, match=r"No slice is left to train on.*1 \(kept part\)"):
        found.select_known("slice")


def test_class_folders_are_selected_as_they_are(tmp_path: Path) -> None:
    """Class folders know all labels, so nothing changes, and their patients are the groups."""
    write_phantom_dataset(tmp_path, n_patients=4, slices_per_patient=4, size=48)
    found = index_dataset(tmp_path)
    assert found is found.select_known("slice") is found.select_known("folder")
    assert found.table["patient"].to_list() == found.groups().tolist()


def test_patients_who_share_a_picture_are_one_group() -> None:
    """Units are joined through equal hashes, also by a chain; the others stay apart."""
    units = ["A/1", "A/1", "B/1", "B/1", "C/1", "D/1"]
    assert ["A/1", "A/1", "A/1", "A/1", "A/1", "D/1"] == join_copies(
        units, ["p", "q", "q", "r", "r", "s"]
    ).tolist()


def test_patients_stand_on_one_side_across_sources(tmp_path: Path) -> None:
    """A split by patient separates neither a patient, nor two sources' copies of one picture."""
    path = write_two_sources(tmp_path)
    (tmp_path / "south" / "1_0.png").write_bytes((tmp_path / "north" / "2_0.png").read_bytes())
    found = index_dataset(path)
    groups = found.groups()
    y = found.labels("slice")
    sides = np.empty(len(y), dtype=int)
    for fold in make_folds(y, groups, split="patient", folds=3, seed=0):
        for side, rows in enumerate((fold.train, fold.validation, fold.test)):
            sides[rows] = side
        patients = found.table["patient"][found.table["patient"] != ""]
        assert 1 == pd.Series(sides)[patients.index].groupby(patients).nunique().max()
        files = found.table["file"].to_list()
        assert sides[files.index("south/1_0.png")] == sides[files.index("north/2_0.png")]
    unknown = groups[(found.table["patient"] == "").to_numpy()]
    assert len(unknown) == len(set(unknown))


def test_patients_are_numbered(mixed: Dataset) -> None:
    """Running numbers replace ids; an unknown patient stays unknown."""
    assert ["1", "1", "2", "2", "3", ""] == mixed.number_patients()


def test_a_patients_label() -> None:
    """Positive if any slice is, unknown if none is and one is unknown; an unknown patient has its own."""
    labels = pd.Series(pd.array([1, None, 0, None, 0, 0, None], dtype="Int64"))
    found = label_patients(["a", "a", "b", "b", "c", "", ""], labels)
    assert [1, 1, None, None, 0, 0, None] == found.astype(object).where(found.notna(), None).to_list()
