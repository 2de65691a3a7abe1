"""Stored numbers become Hounsfield units or display gray, also where the header is wrong about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag

from core.errors import ScanError
from core.scans import COLORED, Scan, dicom_values, read_scan
from tests.scan_files import render_dataset, render_hu, save, write_dicom

CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def render_head() -> np.ndarray:
    """Return (256, 256) int16 Hounsfield units: a head in noisy air, with skin and smoothly rising bone."""
    rows, columns = np.mgrid[:256, :256] / 255 - 0.5
    radius = np.hypot(rows * 1.1, columns * 1.3)
    bone = np.clip(1 - np.abs(radius - 0.41) / 0.03, 0, 1)
    hu = np.where(radius < 0.45, 30 + 1700 * bone, -1000.0)
    return (hu + np.random.default_rng(0).normal(0, 6, hu.shape)).round().astype(np.int16)


HEAD = render_head()
UNSIGNED = np.clip(HEAD.astype(int) + 1024, 0, 4095).astype(np.uint16)


def write(stored: np.ndarray, **tags: Any) -> bytes:
    """Return a slice of 16 allocated bits."""
    return write_dicom(HEAD, PixelData=stored.astype("<u2").tobytes(), **tags)


def read(stored: np.ndarray, **tags: Any) -> Scan:
    """Read a slice of 16 allocated bits, unsigned with 12 bits and intercept -1024 unless told otherwise."""
    usual = {"PixelRepresentation": 0, "BitsStored": 12, "HighBit": 11, "RescaleIntercept": -1024}
    return read_scan(write(stored, **{**usual, **tags}))


def check(scan: Scan, *sentences: str, doubted: bool = False) -> None:
    """Assert that a scan shows the head, and that these sentences are its only warnings on values."""
    assert "hu" == scan.unit
    np.testing.assert_array_equal(np.clip(HEAD, -1024, 3071), scan.slices[0].pixels)
    said = [warning for warning in scan.warnings if "single slice" not in warning]
    assert list(sentences) == said
    assert (tuple(sentences) if doubted else ()) == scan.doubts


def test_the_usual_slice_has_no_remark() -> None:
    """12 unsigned bits with an intercept of -1024 are read without remark."""
    check(read(UNSIGNED))


@pytest.mark.parametrize(("high_bit", "shift"), [(15, 4), (13, 2)])
def test_high_bit_above_the_stored_bits_shifts(high_bit: int, shift: int) -> None:
    """Pixels in the high bits are shifted, whatever lies below and above them."""
    stored = UNSIGNED << shift
    stored[100:120, 100:120] |= 1
    check(read(stored, HighBit=high_bit), dicom_values.SHIFTED.format(high_bit, 12))


def test_signed_pixels_in_the_high_bits_keep_their_sign() -> None:
    """The sign bit is the highest one stored."""
    stored = (np.clip(HEAD, -2048, 2047).astype(int) << 4) & 0xFFFF
    scan = read(stored, HighBit=15, PixelRepresentation=1, RescaleIntercept=0)
    np.testing.assert_array_equal(HEAD, scan.slices[0].pixels)


def test_a_wrong_high_bit_is_noticed() -> None:
    """Pixels that fill the low bits are not shifted; a high bit that cannot be is ignored."""
    check(read(UNSIGNED, HighBit=15), dicom_values.NOT_SHIFTED)
    for high_bit in (7, 31):
        check(
            read(UNSIGNED, HighBit=high_bit),
            "HighBit and BitsStored contradict each other; BitsStored was used.",
        )


@pytest.mark.parametrize("high", [0xA000, np.random.default_rng(0).integers(0, 16, HEAD.shape) << 12])
def test_other_data_in_the_high_bits_is_masked(high) -> None:
    """A constant or noise above the stored bits is cleared and said."""
    (warning, _) = read(UNSIGNED | high).warnings
    assert "masked" in warning
    np.testing.assert_array_equal(HEAD, read(UNSIGNED | high).slices[0].pixels)


@pytest.mark.parametrize("n_bits", [8, 10])
def test_too_few_stored_bits_are_noticed(n_bits: int) -> None:
    """If masking would tear the picture, all bits are read."""
    scan = read(UNSIGNED, BitsStored=n_bits, HighBit=n_bits - 1)
    check(scan, dicom_values.WRONG_BITS, doubted=True)


@pytest.mark.parametrize("n_bits", [12, 16])
def test_negative_values_stored_without_sign_are_restored(n_bits: int) -> None:
    """Air at the top of the range is wrapped, and read as negative."""
    stored = HEAD.astype(int) & ((1 << n_bits) - 1)
    scan = read(stored, BitsStored=n_bits, HighBit=n_bits - 1, RescaleIntercept=0)
    check(scan, dicom_values.WRONG_SIGN.format("no"), doubted=True)


def test_dense_bone_taken_as_negative_is_restored() -> None:
    """Unsigned values that the header calls signed are read as unsigned."""
    stored = np.where(UNSIGNED >= 2048, UNSIGNED | 0xF000, UNSIGNED)
    scan = read(stored, PixelRepresentation=1)
    check(scan, dicom_values.WRONG_SIGN.format("a"), doubted=True)


@pytest.mark.parametrize("name", ["RescaleSlope", "RescaleIntercept"])
@pytest.mark.parametrize("text", [b"abc ", b"NaN ", b"inf "])
def test_a_rescaling_that_is_no_number_is_said(name: str, text: bytes) -> None:
    """Without a usable slope or intercept the values decide, and results need review."""
    dataset = render_dataset(HEAD)
    if name == "RescaleIntercept":
        dataset.PixelData, dataset.PixelRepresentation = UNSIGNED.tobytes(), 0
    data = save(dataset)
    element = Tag(name)
    place = data.index(
        bytes([*element.group.to_bytes(2, "little"), *element.elem.to_bytes(2, "little")]) + b"DS"
    )
    length = int.from_bytes(data[place + 6 : place + 8], "little")
    scan = read_scan(data[: place + 6] + b"\4\0" + text + data[place + 8 + length :])
    np.testing.assert_array_equal(HEAD, scan.slices[0].pixels)
    assert dicom_values.UNREADABLE in scan.doubts


def test_an_assumed_slope_that_does_not_fit_is_refused() -> None:
    """Without a slope, values that are no Hounsfield units with a slope of 1 are refused."""
    with pytest.raises(ScanError) as caught:
        read(UNSIGNED // 4, RescaleSlope=None)
    assert "not_hounsfield" == caught.value.code


def test_a_decimal_comma_is_read() -> None:
    """A slope of "1,0" is 1."""
    data = write(UNSIGNED, PixelRepresentation=0, RescaleIntercept=-1024, RescaleSlope="1.00")
    check(read_scan(data.replace(b"1.00", b"1,00")))


def test_a_missing_intercept_is_restored() -> None:
    """Without slope and intercept, brain at 1054 tells that 1024 is to be subtracted."""
    scan = read(UNSIGNED, RescaleSlope=None, RescaleIntercept=None)
    np.testing.assert_array_equal(HEAD, scan.slices[0].pixels)
    assert {dicom_values.MISSING} < set(scan.warnings)


@pytest.mark.parametrize("kind", ["ED", "EDW", "Z_EFF", "MGML"])
def test_other_units_are_refused_by_name(kind: str) -> None:
    """Values that the file itself calls something else are refused."""
    with pytest.raises(ScanError, match="not Hounsfield units") as caught:
        read(UNSIGNED, RescaleType=kind)
    assert "not_hounsfield" == caught.value.code


def test_a_modality_lut_is_applied() -> None:
    """A lookup table replaces slope and intercept; its entries may be negative."""
    table = Dataset()
    table.add_new(0x00283002, "US", [4096, 0, 16])
    table.add_new(0x00283006, "OW", (np.arange(4096) - 1024).astype("<i2").tobytes())
    table.LUTExplanation, table.ModalityLUTType = "SECRET", "HU"
    tags = {"RescaleSlope": None, "RescaleIntercept": None, "ModalityLUTSequence": Sequence([table])}
    check(read(UNSIGNED, **tags), "The values were mapped by a lookup table in the file (modality LUT).")


@pytest.mark.parametrize(
    ("value", "tags"),
    [
        (0, {"PixelPaddingValue": 0}),
        (3071, {"PixelPaddingValue": 3071}),
        (45, {"PixelPaddingValue": 40, "PixelPaddingRangeLimit": 60}),
        (-2000, {}),
    ],
)
def test_padding_is_air(value: int, tags: dict[str, int]) -> None:
    """Padding outside the scanned circle is air, whatever its value; inside it stays."""
    hu = HEAD.copy()
    rows, columns = np.ogrid[-127.5:128, -127.5:128]
    outside = np.hypot(rows, columns) > 128
    hu[outside] = value
    dataset = render_dataset(hu)
    for name, number in tags.items():
        dataset.add_new(name, "SS", number)
    pixels = read_scan(save(dataset)).slices[0].pixels
    np.testing.assert_array_equal(np.where(outside, -1024, HEAD), pixels)


@pytest.mark.parametrize(
    "tags",
    [{}, {"WindowCenter": 128, "WindowWidth": 256}, {"RescaleIntercept": 0}, {"RescaleIntercept": -1024}],
)
@pytest.mark.parametrize("storage", [CAPTURE, None])
def test_8_bit_pictures_of_ct_are_gray(tags: dict[str, Any], storage: str | None) -> None:
    """8-bit pictures are display gray like the same picture in another format, whatever window is left."""
    gray = np.rint(np.clip(HEAD / 80, 0, 1) * 255).astype(np.uint8)
    bare = {"RescaleSlope": None, "RescaleIntercept": None}
    dataset = render_dataset(HEAD, **{**bare, **tags} if "RescaleIntercept" not in tags else tags)
    dataset.PixelData, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = gray.tobytes(), 8, 8, 7
    dataset.PixelRepresentation = 0
    dataset["PixelData"].VR = "OB"
    if storage:
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = storage
    scan = read_scan(save(dataset))
    assert ("gray", "CT", True) == (scan.unit, scan.technical.modality, dicom_values.GRAY in scan.warnings)
    np.testing.assert_allclose(gray / 255, scan.slices[0].pixels, atol=1e-6)


def test_8_bits_of_hounsfield_units_are_read() -> None:
    """8 bits with a slope and an intercept that reach air are Hounsfield units."""
    dataset = render_dataset(HEAD, RescaleSlope=10, RescaleIntercept=-1000, PixelRepresentation=0)
    stored = np.clip(np.rint((HEAD + 1000) / 10), 0, 255).astype(np.uint8)
    dataset.PixelData, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = stored.tobytes(), 8, 8, 7
    dataset["PixelData"].VR = "OB"
    assert "hu" == read_scan(save(dataset)).unit


@pytest.mark.parametrize("colored", [False, True])
def test_color_captures_are_gray(colored: bool) -> None:
    """A capture in RGB gives the gray of its channels; only colors are remarked on."""
    gray = np.rint(np.clip(HEAD / 80, 0, 1) * 255).astype(np.uint8)
    pixels = np.repeat(gray[..., None], 3, axis=2)
    if colored:
        pixels[100:150, 100:150, 0] = 255
    dataset = render_dataset(HEAD, SamplesPerPixel=3, PhotometricInterpretation="RGB", PixelRepresentation=0)
    dataset.PixelData, dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = pixels.tobytes(), 8, 8, 7
    dataset.PlanarConfiguration = 0
    dataset["PixelData"].VR = "OB"
    scan = read_scan(save(dataset))
    assert ("gray", colored) == (scan.unit, COLORED in scan.warnings)
    assert colored or np.allclose(gray / 255, scan.slices[0].pixels, atol=1e-6)


def test_the_window_of_other_modalities_follows_the_rescaling() -> None:
    """A window is in the units after slope and intercept."""
    scan = read(UNSIGNED, Modality="MR", WindowCenter=40.5, WindowWidth=81)
    np.testing.assert_allclose(np.clip(HEAD / 80, 0, 1), scan.slices[0].pixels, atol=1e-6)


def test_a_ct_without_modality_is_ct() -> None:
    """The storage class tells CT where the modality is missing."""
    scan = read(UNSIGNED, Modality=None)
    check(scan)
    assert "CT" == scan.technical.modality


@pytest.mark.parametrize("text", [b"0 ", b"", b"ab"])
def test_odd_numbers_of_frames_mean_one(text: bytes) -> None:
    """0, nothing or a text as number of frames is read as one frame."""
    dataset = render_dataset(render_hu())
    dataset.add_new("NumberOfFrames", "IS", "7")
    data = save(dataset)
    place = data.index(b"\x28\0\x08\0IS") + 6
    assert b"\2\0" + b"7 " == data[place : place + 4]
    scan = read_scan(data[:place] + len(text).to_bytes(2, "little") + text + data[place + 4 :])
    assert (1, True) == (len(scan.slices), bool((render_hu() == scan.slices[0].pixels).all()))
