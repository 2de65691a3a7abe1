"""The door for files: read_scan."""

import hashlib
import logging
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from core.errors import ScanError
from core.scans import intake as scans, read_scan


def test_a_picture_becomes_a_scan(gray, encode):
    """A scan carries its source, the hash of its bytes, the unit gray and its slices."""
    data = encode(gray)
    scan = read_scan(data, "ward 3/scan.png")
    assert ("ward 3/scan.png", hashlib.sha256(data).hexdigest(), "gray", ()) == (
        scan.source,
        scan.sha256,
        scan.unit,
        scan.warnings,
    )
    (only,) = scan.slices
    assert ((40, 48), np.float32) == (only.pixels.shape, only.pixels.dtype)


def test_pixels_cannot_be_changed(gray, encode):
    """The pixels of a scan are read-only."""
    pixels = read_scan(encode(gray), "a.png").slices[0].pixels
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 1


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (b"just some text", "not_an_image"),
        (b"\0" * 128 + b"DICM" + b"\0" * 100, "no_pixels"),
        (b"PK\x03\x04" + b"\0" * 100, "unsupported_format"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n", "unsupported_format"),
        (b"\xff\xd8\xff\xe0", "truncated"),
    ],
)
def test_refusals_have_codes_and_remedies(data, code):
    """A file that cannot be read is refused with a stable code and a remedy."""
    with pytest.raises(ScanError) as caught:
        read_scan(data, "scan.jpg")
    assert code == caught.value.code
    assert caught.value.remedy


@pytest.mark.parametrize("value", [0, 77, 255])
def test_constant_picture_is_refused(encode, value):
    """A picture of one gray value is refused as degenerate."""
    with pytest.raises(ScanError, match="is blank") as caught:
        read_scan(encode(np.full((64, 64), value, np.uint8)), "a.png")
    assert "degenerate" == caught.value.code


@pytest.mark.parametrize(("height", "width"), [(31, 64), (64, 31), (1, 1)])
def test_tiny_picture_is_refused(encode, height, width):
    """A picture with a side below 32 pixels is refused as degenerate."""
    values = np.arange(height * width, dtype=np.uint8).reshape(height, width)
    with pytest.raises(ScanError, match=f"{width} x {height}") as caught:
        read_scan(encode(values), "a.png")
    assert "degenerate" == caught.value.code


def test_smallest_picture_is_read(encode):
    """32 x 32 pixels are enough."""
    values = np.arange(32 * 32).reshape(32, 32).astype(np.uint8)
    assert (32, 32) == read_scan(encode(values), "a.png").slices[0].pixels.shape


def test_nearly_empty_picture_is_reported(encode):
    """A picture with a single bright pixel is read, with a warning."""
    values = np.zeros((64, 64), np.uint8)
    values[30, 30] = 255
    (warning,) = read_scan(encode(values), "a.png").warnings
    assert "nearly empty" in warning


def test_blank_pages_of_a_stack_are_left_out_by_name(gray, encode):
    """A blank page is left out and named; the other pages are read."""
    pages = [Image.fromarray(gray), Image.fromarray(np.zeros_like(gray)), Image.fromarray(255 - gray)]
    scan = read_scan(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "a.tif")
    assert 2 == len(scan.slices)
    assert "Blank frames were left out: 2 (counted from 1)." in scan.warnings


def test_name_from_outside_stays_out_of_messages(gray, encode):
    """A hostile file name is stored as the source and appears in no error message."""
    name = "<img src=x onerror=alert(1)>.dcm"
    with pytest.raises(ScanError) as caught:
        read_scan(encode(gray), name)
    assert "onerror" not in str(caught.value)


def test_large_file_is_refused(gray, encode, monkeypatch):
    """A file above the size limit is refused as too large."""
    data = encode(gray)
    monkeypatch.setattr(scans, "MAX_FILE_BYTES", len(data) - 1)
    with pytest.raises(ScanError, match="too large") as caught:
        read_scan(data, "a.png")
    assert "too_large" == caught.value.code


def test_large_file_is_not_even_opened(tmp_path, monkeypatch):
    """A file above the size limit is refused before it is read into memory."""
    path = tmp_path / "huge.png"
    with path.open("wb") as stream:
        stream.truncate(scans.MAX_FILE_BYTES + 1)
    monkeypatch.setattr(type(path), "read_bytes", lambda _: pytest.fail("the file was read"))
    with pytest.raises(ScanError) as caught:
        read_scan(path)
    assert "too_large" == caught.value.code


def test_file_is_read_under_its_name_or_another(gray, encode, tmp_path):
    """The source is the file's name, or what the caller calls it."""
    path = tmp_path / "a.png"
    path.write_bytes(encode(gray))
    assert ("a.png", "b/a.png") == (read_scan(path).source, read_scan(str(path), "b/a.png").source)


def test_missing_file_is_a_scan_error(tmp_path):
    """A missing file is refused with its own code."""
    with pytest.raises(ScanError, match="cannot be opened") as caught:
        read_scan(tmp_path / "gone.png")
    assert "unreadable" == caught.value.code


def test_texts_in_a_picture_reach_no_log(gray, encode, caplog):
    """A patient's name in a TIFF tag appears in no log, even at the lowest level, nor in the scan."""
    caplog.set_level(logging.DEBUG)
    data = encode(Image.fromarray(gray), "TIFF", tiffinfo={270: "CANARY^PATIENT"})
    scan = read_scan(data, "a.tif")
    assert b"CANARY" in data
    assert "CANARY" not in caplog.text + repr(scan.warnings)


def test_reading_loads_nothing_heavy():
    """Importing the reader loads no framework, pandas, scipy or scikit-learn."""
    heavy = ("torch", "tensorflow", "keras", "pandas", "scipy", "sklearn")
    code = f"import sys, core.scans; print([name for name in {heavy} if name in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "[]" == printed.strip()
