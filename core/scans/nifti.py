"""Decode a NIfTI file (.nii, .nii.gz; NIfTI-1 and -2) into a `Piece` in radiological orientation.

nibabel reads the header and the orientation. The voxels are read from the bytes directly, so that nothing is
inflated or allocated before the header is checked. The header's free text is not read.
"""

from __future__ import annotations

import hashlib
import logging
import zlib

import nibabel
import numpy as np
from nibabel.orientations import apply_orientation, inv_ornt_aff, io_orientation
from numpy.typing import NDArray

from core.errors import ScanError
from core.scans.hounsfield import is_shifted_ct, is_wrapped
from core.scans.nifti_geometry import OTHER_PLANES, UNKNOWN, find_affine, is_cut_across, is_usable
from core.scans.raster import AIR_HU
from core.scans.scan import Piece, Plane
from core.scans.squares import make_square

MAX_VOXELS = 100_000_000
MAX_SIDE = 4096
DENSE_HU = 3000.0

_HEADERS = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_HEAD_BYTES = 544
# Cosine of the angle between rows and columns.
_SHEARED = 0.1
_WORLD_TO_DICOM = np.array([-1.0, -1.0, 1.0])

# nibabel's log quotes headers.
logging.getLogger("nibabel").setLevel(logging.CRITICAL + 1)


def decode(data: bytes, source: str) -> Piece:
    """Decode a volume.

    Args:
        data: the file's bytes, gzipped or not.
        source: the file's name.

    Raises:
        ScanError: code "truncated", "unsupported_format" (not NIfTI inside, four dimensions, header and data
            in two files, unknown number type), "too_large" or "degenerate".
    """
    head = _read_start(data, _HEAD_BYTES)
    size = int.from_bytes(head[:4], "little")
    kind = _HEADERS.get(size) or _HEADERS.get(int.from_bytes(head[:4], "big"))
    if kind is None:
        raise ScanError(
            "This gzip file does not contain a NIfTI volume",
            remedy="unpack it and upload the file inside",
            code="unsupported_format",
        )
    length = kind.template_dtype.itemsize
    if len(head) < length:
        raise _damaged()
    remarks: list[str] = []
    doubts: list[str] = []
    unfit: list[str] = []
    try:
        header = kind(head[:length], check=False)
        shape, dtype, offset, slope, intercept = _check(header)
        stored = _restore_sign(_read_numbers(data, shape, dtype, offset), doubts)
        affine, sides_known = find_affine(header, shape, remarks)
    except (ValueError, TypeError, LookupError, ArithmeticError, nibabel.spatialimages.HeaderDataError):
        raise _damaged() from None
    rescales = bool(np.isfinite(slope) and slope != 0 and np.isfinite(intercept))
    # A slope of 0 or NaN is the usual way to say that there is no scaling.
    if not rescales and not (slope == 0 or (np.isnan(slope) and np.isnan(intercept))):
        remarks.append(
            "The scaling in the header (slope, intercept) is not a number; the values were read as stored."
        )
    if is_cut_across(affine):
        unfit.append(OTHER_PLANES)
    planes = _to_planes(stored, affine, (slope, intercept) if rescales else None, remarks)
    if not all(np.isfinite(plane.pixels).all() for plane in planes):
        raise ScanError(
            "The volume contains values that are not finite numbers",
            remedy="export it again, with missing values replaced",
            code="degenerate",
        )
    low = float(min(plane.pixels.min() for plane in planes))
    # NIfTI gives no modality. A head CT shows air, and its median is below dense bone.
    is_ct = low < AIR_HU and float(np.median([plane.pixels[::4, ::4] for plane in planes])) < DENSE_HU
    is_ct = is_ct or is_shifted_ct([plane.pixels for plane in planes])
    if not is_ct:
        unfit.append(_to_gray(planes, low))
    return Piece(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        unit="hu" if is_ct else "gray",
        kind="volume",
        planes=tuple(planes),
        warnings=tuple(dict.fromkeys([*remarks, *doubts, *unfit])),
        sides_known=sides_known,
        is_oriented=UNKNOWN not in remarks,
        doubts=tuple(doubts),
        unfit=tuple(unfit),
    )


def _damaged() -> ScanError:
    return ScanError(
        "The NIfTI file is damaged or cut off", remedy="copy or export it again", code="truncated"
    )


def _read_start(data: bytes, n_bytes: int) -> bytes:
    """Return the first `n_bytes`, inflated if the file is gzipped; no more is inflated.

    A gzip file may have several members, one after the other (RFC 1952). What follows the last is ignored.
    """
    if not data.startswith(_GZIP_MAGIC):
        return data[:n_bytes]
    parts: list[bytes] = []
    missing, rest = n_bytes, data
    try:
        while missing > 0 and rest.startswith(_GZIP_MAGIC):
            member = zlib.decompressobj(_GZIP)
            parts.append(member.decompress(rest, missing))
            missing -= len(parts[-1])
            rest = member.unused_data
    except zlib.error:
        raise _damaged() from None
    return parts[0] if len(parts) == 1 else b"".join(parts)


