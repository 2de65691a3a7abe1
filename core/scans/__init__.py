"""File bytes -> `Scan`: the one door for whatever a person hands in.

The format is decided by the content alone, never by the name. Nothing here logs, keeps a copy, or reads
the patient's name; `source` is whatever the user called the file and is only ever shown as plain text.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ScanError
from core.scans import formats, raster

MAX_FILE_BYTES = 200_000_000
MIN_SIDE_PX = 32

# Below this share of pixels that differ from the commonest gray, a picture shows next to nothing.
NEARLY_EMPTY_SHARE = 0.005


@dataclass(frozen=True, eq=False)
class Slice:
    """One decoded slice.

    Attributes:
        pixels: (H, W) float32, read-only; in [0, 1] when the scan's unit is "gray", Hounsfield units when
            "hu".
    """

    pixels: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Scan:
    """What a person handed in, decoded.

    Attributes:
        source: what the user called it; from outside, so to be shown as plain text only.
        sha256: of the file's bytes, in lower-case hexadecimal.
        unit: "gray" (display gray in [0, 1]) or "hu" (Hounsfield units).
        slices: one or more slices of equal size, in the order of the file.
        warnings: whatever was changed or assumed while decoding, as sentences.
    """

    source: str
    sha256: str
    unit: Literal["gray", "hu"]
    slices: tuple[Slice, ...]
    warnings: tuple[str, ...] = ()


def read_scan(data: bytes, source: str) -> Scan:
    """Decode one file.

    Args:
        data: the file's bytes.
        source: what the user called it; its ending is compared with the content, nothing else is read from
            it.

    Returns:
        A scan of unit "gray" with at least one slice, each at least 32 x 32 pixels and not constant.

    Raises:
        ScanError: with code "empty", "too_large", "not_an_image", "unsupported_format", "truncated" (damaged
            or cut off) or "degenerate" (smaller than 32 pixels, constant, or not finite).
    """
    if not data:
        raise ScanError("The file is empty", remedy="export or copy it again", code="empty")
    check_file_size(len(data))
    kind = formats.identify(data)
    if kind.remedy:
        raise ScanError(f"This is {kind.name}, not a picture", remedy=kind.remedy, code=kind.refusal)
    warnings = formats.compare_with_name(kind, source)
    picture = raster.decode(data, kind.name)
    slices, remarks = _keep_usable(picture.frames)
    return Scan(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        unit="gray",
        slices=slices,
        warnings=(*warnings, *picture.warnings, *remarks),
    )


def read_scan_file(path: Path, source: str | None = None) -> Scan:
    """Decode the file at `path`; like `read_scan`, but an oversized file is refused before it is read.

    Args:
        path: where the file lies.
        source: what to call it; the file's own name when left out.

    Raises:
        ScanError: as `read_scan`, and with code "unreadable" when the file cannot be opened.
    """
    try:
        check_file_size(path.stat().st_size)
        data = path.read_bytes()
    except OSError as error:
        raise ScanError(
            "The file cannot be opened",
            came=error.strerror or "",
            remedy="check that it exists and may be read",
        ) from error
    return read_scan(data, path.name if source is None else source)


def check_file_size(n_bytes: int) -> None:
    """Refuse a file above 200 MB (ScanError, code "too_large")."""
    if n_bytes > MAX_FILE_BYTES:
        raise ScanError(
            "The file is too large",
            came=f"{n_bytes / 1e6:.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:.0f} MB",
            remedy="hand in single slices or a smaller export",
            code="too_large",
        )


def _keep_usable(frames: Sequence[NDArray[np.float32]]) -> tuple[tuple[Slice, ...], list[str]]:
    """Leave out blank frames of a stack by name, and refuse a picture that shows nothing at all."""
    slices: list[Slice] = []
    blank: list[int] = []
    remarks: list[str] = []
    for index, pixels in enumerate(frames):
        height, width = pixels.shape
        if min(height, width) < MIN_SIDE_PX:
            raise ScanError(
                "The picture is too small to show a slice",
                came=f"{width} x {height} pixels; at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are needed",
                remedy="hand in the slice at its full size",
                code="degenerate",
            )
        if not np.isfinite(pixels).all():
            raise ScanError(
                "The picture holds values that are not finite numbers",
                remedy="export it again, with missing values replaced",
                code="degenerate",
            )
        if pixels.min() == pixels.max():
            blank.append(index + 1)
            continue
        pixels.setflags(write=False)
        slices.append(Slice(pixels))
    if not slices:
        raise ScanError(
            "The picture shows nothing",
            came="every pixel has the same value",
            remedy="export the slice again, with a brain window",
            code="degenerate",
        )
    if blank:
        remarks.append(f"Blank frames were left out: {', '.join(map(str, blank))} (counted from 1).")
    if any(_is_nearly_empty(slice_.pixels) for slice_ in slices):
        remarks.append("Almost every pixel has the same value; there is next to nothing to read.")
    return tuple(slices), remarks


def _is_nearly_empty(pixels: NDArray[np.float32]) -> bool:
    # Every fourth pixel finds the commonest gray well enough, and far faster.
    return bool(np.mean(pixels != np.median(pixels[::4, ::4])) < NEARLY_EMPTY_SHARE)
