"""What a person handed in, decoded: `Scan`, `Slice`, and the few technical facts that are kept of a file."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from core.errors import ScanError
from core.scans.windows import Window

Unit = Literal["gray", "hu"]
# A warning that the gate listens to.
OTHER_PART = "The file says that it shows another part of the body than the head."
# Left, right, top and bottom of the picture, as letters: R L A P, H (head) and F (feet).
Marks = tuple[str, str, str, str]


@dataclass(frozen=True, eq=False)
class Slice:
    """One decoded slice.

    Attributes:
        pixels: (H, W), read-only; float32 in [0, 1] when the scan's unit is "gray"; Hounsfield units when
            "hu", float32, or int16 for a study of DICOM files with whole numbers, which is half as large.
        position_mm: where the slice lies along the scan's axis, in the patient's coordinates, higher towards
            the head; None where the file does not say.
    """

    pixels: NDArray[Any]
    position_mm: float | None = None


@dataclass(frozen=True)
class Technical:
    """Everything that is kept of a file beside its pixels: nothing here names or dates anyone.

    Attributes:
        modality: "CT", "MR", ...; "other" for one that is not on our list, "" where the file does not say.
        spacing_mm: distance between rows and between columns.
        slice_spacing_mm: median distance between neighbouring slices.
        marks: what lies at the left, right, top and bottom of the picture, such as ("R", "L", "A", "P").
        window: the one the file asks to be shown with.
        gantry_tilt_deg: angle between the slices and the patient's axial plane; 0 is upright.
    """

    modality: str = ""
    spacing_mm: tuple[float, float] | None = None
    slice_spacing_mm: float | None = None
    marks: Marks | None = None
    window: Window | None = None
    gantry_tilt_deg: float | None = None


@dataclass(frozen=True, eq=False)
class Scan:
    """What a person handed in, decoded.

    Attributes:
        source: what the user called it; from outside, so to be shown as plain text only.
        sha256: of the file's bytes, in lower-case hexadecimal; of a series, of the sorted hashes of its
            files, so that neither their order nor their names matter.
        unit: "gray" (display gray in [0, 1]) or "hu" (Hounsfield units).
        slices: one or more slices of equal size: those of a volume from the feet towards the head, pages of a
            picture in the order of the file.
        warnings: whatever was changed, left out or assumed while decoding, as sentences.
        technical: geometry and the like.
    """

    source: str
    sha256: str
    unit: Unit
    slices: tuple[Slice, ...]
    warnings: tuple[str, ...] = ()
    technical: Technical = field(default_factory=Technical)


@dataclass(frozen=True)
class Refused:
    """A file, or a part of what was handed in, that was not read, and why."""

    source: str
    error: ScanError


@dataclass(frozen=True, eq=False)
class Study:
    """All that came of one upload: what was read, and what was not."""

    scans: tuple[Scan, ...]
    refused: tuple[Refused, ...]


@dataclass(frozen=True, eq=False)
class Plane:
    """One decoded frame of a file, before the frames of a series are put in order.

    Attributes:
        pixels: (H, W) float32, or int16 as of a Slice.
        corner_mm: centre of the first pixel in the patient's coordinates (DICOM: x to the left, y to the
            back, z to the head).
        directions: unit vectors along a row and along a column, one after the other.
        spacing_mm: between rows and between columns.
        thickness_mm: of the slice.
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
        source, sha256, unit, warnings: as of a Scan.
        kind: "picture", "dicom" or "volume".
        planes: its frames, in the order of the file.
        modality, window: as of Technical.
        localizer: whether the file says that it is one.
        number: its place in the series by its own count; used only where no position is known.
        series, patient: keyed digests of identifiers (see core.scans.dicom), to be compared within
            one upload and then forgotten. `patient` holds those of id, name and birth date, "" where empty.
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
    number: int = 0
    series: str = ""
    patient: tuple[str, ...] = ()


def pack_plane(plane: Plane) -> Plane:
    """Return the plane with its Hounsfield units as int16 where that changes no value: half the memory."""
    bounds = np.iinfo(np.int16)
    packed = np.clip(plane.pixels, bounds.min, bounds.max).astype(np.int16)
    return replace(plane, pixels=packed) if np.array_equal(packed, plane.pixels) else plane
