"""Scans that were decoded while a set was indexed are read from memory, and nothing else changes."""

from __future__ import annotations

import os
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from core.datasets import places
from core.datasets.dataset import index_dataset
from core.datasets.decoded import DecodedScans
from core.datasets.places import read_slice
from core.datasets.slices import Dataset
from core.scans import Scan
from tests.manifest_files import write_lines, write_slice
from tests.scan_files import render_hu, write_dicom, write_nifti, write_series


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """A picture, a DICOM file that is turned, a volume, a series, and a volume with fractions."""
    write_slice(tmp_path / "a.png")
    (tmp_path / "b.dcm").write_bytes(write_dicom())
    (tmp_path / "half.nii").write_bytes(write_nifti(np.stack([render_hu() + 0.25] * 2, axis=2)))
    (tmp_path / "c.nii").write_bytes(write_nifti())
    (tmp_path / "series").mkdir()
    for number, data in enumerate(write_series(4)):
        (tmp_path / "series" / f"{number}.dcm").write_bytes(data)
    rows = ("a.png,,", "b.dcm,,90", "c.nii,1,", "c.nii,3,180", "series,2,", "half.nii,1,")
    return write_lines(tmp_path / "set.csv", "file,slice,rotate", *rows)


def _forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Scan:
        raise AssertionError("decoded again")

    monkeypatch.setattr(places, "open_scan", fail)
    monkeypatch.setattr(places, "_open_again", fail)


def _read_all(dataset: Dataset) -> list[Scan]:
    return [read_slice(dataset, file) for file in dataset.table["file"]]


def test_the_scans_are_those_that_decoding_again_gives(manifest: Path) -> None:
    """Pixels, their type, and all other facts are equal with and without scans in memory."""
    plain, kept = index_dataset(manifest), index_dataset(manifest, decoded=DecodedScans())
    assert plain.fingerprint == kept.fingerprint
    assert plain.table.equals(kept.table)
    for one, other in zip(_read_all(plain), _read_all(kept), strict=True):
        (first,), (second,) = one.slices, other.slices
        np.testing.assert_array_equal(first.pixels, second.pixels)
        assert (first.pixels.dtype, first.position_mm) == (second.pixels.dtype, second.position_mm)
        assert not second.pixels.flags.writeable
        facts = [
            {field.name: getattr(scan, field.name) for field in fields(Scan) if field.name != "slices"}
            for scan in (one, other)
        ]
        assert facts[0] == facts[1]
    assert {True, False} == {scan.is_oriented for scan in _read_all(kept)}


@pytest.mark.parametrize("file", ["b.dcm", "c.nii#1", "c.nii#3", "series#2"])
def test_a_kept_slice_is_not_decoded_again(
    manifest: Path, file: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file, a volume and a series in Hounsfield units are decoded once."""
    found = index_dataset(manifest, decoded=DecodedScans())
    _forbid_decoding(monkeypatch)
    assert file == read_slice(found, file).source


def test_class_folders_are_decoded_once_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DICOM files in class folders are read from memory."""
    for number, name in enumerate(("no", "yes")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.dcm").write_bytes(write_dicom(render_hu(number)))
    found = index_dataset(tmp_path, decoded=DecodedScans())
    _forbid_decoding(monkeypatch)
    assert ["no/a.dcm", "yes/a.dcm"] == [scan.source for scan in _read_all(found)]


def test_memory_is_bounded(manifest: Path) -> None:
    """A scan for which there is no room is not kept; its slices are read from the file."""
    decoded = DecodedScans(n_bytes=100)
    found = index_dataset(manifest, decoded=decoded)
    assert decoded.find(manifest.parent / "c.nii", 0) is None
    assert len(found.table) == len(_read_all(found))


def test_values_that_are_not_whole_are_not_kept(manifest: Path) -> None:
    """A volume with fractions is decoded again, so that nothing is rounded."""
    decoded = DecodedScans()
    index_dataset(manifest, decoded=decoded)
    found = [decoded.find(manifest.parent / name, 0) is not None for name in ("c.nii", "half.nii")]
    assert [True, False] == found


@pytest.mark.parametrize("kept", [True, False])
def test_a_series_with_a_slice_that_changed_is_read_anew(tmp_path: Path, kept: bool) -> None:
    """A slice that is written anew in place leaves its folder's time as it is, but is noticed."""
    (tmp_path / "series").mkdir()
    for number, data in enumerate(write_series(4)):
        (tmp_path / "series" / f"{number}.dcm").write_bytes(data)
    lines = write_lines(tmp_path / "set.csv", "file,slice", "series,2")
    found = index_dataset(lines, decoded=DecodedScans() if kept else None)
    before = read_slice(found, "series#2").sha256
    changed = tmp_path / "series" / "0.dcm"
    time = changed.stat().st_mtime_ns + 1_000_000_000
    changed.write_bytes(write_dicom(render_hu(9), z=0.0, InstanceNumber=4))
    os.utime(changed, ns=(time, time))
    assert before != read_slice(found, "series#2").sha256


def test_a_file_that_changed_is_read_anew(tmp_path: Path) -> None:
    """A file that was written after indexing is not answered with the older picture."""
    path = tmp_path / "a.dcm"
    path.write_bytes(write_dicom())
    found = index_dataset(write_lines(tmp_path / "set.csv", "file", "a.dcm"), decoded=DecodedScans())
    before = path.stat().st_mtime_ns
    path.write_bytes(write_dicom(render_hu(5)))
    os.utime(path, ns=(before + 1_000_000_000, before + 1_000_000_000))
    assert found.table["sha256"][0] != read_slice(found, "a.dcm").sha256
