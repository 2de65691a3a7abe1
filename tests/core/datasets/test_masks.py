"""Masks are read like their slices, and those that contradict labels or slices are named."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets.dataset import index_dataset
from core.datasets.masks import load_mask, read_mask
from core.datasets.places import locate_slices, read_pixels
from core.errors import ScanError
from tests.manifest_files import write_lines, write_slice
from tests.scan_files import render_hu, write_dicom, write_nifti

_HEADER = "file,hemorrhage,ischemia,mask,rotate"


def _draw(shape: tuple[int, int] = (64, 64)) -> np.ndarray:
    """Return a mask: a rectangle left of the middle, above it."""
    mask = np.zeros(shape, np.uint8)
    mask[10:20, 5:25] = 255
    return mask


def _save(path: Path, mask: np.ndarray) -> str:
    Image.fromarray(mask).save(path)
    return path.name


def test_a_mask_is_turned_with_its_slice(tmp_path: Path) -> None:
    """The mask marks the same pixels as the upright slice, for each angle, also of an oblong picture."""
    mask = _draw((64, 48))
    Image.fromarray(np.where(mask, 200, 80).astype(np.uint8)).save(tmp_path / "a.png")
    _save(tmp_path / "m.png", mask)
    for degrees in (0, 90, 180, 270):
        path = write_lines(tmp_path / "set.csv", _HEADER, f"a.png,present,,m.png,{degrees}")
        for dataset in (index_dataset(path), locate_slices(path)):
            found = read_mask(dataset, "a.png")
            assert found is not None
            np.testing.assert_array_equal(read_pixels(dataset, "a.png") > 0.5, found)


def test_holes_are_filled(tmp_path: Path) -> None:
    """An outline becomes the area inside it."""
    ring = _draw()
    ring[12:18, 8:22] = 0
    write_slice(tmp_path / "a.png")
    _save(tmp_path / "m.png", ring)
    dataset = index_dataset(write_lines(tmp_path / "set.csv", _HEADER, "a.png,present,,m.png,"))
    np.testing.assert_array_equal(_draw() > 0, read_mask(dataset, "a.png"))


def test_a_mask_is_of_the_finding_present(tmp_path: Path) -> None:
    """A mask of another finding is not given for this one; the mask of a negative slice is blank."""
    lines = ["a.png,absent,present,m.png,", "b.png,present,,,", "c.png,absent,,blank.png,"]
    for seed, line in enumerate(lines):
        write_slice(tmp_path / line[:5], seed=seed)
    _save(tmp_path / "m.png", _draw())
    _save(tmp_path / "blank.png", np.zeros((64, 64), np.uint8))
    dataset = index_dataset(write_lines(tmp_path / "set.csv", _HEADER, *lines))
    assert read_mask(dataset, "a.png", "hemorrhage") is None
    assert read_mask(dataset, "b.png") is None
    lesion, blank = read_mask(dataset, "a.png", "ischemia"), read_mask(dataset, "c.png")
    assert lesion is not None
    assert blank is not None
    assert (True, False) == (lesion.any(), blank.any())


def test_masks_that_contradict_are_named(tmp_path: Path) -> None:
    """Missing, damaged, of another size, blank where a finding is present, drawn where none is: by file."""
    masks = {"blank.png": np.zeros((64, 64), np.uint8), "low.png": _draw((32, 64)), "drawn.png": _draw()}
    for name, mask in masks.items():
        _save(tmp_path / name, mask)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    lines = [
        "0.png,present,,gone.png,", "1.png,present,,broken.png,", "2.png,present,,low.png,",
        "3.png,present,,blank.png,", "4.png,absent,absent,drawn.png,", "5.png,unknown,,drawn.png,",
        "6.png,present,present,drawn.png,", "7.png,unknown,present,drawn.png,",
    ]  # fmt: skip
    for number in range(len(lines)):
        write_slice(tmp_path / f"{number}.png", seed=number)
    found = index_dataset(write_lines(tmp_path / "set.csv", _HEADER, *lines))
    words = [
        "the mask does not exist",
        "the mask broken.png is damaged",
        "the mask low.png has 64 x 32 pixels, the image 64 x 64",
        "the mask blank.png is blank, but the label says that hemorrhage is present",
        "the mask drawn.png outlines something, but no label says that a finding is present",
        "the mask drawn.png outlines something",
        "hemorrhage and ischemia are both present, so its mask was not used",
    ]
    assert [f"{number}.png" for number in range(7)] == [item["file"] for item in found.refused]
    for word, item in zip(words, found.refused, strict=True):
        assert word in item["message"]
    assert 6 == found.n_unreadable
    assert [("6.png", ""), ("7.png", "drawn.png")] == list(
        zip(found.table["file"], found.table["mask"], strict=True)
    )
    assert read_mask(found, "6.png") is None


def test_a_mask_that_changed_is_an_error_of_its_slice(tmp_path: Path) -> None:
    """After indexing, a mask that vanished or became blank is refused with the slice's name."""
    write_slice(tmp_path / "a.png")
    _save(tmp_path / "m.png", _draw())
    dataset = index_dataset(write_lines(tmp_path / "set.csv", _HEADER, "a.png,present,,m.png,"))
    _save(tmp_path / "m.png", np.zeros((64, 64), np.uint8))
    with pytest.raises(ScanError, match=r"a\.png: the mask m\.png is blank"):
        read_mask(dataset, "a.png")
    (tmp_path / "m.png").unlink()
    with pytest.raises(ScanError, match=r"a\.png: the mask m\.png does not exist"):
        read_mask(dataset, "a.png")


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16"])
def test_pictures_of_any_mode_are_masks(tmp_path: Path, mode: str) -> None:
    """Drawn is where the picture is not black; a value of 1 counts."""
    drawn = _draw() > 0
    low = (
        Image.fromarray(drawn.astype(np.uint16)) if mode == "I;16" else Image.fromarray(_draw()).convert(mode)
    )
    low.save(tmp_path / "m.png")
    np.testing.assert_array_equal(drawn, load_mask(tmp_path / "m.png", "ischemia", (64, 64)))


