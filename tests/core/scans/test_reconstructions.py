"""Reconstructions and acquisitions within one series are never mixed, and one scan is never split."""

from __future__ import annotations

from typing import Any

import pytest

from tests.core.scans.test_ordering import find_seeds
from tests.scan_files import render_hu, sort_files, write_dicom

_N = 5


def write_two(
    tags: dict[str, Any], *, shift: float = 0.0, numbers: int = 0, placed: bool = True
) -> list[bytes]:
    """Return two reconstructions of five slices each, file by file; the tags are those of the second."""
    files = []
    for index in range(_N):
        for second in (False, True):
            z = 5.0 * index + (shift if second else 0)
            chosen = {"InstanceNumber": index + (numbers if second else 0), "ConvolutionKernel": "STANDARD"}
            chosen |= tags if second else {}
            seed = index + (_N if second else 0)
            files.append(write_dicom(render_hu(seed), z=z if placed else None, **chosen))
    return files


BONE = {"ConvolutionKernel": "BONE"}


@pytest.mark.parametrize(
    ("tags", "options"),
    [
        (BONE, {}),
        (BONE, {"shift": 1.0}),
        (BONE, {"shift": 2.5}),
        (BONE, {"placed": False}),
        ({"SliceThickness": 1.25}, {"shift": 2.5, "numbers": 100}),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL", "AVERAGE"]}, {}),
        ({"ImageType": ["DERIVED", "SECONDARY", "AXIAL"]}, {"shift": 1.0}),
        ({"EchoNumbers": 2}, {}),
        ({"ContrastBolusAgent": "IOHEXOL"}, {"shift": 1.0}),
        ({"SeriesDescription": "Bone"}, {"placed": False}),
        ({"AcquisitionNumber": 2}, {"shift": 1.0, "numbers": 100}),
        ({}, {"numbers": 100}),
        ({}, {"shift": 1.0, "numbers": 100}),
        ({}, {"shift": 1.0}),
        ({}, {}),
    ],
)
def test_two_reconstructions_are_two_scans(tags: dict[str, Any], options: dict[str, Any]) -> None:
    """Kernel, thickness, kind, phase or number tell the slices of two passes apart, whatever their places."""
    scans = sort_files(*write_two(tags, **options))
    assert [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]] == sorted(find_seeds(scan) for scan in scans)


@pytest.mark.parametrize(
    "tag",
    [
        lambda index: {"ConvolutionKernel": "STANDARD" if index < 3 else "SOFT"},
        lambda index: {"AcquisitionNumber": index},
        lambda index: {"AcquisitionNumber": index % 2},
        lambda index: {"ImageType": ["ORIGINAL", "PRIMARY", "AXIAL", *(["ADD"] if index % 2 else [])]},
        lambda index: {"SliceThickness": 5 + index / 1000},
        lambda index: {"SeriesNumber": index},
        lambda index: {"WindowCenter": 30 + index},
        lambda index: {"ContrastBolusAgent": ("NONE", "")[index % 2]},
    ],
)
def test_traits_that_change_along_a_scan_do_not_split_it(tag) -> None:
    """Another kernel above, an acquisition of its own for each slice, or turns of two remain one scan."""
    files = [write_dicom(render_hu(i), z=5.0 * i, InstanceNumber=i, **tag(i)) for i in range(6)]
    assert [[0, 1, 2, 3, 4, 5]] == [find_seeds(scan) for scan in sort_files(*files)]


def test_thickness_without_positions_does_not_split_a_scan() -> None:
    """Thin slices below and thick ones above are one scan if only numbers tell their order."""
    files = [
        write_dicom(render_hu(i), z=None, InstanceNumber=i, SliceThickness=4 if i < 3 else 7)
        for i in range(6)
    ]
    assert [[0, 1, 2, 3, 4, 5]] == [find_seeds(scan) for scan in sort_files(*files)]
