"""A folder of pictures is indexed as a table of slices."""

import hashlib
import shutil

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.datasets import dataset as module
from core.datasets.dataset import (
    COLUMNS,
    Dataset,
    download,
    find_dataset,
    fingerprint_table,
    index_dataset,
    read_pixels,
)
from core.datasets.kaggle import KNOWN_DATASET
from core.errors import DatasetError, ScanError
from core.synthetic.phantoms import write_phantom_dataset
from tests.core.real_data import index_real_data, needs_real_data, real_folder


def write_picture(path, seed=0):
    """Write a small noisy picture."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (40, 40), dtype=np.uint8)).save(path)


@pytest.fixture
def phantoms(tmp_path):
    """A folder of 4 patients with 5 phantoms each."""
    write_phantom_dataset(tmp_path / "set", n_patients=4, slices_per_patient=5, size=64)
    return tmp_path / "set"


@pytest.fixture
def nameless(tmp_path):
    """A folder of two classes whose file names give no patients."""
    for label, name in enumerate(("healthy", "bleeding")):
        for number in (1, 2, 10):
            write_picture(tmp_path / "other" / name / f"scan_{number}.png", 10 * label + number)
    return tmp_path / "other"


def test_table_has_the_documented_form(phantoms):
    """Columns, dtypes and order of the table are as documented."""
    table = index_dataset(phantoms).table
    assert [*COLUMNS, "hemorrhage"] == list(table.columns)
    assert ["Int64", "int64", "Int64"] == [
        str(table[name].dtype) for name in ("number", "folder_label", "slice_label")
    ]
    assert isinstance(table.index, pd.RangeIndex)
    keys = list(zip(table["folder_label"], table["patient"].astype(int), table["number"], strict=True))
    assert sorted(keys) == keys
    first = phantoms / table["file"][0]
    assert hashlib.sha256(first.read_bytes()).hexdigest() == table["sha256"][0]


def test_patients_sort_as_numbers(tmp_path):
    """Patient 9 comes before patient 10, number 2 before number 10."""
    for index, name in enumerate(("9 (2)", "9 (1)", "10 (1)", "9 (10)")):
        write_picture(tmp_path / "Normal" / f"{name}.png", index)
    write_picture(tmp_path / "Stroke" / "11 (1).png", 9)
    files = index_dataset(tmp_path).table["file"].to_list()
    assert ["9 (1)", "9 (2)", "9 (10)", "10 (1)", "11 (1)"] == [file.split("/")[1][:-4] for file in files]


def test_fingerprint_does_not_follow_the_tables_order():
    """The fingerprint does not depend on the order of the table."""
    table = pd.DataFrame({"file": ["N/9 (1).jpg", "N/10 (1).jpg"], "sha256": ["aa", "bb"]})
    expected = hashlib.sha256(b"N/10 (1).jpg\tbb\nN/9 (1).jpg\taa\n").hexdigest()
    assert expected == fingerprint_table(table) == fingerprint_table(table[::-1])


def test_phantoms_have_patients_and_slice_labels(phantoms):
    """A set in the published layout has patients, both kinds of labels, and no warning."""
    found = index_dataset(phantoms)
    assert (True, True, ()) == (found.has_patients, found.has_slice_labels, found.warnings)
    assert 10 == found.labels("folder").sum()
    assert 0 < found.labels("slice").sum() < 10
    assert (("Normal", "Stroke"), ("No hemorrhage", "Hemorrhage")) == (
        found.class_names("folder"),
        found.class_names("slice"),
    )


def test_set_without_patients_has_a_warning(nameless):
    """A set without patients is indexed; its first warning says that they are unknown."""
    found = index_dataset(nameless)
    assert (False, False) == (found.has_patients, found.has_slice_labels)
    assert found.warnings[0].startswith("Patients are unknown")
    (for_a_validation,) = found.list_warnings("validation")
    assert "intervals are too narrow" in for_a_validation
    assert {""} == set(found.table["patient"])
    assert found.table["number"].isna().all()
    assert found.table["slice_label"].isna().all()
    names = ["healthy/scan_1.png", "healthy/scan_2.png", "healthy/scan_10.png"]
    assert names == found.table["file"][:3].to_list()
    with pytest.raises(DatasetError, match="no slice labels"):
        found.labels("slice")


def test_one_other_file_name_makes_patients_unknown(phantoms):
    """A single file name outside the scheme makes the patients of the set unknown."""
    write_picture(phantoms / "Normal" / "extra.png")
    assert not index_dataset(phantoms).has_patients


def test_missing_files_forbid_slice_labels(phantoms):
    """With two numbers in a row missing, the rule is not used, and a warning says so."""
    for number in (2, 3):
        (phantoms / "Normal" / f"1 ({number}).jpg").unlink()
    found = index_dataset(phantoms)
    assert (True, False) == (found.has_patients, found.has_slice_labels)
    assert "no slice labels" in found.warnings[0]


def test_unreadable_files_are_listed_skipped_and_counted(phantoms):
    """Truncated, empty and other files are refused with a reason, and the others are read."""
    whole = (phantoms / "Normal" / "1 (2).jpg").read_bytes()
    (phantoms / "Normal" / "1 (2).jpg").write_bytes(whole[: len(whole) // 2])
    (phantoms / "Stroke" / "notes.txt").write_text("hello")
    (phantoms / "Stroke" / "empty.jpg").write_bytes(b"")
    found = index_dataset(phantoms)
    assert {
        "Normal/1 (2).jpg": "truncated",
        "Stroke/notes.txt": "not_an_image",
        "Stroke/empty.jpg": "empty",
    } == {item["file"]: item["code"] for item in found.refused}
    assert all(item["message"] for item in found.refused)
    assert 19 == len(found.table)
    assert ("3 unreadable files were skipped.",) == found.warnings


def test_unreadable_file_changes_no_label(phantoms):
    """A damaged file still counts by its number, so the slice before it keeps its label."""
    before = index_dataset(phantoms).table.set_index("file")["slice_label"]
    (phantoms / "Normal" / "1 (3).jpg").write_bytes(b"\xff\xd8")
    after = index_dataset(phantoms).table.set_index("file")["slice_label"]
    pd.testing.assert_series_equal(before.drop("Normal/1 (3).jpg"), after)


def test_class_without_readable_picture_is_refused(tmp_path):
    """A class without a readable picture is refused by name."""
    write_picture(tmp_path / "Normal" / "a.png")
    (tmp_path / "Stroke").mkdir()
    (tmp_path / "Stroke" / "a.png").write_bytes(b"nothing")
    with pytest.raises(DatasetError, match=r"'Stroke' contains no readable image \(1 files"):
        index_dataset(tmp_path)


def test_wrapping_folder_changes_nothing(phantoms, tmp_path):
    """A set inside another folder has the same table and fingerprint."""
    shutil.copytree(phantoms, tmp_path / "outer" / "inner")
    inner, plain = index_dataset(tmp_path / "outer"), index_dataset(phantoms)
    assert (tmp_path / "outer" / "inner", plain.fingerprint) == (inner.folder, inner.fingerprint)


def test_fingerprint_follows_names_and_bytes(phantoms):
    """The fingerprint is the documented hash, and a changed name changes it."""
    found = index_dataset(phantoms)
    pairs = zip(found.table["file"], found.table["sha256"], strict=True)
    text = "".join(sorted(f"{file}\t{digest}\n" for file, digest in pairs))
    assert hashlib.sha256(text.encode()).hexdigest() == found.fingerprint
    (phantoms / "Normal" / "1 (5).jpg").rename(phantoms / "Normal" / "1 (6).jpg")
    assert found.fingerprint != index_dataset(phantoms).fingerprint
    assert not found.is_known


def test_progress_counts_every_file(phantoms):
    """The callback is called for every file, with the total."""
    calls = []
    index_dataset(phantoms, lambda done, total: calls.append((done, total)))
    assert [(done, 20) for done in range(1, 21)] == calls


def test_pixels_are_those_of_the_file(phantoms):
    """read_pixels returns the file's gray values; a removed file raises a ScanError."""
    found = index_dataset(phantoms)
    file = found.table["file"][3]
    expected = np.asarray(Image.open(phantoms / file)) / 255
    np.testing.assert_allclose(expected, read_pixels(found, file), atol=1e-7)
    (phantoms / file).unlink()
    with pytest.raises(ScanError, match="cannot be opened"):
        read_pixels(found, file)


