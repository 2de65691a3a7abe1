"""A manifest is indexed as a table; files that do not fit their line are named, the rest is used."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets.dataset import index_dataset
from core.datasets.places import read_pixels
from core.datasets.slices import COLUMNS, Dataset
from core.errors import DatasetError
from tests.manifest_files import write_lines, write_slice, write_two_sources
from tests.scan_files import write_dicom, write_nifti, write_series


@pytest.fixture(scope="module")
def two_sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a manifest of two sources, see `write_two_sources`."""
    folder = tmp_path_factory.mktemp("two")
    write_two_sources(folder)
    return folder


def _index(folder: Path, *lines: str) -> Dataset:
    return index_dataset(write_lines(folder / "set.csv", *lines))


def _list_faults(dataset: Dataset) -> dict[int, str]:
    return {int(item["line"]): item["message"] for item in dataset.refused}


def test_the_table_has_the_documented_form(two_sources: Path) -> None:
    """Columns and dtypes are as documented; patients count within their source."""
    found = index_dataset(two_sources / "set.csv")
    table = found.table
    assert [*COLUMNS, "hemorrhage", "ischemia"] == list(table.columns)
    assert {"Int64"} == {
        str(table[name].dtype) for name in ("number", "folder_label", *COLUMNS[4:5], "ischemia")
    }
    assert 48 == len(table)
    assert {
        f"{source}/{patient}" for source, n in (("north", 6), ("south", 3)) for patient in range(1, n + 1)
    } == (set(table["patient"]) - {""})
    assert [1, 2, 3, 4] == table.loc[table["patient"] == "north/2", "number"].to_list()
    assert table.loc[table["patient"] == "", "number"].isna().all()
    assert {"north": "GE", "south": "Philips"} == dict(zip(table["source"], table["vendor"], strict=True))


def test_labels_are_the_slices_and_their_patients(two_sources: Path) -> None:
    """The slice's label is its own; the folder's label is 1 for a patient with any positive slice."""
    table = index_dataset(two_sources / "set.csv").table.set_index("file")
    assert [1, 0, 1, 0] == [table["slice_label"][f"north/2_{number}.png"] for number in range(4)]
    assert {1} == set(table.loc[table["patient"] == "north/2", "folder_label"])
    assert {0} == set(table.loc[table["patient"] == "south/3", "folder_label"])
    assert table["hemorrhage"].equals(table["slice_label"].rename("hemorrhage"))
    assert table["ischemia"].isna().all()


def test_unknown_patients_are_said(two_sources: Path, tmp_path: Path) -> None:
    """A warning counts the slices of unknown patients, others say that all are unknown."""
    assert any(
        "patients of 12 of 48 slices are unknown" in text
        for text in index_dataset(two_sources / "set.csv").warnings
    )
    write_slice(tmp_path / "a.png")
    found = _index(tmp_path, "file,hemorrhage", "a.png,present")
    assert any("can only be split at random" in text for text in found.warnings)
    assert not found.has_patients


def test_remarks_say_which_use_they_matter_for(tmp_path: Path) -> None:
    """For a validation nothing is said of splits and training; unknown patients and lost lines are said."""
    with write_two_sources(tmp_path).open("a", encoding="utf-8") as stream:
        stream.write("gone.png,south,1,present,GE\n")
    found = index_dataset(tmp_path / "set.csv")
    patients, lost = found.list_warnings("validation")
    assert patients.startswith("The patients of 12 of 48 slices are unknown. Each of these slices counts as")
    assert lost.startswith("Not used in full: 1 line of the manifest")
    assert lost == found.warnings[-1]
    assert any("A split by patient" in warning for warning in found.warnings)


def test_a_validation_is_told_of_no_training(tmp_path: Path) -> None:
    """Slices that are kept aside or have no label are remarks for a training only."""
    write_slice(tmp_path / "a.png")
    found = _index(tmp_path, "file,patient,hemorrhage,part", "a.png,1,unknown,kept")
    assert [True, True] == ["no training" in warning for warning in found.warnings]
    assert () == found.list_warnings("validation")