def test_a_lossy_mask_has_no_halo(tmp_path: Path) -> None:
    """Of a JPEG, values below the middle are the blur of its compression."""
    Image.fromarray(_draw()).save(tmp_path / "m.jpg", quality=60)
    found = load_mask(tmp_path / "m.jpg", "ischemia", (64, 64))
    assert (_draw() > 0).sum() == pytest.approx(found.sum(), abs=8)


def test_a_volume_gives_the_mask_at_the_slices_position(tmp_path: Path) -> None:
    """Blank slices of a volume of masks are left out when it is read, but shift no other."""
    (tmp_path / "head.nii").write_bytes(write_nifti())
    numbers = range(1, 4)
    rows = [f"head.nii,{number},{'present' if number == 2 else 'absent'},mask.nii" for number in numbers]
    volume = np.zeros((64, 64, 4), np.int16)
    # As `write_nifti` stores a slice.
    volume[:, :, 1] = (_draw() > 0).T[::-1, ::-1]
    (tmp_path / "mask.nii").write_bytes(write_nifti(volume))
    dataset = index_dataset(write_lines(tmp_path / "set.csv", "file,slice,hemorrhage,mask", *rows))
    assert ([], 3) == (dataset.refused, len(dataset.table))
    first, second, third = (read_mask(dataset, f"head.nii#{number}") for number in numbers)
    np.testing.assert_array_equal(_draw() > 0, second)
    for other in (first, third):
        assert other is not None
        assert not other.any()


def test_a_dicom_file_is_a_mask(tmp_path: Path) -> None:
    """A mask may be a DICOM file of its own; values above 0 are drawn."""
    hu = render_hu()
    (tmp_path / "a.dcm").write_bytes(write_dicom(hu))
    (tmp_path / "m.dcm").write_bytes(write_dicom(hu))
    dataset = index_dataset(write_lines(tmp_path / "set.csv", "file,hemorrhage,mask", "a.dcm,present,m.dcm"))
    found = read_mask(dataset, "a.dcm")
    assert found is not None
    assert found[hu > 0].all()
    assert not found.all()