def _check(header: nibabel.Nifti1Header) -> tuple[tuple[int, ...], np.dtype, int, float, float]:
    if bytes(header["magic"]).startswith(b"ni"):
        raise _unsupported("header and data in two files; one file (.nii) is supported")
    if bytes(header["magic"])[:2] != b"n+":
        raise _unsupported("an Analyze header")
    n_dims = int(header["dim"][0])
    shape = tuple(int(length) for length in header["dim"][1 : n_dims + 1])
    while len(shape) > 3 and shape[-1] == 1:
        shape = shape[:-1]
    if len(shape) > 3:
        raise _unsupported(f"{len(shape)} dimensions; upload one volume of a series")
    if len(shape) < 2 or not all(0 < length <= MAX_SIDE for length in shape):
        raise ScanError(
            "The volume's dimensions are out of range",
            found=" x ".join(map(str, shape)) or "none",
            remedy="export it again",
            code="degenerate",
        )
    shape = (*shape, 1) if len(shape) == 2 else shape
    if np.prod(shape, dtype=np.int64) > MAX_VOXELS:
        raise ScanError(
            "The volume is too large",
            found=f"{np.prod(shape, dtype=np.int64) / 1e6:.0f} million voxels",
            remedy="upload a part of it",
            code="too_large",
        )
    dtype = header.get_data_dtype()
    if dtype.kind not in "iuf":
        raise _unsupported("colors or complex numbers")
    return shape, dtype, int(header["vox_offset"]), float(header["scl_slope"]), float(header["scl_inter"])


def _unsupported(found: str) -> ScanError:
    return ScanError(
        "This kind of NIfTI file is not supported",
        found=found,
        remedy="save it as a 3-D .nii",
        code="unsupported_format",
    )


def _read_numbers(data: bytes, shape: tuple[int, ...], dtype: np.dtype, offset: int) -> NDArray:
    """Return the voxels as stored, without a copy if the file is not gzipped."""
    n_bytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    if not 0 <= offset <= 2 * len(data) + _HEAD_BYTES:
        raise _damaged()
    unpacked = _read_start(data, offset + n_bytes) if data.startswith(_GZIP_MAGIC) else data
    if len(unpacked) < offset + n_bytes:
        raise _damaged()
    numbers = np.frombuffer(unpacked, dtype, offset=offset, count=int(np.prod(shape, dtype=np.int64)))
    return numbers.reshape(shape, order="F")


def _restore_sign(numbers: NDArray, doubts: list[str]) -> NDArray:
    """Read unsigned numbers as signed where air lies just below 65536, as negative ones would."""
    if numbers.dtype != np.uint16 or not is_wrapped(list(np.moveaxis(numbers, 2, 0))):
        return numbers
    doubts.append("The values are wrapped (negative ones were stored without a sign); they were restored.")
    return numbers.view(np.int16)


def _to_planes(
    volume: NDArray, affine: NDArray, rescale: tuple[float, float] | None, remarks: list[str]
) -> list[Plane]:
    """Return axial slices in radiological orientation, from the feet to the head.

    Slices are converted one at a time, because a volume may take half of the memory.
    """
    known = is_usable(affine)
    if not known:
        affine = np.eye(4)
    turns = io_orientation(affine)
    affine = affine @ inv_ornt_aff(turns, volume.shape)
    volume = apply_orientation(volume, turns)
    # From (right, front, head) to columns towards the left and rows towards the back.
    volume = volume[::-1, ::-1]
    corner = affine @ [volume.shape[0] - 1, volume.shape[1] - 1, 0, 1]
    steps = affine[:3, :3] * [-1, -1, 1] * _WORLD_TO_DICOM[:, None]
    column_mm, row_mm, slice_mm = np.linalg.norm(steps, axis=0)
    directions = (*(steps[:, 0] / column_mm).tolist(), *(steps[:, 1] / row_mm).tolist())
    if abs(np.dot(directions[:3], directions[3:])) > _SHEARED:
        remarks.append("Rows and columns are not at right angles in the header; the image looks sheared.")
    planes = []
    for index in range(volume.shape[2]):
        pixels = np.array(volume[:, :, index].T, np.float32, order="C")
        if rescale:
            pixels = pixels * np.float32(rescale[0]) + np.float32(rescale[1])
        where = corner[:3] * _WORLD_TO_DICOM + steps[:, 2] * index
        plane = Plane(
            pixels=pixels,
            corner_mm=tuple(where.tolist()) if known else None,
            directions=directions if known else None,
            spacing_mm=(float(row_mm), float(column_mm)) if known else None,
            thickness_mm=float(slice_mm) if known else None,
        )
        square, remark = make_square(plane)
        remarks += [remark] if remark else []
        planes.append(square)
    return planes


def _to_gray(planes: list[Plane], low: float) -> str:
    """Scale the pixels to [0, 1] in place, and return a sentence about it."""
    high = float(max(plane.pixels.max() for plane in planes))
    span = np.float32(max(high - low, 1e-6))
    for plane in planes:
        plane.pixels[...] = (plane.pixels - np.float32(low)) / span
    return (
        f"The values ({low:g} to {high:g}) are not Hounsfield units;"
        " the lowest is shown black, the highest white."
    )
