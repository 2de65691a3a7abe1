"""One DICOM file becomes Hounsfield units, and nothing about the patient."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.pixels.encoders import RLELosslessEncoder
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    RLELossless,
)

from core.errors import ScanError
from core.scans import dicom, read_scan, read_study
from core.scans.scan import OTHER_PART
from tests.scan_files import render_dataset, render_hu, save, write_dicom, write_encapsulated


def decode(data: bytes) -> np.ndarray:
    """Return the first frame in Hounsfield units."""
    return dicom.decode(data, "a.dcm").planes[0].pixels


def refusal(data: bytes) -> ScanError:
    """Return the error that decoding raises."""
    with pytest.raises(ScanError) as caught:
        dicom.decode(data, "a.dcm")
    return caught.value


def test_a_ct_slice_becomes_hounsfield_units() -> None:
    """Pixels, geometry, window and modality are read, and no remark is made about a plain slice."""
    piece = dicom.decode(write_dicom(z=12.5), "a.dcm")
    np.testing.assert_array_equal(render_hu(), piece.planes[0].pixels)
    assert ("hu", "CT", (40.0, 80.0), ()) == (piece.unit, piece.modality, piece.window, piece.warnings)
    plane = piece.planes[0]
    assert ((-16, -16, 12.5), (0.5, 0.5), 5.0) == (plane.corner_mm, plane.spacing_mm, plane.thickness_mm)


def test_unsigned_values_are_rescaled() -> None:
    """Slope and intercept are applied to unsigned values."""
    stored = ((render_hu().astype(int) + 1024) * 2).astype(np.uint16)
    data = write_dicom(
        PixelData=stored.tobytes(), PixelRepresentation=0, BitsStored=12, HighBit=11, RescaleSlope=0.5,
        RescaleIntercept=-1024,
    )  # fmt: skip
    np.testing.assert_allclose(render_hu(), decode(data))


@pytest.mark.parametrize(
    "syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian]
)
def test_plain_transfer_syntaxes_give_the_same_numbers(syntax: str) -> None:
    """Implicit, big endian and deflated files are read like the usual one."""
    np.testing.assert_array_equal(render_hu(), decode(save(render_dataset(), syntax=syntax)))


def test_compressed_transfer_syntaxes_give_the_same_numbers() -> None:
    """RLE and lossless JPEG 2000 give back the stored numbers."""
    dataset = render_dataset()
    dataset.compress(RLELossless, encoding_plugin="pydicom")
    np.testing.assert_array_equal(render_hu(), decode(save(dataset)))
    stream = io.BytesIO()
    shifted = (render_hu().astype(np.int32) + 1024).astype(np.uint16)
    Image.fromarray(shifted).save(stream, "JPEG2000", irreversible=False, no_jp2=True)
    data = write_encapsulated(
        [stream.getvalue()], JPEG2000Lossless, PixelRepresentation=0, RescaleIntercept=-1024
    )
    np.testing.assert_array_equal(render_hu(), decode(data))
    assert RLELosslessEncoder.is_available


def test_a_file_without_preamble_is_read_with_a_remark() -> None:
    """A file that begins with its meta header is read, with a remark."""
    piece = dicom.decode(write_dicom()[132:], "a")
    np.testing.assert_array_equal(render_hu(), piece.planes[0].pixels)
    assert ("The file has no DICOM preamble; it was read without it.",) == piece.warnings


def test_the_frames_of_a_file_are_its_planes() -> None:
    """A file of many frames gives all of them, in their order."""
    frames = np.stack([render_hu(seed) for seed in range(3)])
    planes = dicom.decode(write_dicom(frames), "a.dcm").planes
    np.testing.assert_array_equal(frames, [plane.pixels for plane in planes])


@pytest.mark.slow
def test_300_frames_fit_into_memory() -> None:
    """A file of 300 frames of 512 x 512 is read within the worker's limits."""
    one = np.kron(render_hu(), np.ones((8, 8), np.int16))
    study = read_study([("a.dcm", write_dicom(np.repeat(one[None], 300, axis=0)))])
    assert ([300], ()) == ([len(scan.slices) for scan in study.scans], study.refused)


def test_enhanced_frames_have_their_own_geometry() -> None:
    """Positions and rescaling of an enhanced object are those of each frame."""
    dataset = render_dataset(
        np.stack([render_hu(0), render_hu(1)]), z=None, RescaleSlope=None, RescaleIntercept=None
    )
    groups = []
    for z, intercept in ((10.0, 0.0), (15.0, 100.0)):
        position, values, group = Dataset(), Dataset(), Dataset()
        position.ImagePositionPatient = [0, 0, z]
        values.RescaleSlope, values.RescaleIntercept = 1, intercept
        group.PlanePositionSequence, group.PixelValueTransformationSequence = [position], [values]
        groups.append(group)
    dataset.PerFrameFunctionalGroupsSequence = groups
    first, second = dicom.decode(save(dataset), "a.dcm").planes
    assert [(0, 0, 10), (0, 0, 15)] == [first.corner_mm, second.corner_mm]
    np.testing.assert_array_equal(render_hu(1) + 100, second.pixels)


