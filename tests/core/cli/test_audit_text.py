"""An audit as text."""

from dataclasses import replace

import pandas as pd
import pytest

from core.audit.audit import Audit, LabelFindings
from core.audit.known_pictures import KnownPictures
from core.cli.audit_text import format_audit, format_split

AUDIT = Audit(
    folder="/data/set",
    fingerprint="ab" * 32,
    is_known=False,
    n_slices=30,
    n_per_class=(("Normal", 20), ("Stroke", 10)),
    n_patients=3,
    patients_per_class=(2, 1),
    slices_per_patient=(9, 11),
    patients_in_both=(),
    sizes=(((650, 650), 29), ((512, 512), 1)),
    refused=({"file": "Normal/x.jpg", "code": "truncated", "message": "cut off"},),
    duplicates=(("a.jpg", "b.jpg"),),
    n_duplicates_across_classes=1,
    near_duplicates=tuple((f"n{row}.jpg", f"m{row}.jpg", 6) for row in range(8)),
    n_near_across_patients=2,
    labels=LabelFindings(10, 4, 3, ("7", "8")),
    known=KnownPictures(
        30,
        pd.DataFrame(
            {
                "file": ["a.jpg", "b.jpg"],
                "name": ["ischemic", "ischemic"],
                "known_file": ["Normal/49 (1).jpg", "Stroke/131 (2).jpg"],
                "known_class": ["Normal", "Stroke"],
                "shows_hemorrhage": [False, True],
                "is_exact": [True, False],
                "bits": [0, 3],
            }
        ),
    ),
    warnings=("Mind this.",),
)
ROW = {
    "fold": 1,
    "n_train": 20,
    "n_validation": 4,
    "n_test": 6,
    "n_test_patients": 3,
    "n_test_sharing_patient": 6,
    "share_sharing_patient": 1.0,
    "n_test_with_direct_neighbour": 5,
    "share_with_direct_neighbour": 5 / 6,
    "n_test_with_copy": 0,
    "share_with_copy": 0.0,
}


@pytest.mark.parametrize(
    "line",
    [
        "slices: 30 (Normal 20, Stroke 10)",
        "patients: 3 (Normal 2, Stroke 1), 9 to 11 slices each, 0 in both folders",
        "sizes: 650 x 650 px (29), 512 x 512 px (1)",
        "unreadable files: 1",
        "Normal/x.jpg: cut off",
        "Exact duplicates: 1 group, 1 across both classes",
        "a.jpg = b.jpg",
        "Near-duplicates: 8 pairs, 2 between different patients",
        "... and 3 more",
        "slices in Stroke that show a hemorrhage: 4 of 10 (40.0%)",
        "slices in Normal that show one: 3, of 2 patients (7, 8)",
        "2 of your 30 files are slices of the published set",
        "1 called 'ischemic' here is Normal there.",
        "a.jpg is Normal/49 (1).jpg there",
        "WARNING: Mind this.",
    ],
)
def test_every_finding_is_said(line):
    """Each count of an audit is in its text."""
    assert line in format_audit(AUDIT)


def test_what_is_unknown_is_said():
    """Unknown patients and slice labels are called unknown, not zero."""
    text = format_audit(replace(AUDIT, n_patients=0, labels=None))
    assert "patients: unknown" in text
    assert "there are no slice labels" in text


def test_up_to_fifty_lines_are_named():
    """Of many refused files the first 50 are named, with their reasons, and the others counted."""
    refused = tuple({"file": f"x{row}.jpg", "code": "c", "message": "cut off"} for row in range(1060))
    text = format_audit(replace(AUDIT, refused=refused))
    assert "x49.jpg: cut off\n    ... and 1,010 more" in text


def test_the_published_set_is_not_told_that_it_is_known():
    """Known pictures are told of other sets only; if there are none, that is told."""
    assert "of your 30 files" not in format_audit(replace(AUDIT, is_known=True))
    none = KnownPictures(30, AUDIT.known.table[:0])
    assert "no file is a slice of the published data set" in format_audit(replace(AUDIT, known=none))


def test_known_misses_are_named_for_the_published_set():
    """Only for the published set the text names the slices the rule misses."""
    assert "patient 49" not in format_audit(AUDIT)
    assert "9 of patient 49 and 1 of patient 51" in format_audit(replace(AUDIT, is_known=True))


def test_split_is_told_with_counts_and_shares():
    """A fold's sizes and leakage are given as counts with shares."""
    text = "\n".join(format_split("random", [ROW]))
    assert "fold 1: 20 train, 4 validation, 6 test (3 patients)" in text
    assert "6 (100.0%)" in text
    assert "5 (83.3%)" in text
    assert text in format_audit(AUDIT, {"random": [ROW]})


def test_split_without_patients_says_what_is_unknown():
    """Without patients the leakage of a split is called unknown."""
    text = "\n".join(format_split("random", [ROW | {"n_test_patients": None}]))
    assert "overlap of patients between test and training cannot be counted" in text
    assert "same patient" not in text


def test_names_from_outside_cannot_steer_the_terminal():
    """Control characters in file and class names are replaced."""
    hostile = replace(AUDIT, duplicates=(("a\x1b[2J.jpg", "b\n.jpg"),), folder="/data/\x07")
    text = format_audit(replace(hostile, n_per_class=(("No\x1brmal", 1), ("Stroke", 1))))
    assert not {"\x1b", "\x07"} & set(text)
    assert "b\n" not in text