def test_unknown_labels_are_counted_for_each_finding(tmp_path: Path) -> None:
    """A finding without any label is not spoken of, unless it is hemorrhage."""
    for name in ("a", "b"):
        write_slice(tmp_path / f"{name}.png", seed=ord(name))
    found = _index(tmp_path, "file,patient,hemorrhage,ischemia", "a.png,1,present,", "b.png,2,absent,absent")
    expected = "1 of 2 slices have no known label of ischemia; no training for it uses them."
    assert [expected] == list(found.warnings)
    assert [] == list(
        _index(tmp_path, "file,patient,hemorrhage", "a.png,1,present", "b.png,2,absent").warnings
    )


def test_one_source_needs_no_prefix(tmp_path: Path) -> None:
    """With a single source, patients are named as in the file."""
    write_slice(tmp_path / "a.png")
    assert ["007"] == _index(tmp_path, "file,source,patient", "a.png,A,007").table["patient"].to_list()


def test_a_patient_with_an_unknown_slice_has_no_label(tmp_path: Path) -> None:
    """A patient is negative only if every slice is known to be; one positive slice is enough."""
    lines = ["file,patient,hemorrhage"]
    for number, (patient, word) in enumerate(
        [("1", "absent"), ("1", ""), ("2", "present"), ("2", ""), ("3", "absent")]
    ):
        write_slice(tmp_path / f"{number}.png", seed=number)
        lines.append(f"{number}.png,{patient},{word}")
    found = _index(tmp_path, *lines)
    assert [None, None, 1, 1, 0] == found.table["folder_label"].astype(object).where(
        found.table["folder_label"].notna(), None
    ).to_list()


def test_dicom_nifti_and_series_are_read(tmp_path: Path) -> None:
    """Single DICOM files, slices of a series folder and of a volume are slices of the table, each unique."""
    (tmp_path / "one.dcm").write_bytes(write_dicom())
    (tmp_path / "series").mkdir()
    for number, data in enumerate(write_series(3)):
        (tmp_path / "series" / f"{number}.dcm").write_bytes(data)
    (tmp_path / "head.nii").write_bytes(write_nifti())
    found = _index(
        tmp_path,
        "file,slice,hemorrhage",
        "one.dcm,,absent",
        "series,1,absent",
        "series,3,present",
        "head.nii,2,absent",
    )
    assert ({}, 4) == (_list_faults(found), len(found.table))
    assert ["head.nii#2", "one.dcm", "series#1", "series#3"] == found.table["file"].to_list()
    assert 4 == found.table["sha256"].nunique()


def test_slices_that_do_not_exist_are_named(tmp_path: Path) -> None:
    """A number beyond the last slice, a missing number and a damaged file are refused by line."""
    (tmp_path / "head.nii").write_bytes(write_nifti())
    (tmp_path / "broken.png").write_bytes(b"no picture")
    write_slice(tmp_path / "a.png")
    lines = ("head.nii,99", "head.nii,", "broken.png,", "a.png,1", "a.png,", "a.png,2")
    found = _index(tmp_path, "file,slice", *lines)
    assert ["a.png"] == found.table["file"].to_list()
    faults = _list_faults(found)
    assert [2, 3, 4, 6, 7] == list(faults)
    assert "no slice 99" in faults[2]
    assert "say in the column 'slice'" in faults[3]
    assert "unknown format" in faults[4]
    assert "repeats line 5" in faults[6]
    assert "no slice 2" in faults[7]


def test_a_folder_of_two_series_is_refused(tmp_path: Path) -> None:
    """Slices cannot be numbered if a folder holds several scans."""
    (tmp_path / "mixed").mkdir()
    write_slice(tmp_path / "a.png")
    for number, data in enumerate(write_series(2)):
        (tmp_path / "mixed" / f"{number}.dcm").write_bytes(data)
    write_slice(tmp_path / "mixed" / "other.png")
    faults = _list_faults(_index(tmp_path, "file,slice", "mixed,1", "a.png,"))
    assert "put each series into a folder of its own" in faults[2]


