"""The types of decoded uploads: `Scan`, `Slice`, and the technical facts retained from a file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ScanError
from core.scans.windows import LEARNED, Window, window_hu

Unit = Literal["gray", "hu"]
# The gate treats this warning as evidence against a head CT.
OTHER_PART = "The body part given in the file is not the head."
# Begins every sentence on why a scan is part of a study only.
INCOMPLETE = "Study incomplete: "
NOT_AXIAL = "The slices are not axial; the networks were trained on axial slices."
# Orientation letters at the left, right, top and bottom of the picture: R, L, A, P, H (head), F (feet).
Marks = tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class Slice:
    """One decoded slice.

    Attributes:
        pixels: (H, W), read-only. float32 in [0, 1] if the scan's unit is "gray". Hounsfield units if "hu":
            float32, or int16 for DICOM files with integer values, to halve the memory.
        position_mm: position along the scan's axis in patient coordinates, rising towards the head; None if
            the file does not give it.
        location_mm: the slice location, along an axis of unknown origin and direction, where the file gives
            no position; None if it gives neither.
    """

    pixels: NDArray[Any]
    position_mm: float | None = None
    location_mm: float | None = None

    @property
    def height_mm(self) -> float | None:
        """Return the position or, without one, the slice location: only differences mean something."""
        return self.location_mm if self.position_mm is None else self.position_mm


def to_gray(pixels: NDArray[Any], unit: Unit, window: Window = LEARNED) -> NDArray[np.float32]:
    """Return the pixels of a slice as float32 display gray in [0, 1].

    Args:
        pixels: any shape, as in `Slice`.
        unit: of its scan.
        window: shows Hounsfield units; not used for pixels that are gray already.
    """
    return pixels if unit == "gray" else window_hu(pixels, window)


@dataclass(frozen=True)
class Technical:
    """All facts retained from a file besides its pixels; none identifies or dates a patient.

    Attributes:
        modality: "CT", "MR", ...; "other" for a modality not on our list, "" if the file gives none.
        spacing_mm: distance between rows and between columns.
        slice_spacing_mm: median distance between adjacent slices.
        marks: orientation letters at the left, right, top and bottom, such as ("R", "L", "A", "P").
        window: the display window given in the file.
        gantry_tilt_deg: angle between the slices and the patient's axial plane; 0 without tilt.
    """

    modality: str = ""
    spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None
    marks: Marks | None = None
    window: Window | None = None
    gantry_tilt_deg: float | None = None


@dataclass(frozen=True, eq=False)
class Scan:
    """A decoded picture, volume or series.

    Attributes:
        source: its name as the user gave it; show it as plain text only.
        sha256: lower-case hexadecimal hash of the file's bytes. For a series, the hash of its files' sorted
            hashes, which does not depend on their order or names.
        unit: "gray" (display gray in [0, 1]) or "hu" (Hounsfield units).
        slices: one or more slices of equal size: those of a volume or series from the feet to the head, pages
            of a picture in file order.
        warnings: sentences about everything changed, left out or assumed while decoding.
        technical: modality, geometry and window.
        incomplete: why this is part of a study only, as sentences that `warnings` holds, too.
        doubts: why else every result on this scan is uncertain, as sentences that `warnings` holds, too.
        unfit: why nothing on this scan can be judged, as sentences that `warnings` holds, too.
        is_oriented: whether its file, or a manifest, tells how the head lies; then nothing else may turn it.
    """

    source: str
    sha256: str
    unit: Unit
    slices: tuple[Slice, ...]
    warnings: tuple[str, ...] = ()
    technical: Technical = field(default_factory=Technical)
    incomplete: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    is_oriented: bool = False


@dataclass(frozen=True)
class Refused:
    """A file, or part of an upload, that was not read, and the reason."""

    source: str
    error: ScanError


@dataclass(frozen=True)
class Lost:
    """A file that was not read and may be a slice of a study; `series` is its keyed digest, "" if unknown."""

    source: str
    series: str = ""


@dataclass(frozen=True, eq=False)
class Study:
    """The outcome of one upload: scans, and files that were not read."""

    scans: tuple[Scan, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, eq=False)
class Plane:
    """One decoded frame of a file, before the frames of a series are sorted.

    Attributes:
        pixels: (H, W) float32 or int16, as for `Slice`.
        corner_mm: center of the first pixel in patient coordinates (DICOM: x to the left, y to the back, z to
            the head).
        directions: the six direction cosines: unit vectors along a row, then along a column.
        spacing_mm: distance between rows and between columns.
        thickness_mm: slice thickness.
    """

    pixels: NDArray[Any]
    corner_mm: tuple[float, ...] | None = None
    directions: tuple[float, ...] | None = None
    spacing_mm: tuple[float, ...] | None = None
    thickness_mm: float | None = None


@dataclass(frozen=True, eq=False)
class Piece:
    """One decoded file: a picture, a volume, or a part of a series.

    Attributes:
        source, sha256, unit, warnings: as for `Scan`.
        kind: "picture", "dicom" or "volume".
        planes: its frames in file order.
        modality: as for `Technical`.
        window: center and width in HU of the window given in the file.
        localizer: whether the file is marked as a localizer.
        number: instance number, None if unknown.
        location_mm: the slice location, along an axis that the file does not describe; None if unknown.
        study, series, patient, names, traits: keyed digests of identifiers and of what tells reconstructions
            apart (see core.scans.dicom_identity), compared within one upload and then discarded.
        doubts, unfit: as for `Scan`.
        sides_known: whether left and right are certain; marks are shown only then.
        is_oriented: whether the directions of its planes, if any, are the file's and not assumed.
    """

    source: str
    sha256: str
    unit: Unit
    kind: str
    planes: tuple[Plane, ...]
    warnings: tuple[str, ...] = ()
    modality: str = ""
    window: tuple[float, float] | None = None
    localizer: bool = False
    number: int | None = None
    location_mm: float | None = None
    study: str = ""
    series: str = ""
    patient: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    traits: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    sides_known: bool = True
    is_oriented: bool = True


def pack_plane(plane: Plane) -> Plane:
    """Return the plane with int16 pixels if that changes no value, to halve the memory."""
    bounds = np.iinfo(np.int16)
    packed = np.clip(plane.pixels, bounds.min, bounds.max).astype(np.int16)
    return replace(plane, pixels=packed) if np.array_equal(packed, plane.pixels) else plane
