"""Find the orientation and the voxel size of a NIfTI volume, and whether its left and right are certain."""

from __future__ import annotations

import nibabel
import numpy as np
from nibabel.orientations import aff2axcodes, io_orientation
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

# Codes of the unit of length in xyzt_units, and its length in mm.
_UNITS_MM = {1: ("meters", 1000.0), 3: ("micrometers", 0.001)}
# The width of a picture of a body in mm. Another one means that the header's unit is wrong.
_WIDTH_MM = (20.0, 2000.0)
UNKNOWN = "The file does not give the orientation of the volume; left and right are unknown."
OTHER_PLANES = (
    "The volume is a stack of coronal or sagittal slices; the networks were trained on axial slices."
)
# In a stack of other planes, the distance between slices is by this factor the longest side of a voxel.
_ACROSS_RATIO = 2.5
DISAGREE = (
    "The two orientations in the file (qform and sform) disagree about {}; left and right are uncertain and"
    " not marked."
)
_AXES = {"L": "left and right", "R": "left and right", "A": "front and back", "P": "front and back"}


def is_usable(affine: NDArray) -> bool:
    """Return whether a (4, 4) affine describes a volume with three axes."""
    if not np.isfinite(affine).all():
        return False
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    # Relative, because the unit may be meters.
    if not lengths.all() or abs(np.linalg.det(affine[:3, :3] / lengths)) <= 1e-6:
        return False
    # With extreme values the axes cannot be distinguished.
    return not np.isnan(io_orientation(affine)).any()


def is_cut_across(affine: NDArray) -> bool:
    """Return whether axial slices cut across the slices of a volume: its steps are longest in their plane."""
    if not is_usable(affine):
        return False
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    along = int(np.flatnonzero(io_orientation(affine)[:, 0] == 2)[0])
    longest = int(sizes.argmax())
    return longest != along and bool(sizes[longest] >= _ACROSS_RATIO * np.median(sizes))


def find_affine(
    header: nibabel.Nifti1Header, shape: tuple[int, ...], remarks: list[str]
) -> tuple[NDArray, bool]:
    """Return the (4, 4) affine in mm, NaN if there is none, and whether left and right are certain.

    With both codes 0 the voxel sizes are known, but not the orientation (nifti1.h, method 1).
    """
    usable = []
    for read in (header.get_sform, header.get_qform):
        try:
            form = read(coded=True)[0]
        except (ValueError, HeaderDataError):
            continue
        usable += [form] if form is not None and is_usable(form) else []
    sizes = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64))
    if usable:
        affine = np.array(usable[0], dtype=np.float64)
        sizes = np.linalg.norm(affine[:3, :3], axis=0)
    else:
        affine = np.diag([*sizes, 1.0])
        remarks.append(UNKNOWN)
    if not usable and not is_usable(affine):
        return np.full((4, 4), np.nan), False
    named, factor = _UNITS_MM.get(int(header["xyzt_units"]) & 7, ("", 1.0))
    width = float(max(sizes[:2] * shape[:2])) * factor
    for better in (1000.0, 0.001):
        if not _WIDTH_MM[0] <= width <= _WIDTH_MM[1] and _WIDTH_MM[0] <= width * better <= _WIDTH_MM[1]:
            remarks.append(
                f"The volume would be {width:.3g} mm wide; the header's unit of length is wrong and was"
                " changed."
            )
            factor *= better
            break
    else:
        if named:
            remarks.append(f"The header gives lengths in {named}; they were converted to mm.")
    affine[:3] *= factor
    agree = len(usable) < 2 or _compare_forms(usable, remarks)
    return affine, bool(usable) and agree


def _compare_forms(forms: list[NDArray], remarks: list[str]) -> bool:
    one, other = (aff2axcodes(form) for form in forms)
    if one == other:
        return True
    pairs = zip(one, other, strict=True)
    names = {_AXES.get(letter, "head and feet") for letter, its in pairs if letter != its}
    remarks.append(DISAGREE.format(", ".join(sorted(names, key=lambda name: "left" not in name))))
    return False
