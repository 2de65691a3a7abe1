"""Slice position and orientation in the patient, and the radiological display orientation.

Coordinates follow DICOM (PS3.3 C.7.6.2.1.1): mm, x to the patient's left, y to the back, z to the head. In
radiological orientation an axial slice shows the patient's right on the left and the front at the top.
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
# Between a slice's normal and the patient's long axis: up to here the slice is turned as an axial one.
MAX_TILT_DEG = 45.0
# Gantries tilt by up to 30 degrees, so a slice beyond is a reformatted one.
MAX_GANTRY_TILT_DEG = 30.5


def compute_normal(directions: Sequence[float]) -> NDArray[np.float64]:
    """Return the (3,) unit normal of a plane, positive along its main axis (left, back or head)."""
    normal = np.cross(directions[:3], directions[3:])
    normal = normal / np.linalg.norm(normal)
    main = int(np.argmax(np.abs(normal)))
    return normal if normal[main] > 0 else -normal


def check_directions(values: Sequence[float] | None) -> tuple[float, ...] | None:
    """Return the six direction cosines, or None when they do not describe a plane."""
    if values is None or len(values) != 6 or not all(map(math.isfinite, values)):
        return None
    row, column = np.array(values[:3]), np.array(values[3:])
    lengths = np.linalg.norm(row), np.linalg.norm(column)
    if not all(0.9 < length < 1.1 for length in lengths) or abs(row @ column) > 0.1:
        return None
    return tuple(float(value) for value in values)


def is_axial(directions: Sequence[float]) -> bool:
    """Return whether the plane is axial, tilted by at most 45 degrees."""
    return compute_tilt_deg(directions) <= MAX_TILT_DEG


def compute_tilt_deg(directions: Sequence[float]) -> float:
    """Return the angle in degrees between a plane's normal and the patient's long axis."""
    return math.degrees(math.acos(min(1.0, abs(float(compute_normal(directions)[2])))))


def compute_position_mm(plane: Plane) -> float | None:
    """Return a plane's position along its normal in mm, or None when the file does not give it."""
    if plane.corner_mm is None or plane.directions is None:
        return None
    return float(np.dot(compute_normal(plane.directions), plane.corner_mm))


def find_marks(directions: Sequence[float]) -> Marks:
    """Return the orientation letters at the left, right, top and bottom of the picture."""

    def ends(direction: Sequence[float]) -> tuple[str, str]:
        axis = int(np.argmax(np.abs(direction)))
        low, high = _LETTERS[axis]
        return (low, high) if direction[axis] > 0 else (high, low)

    left, right = ends(directions[:3])
    top, bottom = ends(directions[3:])
    return left, right, top, bottom


def orient_plane(plane: Plane) -> Plane:
    """Return an axial plane in radiological orientation; other planes are returned unchanged."""
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
            # The last pixel along this axis becomes the first.
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
