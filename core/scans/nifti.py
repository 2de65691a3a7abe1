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
from core.scans.raster import AIR_HU
from core.scans.scan import Piece, Plane

MAX_VOXELS = 100_000_000
MAX_SIDE = 4096
DENSE_HU = 3000.0

_HEADERS = {348: nibabel.Nifti1Header, 540: nibabel.Nifti2Header}
_GZIP = 16 + zlib.MAX_WBITS
_GZIP_MAGIC = b"\x1f\x8b"
_HEAD_BYTES = 544
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
    try:
        header = kind(head[:length], check=False)
        shape, dtype, offset, slope, intercept = _check(header)
        stored = _read_numbers(data, shape, dtype, offset)
        affine = header.get_best_affine()
    except (ValueError, TypeError, LookupError, ArithmeticError, nibabel.spatialimages.HeaderDataError):
        raise _damaged() from None
    rescales = bool(np.isfinite(slope) and slope != 0 and np.isfinite(intercept))
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
    if not is_ct:
        _to_gray(planes, low, remarks)
    return Piece(
        source=source,
        sha256=hashlib.sha256(data).hexdigest(),
        unit="hu" if is_ct else "gray",
        kind="volume",
        planes=tuple(planes),
        warnings=tuple(remarks),
    )


def _damaged() -> ScanError:
    return ScanError(
        "The NIfTI file is damaged or cut off", remedy="copy or export it again", code="truncated"
    )


def _read_start(data: bytes, n_bytes: int) -> bytes:
    """Return the first `n_bytes`, inflated if the file is gzipped; no more is inflated."""
    if not data.startswith(_GZIP_MAGIC):
        return data[:n_bytes]
    try:
        return zlib.decompressobj(_GZIP).decompress(data, n_bytes)
    except zlib.error:
        raise _damaged() from None


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


def _to_planes(
    volume: NDArray, affine: NDArray, rescale: tuple[float, float] | None, remarks: list[str]
) -> list[Plane]:
    """Return axial slices in radiological orientation, from the feet to the head.

    Slices are converted one at a time, because a volume may take half of the memory.
    """
    known = np.isfinite(affine).all() and abs(np.linalg.det(affine[:3, :3])) > 1e-9
    # With extreme values the axes cannot be distinguished.
    known = known and not np.isnan(io_orientation(affine)).any()
    if not known:
        remarks.append("The file does not give the orientation of the volume; left and right are unknown.")
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
    planes = []
    for index in range(volume.shape[2]):
        pixels = np.array(volume[:, :, index].T, np.float32, order="C")
        if rescale:
            pixels = pixels * np.float32(rescale[0]) + np.float32(rescale[1])
        where = corner[:3] * _WORLD_TO_DICOM + steps[:, 2] * index
        planes.append(
            Plane(
                pixels=pixels,
                corner_mm=tuple(where.tolist()) if known else None,
                directions=directions if known else None,
                spacing_mm=(float(row_mm), float(column_mm)) if known else None,
                thickness_mm=float(slice_mm) if known else None,
            )
        )
    return planes


def _to_gray(planes: list[Plane], low: float, remarks: list[str]) -> None:
    """Scale the pixels to [0, 1] in place."""
    high = float(max(plane.pixels.max() for plane in planes))
    remarks.append(
        f"The values ({low:g} to {high:g}) are not Hounsfield units;"
        " the lowest is shown black, the highest white."
    )
    span = np.float32(max(high - low, 1e-6))
    for plane in planes:
        plane.pixels[...] = (plane.pixels - np.float32(low)) / span
