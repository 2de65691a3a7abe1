"""Slices are found and read as their manifest says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.datasets.dataset import index_dataset
from core.datasets.places import locate_slices, read_pixels, read_slice
from core.errors import DatasetError, ScanError
from core.scans import Window, read_scan, window_hu
from tests.manifest_files import write_lines, write_slice
from tests.scan_files import render_hu, write_dicom, write_nifti, write_series


def test_a_slice_is_turned_clockwise(tmp_path: Path) -> None:
    """A quarter turn brings the left edge to the top, as `np.rot90(pixels, -1)` does."""
    write_slice(tmp_path / "a.png")
    plain = read_scan(tmp_path / "a.png").slices[0].pixels
    for degrees in (0, 90, 180, 270):
        found = index_dataset(write_lines(tmp_path / "set.csv", "file,rotate", f"a.png,{degrees}"))
        turned = read_pixels(found, "a.png")
        np.testing.assert_array_equal(np.rot90(plain, -degrees // 90), turned)
        assert not turned.flags.writeable
    np.testing.assert_array_equal(plain[::-1, 0], np.rot90(plain, -1)[0])


def test_a_turned_slice_is_oriented(tmp_path: Path) -> None:
    """A manifest that turns a slice tells how its head lies; one that does not turn it tells nothing."""
    write_slice(tmp_path / "a.png")
    for degrees in (0, 90, 180, 270):
        found = index_dataset(write_lines(tmp_path / "manifest.csv", "file,rotate", f"a.png,{degrees}"))
        assert (degrees != 0) == read_slice(found, "a.png").is_oriented


def test_orientation_letters_and_spacing_turn_along(tmp_path: Path) -> None:
    """After a quarter turn clockwise, what was below is on the left, and rows are columns."""
    (tmp_path / "a.dcm").write_bytes(write_dicom(PixelSpacing=[0.5, 0.7]))
    found = index_dataset(write_lines(tmp_path / "set.csv", "file,rotate", "a.dcm,90"))
    plain, turned = read_scan(tmp_path / "a.dcm").technical, read_slice(found, "a.dcm").technical
    assert plain.marks is not None
    left, right, top, bottom = plain.marks
    assert (bottom, top, left, right) == turned.marks
    assert plain.spacing_mm is not None
    assert plain.spacing_mm[::-1] == turned.spacing_mm


def test_hounsfield_units_are_kept_and_windowed(tmp_path: Path) -> None:
    """A DICOM slice keeps its units, and its gray values are those of the window asked for."""
    hu = render_hu()
    (tmp_path / "a.dcm").write_bytes(write_dicom(hu))
    found = index_dataset(write_lines(tmp_path / "set.csv", "file", "a.dcm"))
    scan = read_slice(found, "a.dcm")
    assert ("hu", "CT") == (scan.unit, scan.technical.modality)
    window = Window(40, 80)
    expected = window_hu(scan.slices[0].pixels, window)
    np.testing.assert_array_equal(expected, read_pixels(found, "a.dcm", window))
    assert (read_pixels(found, "a.dcm") != expected).any()


@pytest.mark.parametrize("kind", ["series", "head.nii"])
def test_one_slice_of_several(tmp_path: Path, kind: str) -> None:
    """Slice K is the K-th of the scan from the feet to the head, with its position and a hash of its own."""
    if kind == "series":
        (tmp_path / kind).mkdir()
        for number, data in enumerate(reversed(write_series(4))):
            (tmp_path / kind / f"{number}.dcm").write_bytes(data)
    else:
        (tmp_path / kind).write_bytes(write_nifti())
    found = index_dataset(write_lines(tmp_path / "set.csv", "file,slice", f"{kind},1", f"{kind},2"))
    scans = [read_slice(found, f"{kind}#{number}") for number in (1, 2)]
    assert [1, 1] == [len(scan.slices) for scan in scans]
    first, second = (scan.slices[0].position_mm for scan in scans)
    assert first is not None
    assert second is not None
    assert first < second
    assert found.table["sha256"].to_list() == [scan.sha256 for scan in scans]
    assert [f"{kind}#1", f"{kind}#2"] == [scan.source for scan in scans]


def test_a_file_that_vanished_is_an_error(tmp_path: Path) -> None:
    """A slice that cannot be read any more is an error, not an older picture."""
    (tmp_path / "head.nii").write_bytes(write_nifti())
    found = index_dataset(write_lines(tmp_path / "set.csv", "file,slice", "head.nii,1"))
    read_slice(found, "head.nii#1")
    (tmp_path / "head.nii").unlink()
    with pytest.raises(ScanError, match="cannot be opened"):
        read_slice(found, "head.nii#1")


def test_slices_are_located_without_opening_them(tmp_path: Path) -> None:
    """Located slices read as those of the indexed set, by the same names."""
    write_slice(tmp_path / "a.png")
    path = write_lines(tmp_path / "set.csv", "file,slice,rotate", "a.png,1,90", "gone.png,,")
    expected = read_slice(index_dataset(path), "a.png")
    found = read_slice(locate_slices(path), "a.png")
    np.testing.assert_array_equal(expected.slices[0].pixels, found.slices[0].pixels)
    assert expected.sha256 == found.sha256
    for name in ("Normal", "Stroke"):
        write_slice(tmp_path / "wrapped" / "set" / name / "1 (1).png")
    assert tmp_path / "wrapped" / "set" == locate_slices(tmp_path / "wrapped").folder
    with pytest.raises(DatasetError, match="no folder"):
        locate_slices(tmp_path / "none")


def test_a_series_of_one_slice_is_read(tmp_path: Path) -> None:
    """A folder that holds a single slice is read as a file would be."""
    (tmp_path / "series").mkdir()
    (tmp_path / "series" / "1.dcm").write_bytes(write_dicom())
    found = index_dataset(write_lines(tmp_path / "set.csv", "file,slice", "series,1"))
    assert found.table["sha256"].to_list() == [read_slice(found, "series").sha256]