def test_labels_of_one_class_are_refused(phantoms):
    """Labels that are all equal are refused, and the class is named."""
    found = index_dataset(phantoms)
    none = pd.array([0] * len(found.table), dtype="Int64")
    table = found.table.assign(slice_label=none, hemorrhage=none)
    one_class = Dataset(found.folder, table, found.classes, found.fingerprint, has_slice_labels=True)
    with pytest.raises(DatasetError, match="'No hemorrhage'"):
        one_class.labels("slice")


def test_unknown_kind_of_labels_is_a_mistake(phantoms):
    """Labels other than folder and slice raise a ValueError."""
    with pytest.raises(ValueError, match="folder"):
        index_dataset(phantoms).labels("patient")


@pytest.mark.parametrize("inner", ["", "brain-stroke-ct"])
def test_environment_names_the_data_set(tmp_path, monkeypatch, inner):
    """STROKE_CT_DATA may name the set or the folder that holds it as brain-stroke-ct."""
    (tmp_path / inner).mkdir(exist_ok=True)
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path))
    assert tmp_path / inner == find_dataset()


def test_environment_may_name_a_manifest(tmp_path, monkeypatch):
    """STROKE_CT_DATA may name a .csv file, but no other file."""
    for name in ("set.csv", "notes.txt"):
        (tmp_path / name).touch()
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set.csv"))
    assert tmp_path / "set.csv" == find_dataset()
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "notes.txt"))
    assert find_dataset() is None


