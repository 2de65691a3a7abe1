"""Formats are identified from the content, never from the name."""

import pytest

from core.errors import ScanError
from core.scans.formats import RASTER_NAMES, compare_with_name, identify


@pytest.mark.parametrize("format_name", RASTER_NAMES)
def test_pictures_are_known_by_content(gray, encode, format_name):
    """Each of the five picture formats is recognized from its bytes and needs no remedy."""
    kind = identify(encode(gray, format_name))
    assert (format_name, "") == (kind.name, kind.remedy)


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"\0" * 128 + b"DICM" + b"\0" * 64, "DICOM"),
        (b"\x02\x00\x00\x00UL\x04\x00", "DICOM"),
        (b"\x08\x00\x05\x00CS\x0a\x00ISO_IR 100", "DICOM"),
        (b"\x08\x00\x05\x00\x0a\x00\x00\x00ISO_IR 100", "DICOM"),
        (b"\x00\x08\x00\x05CS\x00\x0aISO_IR 100", "DICOM"),
        (b"II*\x00" + b"\0" * 124 + b"DICM", "DICOM"),
        (b"PK\x03\x04" + b"\0" * 124 + b"DICM", "DICOM"),
        (b"\x5c\x01\x00\x00" + b"\0" * 340 + b"n+1\0", "NIFTI"),
        (b"\x1c\x02\x00\x00n+2\0\r\n\x1a\n" + b"\0" * 528, "NIFTI"),
        (b"\x1f\x8b\x08\x00rest", "GZIP"),
        (b"PK\x03\x04rest", "ZIP"),
        (b"MZ a program" + b"PK\x05\x06" + b"\0" * 18, "ZIP"),
    ],
)
def test_volumes_and_archives_are_known_by_content(data, name):
    """DICOM, NIfTI, gzip and zip are recognized, also after the magic of another format."""
    kind = identify(data)
    assert (name, "") == (kind.name, kind.remedy)


@pytest.mark.parametrize(
    ("data", "word"),
    [
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"GIF89a", "GIF"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "PostScript"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"8BPS\0\1", "Photoshop"),
        (b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    ],
)
def test_other_kinds_are_named_with_a_remedy(data, word):
    """A file of an unsupported format is named, with a remedy."""
    kind = identify(data)
    assert word in kind.name
    assert kind.remedy
    assert "unsupported_format" == kind.refusal


def test_unknown_bytes_are_no_image():
    """Bytes of unknown format are refused as not an image."""
    assert "not_an_image" == identify(b"hello, this is text").refusal


def test_wrong_picture_ending_is_reported(gray, encode):
    """A PNG called .jpg is read, with a warning that names both."""
    (warning,) = compare_with_name(identify(encode(gray)), "scan.JPG")
    assert ".jpg" in warning
    assert "PNG" in warning


@pytest.mark.parametrize("name", ["scan.png", "scan.PNG", "scan", "scan.v2", "folder.jpg/scan.png"])
def test_fitting_or_missing_ending_is_fine(gray, encode, name):
    """A matching, unknown or missing extension gives no warning."""
    assert [] == compare_with_name(identify(encode(gray)), name)


@pytest.mark.parametrize("name", ["a.dcm", "a.nii.gz", "a.DICOM"])
def test_picture_under_a_medical_name_is_refused(gray, encode, name):
    """A picture named like a DICOM or NIfTI file has lost its Hounsfield units, and is refused."""
    kind = identify(encode(gray))
    with pytest.raises(ScanError, match="Hounsfield") as caught:
        compare_with_name(kind, name)
    assert "unsupported_format" == caught.value.code
