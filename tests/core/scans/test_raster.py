"""Pictures are decoded to gray, and conversions are reported."""

import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from core.errors import ScanError
from core.scans import raster, window_hu
from core.scans.raster import decode
from tests.scan_files import render_hu

# Pillow warns about what it then refuses; pytest undoes the filters that core.scans.raster sets.
pytestmark = pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL", "ignore::PIL.Image.DecompressionBombWarning"
)


def only(picture):
    """Return the pixels of a picture of one frame."""
    (frame,) = picture.frames
    return frame


def png_of_size(width, height):
    """Return a PNG whose header claims a size, with hardly any data."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize("format_name", ["PNG", "TIFF", "BMP"])
def test_gray_is_divided_by_255(gray, encode, format_name):
    """An 8-bit gray picture becomes exactly value / 255, without a warning."""
    picture = decode(encode(gray, format_name), format_name)
    np.testing.assert_array_equal(gray.astype(np.float32) / np.float32(255), only(picture))
    assert () == picture.warnings


@pytest.mark.parametrize("format_name", ["JPEG", "WEBP"])
def test_lossy_formats_come_close(encode, format_name):
    """A smooth picture survives JPEG and WebP within a few grays."""
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    picture = decode(encode(smooth, format_name, quality=95), format_name)
    np.testing.assert_allclose(smooth / 255, only(picture), atol=0.03)


@pytest.mark.parametrize("format_name", ["PNG", "TIFF"])
@pytest.mark.parametrize("brightest", [255, 130, 12])
def test_bit_depth_equivalence(gray, encode, format_name, brightest):
    """An 8-bit picture saved with 16 bits (times 257) gives the same pixels, even when it is very dark."""
    dark = (gray.astype(int) * brightest // 255).astype(np.uint8)
    wide = decode(encode(dark.astype(np.uint16) * 257, format_name), format_name)
    np.testing.assert_array_equal(only(decode(encode(dark), "PNG")), only(wide))


@pytest.mark.parametrize(("highest", "scale"), [(200, 255), (3071, 4095), (4095, 4095), (4096, 65535)])
def test_16_bit_is_scaled_by_the_smallest_full_scale(gray, encode, highest, scale):
    """16-bit values are divided by the smallest sufficient of 255, 4095 and 65535, which is reported."""
    values = (gray.astype(np.uint32) * highest // 255).astype(np.uint16)
    picture = decode(encode(values), "PNG")
    np.testing.assert_allclose(values / scale, only(picture), atol=1e-7)
    assert any(f"by {scale}." in warning for warning in picture.warnings)


def test_16_bit_color_keeps_its_gray(gray, encode):
    """A 16-bit RGB picture, which Pillow reads with 8 bits, gives a warning."""
    rows = b"".join(b"\0" + np.repeat(row.astype(">u2") * 257, 3).tobytes() for row in gray)

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 48, 40, 16, 2, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    picture = decode(b"\x89PNG\r\n\x1a\n" + data, "PNG")
    np.testing.assert_allclose(gray / 255, only(picture), atol=1e-7)
    assert ("16-bit color was read with 8 bits per channel.",) == picture.warnings


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.float32])
def test_hounsfield_units_are_windowed(gray, encode, dtype):
    """Signed or float values that reach air are read as Hounsfield units in the brain window."""
    values = (gray.astype(np.int32) * 8 - 1000).astype(dtype)
    image = Image.fromarray(values.astype(np.int32) if dtype == np.int16 else values)
    picture = decode(encode(image, "TIFF"), "TIFF")
    np.testing.assert_allclose(np.clip((values + 20.0) / 120, 0, 1), only(picture), atol=1e-6)
    assert any("Hounsfield" in warning for warning in picture.warnings)


@pytest.mark.parametrize(
    ("store", "words"),
    [
        (lambda hu: hu + 1024, "stored plus 1024"),
        (lambda hu: hu + 32768, "stored plus 32768"),
        (lambda hu: hu & 0xFFFF, "wrapped at 65536"),
    ],
)
def test_hounsfield_units_without_sign_are_windowed(encode, store, words):
    """CT values that were made positive are recognized, windowed and said."""
    hu = render_hu().astype(np.int32)
    hu[6:40][hu[6:40] > 500] = 33
    picture = raster.decode(encode(store(hu).astype(np.uint16)), "PNG")
    np.testing.assert_allclose(window_hu(hu), picture.frames[0])
    assert words in picture.warnings[0]


def test_float_in_unit_range_is_kept(gray, encode):
    """Float values between 0 and 1 are gray already."""
    values = gray.astype(np.float32) / 255
    picture = decode(encode(values, "TIFF"), "TIFF")
    np.testing.assert_array_equal(values, only(picture))
    assert () == picture.warnings


def test_unknown_scale_is_stretched_and_reported(gray, encode):
    """Values that fit no scale run from black to white, with a warning."""
    picture = decode(encode(gray.astype(np.float32) / 40 - 3, "TIFF"), "TIFF")
    assert (0, 1) == (only(picture).min(), only(picture).max())
    assert any("fit no known scale" in warning for warning in picture.warnings)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(gray, encode, value):
    """One NaN or infinite pixel refuses the picture."""
    values = gray.astype(np.float32)
    values[3, 4] = value
    with pytest.raises(ScanError, match="not finite") as caught:
        decode(encode(values, "TIFF"), "TIFF")
    assert "degenerate" == caught.value.code


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "LA", "P"])
def test_gray_in_other_modes_is_the_same_gray(gray, encode, mode):
    """Gray stored as RGB, with an opaque alpha or a palette gives the same pixels, without a warning."""
    picture = decode(encode(Image.fromarray(gray).convert(mode)), "PNG")
    np.testing.assert_allclose(gray / 255, only(picture), atol=1e-7)
    assert () == picture.warnings


def test_cmyk_is_converted_and_reported(gray, encode):
    """A CMYK picture comes out as its gray, not as its negative, with a warning."""
    smooth = np.add.outer(np.arange(64), np.arange(64)).astype(np.uint8)
    picture = decode(encode(Image.fromarray(smooth).convert("CMYK"), "TIFF"), "TIFF")
    np.testing.assert_allclose(smooth / 255, only(picture), atol=0.02)
    assert any("CMYK" in warning for warning in picture.warnings)


def test_one_bit_is_reported(encode, gray):
    """A picture of 1 bit is read as black and white, with a warning."""
    picture = decode(encode(Image.fromarray(gray > 100)), "PNG")
    assert {0.0, 1.0} == set(np.unique(only(picture)).tolist())
    assert any("1 bit" in warning for warning in picture.warnings)


def test_lab_lightness_is_read(gray, encode):
    """Of Lab color the lightness is read, with a warning."""
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    lab = ImageCms.profileToProfile(Image.fromarray(gray).convert("RGB"), *profiles, outputMode="LAB")
    picture = decode(encode(lab, "TIFF"), "TIFF")
    np.testing.assert_array_equal(np.asarray(lab)[..., 0], np.round(only(picture) * 255))
    assert any("Lab" in warning for warning in picture.warnings)


def test_color_is_reported(gray, encode):
    """A colored picture is converted by its luminance, with a warning."""
    color = np.dstack([gray, np.zeros_like(gray), np.zeros_like(gray)])
    picture = decode(encode(color), "PNG")
    np.testing.assert_allclose(gray * 0.299 / 255, only(picture), atol=0.003)
    assert any("color image" in warning for warning in picture.warnings)


def test_small_color_differences_are_no_color(gray, encode):
    """Differences of a few grays between channels, as JPEG makes them, give no warning."""
    tinted = np.dstack([gray, np.clip(gray.astype(int) + 10, 0, 255).astype(np.uint8), gray])
    assert () == decode(encode(tinted), "PNG").warnings


@pytest.mark.parametrize("with_color", [False, True])
def test_transparency_is_shown_on_black(gray, encode, with_color):
    """Full transparency gives black, half transparency half the brightness, with a warning."""
    alpha = np.full_like(gray, 255)
    alpha[:10], alpha[10:20] = 0, 128
    values = np.full_like(gray, 200)
    bands = [values, values, values, alpha] if with_color else [values, alpha]
    picture = decode(
        encode(Image.merge("RGBA" if with_color else "LA", list(map(Image.fromarray, bands)))), "PNG"
    )
    assert [0.0, 100 / 255, 200 / 255] == pytest.approx(only(picture)[[5, 15, 30], 0].tolist(), abs=1e-6)
    assert any("shown on black" in warning for warning in picture.warnings)


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_equivalence(encode, format_name, orientation):
    """A rotated picture with its EXIF orientation gives the pixels of the upright one, with a warning."""
    upright = np.zeros((40, 64), np.uint8)
    upright[:16, :16], upright[:16, 48:] = 250, 120
    # The pixels that a camera stores in each of the eight orientations.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.T,
        6: np.rot90(upright),
        7: upright[::-1, ::-1].T,
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless = {"WEBP": {"lossless": True}, "JPEG": {"quality": 100}}.get(format_name, {})
    picture = decode(encode(np.ascontiguousarray(stored), format_name, exif=exif, **lossless), format_name)
    np.testing.assert_allclose(upright / 255, only(picture), atol=0.02)
    assert (orientation > 1) == any("turned upright" in warning for warning in picture.warnings)


def test_16_bit_picture_is_turned_too(gray, encode):
    """The EXIF orientation is applied to 16-bit pictures too."""
    exif = Image.Exif()
    exif[0x0112] = 6
    picture = decode(encode(gray.astype(np.uint16) * 257, exif=exif), "PNG")
    np.testing.assert_allclose(np.rot90(gray, -1) / 255, only(picture), atol=1e-7)


def test_broken_exif_does_no_harm(gray, encode):
    """A picture with a damaged EXIF block is read as stored."""
    data = encode(gray, "JPEG", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff" + b"\xee" * 40)
    assert (40, 48) == only(decode(data, "JPEG")).shape


def test_pages_of_a_tiff_are_slices(gray, encode):
    """A TIFF of three pages of one size gives three frames in order, with a warning."""
    pages = [Image.fromarray(np.roll(gray, shift)) for shift in range(3)]
    picture = decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "TIFF")
    for page, frame in zip(pages, picture.frames, strict=True):
        np.testing.assert_allclose(np.asarray(page) / 255, frame, atol=1e-7)
    assert ("Each of the 3 pages was read as a slice.",) == picture.warnings


def test_pages_share_one_scale(gray, encode):
    """16-bit pages are scaled together, so that brightness can be compared between slices."""
    pages = [Image.fromarray((gray.astype(np.uint16) % 128) * factor) for factor in (1, 10)]
    picture = decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[1:]), "TIFF")
    np.testing.assert_allclose(picture.frames[0] * 10, picture.frames[1], atol=1e-6)
    assert 1270 / 4095 == pytest.approx(picture.frames[1].max())


def test_pages_of_different_size_are_refused(gray, encode):
    """A TIFF whose pages have different sizes is refused."""
    other = Image.fromarray(gray[:36])
    data = encode(Image.fromarray(gray), "TIFF", save_all=True, append_images=[other])
    with pytest.raises(ScanError, match="48 x 36, 48 x 40") as caught:
        decode(data, "TIFF")
    assert "unsupported_format" == caught.value.code


def test_pages_of_different_kind_are_refused(gray, encode):
    """A TIFF that mixes integer and float pages is refused."""
    other = Image.fromarray(gray.astype(np.float32))
    data = encode(Image.fromarray(gray), "TIFF", save_all=True, append_images=[other])
    with pytest.raises(ScanError, match="number types"):
        decode(data, "TIFF")


def test_reduced_copy_is_skipped(gray, encode):
    """A thumbnail inside a TIFF is not a slice."""
    small = Image.fromarray(gray[::2, ::2])
    small.encoderinfo = {"tiffinfo": {254: 1}}
    picture = decode(encode(Image.fromarray(gray), "TIFF", save_all=True, append_images=[small]), "TIFF")
    assert 1 == len(picture.frames)


@pytest.mark.parametrize("format_name", ["PNG", "WEBP"])
def test_animation_gives_its_first_picture(gray, encode, format_name):
    """Of an animated picture only the first frame is read, with a warning."""
    frames = [Image.fromarray(gray).convert("RGB"), Image.fromarray(255 - gray).convert("RGB")]
    data = encode(frames[0], format_name, save_all=True, append_images=frames[1:], lossless=True)
    picture = decode(data, format_name)
    np.testing.assert_allclose(gray / 255, only(picture), atol=0.02)
    assert ("The file contains several images; only the first was read.",) == picture.warnings


@pytest.mark.parametrize(("width", "height"), [(8001, 8000), (100_000, 100_000), (2**31 - 1, 2**31 - 1)])
def test_pixel_flood_is_refused_from_the_header(width, height):
    """A header that claims more than 64 megapixels is refused before a pixel is decoded."""
    with pytest.raises(ScanError, match="too many pixels") as caught:
        decode(png_of_size(width, height), "PNG")
    assert "too_large" == caught.value.code


@pytest.mark.parametrize("area", [90_000_000, 200_000_000])
def test_pixel_flood_warning_is_an_error(area):
    """Once our reader is loaded, Pillow refuses sizes that it would otherwise only warn about."""
    code = """if True:
        import io, sys
        from core.scans import raster
        from PIL import Image
        try:
            Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=["PNG"])
        except (Image.DecompressionBombWarning, Image.DecompressionBombError):
            print("refused")
    """
    data = png_of_size(10_000, area // 10_000)
    ended = subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True)
    assert b"refused\n" == ended.stdout


def test_pixels_of_all_pages_count(gray, encode, monkeypatch):
    """The pixel limit applies to all pages of a TIFF together."""
    monkeypatch.setattr(raster, "MAX_PIXELS", 40 * 48 * 2)
    pages = [Image.fromarray(gray)] * 3
    assert 2 == len(decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[:1]), "TIFF").frames)
    with pytest.raises(ScanError, match="too many pixels"):
        decode(encode(pages[0], "TIFF", save_all=True, append_images=pages[:2]), "TIFF")


def test_pages_are_limited(gray, encode, monkeypatch):
    """A TIFF with more pages than the limit is refused."""
    monkeypatch.setattr(raster, "MAX_FRAMES", 2)
    page = Image.fromarray(gray)
    assert 2 == len(decode(encode(page, "TIFF", save_all=True, append_images=[page]), "TIFF").frames)
    with pytest.raises(ScanError, match="too many pages") as caught:
        decode(encode(page, "TIFF", save_all=True, append_images=[page] * 2), "TIFF")
    assert "too_large" == caught.value.code


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9])
def test_truncated_files_are_refused(gray, encode, format_name, share):
    """A picture of any format that is cut off anywhere is refused as truncated."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), dtype=np.uint8)
    data = encode(noise, format_name)
    with pytest.raises(ScanError, match="damaged or cut off") as caught:
        decode(data[: int(len(data) * share)], format_name)
    assert "truncated" == caught.value.code


def test_wrong_checksum_is_refused(gray, encode):
    """A PNG with a flipped bit in its data, which Pillow alone would read, is refused."""
    data = bytearray(encode(gray))
    place = data.index(b"IEND") - 8  # inside the checksum of the last data chunk
    data[place] ^= 1
    with pytest.raises(ScanError, match="damaged"):
        decode(bytes(data), "PNG")


@pytest.mark.parametrize("format_name", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_random_damage_never_escapes(gray, encode, format_name):
    """200 random corruptions of a file give a picture or a ScanError, nothing else."""
    rng = np.random.default_rng(1)
    whole = np.frombuffer(encode(gray, format_name), np.uint8)
    for _ in range(200):
        data = whole.copy()
        places = rng.integers(8, len(data), 6)
        data[places] = rng.integers(0, 256, 6)
        try:
            frames = decode(data.tobytes(), format_name).frames
        except ScanError:
            continue
        assert all(0 <= frame.min() and frame.max() <= 1 for frame in frames)
