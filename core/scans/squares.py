"""Resample slices whose pixels are not square: networks, gate and pages all take pixels as squares."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from PIL import Image

from core.scans.scan import Plane

# Rounded spacings differ by less, and wider ones than this are no slice but a reformatted stack or an error.
_LEAST_RATIO, _MOST_RATIO = 1.02, 8.0
_MAX_SIDE = 8192
NOT_SQUARE = "The pixels are not square ({:.3g} by {:.3g} mm); the image was resampled to square pixels."
NOT_PLAUSIBLE = "The pixel spacing ({:.3g} by {:.3g} mm) is not plausible; the image is shown as stored."


def make_square(plane: Plane) -> tuple[Plane, str]:
    """Return the plane with square pixels of its finer spacing, and a remark if that changed it.

    Whole numbers stay whole, as Hounsfield units in files are.
    """
    spacing = plane.spacing_mm
    if spacing is None or max(spacing) < _LEAST_RATIO * min(spacing):
        return plane, ""
    rows, columns = spacing[0], spacing[1]
    if max(spacing) > _MOST_RATIO * min(spacing):
        return replace(plane, spacing_mm=None), NOT_PLAUSIBLE.format(rows, columns)
    finer = min(spacing)
    height, width = plane.pixels.shape
    size = (round(width * columns / finer), round(height * rows / finer))
    if max(size) > _MAX_SIDE:
        return replace(plane, spacing_mm=None), NOT_PLAUSIBLE.format(rows, columns)
    pixels = np.asarray(
        Image.fromarray(plane.pixels.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
    )
    if np.array_equal(plane.pixels, np.rint(plane.pixels)):
        pixels = np.rint(pixels)
    # Cubic interpolation overshoots at edges.
    pixels = np.clip(pixels, plane.pixels.min(), plane.pixels.max())
    corner = plane.corner_mm
    if corner is not None and plane.directions is not None:
        # The first pixel is smaller, so its center moves towards the corner.
        along, down = np.array(plane.directions[:3]), np.array(plane.directions[3:])
        corner = tuple(
            (np.array(corner) + along * (finer - columns) / 2 + down * (finer - rows) / 2).tolist()
        )
    return (
        replace(plane, pixels=pixels.astype(np.float32), corner_mm=corner, spacing_mm=(finer, finer)),
        NOT_SQUARE.format(rows, columns),
    )
