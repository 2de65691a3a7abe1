"""Read the masks of a manifest: outlines of the finding that is present on a slice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.datasets.places import HasPlaces, open_volume, read_slice
from core.errors import ScanError
from core.scans import RASTER_NAMES, identify

_HEAD_BYTES = 4096
# Values of lossy pictures are blurred around edges.
_LOSSY = ("JPEG", "WEBP")
_LOSSY_ABOVE = 127
# A slice and its mask lie at one position if they are at most this far apart.
_SAME_PLACE_MM = 0.1


def read_mask(dataset: HasPlaces, file: str, finding: str = "") -> NDArray[np.bool_] | None:
    """Read the mask of one slice of the table, turned upright like its pixels, with holes filled.

    Args:
        dataset: the indexed set, or the slices that `locate_slices` finds.
        file: a value of the table's `file` column.
        finding: only a mask that outlines this finding; "": the mask of any.

    Returns:
        (H, W) bool, of the same shape as `read_pixels`; None if the slice has no mask (of this finding). It
        is blank only if no finding is present on the slice.

    Raises:
        ScanError: slice or mask is missing or damaged, the mask has another size, or it contradicts the
            labels; see `load_mask`.
    """
    place = dataset.places.get(file)
    if place is None or place.mask is None or (finding and place.outlined != finding):
        return None
    piece = read_slice(dataset, file).slices[0]
    height, width = piece.pixels.shape
    size = (width, height) if place.rotate in (90, 270) else (height, width)
    try:
        drawn = load_mask(place.mask, place.outlined, size, piece.position_mm)
    except ScanError as error:
        raise ScanError(f"{file}: {error.problem}", found=error.found, remedy=error.remedy) from error
    from scipy.ndimage import binary_fill_holes

    filled: NDArray[np.bool_] = np.rot90(binary_fill_holes(drawn), -place.rotate // 90)
    return np.ascontiguousarray(filled)


def load_mask(
    path: Path, outlined: str, size: tuple[int, ...], position_mm: float | None = None
) -> NDArray[np.bool_]:
    """Return where a mask is drawn, as stored: not turned, holes not filled.

    Args:
        path: a picture, a DICOM or a NIfTI file. Of a volume, the slice at the image's position is meant.
        outlined: the finding that the mask outlines; "" if none is present.
        size: (height, width) of the image as stored.
        position_mm: position of the image along the scan's axis; None if unknown.

    Raises:
        ScanError: code "manifest": it is missing or damaged, has another size, outlines nothing although a
            finding is present, or something although none is.
    """
    try:
        drawn = _read_drawn(path, size, position_mm)
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise _refuse(path, "does not exist" if not path.exists() else "is damaged") from error
    except ScanError as error:
        raise _refuse(path, f"cannot be read: {error}") from error
    if drawn.shape != size:
        found, wanted = (f"{one[1]} x {one[0]}" for one in (drawn.shape, size))
        raise _refuse(path, f"has {found} pixels, the image {wanted}")
    if outlined and not drawn.any():
        raise _refuse(path, f"is blank, but the label says that {outlined} is present")
    if not outlined and drawn.any():
        raise _refuse(path, "outlines something, but no label says that a finding is present")
    return drawn


def _refuse(path: Path, problem: str) -> ScanError:
    return ScanError(f"the mask {path.name} {problem}", code="manifest")


def _read_drawn(path: Path, size: tuple[int, ...], position_mm: float | None) -> NDArray[np.bool_]:
    with path.open("rb") as stream:
        if identify(stream.read(_HEAD_BYTES)).name not in RASTER_NAMES:
            return _read_volume(path, size, position_mm)
    with Image.open(path) as picture:
        # Palettes and transparency are drawn as they look; other values count as stored.
        plain = picture.mode in ("1", "L", "F") or picture.mode.startswith("I")
        values = np.asarray(picture if plain else picture.convert("RGB"))
        above = _LOSSY_ABOVE if picture.format in _LOSSY else 0
    # The highest channel of a color is above if any is.
    return np.greater(values if values.ndim == 2 else values.max(axis=2), above)


def _read_volume(path: Path, size: tuple[int, ...], position_mm: float | None) -> NDArray[np.bool_]:
    """Return the slice of a volume that lies at the image's position; blank slices are left out of scans."""
    try:
        slices = open_volume(path).slices
    except ScanError as error:
        if error.code == "degenerate":
            return np.zeros(size, bool)
        raise
    if len(slices) == 1 and (position_mm is None or slices[0].position_mm is None):
        return np.greater(slices[0].pixels, 0)
    if position_mm is None or any(piece.position_mm is None for piece in slices):
        raise ScanError("it has several slices, and it is unknown which one belongs to the image")
    for piece in slices:
        if piece.position_mm is not None and abs(piece.position_mm - position_mm) <= _SAME_PLACE_MM:
            return np.greater(piece.pixels, 0)
    return np.zeros(slices[0].pixels.shape, bool)