def test_without_data_set_nothing_is_found(tmp_path, monkeypatch):
    """Without a folder named by the variable and with an empty cache, there is no data set."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.delenv("STROKE_CT_DATA", raising=False)
    assert find_dataset() is None
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "gone"))
    assert find_dataset() is None


def test_download_refuses_another_set(phantoms, monkeypatch):
    """A downloaded set that differs from the published one is refused."""
    monkeypatch.setattr(module, "fetch_known_dataset", lambda progress: phantoms)
    with pytest.raises(DatasetError, match="20 readable images of 2,501"):
        download()


def test_download_returns_the_checked_folder(phantoms, tmp_path, monkeypatch):
    """The folder that holds the classes is returned, after both stages have reported progress."""
    shutil.copytree(phantoms, tmp_path / "outer" / "Brain_Data_Organised")
    monkeypatch.setattr(module, "fetch_known_dataset", lambda progress: progress(1, 1) or tmp_path / "outer")
    monkeypatch.setitem(KNOWN_DATASET, "fingerprint", index_dataset(phantoms).fingerprint)
    calls = []
    folder = download(lambda *_: calls.append("fetched"), lambda *_: calls.append("checked"))
    assert tmp_path / "outer" / "Brain_Data_Organised" == folder
    assert ["fetched", *["checked"] * 20] == calls


@needs_real_data
def test_real_set_is_the_published_one():
    """The real set has the documented counts and the recorded fingerprint."""
    found = index_real_data()
    assert (2501, [], True) == (len(found.table), found.refused, found.is_known)
    assert (82, 950, 308) == (
        found.table["patient"].nunique(),
        found.labels("folder").sum(),
        found.labels("slice").sum(),
    )


@needs_real_data
def test_file_number_rule_agrees_with_radiologists():
    """The rule agrees on 2,491 of 2,501 slices, misses nine of patient 49 and one of 51, and adds none."""
    candidates = [folder / "slice_labels.csv" for folder in (real_folder(), real_folder().parent)]
    labels = next((path for path in candidates if path.is_file()), None)
    if labels is None:
        pytest.skip("slice_labels.csv is not beside the data set")
    table = index_real_data().table
    read = pd.read_csv(labels).set_index("file")["slice_hemorrhage"].loc[table["file"]].to_numpy()
    ruled = table["slice_label"].to_numpy(dtype=int)
    assert (2491, 0) == ((read == ruled).sum(), (ruled > read).sum())
    assert {"49": 9, "51": 1} == table.loc[read > ruled, "patient"].value_counts().to_dict()