def test_a_mask_of_another_size_is_refused(tmp_path: Path) -> None:
    """A mask must have the size of its image, as stored; a blank one may."""
    write_slice(tmp_path / "a.png", size=64)
    write_slice(tmp_path / "b.png", size=64, seed=1)
    write_slice(tmp_path / "c.png", size=64, seed=2)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "fits.png")
    Image.fromarray(np.zeros((32, 64), np.uint8)).save(tmp_path / "low.png")
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    found = _index(tmp_path, "file,mask", "a.png,fits.png", "b.png,low.png", "c.png,broken.png")
    assert [("a.png", "fits.png")] == list(zip(found.table["file"], found.table["mask"], strict=True))
    faults = _list_faults(found)
    assert "the mask low.png has 64 x 32 pixels, the image 64 x 64" in faults[3]
    assert "the mask broken.png is damaged" in faults[4]


def test_the_fingerprint_covers_the_labels(tmp_path: Path) -> None:
    """Another label, patient or part is another data set; another order of the lines is not."""
    for name in ("a", "b"):
        write_slice(tmp_path / f"{name}.png", seed=ord(name))
    header, first, second = "file,patient,hemorrhage,part,rotate", "a.png,1,absent,,", "b.png,2,present,,"
    expected = _index(tmp_path, header, first, second).fingerprint
    assert expected == _index(tmp_path, header, second, first).fingerprint
    others = [
        _index(tmp_path, header, first, changed).fingerprint
        for changed in (
            "b.png,2,unknown,,",
            "b.png,3,present,,",
            "b.png,2,present,kept,",
            "b.png,2,present,,90",
        )
    ]
    assert 5 == len({expected, *others})


def test_a_set_without_a_readable_slice_is_refused(tmp_path: Path) -> None:
    """The error quotes the first faults."""
    (tmp_path / "broken.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"No slice of set.csv can be read.*line 2"):
        _index(tmp_path, "file", "broken.png")


def test_a_folder_may_hold_its_manifest(two_sources: Path, tmp_path: Path) -> None:
    """A folder with manifest.csv is indexed by it, even if two of its folders could be classes."""
    for place in ("images", "masks"):
        write_slice(tmp_path / place / "a.png")
    write_lines(tmp_path / "manifest.csv", "file,mask,hemorrhage", "images/a.png,masks/a.png,present")
    assert ["images/a.png"] == index_dataset(tmp_path).table["file"].to_list()
    assert tmp_path / "manifest.csv" == index_dataset(tmp_path).manifest


def test_pictures_are_decoded_as_in_class_folders(tmp_path: Path) -> None:
    """The pixels of a slice do not depend on how its set is described."""
    for name in ("Normal", "Stroke"):
        write_slice(tmp_path / name / "1 (1).png", seed=len(name))
    folders = index_dataset(tmp_path)
    listed = _index(tmp_path, "file", "Normal/1 (1).png", "Stroke/1 (1).png")
    for file in folders.table["file"]:
        np.testing.assert_array_equal(read_pixels(folders, file), read_pixels(listed, file))
    assert set(folders.table["sha256"]) == set(listed.table["sha256"])


def test_only_lost_slices_count_as_unreadable(tmp_path: Path) -> None:
    """A repeated line, an unknown column and a fault of the sources' table are told, but lose no slice."""
    write_slice(tmp_path / "a.png")
    write_lines(tmp_path / "set.sources.csv", "source,silence", "A,maybe", "B,unknown")
    found = _index(tmp_path, "file,source,color", "a.png,A,red", "a.png,A,red", "gone.png,A,red")
    assert 5 == len(found.refused)
    assert 1 == found.n_unreadable
