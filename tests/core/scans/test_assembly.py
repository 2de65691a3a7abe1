"""A scan is marked as incomplete if slices are missing or were not read, and as unfit if it is gray."""

from __future__ import annotations

import numpy as np
import pytest

from core.scans import read_study
from core.scans.hounsfield import DISPLAY_GRAY
from core.scans.scan import INCOMPLETE, Study
from tests.scan_files import render_hu, sort_files, write_dicom, write_nifti, write_series, write_zip


def read(files: dict[str, bytes]) -> Study:
    """Read files as one upload."""
    return read_study(files.items())


def name(files: list[bytes], folder: str = "a") -> dict[str, bytes]:
    """Return files by path in a folder."""
    return {f"{folder}/{index}": data for index, data in enumerate(files)}


@pytest.mark.parametrize("lost", [b"", bytes(4000), write_dicom()[:3000]], ids=["empty", "zeros", "cut off"])
def test_slices_that_were_not_read_make_a_study_incomplete(lost: bytes) -> None:
    """A damaged file beside slices is refused, and the scan says that it may be part of a study."""
    (scan,) = read(name([*write_series(3), lost])).scans
    said = f"{INCOMPLETE}1 file was not read."
    assert ((said,), True) == (scan.incomplete, said in scan.warnings)


def test_other_files_do_not_make_a_study_incomplete() -> None:
    """Reports, pictures and texts that were not read are no slices."""
    others = [write_dicom(Modality="SR", PixelData=None), b"\xff\xd8\xff\xe0" + bytes(90), b"text"]
    study = read(name([*write_series(3), *others]))
    assert [()] == [scan.incomplete for scan in study.scans]


def test_lost_files_count_in_their_folder() -> None:
    """A damaged file makes the scan in its folder incomplete, and every scan if it lies elsewhere."""
    one, two = write_series(3), write_series(2, SeriesInstanceUID="9.9")
    for place, expected in (("a/x", [1, 0]), ("b/x", [0, 1]), ("x", [1, 1])):
        study = read({**name(one), **name(two, "b"), place: bytes(4000)})
        assert expected == [len(scan.incomplete) for scan in study.scans]


def test_a_study_over_the_limit_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices over the limit make the scan of their series incomplete, no other."""
    monkeypatch.setattr("core.scans.intake.MAX_STUDY_PIXELS", 6 * 64 * 64)
    study = read(name([*write_series(2, SeriesInstanceUID="9.9"), *write_series(6)]))
    assert [(4, 1), (2, 0)] == [(len(scan.slices), len(scan.incomplete)) for scan in study.scans]
    assert "2 files were not read" in study.scans[0].incomplete[0]


def test_an_archive_that_ends_early_is_incomplete(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damaged member, and a second archive that cannot be opened, may hold slices."""
    whole = write_zip({str(index): data for index, data in enumerate(write_series(3))})
    study = read({"a.zip": whole, "b.zip": whole[:-60]})
    assert [True] == [bool(scan.incomplete) for scan in study.scans]


def test_missing_slices_make_a_study_incomplete() -> None:
    """A gap in positions, locations or instance numbers is named as a reason."""
    gaps = []
    for tag in (
        lambda index: {"z": 5.0 * index},
        lambda index: {"z": None, "SliceLocation": 5.0 * index},
        lambda index: {"z": None, "InstanceNumber": index},
    ):
        files = [write_dicom(render_hu(index), **tag(index)) for index in (0, 1, 2, 4, 5)]
        (scan,) = sort_files(*files)
        gaps.append(scan.incomplete)
    length = "10.0 mm between slices 3 and 4"
    assert [
        (f"{INCOMPLETE}slices are missing ({length}).",),
        (f"{INCOMPLETE}slices are missing ({length}).",),
        (f"{INCOMPLETE}slices are missing (2 instance numbers between slices 3 and 4).",),
    ] == gaps


def test_locations_of_a_tilted_gantry_are_along_the_table() -> None:
    """The planes are closer together than their locations, by the cosine of the tilt."""
    tags = [{"z": None, "SliceLocation": 5.0 * index, "GantryDetectorTilt": 30} for index in (0, 1, 2, 4, 5)]
    (scan,) = sort_files(*(write_dicom(render_hu(place), **tag) for place, tag in enumerate(tags)))
    assert (f"{INCOMPLETE}slices are missing (8.7 mm between slices 3 and 4).",) == scan.incomplete


def test_skipped_numbers_tell_of_missing_slices() -> None:
    """A skipped number tells of a gap where thickness changes, and of one slice in two if they are thin."""
    changing = [
        write_dicom(render_hu(i), z=5.0 * i, InstanceNumber=i, SliceThickness=4 if i < 5 else 7)
        for i in range(9)
        if i not in (4, 5)
    ]
    one_in_two = [write_dicom(render_hu(i), z=5.0 * i, InstanceNumber=i) for i in range(0, 12, 2)]
    sparse = [write_dicom(render_hu(i), z=10.0 * i, InstanceNumber=i) for i in range(6)]
    in_turns = [write_dicom(render_hu(i), z=5.0 * i, InstanceNumber=2 * i) for i in range(6)]
    left = "those left are 5.0 mm thick, 10.0 mm apart, and their numbers have gaps."
    assert [
        (f"{INCOMPLETE}slices are missing (15.0 mm between slices 4 and 5).",),
        (f"{INCOMPLETE}slices are missing; {left}",),
        (),
        (),
    ] == [sort_files(*files)[0].incomplete for files in (changing, one_in_two, sparse, in_turns)]


def test_whole_scans_are_not_incomplete() -> None:
    """A series, a volume and a single slice have no such reason."""
    study = read({**name(write_series(3)), "v.nii": write_nifti(), "b/1": write_dicom(SeriesInstanceUID="9")})
    assert [(), (), ()] == [scan.incomplete for scan in study.scans]


def test_a_ct_of_display_gray_is_unfit() -> None:
    """If Hounsfield units were due and a window was applied, nothing is judged; whole values are."""
    slices = [render_hu(index) for index in range(4)]
    gray = [np.rint(np.clip(hu / 80, 0, 1) * 4095).astype(np.int16) for hu in slices]
    windowed, whole = (
        sort_files(*(write_dicom(pixels, z=5.0 * n) for n, pixels in enumerate(stack)))[0]
        for stack in (gray, slices)
    )
    assert ("gray", (DISPLAY_GRAY.format(4095),)) == (windowed.unit, windowed.unfit)
    assert DISPLAY_GRAY.format(4095) in windowed.warnings
    assert ("hu", ()) == (whole.unit, whole.unfit)
