"""The order of a scan's slices, whatever of their geometry is missing or wrong."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from tests.scan_files import render_hu, sort_files, write_dicom

_PLACELESS: dict[str, Any] = {"z": None}


def find_seeds(scan: Any, n: int = 12) -> list[int]:
    """Return the seed of each slice of a scan, as `render_hu` got it."""
    known = {render_hu(seed).tobytes(): seed for seed in range(n)}
    return [known[np.asarray(piece.pixels, np.int16).tobytes()] for piece in scan.slices]


# Seed of each file; then its tags, for a scan whose slices should be in the order of the seeds.
SEEDS = (3, 0, 4, 1, 5, 2)


@pytest.mark.parametrize(
    ("tag", "words"),
    [
        (lambda seed: {"z": 5.0 * seed, "InstanceNumber": 9 - seed}, ""),
        (lambda seed: {**_PLACELESS, "SliceLocation": 5.0 * seed, "InstanceNumber": 9 - seed}, "locations"),
        (lambda seed: {**_PLACELESS, "InstanceNumber": 5 + seed}, "positions are missing.*instance numbers"),
        (lambda seed: {"z": 0.0, "SliceLocation": 5.0 * seed, "InstanceNumber": 9 - seed}, "same position"),
        (lambda seed: {"z": 0.0, "InstanceNumber": 5 + seed}, "same position.*instance numbers"),
        (lambda seed: {"z": max(0.0, 5.0 * seed - 15), "SliceLocation": 5.0 * seed}, "same position"),
        (lambda seed: {"z": 5.0 * (seed // 2), "SliceLocation": 5.0 * seed}, "same position.*locations"),
        (lambda seed: {"z": None if seed == 2 else 5.0 * seed, "SliceLocation": 5.0 * seed}, "are missing"),
    ],
)
def test_slices_are_in_order(tag, words: str) -> None:
    """Position decides, else slice location, else number; heights are given by what decided, if in mm."""
    (scan,) = sort_files(*(write_dicom(render_hu(seed), **tag(seed)) for seed in SEEDS))
    assert [0, 1, 2, 3, 4, 5] == find_seeds(scan)
    text = " ".join(scan.warnings)
    assert re.search(words, text) if words else () == scan.warnings
    assert (words == "") == (scan.slices[0].position_mm is not None)
    located = words == "" or ("SliceLocation" in tag(1))
    assert [5.0 * seed if located else None for seed in range(6)] == [s.height_mm for s in scan.slices]


@pytest.mark.parametrize("number", [None, 1])
def test_file_names_decide_at_last(number: int | None) -> None:
    """Without position, location and useful numbers, names decide in natural order; that is said."""
    tags = {} if number is None else {"InstanceNumber": number}
    files = [write_dicom(render_hu(seed), z=None, **tags) for seed in SEEDS]
    (scan,) = sort_files(*files, names=[f"IM{8 + seed}" for seed in SEEDS])
    assert [0, 1, 2, 3, 4, 5] == find_seeds(scan)
    assert any("order of the slices is unknown" in warning for warning in scan.warnings)


def test_one_place_for_all_makes_a_scan_incomplete() -> None:
    """Slices of one place do not tell whether they show the whole head; slice locations do."""
    plain = sort_files(*(write_dicom(render_hu(seed), InstanceNumber=seed) for seed in range(4)))
    located = sort_files(*(write_dicom(render_hu(seed), SliceLocation=5 * seed) for seed in range(4)))
    assert [[True], [False]] == [[bool(scan.incomplete) for scan in scans] for scans in (plain, located)]


def test_passes_over_the_same_places_are_kept_apart() -> None:
    """Slices at one place belong to one pass each: by instance number or, if equal, by file name."""
    for numbers in ([1, 2, 3, 4, 5, 6], [1, 2, 3, 1, 2, 3], [1, 3, 5, 2, 4, 6]):
        files = [
            write_dicom(render_hu(seed), z=5.0 * (seed % 3), InstanceNumber=number)
            for seed, number in enumerate(numbers)
        ]
        assert [[0, 1, 2], [3, 4, 5]] == [find_seeds(scan) for scan in sort_files(*files)]


def test_a_pass_with_a_missing_slice_is_not_filled_from_another() -> None:
    """The numbers tell which pass a slice belongs to where the other pass lacks its place."""
    files = [
        write_dicom(render_hu(seed), z=5.0 * (seed % 6), InstanceNumber=seed)
        for seed in range(12)
        if seed != 2
    ]
    assert [[0, 1, 3, 4, 5], [6, 7, 8, 9, 10, 11]] == [find_seeds(scan) for scan in sort_files(*files)]


def test_copies_are_dropped_wherever_they_lie() -> None:
    """A study that was uploaded twice is one scan, without positions too."""
    for z in (5.0, None):
        files = [
            write_dicom(
                render_hu(seed), z=z and z * seed, InstanceNumber=seed, SOPInstanceUID=f"1.{copy}.{seed}"
            )
            for copy in range(2)
            for seed in range(3)
        ]
        (scan,) = sort_files(*files)
        assert ([0, 1, 2], True) == (find_seeds(scan), "Duplicate slices were read once: 3." in scan.warnings)
