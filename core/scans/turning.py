"""Turn slices by quarter turns, with their spacing and orientation letters."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from core.scans.scan import Marks, Scan, Slice


def turn_slice(piece: Slice, degrees: int) -> Slice:
    """Turn a slice counterclockwise by 0, 90, 180 or 270 degrees (or clockwise, if negative)."""
    if degrees % 360 == 0:
        return piece
    pixels = np.ascontiguousarray(np.rot90(piece.pixels, degrees // 90))
    pixels.setflags(write=False)
    return replace(piece, pixels=pixels)


def turn_scan(scan: Scan, degrees: int) -> Scan:
    """Turn every slice of a scan as `turn_slice` does, with its orientation letters and its spacing."""
    if degrees % 360 == 0:
        return scan
    marks, spacing = scan.technical.marks, scan.technical.spacing_mm
    for _ in range(degrees // 90 % 4):
        if marks:
            left, right, top, bottom = marks
            turned: Marks = (top, bottom, right, left)
            marks = turned
        spacing = spacing and (spacing[1], spacing[0])
    return replace(
        scan,
        slices=tuple(turn_slice(piece, degrees) for piece in scan.slices),
        technical=replace(scan.technical, marks=marks, spacing_mm=spacing),
    )
