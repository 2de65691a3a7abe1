"""Decode pictures (JPEG, PNG, TIFF, BMP, WebP) to display gray in [0, 1].

Pillow decodes. Sizes are checked before decoding and the EXIF orientation is applied. Color, transparency
and the scaling of 16-bit and float values are reported as warnings.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
import zlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from core.errors import ScanError
from core.scans.hounsfield import find_hounsfield
from core.scans.windows import LEARNED, window_hu

MAX_PIXELS = 64_000_000
MAX_FRAMES = 500

COLORED = "This is a color image; a CT slice is gray. Its colors were converted to gray."
# A picture is in color when the channels differ by more than COLOR_STEPS in more than COLOR_SHARE of its
# pixels. JPEG compression makes the channels of a gray picture differ by a few steps.
COLOR_SHARE = 0.001
COLOR_STEPS = 16

# Lower values can only be Hounsfield units, of fat or air.
AIR_HU = -100.0
# Divisors for unsigned values of more than 8 bits: the maxima of 8, 12 and 16 bits.
FULL_SCALES = (255, 4095, 65535)

_ORIENTATION_TAG = 0x0112
_SUBFILE_TAG = 254
_REDUCED_COPY = 1
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# Errors of Pillow's decoders on damaged input; MemoryError is handled separately.
_DECODER_ERRORS = (
    OSError,
    SyntaxError,
    TypeError,
    ValueError,
    EOFError,
    struct.error,
    zlib.error,
    ArithmeticError,
    LookupError,
    AttributeError,
    AssertionError,
    RuntimeError,
)

# Pillow's debug log prints tags, which may hold names. Its warnings concern files that are refused here.
logging.getLogger("PIL").setLevel(logging.WARNING)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
warnings.simplefilter("error", Image.DecompressionBombWarning)


@dataclass(frozen=True, eq=False)
class Picture:
    """Decoded frames, each (H, W) float32 in [0, 1] and all of one size, with warnings about assumptions."""

    frames: tuple[NDArray[np.float32], ...]
    warnings: tuple[str, ...]


def decode(data: bytes, format_name: str) -> Picture:
    """Decode a picture of a known format.

    Every page of a TIFF is a slice; reduced copies of a page are skipped. Of an animated PNG or WebP and of a
    multi-picture JPEG only the first picture is read, with a warning.

    Args:
        data: the file's bytes.
        format_name: one of "JPEG", "PNG", "TIFF", "BMP", "WEBP"; only this decoder is tried.

    Raises:
        ScanError: code "too_large" (more than 64 megapixels over all pages, or 500 pages), "truncated"
            (damaged or cut off), "unsupported_format" (pages of different sizes) or "degenerate" (values that
            are not finite).
    """
    try:
        if format_name == "PNG":
            # Only verify() checks all checksums. The file must be opened again afterwards.
            _open(data, format_name).verify()
        with _open(data, format_name) as image:
            remarks: list[str] = []
            read = _read_pages if format_name == "TIFF" else _read_first
            frames = read(image, remarks)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning, MemoryError) as error:
        raise _too_many_pixels("more than the limit") from error
    except _DECODER_ERRORS as error:
        raise ScanError(
            f"The {format_name} file is damaged or cut off",
            remedy="copy or export it again",
            code="truncated",
        ) from error
    scaled = _scale_to_gray(frames, remarks)
    return Picture(tuple(scaled), tuple(dict.fromkeys(remarks)))


def _open(data: bytes, format_name: str) -> Image.Image:
    image = Image.open(io.BytesIO(data), formats=[format_name])
    _check_size(*image.size, 0)
    return image


def _check_size(width: int, height: int, so_far: int) -> int:
    n_pixels = so_far + width * height
    if n_pixels > MAX_PIXELS:
        raise _too_many_pixels(f"{n_pixels / 1e6:.0f} megapixels")
    return n_pixels


def _too_many_pixels(found: str) -> ScanError:
    return ScanError(
        "The image has too many pixels",
        found=f"{found}; the limit is {MAX_PIXELS // 1_000_000} megapixels",
        remedy="upload single slices at their original size",
        code="too_large",
    )


def _read_orientation(image: Image.Image, remarks: list[str]) -> int:
    """Return the EXIF orientation, 1 to 8; it is 1 if the EXIF block is damaged."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    except _DECODER_ERRORS:
        remarks.append("The EXIF block is damaged; the image is shown as stored.")
        return 1
    if orientation not in _UPRIGHT:
        return 1
    remarks.append("The image was turned upright by its EXIF orientation.")
    return int(orientation)


def _read_first(image: Image.Image, remarks: list[str]) -> list[NDArray[Any]]:
    if getattr(image, "n_frames", 1) > 1:
        remarks.append("The file contains several images; only the first was read.")
    values = _read_values(image, remarks)
    # After the pixels, because the EXIF block of a PNG may follow them.
    orientation = _read_orientation(image, remarks)
    if orientation in _UPRIGHT:
        values = np.asarray(Image.fromarray(values).transpose(_UPRIGHT[orientation]))
    return [values]


