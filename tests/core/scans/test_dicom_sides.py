"""Left and right are marked only where a DICOM file gives them and does not contradict itself."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.scans import read_scan
from core.scans.dicom_sides import INVALID, UNKNOWN, read_sides
from tests.scan_files import AXIAL, render_dataset, render_hu, save, write_dicom

MIRRORED = (-1.0, 0.0, 0.0, 0.0, 1.0, 0.0)
PRONE = (-1.0, 0.0, 0.0, 0.0, -1.0, 0.0)


@pytest.mark.parametrize(
    ("position", "directions"),
    [("HFS", AXIAL), ("FFS", AXIAL), ("FFS", MIRRORED), ("HFP", PRONE), ("", MIRRORED), ("HFDL", PRONE)],
)
def test_usual_orientations_are_marked(position: str, directions) -> None:
    """Orientations as a scanner gives them for the patient's position raise no doubt."""
    sides = read_sides(render_dataset(directions=directions, PatientPosition=position))
    assert (directions, "") == (sides.directions, sides.doubt)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"PatientPosition": "HFS", "directions": MIRRORED}, "patient position"),
        ({"PatientPosition": "HFS", "directions": PRONE}, "patient position"),
        ({"PatientPosition": "HFP"}, "patient position"),
        ({"PatientOrientation": ["R", "P"]}, "patient orientation"),
        ({"PatientOrientation": ["L", "A"]}, "patient orientation"),
    ],
)
def test_contradictions_are_said_and_not_marked(tags, word: str) -> None:
    """A contradiction is said, and the scan shows no marks."""
    scan = read_scan(write_dicom(**tags))
    assert (None, True) == (scan.technical.marks, any(word in warning for warning in scan.warnings))


@pytest.mark.parametrize(
    ("cosines", "sentence"),
    [([0] * 6, INVALID), ([1, 0, 0, 0.7, 0.7, 0], INVALID), ([2, 0, 0, 0, 2, 0], INVALID), (None, UNKNOWN)],
)
def test_missing_and_invalid_orientations_are_said(cosines, sentence: str) -> None:
    """Without two perpendicular unit vectors left and right are unknown."""
    scan = read_scan(write_dicom(ImageOrientationPatient=cosines))
    assert (None, True) == (scan.technical.marks, sentence in scan.warnings)


def test_letters_replace_a_missing_orientation() -> None:
    """Patient Orientation gives the marks where Image Orientation is missing, and turns the picture."""
    scan = read_scan(write_dicom(render_hu()[:, ::-1].copy(), z=None, PatientOrientation=["R", "P"]))
    assert (("R", "L", "A", "P"), True) == (
        scan.technical.marks, bool((render_hu() == scan.slices[0].pixels).all())
    )  # fmt: skip


def test_the_orientation_of_enhanced_frames_counts() -> None:
    """The orientation may be shared by all frames."""
    dataset, group, orientation = render_dataset(render_hu()[None], z=None), Dataset(), Dataset()
    orientation.ImageOrientationPatient = list(AXIAL)
    group.PlaneOrientationSequence = Sequence([orientation])
    dataset.SharedFunctionalGroupsSequence = Sequence([group])
    assert ("R", "L", "A", "P") == read_scan(save(dataset)).technical.marks


@pytest.mark.parametrize(
    ("tags", "tells"),
    [({}, True), ({"PatientOrientation": ["L", "A"]}, True), ({"ImageOrientationPatient": [0] * 6}, False)],
    ids=["given", "contradicted", "invalid"],
)
def test_a_file_tells_how_the_head_lies(tags, tells: bool) -> None:
    """A scan is oriented where its file gives an orientation, even a doubtful one."""
    assert tells == read_scan(write_dicom(**tags)).is_oriented
