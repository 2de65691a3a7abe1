"""Find out from a DICOM file where the patient's left is, and notice when the file contradicts itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset

from core.scans.dicom_attributes import read_frame_numbers, read_text, read_texts
from core.scans.geometry import check_directions, is_axial

UNKNOWN = "The file does not give the orientation of the image; left and right are unknown."
INVALID = (
    "The orientation in the file is not valid (no two perpendicular directions); left and right are unknown."
)
CONTRADICTED = (
    "The file contradicts itself about the orientation of the image ({}); left and right are uncertain and"
    " not marked."
)
# Unit vectors of the letters of Patient Orientation: left, back and head are positive.
_LETTERS = {
    "L": (1, 0, 0), "R": (-1, 0, 0), "P": (0, 1, 0), "A": (0, -1, 0), "H": (0, 0, 1), "F": (0, 0, -1),
}  # fmt: skip
# Signs of the row's x and the column's y in axial images of a scanner, by Patient Position. Patients who lie
# feet first may be shown as the gantry sees them or as if they lay head first.
_AS_SCANNED = {
    "HFS": {(1, 1)},
    "FFS": {(1, 1), (-1, 1)},
    "HFP": {(-1, -1)},
    "FFP": {(-1, -1), (1, -1)},
}


@dataclass(frozen=True)
class Sides:
    """The sides of the patient as a file tells them.

    Attributes:
        directions: as in `Plane`; from Image Orientation, or without it, from Patient Orientation; None if
            there are none.
        doubt: a sentence if left and right are not certain, else "".
    """

    directions: tuple[float, ...] | None
    doubt: str = ""


def read_sides(dataset: Dataset) -> Sides:
    """Return what the file tells about the sides in its first frame.

    Args:
        dataset: a whole file, before attributes are dropped.
    """
    values = read_frame_numbers(dataset, 0, "PlaneOrientationSequence", "ImageOrientationPatient")
    directions = check_directions(values)
    letters = _read_letters(dataset)
    if directions is None:
        if values is not None or read_text(dataset, "ImageOrientationPatient"):
            return Sides(None, INVALID)
        return Sides(letters, "" if letters else UNKNOWN)
    if letters and not _agree(directions, letters):
        return Sides(directions, CONTRADICTED.format("image orientation and patient orientation"))
    expected = _AS_SCANNED.get(read_text(dataset, "PatientPosition"))
    if expected and is_axial(directions):
        row, column = directions[0], directions[4]
        upright = abs(row) > abs(directions[1])
        if upright and (int(np.sign(row)), int(np.sign(column))) not in expected:
            return Sides(directions, CONTRADICTED.format("image orientation and patient position"))
    return Sides(directions)


def _read_letters(dataset: Dataset) -> tuple[float, ...] | None:
    """Return the directions that Patient Orientation names, from the first letter of each."""
    named = [_LETTERS.get(text[:1]) for text in read_texts(dataset, "PatientOrientation")]
    if len(named) != 2 or named[0] is None or named[1] is None:
        return None
    return check_directions([float(value) for value in (*named[0], *named[1])])


def _agree(directions: Sequence[float], letters: Sequence[float]) -> bool:
    return all(np.dot(directions[half], letters[half]) > 0 for half in (slice(0, 3), slice(3, 6)))
