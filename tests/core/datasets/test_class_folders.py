"""The two class folders are found or the layout is refused; patients and slice labels are recovered."""

import doctest

import pytest

from core.datasets import class_folders
from core.datasets.class_folders import (
    can_recover_slice_labels,
    find_class_folders,
    list_files,
    parse_name,
    recover_slice_labels,
    walk_files,
)
from core.errors import DatasetError


def make(root, *files):
    """Write empty files below root."""
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")


def test_two_folders_are_the_classes(tmp_path):
    """Two folders with files are the classes, the negative one first."""
    make(tmp_path, "Stroke/a.jpg", "Normal/a.jpg")
    assert (tmp_path, ("Normal", "Stroke")) == find_class_folders(tmp_path)


@pytest.mark.parametrize("wrapper", ["Brain_Data_Organised", "a/b"])
def test_wrapping_folders_are_followed(tmp_path, wrapper):
    """Wrapping folders around the classes are followed."""
    make(tmp_path, f"{wrapper}/Normal/a.jpg", f"{wrapper}/Stroke/a.jpg")
    assert (tmp_path / wrapper, ("Normal", "Stroke")) == find_class_folders(tmp_path)


def test_leftovers_do_not_count(tmp_path):
    """Hidden folders, __MACOSX, empty folders and system files are ignored."""
    make(tmp_path, "Normal/a.jpg", "Stroke/a.jpg", "__MACOSX/Normal/._a.jpg", ".git/x", "Normal/Thumbs.db")
    make(tmp_path, "only_junk/.DS_Store", "Normal/.hidden/a.jpg", "readme.txt")
    (tmp_path / "empty").mkdir()
    assert ("Normal", "Stroke") == find_class_folders(tmp_path)[1]
    assert ["a.jpg"] == [path.name for path in list_files(tmp_path / "Normal")]


def test_files_come_in_natural_order(tmp_path):
    """Files are in natural order, 2 before 10, including those in subfolders."""
    make(tmp_path, "c/1 (10).jpg", "c/1 (2).jpg", "c/sub/1 (1).jpg")
    assert ["1 (2).jpg", "1 (10).jpg", "sub/1 (1).jpg"] == [
        path.relative_to(tmp_path / "c").as_posix() for path in list_files(tmp_path / "c")
    ]


def test_links_to_folders_are_not_followed(tmp_path):
    """A link to a folder is not followed; a link to a file is listed."""
    make(tmp_path, "c/a.jpg", "c/sub/b.jpg")
    (tmp_path / "c/sub/again").symlink_to(tmp_path / "c", target_is_directory=True)
    (tmp_path / "c/z.jpg").symlink_to(tmp_path / "c/a.jpg")
    assert ["a.jpg", "b.jpg", "z.jpg"] == [path.name for path in list_files(tmp_path / "c")]
    assert {"a.jpg", "b.jpg", "z.jpg"} == {entry.name for entry in walk_files(tmp_path / "c")}
    assert [] == list(walk_files(tmp_path / "gone"))


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (("hemorrhage", "normal"), ("normal", "hemorrhage")),
        (("bleeding", "no bleeding"), ("no bleeding", "bleeding")),
        (("abnormal", "normal"), ("normal", "abnormal")),
        (("Tumor", "Healthy"), ("Healthy", "Tumor")),
        (("class_10", "class_2"), ("class_2", "class_10")),
        (("non-stroke", "normal"), ("non-stroke", "normal")),
    ],
)
def test_negative_class_follows_from_its_name(tmp_path, names, expected):
    """The class whose name begins with a word such as no or normal is negative; else the first by name."""
    make(tmp_path, *(f"{name}/a.jpg" for name in names))
    assert expected == find_class_folders(tmp_path)[1]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ((), "no class folders"),
        (("a.jpg", "b.jpg"), "no class folders"),
        (("Normal/a.jpg",), "one class only"),
        (("a/1.jpg", "b/1.jpg", "c/1.jpg"), "more than two class folders"),
        (("1/2/3/4/5/6/Normal/a.jpg", "1/2/3/4/5/6/Stroke/a.jpg"), "no class folders"),
    ],
)
def test_other_layouts_are_refused(tmp_path, files, words):
    """Empty folders, loose files, one class and three classes are refused, with the layout that is needed."""
    make(tmp_path, *files)
    with pytest.raises(DatasetError, match=words) as caught:
        find_class_folders(tmp_path)
    assert "two folders" in caught.value.remedy


def test_empty_class_is_named(tmp_path):
    """When the second class folder is empty, the message names it."""
    make(tmp_path, "Normal/a.jpg")
    (tmp_path / "Stroke").mkdir()
    with pytest.raises(DatasetError, match="'Stroke' is empty"):
        find_class_folders(tmp_path)


def test_missing_folder_is_refused(tmp_path):
    """A missing folder is refused by name."""
    with pytest.raises(DatasetError, match="There is no folder"):
        find_class_folders(tmp_path / "gone")


def places(*numbers, patient="1"):
    """Return (patient, number) for the given numbers."""
    return [(patient, number) for number in numbers]


def test_doctests():
    """The module's examples hold."""
    assert 0 == doctest.testmod(class_folders).failed


@pytest.mark.parametrize(
    "name",
    ["1 (2) copy.jpg", "a1 (2).jpg", "1(2).jpg", "1 (2", "1 (-2).jpg", "١ (٢).jpg", "1 (1234567890).jpg"],
)
def test_other_names_are_not_parsed(name):
    """Only digits, a space and digits in parentheses give patient and number."""
    assert parse_name(name) is None


def test_missing_next_number_marks_a_slice():
    """A slice whose next number is missing shows a hemorrhage; the last slice counts as free of it."""
    numbers = places(1, 2, 4, 6, 7)
    assert [0, 1, 1, 0, 0] == recover_slice_labels(numbers, set(numbers))


def test_labels_follow_each_patient_alone():
    """A number that only another patient has does not fill a gap."""
    numbers = places(1, 3) + places(1, 2, 3, patient="2")
    assert [1, 0, 0, 0, 0] == recover_slice_labels(numbers, set(numbers))


def test_unreadable_file_is_no_gap():
    """The number of an unreadable file is no gap, so it marks no hemorrhage."""
    assert [0, 0] == recover_slice_labels(places(1, 3), set(places(1, 2, 3)))


@pytest.mark.parametrize("classes", [("Normal", "Stroke"), ("stroke", "NORMAL")])
def test_rule_holds_in_the_published_layout(classes):
    """The rule is used for folders Normal and Stroke with single gaps."""
    assert can_recover_slice_labels(classes, set(places(1, 2, 4, 5) + places(1, 3, patient="2")))


@pytest.mark.parametrize(
    ("classes", "numbers"),
    [
        (("Normal", "Stroke"), places(1, 2, 5)),
        (("Normal", "Stroke"), places(2, 3)),
        (("healthy", "bleeding"), places(1, 2, 4)),
    ],
)
def test_rule_is_not_used_where_it_cannot_hold(classes, numbers):
    """Two missing numbers in a row, a missing first number or other folder names forbid the rule."""
    assert not can_recover_slice_labels(classes, set(numbers))
