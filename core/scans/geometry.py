"""Where a slice lies in the patient, and how its picture is turned the usual way.

Coordinates are DICOM's (PS3.3 C.7.6.2.1.1): millimetres, x to the patient's left, y to the back, z to the
head. The usual axial picture has the patient's right at its left and the front at its top.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.scans.scan import Marks, Plane

# The letters at the two ends of each axis: negative, positive.
_LETTERS = (("R", "L"), ("A", "P"), ("F", "H"))
# Between an axial slice's normal and the patient's axis; gantries tilt by 30 degrees at most.
MAX_TILT_DEG = 45.0


def normal_of(directions: Sequence[float]) -> NDArray[np.float64]:
    """The (3,) unit normal of a plane, pointing towards the head, or left, or back, whichever is its main
    axis."""
    normal = np.cross(directions[:3], directions[3:])
    normal = normal / np.linalg.norm(normal)
    main = int(np.argmax(np.abs(normal)))
    return normal if normal[main] > 0 else -normal


def check_directions(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """The six direction cosines, or None when they describe no plane."""
    if values is None or len(values) != 6 or not all(map(math.isfinite, values)):
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not all(0.9 < length < 1.1 for length in lengths) or abs(row @ column) > 0.1:
        return None
    return tuple(float(value) for value in values)


def is_axial(directions: Sequence[float]) -> bool:
    """Whether slices of this direction cut the patient across, tilted by at most 45 degrees."""
    return tilt_of(directions) <= MAX_TILT_DEG


def tilt_of(directions: Sequence[float]) -> float:
    """Angle in degrees between a plane's normal and the patient's long axis."""
    return math.degrees(math.acos(min(1.0, abs(float(normal_of(directions)[2])))))


def position_of(plane: Plane) -> float | None:
    """Where a plane lies along its own normal, in mm; None when the file does not say."""
    if plane.corner_mm is None or plane.directions is None:
        return None
    return float(np.dot(normal_of(plane.directions), plane.corner_mm))


def marks_of(directions: Sequence[float]) -> Marks:
    """What lies at the left, right, top and bottom of the picture."""

    def ends(direction: Sequence[float]) -> tuple[str, str]:
        axis = int(np.argmax(np.abs(direction)))
        low, high = _LETTERS[axis]
        return (low, high) if direction[axis] > 0 else (high, low)

    left, right = ends(directions[:3])
    top, bottom = ends(directions[3:])
    return left, right, top, bottom


def turn_usual(plane: Plane) -> Plane:
    """An axial plane turned and mirrored until the right is at its left and the front at its top."""
    if plane.directions is None or not is_axial(plane.directions):
        return plane
    pixels, row, column = plane.pixels, np.array(plane.directions[:3]), np.array(plane.directions[3:])
    corner = None if plane.corner_mm is None else np.array(plane.corner_mm)
    spacing = plane.spacing_mm
    if abs(row[0]) < abs(column[0]):
        pixels, row, column = pixels.T, column, row
        spacing = None if spacing is None else (spacing[1], spacing[0])
    for axis, direction in ((1, row), (0, column)):
        main = direction[0] if axis == 1 else direction[1]
        if main >= 0:
            continue
        if corner is not None and spacing is not None:
            # The first pixel is now what was the last.
            corner = corner + direction * spacing[axis] * (pixels.shape[axis] - 1)
        pixels = np.flip(pixels, axis)
        direction *= -1
    if pixels is plane.pixels:
        return plane
    return replace(
        plane,
        pixels=np.ascontiguousarray(pixels),
        corner_mm=None if corner is None else tuple(corner.tolist()),
        directions=(*row.tolist(), *column.tolist()),
        spacing_mm=spacing,
    )
