"""Slices are tied to one scan by identifiers, else by geometry; directions may differ by little."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.uid import generate_uid

from core.scans.geometry import MAX_GANTRY_TILT_DEG
from core.scans.scan import NOT_AXIAL
from tests.core.scans.test_ordering import find_seeds
from tests.scan_files import AXIAL, render_dataset, render_hu, save, sort_files, write_dicom

_NOBODY = {"PatientID": "", "PatientName": "", "PatientBirthDate": "", "SeriesInstanceUID": ""}


def write_each(n: int = 5, step: float = 5.0, **tags: Any) -> list[bytes]:
    """Return slices with a series of its own for each."""
    return [
        write_dicom(
            render_hu(i), z=step * i, InstanceNumber=i, **{"SeriesInstanceUID": generate_uid(), **tags}
        )
        for i in range(n)
    ]


@pytest.mark.parametrize(
    "files",
    [
        write_each(StudyInstanceUID="1.2"),
        write_each(),
        write_each(**{**_NOBODY, "StudyInstanceUID": "1.2"}),
        write_each(**{**_NOBODY, "PatientID": "5"}),
        write_each(**_NOBODY),
        [*write_each(4, StudyInstanceUID="1.2"), write_dicom(render_hu(4), z=20, StudyInstanceUID="1.2")],
    ],
    ids=[
        "series each",
        "no study",
        "study alone",
        "patient alone",
        "positions alone",
        "a usual one among them",
    ],
)
def test_slices_with_a_series_each_are_one_scan(files: list[bytes]) -> None:
    """Slices of one study or patient, or of one stack, are one scan without a series that holds them."""
    (scan,) = sort_files(*files)
    assert list(range(5)) == find_seeds(scan)


@pytest.mark.parametrize(
    "tags",
    [
        lambda index: {"z": None},
        lambda index: {"z": None, "InstanceNumber": index},
        lambda index: {"z": None, "PatientID": "ANONYMOUS", "PatientName": "Unknown"},
        lambda index: {"z": (0, 31, 240, 255)[index]},
        lambda index: {"z": 5 * index, "ImagePositionPatient": [-16 + 3 * index, -16, 5 * index]},
        lambda index: {"z": 5 * index, "PixelSpacing": [0.5 + index / 50] * 2},
        lambda index: {"z": None, "StudyInstanceUID": f"1.{index}", "SeriesInstanceUID": f"2.{index}"},
    ],
    ids=["nothing", "numbers", "placeholders", "far apart", "sideways", "other sizes", "studies"],
)
def test_slices_of_strangers_are_separate(tags) -> None:
    """Single slices that name no patient, study or series, and form no stack, are read one by one."""
    scans = sort_files(*(write_dicom(render_hu(i), **{**_NOBODY, **tags(i)}) for i in range(4)))
    assert [1, 1, 1, 1] == [len(scan.slices) for scan in scans]


@pytest.mark.parametrize("size", [1e-5, 1e-3, 1e-2])
def test_directions_that_differ_by_little_are_the_same(size: float) -> None:
    """Noise in the directions neither splits a series nor moves its slices; -0 is 0."""
    generator = np.random.default_rng(0)
    noise = [AXIAL + generator.uniform(-size, size, 6) for _ in range(6)]
    files = [
        write_dicom(render_hu(i), z=5.0 * i, directions=[-0.0 if v == 0 else round(v, 7) for v in noise[i]])
        for i in range(6)
    ]
    (scan,) = sort_files(*files)
    assert list(range(6)) == find_seeds(scan)
    steps = np.diff([piece.position_mm for piece in scan.slices])
    np.testing.assert_allclose(5.0, steps, rtol=1e-3)


def write_plane(directions: tuple[float, ...], along: tuple[float, ...]) -> list[bytes]:
    """Return five slices of one orientation, along an axis."""
    return [
        save(
            render_dataset(
                render_hu(i), directions=directions, ImagePositionPatient=[5.0 * i * value for value in along]
            )
        )
        for i in range(5)
    ]


def tilt(degrees: float) -> tuple[float, ...]:
    """Return the directions of axial slices tilted about the axis from ear to ear."""
    angle = np.radians(degrees)
    return (1.0, 0.0, 0.0, 0.0, float(np.cos(angle)), float(-np.sin(angle)))


@pytest.mark.parametrize(
    ("files", "axial"),
    [
        (write_plane(AXIAL, (0, 0, 1)), True),
        (write_plane(tilt(MAX_GANTRY_TILT_DEG - 1), (0, 0, 1)), True),
        (write_plane(tilt(MAX_GANTRY_TILT_DEG + 1), (0, 0, 1)), False),
        (write_plane((1.0, 0, 0, 0, 0, -1.0), (0, 1, 0)), False),
        (write_plane((0, 1.0, 0, 0, 0, -1.0), (1, 0, 0)), False),
        ([write_dicom(z=None, PatientOrientation=["L", "F"])], False),
        ([write_dicom(z=None, SeriesDescription="Head cor MPR")], False),
        ([write_dicom(z=None, SeriesDescription="Head 5 mm")], True),
    ],
)
def test_other_planes_are_unfit(files: list[bytes], axial: bool) -> None:
    """Nothing is judged on slices that are not axial; a gantry's tilt is axial."""
    (scan,) = sort_files(*files)
    assert ((), axial) == (scan.doubts, NOT_AXIAL not in scan.warnings)
    assert (() if axial else (NOT_AXIAL,)) == scan.unfit


def test_slices_without_orientation_stay_in_their_series() -> None:
    """A series in which one slice has lost its geometry is one scan, in the order of the numbers."""
    files = [write_dicom(render_hu(i), z=None if i == 2 else 5.0 * i, InstanceNumber=i) for i in range(5)]
    (scan,) = sort_files(*files)
    assert (list(range(5)), None) == (find_seeds(scan), scan.slices[0].position_mm)
