"""Patients and slice labels are recovered from file names."""

import doctest

import pytest

from core.datasets import file_names as file_numbers
from core.datasets.file_names import can_recover_slice_labels, parse_name, recover_slice_labels


def places(*numbers, patient="1"):
    """Return (patient, number) for the given numbers."""
    return [(patient, number) for number in numbers]


def test_doctests():
    """The module's examples hold."""
    assert 0 == doctest.testmod(file_numbers).failed


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