def test_orientation_equivalence() -> None:
    """MONOCHROME1 gives the same pixels as MONOCHROME2, whether display or stored values are inverted."""
    shown = write_dicom(PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(render_hu(), decode(shown))
    inverted = write_dicom((-1 - render_hu()).astype(np.int16), PhotometricInterpretation="MONOCHROME1")
    np.testing.assert_array_equal(render_hu(), decode(inverted))
    assert "MONOCHROME1" in dicom.decode(shown, "a").warnings[0]


def test_padding_outside_the_scanned_circle_is_air() -> None:
    """Values below air are air."""
    hu = render_hu()
    hu[0, 0] = -2000
    assert -1024 == read_scan(write_dicom(hu)).slices[0].pixels[0, 0]


def test_bits_above_the_stored_ones_are_masked() -> None:
    """An old overlay in the high bits does not become density."""
    stored = (render_hu().astype(int) + 1024).astype(np.uint16)
    stored[10:20, 10:20] |= 0x8000
    piece = dicom.decode(
        write_dicom(
            PixelData=stored.tobytes(), PixelRepresentation=0, BitsStored=12, HighBit=11,
            RescaleIntercept=-1024,
        ),
        "a",
    )  # fmt: skip
    np.testing.assert_array_equal(render_hu(), piece.planes[0].pixels)
    assert any("masked" in warning for warning in piece.warnings)


@pytest.mark.parametrize(
    ("tags", "word"),
    [
        ({"Modality": "MR"}, "not CT: the file says MR"),
        ({"Modality": "SECRET"}, "does not say that it is CT"),
        ({"BurnedInAnnotation": "YES"}, "burned into"),
        ({"LossyImageCompression": "01"}, "lossy"),
        ({"ConvolutionKernel": "BONEPLUS"}, "sharp"),
        ({"ContrastBolusAgent": "SECRET"}, "contrast"),
        ({"BodyPartExamined": "CHEST"}, "not the head"),
        ({"RescaleSlope": -1}, "negative"),
        ({"RescaleSlope": None}, "may be wrong"),
    ],
)
def test_warnings_do_not_quote_the_file(tags: dict[str, object], word: str) -> None:
    """Each condition gives its warning, which does not quote the file's text."""
    (*_, warning) = [w for w in dicom.decode(write_dicom(**tags), "a").warnings if word in w]
    assert "SECRET" not in warning


@pytest.mark.parametrize("part", ["HEAD", "BRAIN", "", "SECRET"])
def test_a_head_or_an_unknown_part_gives_no_warning(part: str) -> None:
    """Only DICOM's own terms for other body parts give the warning."""
    assert OTHER_PART not in dicom.decode(write_dicom(BodyPartExamined=part), "a").warnings


@pytest.mark.parametrize(
    ("tags", "code"),
    [
        ({"Rows": 0}, "degenerate"),
        ({"Columns": 60_000}, "degenerate"),
        ({"NumberOfFrames": -5}, "degenerate"),
        ({"NumberOfFrames": 2000, "Rows": 8000, "Columns": 8000}, "too_large"),
        ({"RescaleSlope": 0}, "degenerate"),
        ({"RescaleSlope": 1e9}, "degenerate"),
        ({"RescaleIntercept": 1e9}, "degenerate"),
        ({"BitsAllocated": 7}, "unsupported_format"),
        ({"BitsStored": 24}, "unsupported_format"),
        ({"SamplesPerPixel": 4}, "unsupported_format"),
        ({"PhotometricInterpretation": "PURPLE"}, "unsupported_format"),
        ({"PhotometricInterpretation": None}, "unsupported_format"),
        ({"Rows": None}, "truncated"),
        ({"PixelData": None}, "no_pixels"),
        ({"PixelData": b"\0" * 100}, "truncated"),
        ({"Modality": "SR"}, "no_pixels"),
    ],
)
def test_headers_out_of_range_are_refused(tags: dict[str, object], code: str) -> None:
    """Header values that decoding relies on are checked first; each refusal has its code."""
    assert code == refusal(write_dicom(**tags)).code


def test_dicom_bombs() -> None:
    """A deflate bomb, a false length and a false JPEG 2000 stream are refused."""
    deflated = save(render_dataset(), syntax=DeflatedExplicitVRLittleEndian)
    # The data set begins after the meta header, whose first element gives its length.
    start = 144 + struct.unpack("<I", deflated[140:144])[0]
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    bomb = b"".join(packer.compress(bytes(10_000_000)) for _ in range(21)) + packer.flush()
    assert "too_large" == refusal(deflated[:start] + bomb).code
    plain = write_dicom()
    at = plain.rindex(b"\xe0\x7f\x10\x00OW\0\0") + 8
    assert "truncated" == refusal(plain[:at] + struct.pack("<I", 0xFFFFFFF0) + plain[at + 4 :]).code
    assert "truncated" == refusal(write_encapsulated([b"\xff\x4f\xff\x51"], JPEG2000Lossless)).code


@pytest.mark.parametrize("share", [0.2, 0.5, 0.99])
def test_a_file_cut_off_is_refused(share: float) -> None:
    """A file cut off at any place is refused."""
    data = write_dicom()
    assert refusal(data[: int(len(data) * share)]).code in ("truncated", "no_pixels")


def test_an_unknown_transfer_syntax_is_refused_and_a_known_one_named() -> None:
    """A known syntax without a decoder is named by the standard's term."""
    plain = write_dicom()
    assert "unknown transfer syntax" in str(
        refusal(plain.replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.99999.1.2.1\0"))
    )
    htj2k = "1.2.840.10008.1.2.4.201"
    assert "High-Throughput" in str(refusal(write_encapsulated([b"x"], htj2k)))


def test_errors_are_not_chained_to_what_quotes_the_file() -> None:
    """A refusal has no cause, because its text might hold a patient's name."""
    error = refusal(write_dicom(PixelData=b"\0" * 100))
    assert (None, True) == (error.__cause__, error.__cause__ is None)