def _read_pages(image: Image.Image, remarks: list[str]) -> list[NDArray[Any]]:
    """Read every full-size page of a TIFF. Pillow turns each upright and stops at a loop of pages."""
    _read_orientation(image, remarks)
    frames: list[NDArray[Any]] = []
    n_pixels = 0
    for index in range(MAX_FRAMES + 1):
        try:
            image.seek(index)
        except EOFError:
            break
        if index == MAX_FRAMES:
            raise ScanError(
                "The TIFF has too many pages",
                found=f"more than {MAX_FRAMES}",
                remedy="upload the study in parts",
                code="too_large",
            )
        n_pixels = _check_size(*image.size, n_pixels)
        if index and image.tag_v2.get(_SUBFILE_TAG, 0) & _REDUCED_COPY:  # type: ignore[attr-defined]
            continue
        frames.append(_read_values(image, remarks))
    shapes = {frame.shape for frame in frames}
    if len(shapes) > 1 or len({frame.dtype.kind for frame in frames}) > 1:
        sizes = ", ".join(sorted(f"{width} x {height}" for height, width in shapes))
        raise ScanError(
            "The pages of the TIFF do not belong to one series",
            found=f"sizes {sizes}" if len(shapes) > 1 else "pages of different number types",
            remedy="save each slice as a separate file",
            code="unsupported_format",
        )
    if len(frames) > 1:
        remarks.append(f"Each of the {len(frames)} pages was read as a slice.")
    return frames


def _read_values(image: Image.Image, remarks: list[str]) -> NDArray[Any]:
    """Decode the current frame to (H, W): uint8 display gray, or the stored values if they are not 8-bit."""
    if image.mode.startswith(("I", "F")):
        return np.asarray(image)
    if image.mode != "L" and any(";16" in str(tile) for tile in getattr(image, "tile", ())):
        remarks.append("16-bit color was read with 8 bits per channel.")
    if image.mode == "1":
        remarks.append("The image has only black and white (1 bit).")
        return np.asarray(image.convert("L"))
    if image.mode == "LAB":
        remarks.append("The image is in Lab color; its lightness was read.")
        return np.asarray(image.getchannel("L"))
    if image.mode == "CMYK":
        remarks.append("The image is in CMYK color; it was converted to gray.")
    if image.has_transparency_data:
        image = _flatten_on_black(image, remarks)
    if image.mode == "L":
        return np.asarray(image)
    image = image.convert("RGB")
    if _is_colored(image):
        remarks.append(COLORED)
    return np.asarray(image.convert("L"))


def _flatten_on_black(image: Image.Image, remarks: list[str]) -> Image.Image:
    """Composite on black, so that colors under full transparency stay hidden."""
    is_gray = image.mode in ("L", "LA", "La")
    *bands, alpha = image.convert("LA" if is_gray else "RGBA").split()
    if alpha.getextrema() == (255, 255):
        return bands[0] if is_gray else Image.merge("RGB", bands)
    remarks.append("The image has transparent parts; they are shown on black.")
    bands = [ImageChops.multiply(band, alpha) for band in bands]
    return bands[0] if is_gray else Image.merge("RGB", bands)


def _is_colored(image: Image.Image) -> bool:
    """Return whether an RGB picture is in color, by the largest difference between its channels."""
    red, green, blue = image.split()
    widest = ImageChops.lighter(ImageChops.difference(red, green), ImageChops.difference(green, blue))
    widest = ImageChops.lighter(widest, ImageChops.difference(red, blue))
    n_colored = sum(widest.histogram()[COLOR_STEPS + 1 :])
    return n_colored > COLOR_SHARE * image.width * image.height


def _scale_to_gray(frames: list[NDArray[Any]], remarks: list[str]) -> list[NDArray[np.float32]]:
    """Scale the stored values of all frames to [0, 1] by one rule, and report which."""
    if all(frame.dtype == np.uint8 for frame in frames):
        return [np.divide(frame, 255, dtype=np.float32) for frame in frames]
    if not all(np.isfinite(frame).all() for frame in frames):
        raise ScanError(
            "The image contains values that are not finite numbers",
            remedy="export it again, with missing values replaced",
            code="degenerate",
        )
    measured, offset = find_hounsfield(frames)
    frames = measured or frames
    low = float(min(frame.min() for frame in frames))
    high = float(max(frame.max() for frame in frames))
    values_text = f"The values ({low:g} to {high:g}{offset and ', '}{offset})"
    if AIR_HU > low >= -32768 and high <= 32767:
        remarks.append(
            f"{values_text} were read as Hounsfield units and are shown in the brain window"
            f" (center {LEARNED.center_hu:g} HU, width {LEARNED.width_hu:g} HU)."
        )
        return [window_hu(frame) for frame in frames]
    if low < 0 or high > FULL_SCALES[-1]:
        remarks.append(f"{values_text} fit no known scale; the lowest is shown black, the highest white.")
        return [_stretch(frame, low, high) for frame in frames]
    if frames[0].dtype.kind == "f" and high <= 1:
        return [frame.astype(np.float32) for frame in frames]
    scale = _choose_scale(frames, high)
    remarks.append(f"{values_text} were scaled to gray by dividing by {scale}.")
    return [np.divide(frame, scale, dtype=np.float32) for frame in frames]


def _stretch(frame: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    gray = frame.astype(np.float32)
    gray -= np.float32(low)
    gray /= np.float32(high - low) or np.float32(1)
    return np.clip(gray, 0, 1, out=gray)


def _choose_scale(frames: list[NDArray[Any]], high: float) -> int:
    """Return the smallest full scale that holds the maximum.

    Values that are all multiples of 257 are 8-bit values stored with 16 bits.
    """
    if high > FULL_SCALES[0] and all((frame % 257 == 0).all() for frame in frames):
        return FULL_SCALES[-1]
    return next(scale for scale in FULL_SCALES if high <= scale)
