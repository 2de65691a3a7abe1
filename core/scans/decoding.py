"""Decode the bytes of one file or archive into `Piece`s. This runs in a worker (see core.scans.isolation).

The format is identified from the content alone. Each file is decoded independently of the others.
"""

from __future__ import annotations

import hashlib
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import numpy as np

from core.errors import ScanError
from core.scans import archive, clutter, formats, raster
from core.scans.scan import Piece, Plane

MIN_SIDE_PX = 32
# Processor time for all members of an archive; 5,000 pictures take half of it.
ARCHIVE_LIMIT_S = 180


def decode_file(data: bytes, source: str, *, key: bytes = b"") -> Piece:
    """Decode one file that is not an archive.

    Args:
        data: the file's bytes.
        source: the file's name; only its extension is used, to compare it with the content.
        key: key of the identifier digests; see core.scans.dicom.

    Raises:
        ScanError: see `core.scans.read_scan`.
    """
    if not data:
        raise ScanError("The file is empty", remedy="export or copy it again", code="empty")
    kind = formats.identify(data)
    if kind.remedy:
        raise ScanError(f"This is {kind.name}, which cannot be read", remedy=kind.remedy, code=kind.refusal)
    warnings = formats.compare_with_name(kind, source)
    # Imported late, so that reading a picture does not wait for either library.
    if kind.name == "DICOM":
        from core.scans import dicom

        piece = dicom.decode(data, source, key=key)
    elif kind.name in ("NIFTI", "GZIP"):
        from core.scans import nifti

        piece = nifti.decode(data, source)
    elif kind.name == "ZIP":
        raise ScanError(
            "An archive inside an archive is not opened",
            remedy="unpack it and upload the files inside",
            code="unsupported_format",
        )
    else:
        picture = raster.decode(data, kind.name)
        piece = Piece(
            source,
            hashlib.sha256(data).hexdigest(),
            "gray",
            "picture",
            tuple(Plane(pixels) for pixels in picture.frames),
            picture.warnings,
        )
    _check_planes(piece)
    return replace(piece, warnings=(*warnings, *piece.warnings))


def decode_all(
    data: bytes, source: str, *, key: bytes = b"", skip: int = 0
) -> Iterator[tuple[str, Piece | ScanError | None]]:
    """Decode a file, or every member of an archive.

    Args:
        data, source, key: as for `decode_file`.
        skip: number of files to skip at the start.

    Yields:
        Two pairs for each file: (name, None) before decoding, so that the caller knows the name if this
        process dies, then (name, outcome). A member's name is "archive/file", without folders. An archive
        beyond its limit of bytes (2 GB) or time ends with an error under the archive's own name.
    """
    if formats.identify(data).name != "ZIP":
        if skip:
            return
        yield source, None
        yield source, _try_decode(data, source, key)
        return
    try:
        members = archive.list_members(data)
    except ScanError as error:
        yield source, None
        yield source, error
        return
    remarks = archive.describe(data, members)
    began_s = time.process_time()
    n_bytes = sum(min(entry.file_size, archive.LIMITS.bytes_of(entry)) for _, entry in members[:skip])
    with zipfile.ZipFile(BytesIO(data)) as opened:
        for number, (name, entry) in enumerate(members[skip:], start=skip):
            if time.process_time() - began_s > ARCHIVE_LIMIT_S:
                yield (
                    source,
                    _limit_error(
                        "takes too long to read", f"{ARCHIVE_LIMIT_S} s", "timeout", number, members
                    ),
                )
                return
            full = f"{source}/{name}"
            yield full, None
            try:
                inside = archive.read_member(opened, entry)
            except ScanError as error:
                yield full, error
                continue
            n_bytes += len(inside)
            if n_bytes > archive.LIMITS.total_bytes:
                limit = f"{archive.LIMITS.total_bytes / 1e6:,.0f} MB"
                yield source, _limit_error("is too large when unpacked", limit, "too_large", number, members)
                return
            outcome = _try_decode(inside, full, key)
            if isinstance(outcome, Piece):
                outcome = replace(outcome, warnings=(*remarks, *outcome.warnings))
            yield full, outcome


def _limit_error(
    problem: str, limit: str, code: str, n_read: int, members: list[archive.Member]
) -> ScanError:
    return ScanError(
        f"The zip archive {problem}; the rest of it was not read",
        found=f"more than {limit} after {n_read:,} of {len(members):,} files",
        remedy="upload one study at a time",
        code=code,
    )


def _try_decode(data: bytes, source: str, key: bytes) -> Piece | ScanError:
    try:
        return decode_file(data, source, key=key)
    except ScanError as error:
        error.role = clutter.find_role(data, source, error)
        return error
    except MemoryError:
        return ScanError(
            "Decoding the file takes too much memory",
            remedy="upload single slices at their original size",
            code="too_large",
        )


def _check_planes(piece: Piece) -> None:
    for plane in piece.planes:
        height, width = plane.pixels.shape
        if min(height, width) < MIN_SIDE_PX:
            raise ScanError(
                "The image is too small to show a slice",
                found=f"{width} x {height} pixels; at least {MIN_SIDE_PX} x {MIN_SIDE_PX} are needed",
                remedy="upload the slice at its full size",
                code="degenerate",
            )
        if not np.isfinite(plane.pixels).all():
            raise ScanError(
                "The image contains values that are not finite numbers",
                remedy="export it again, with missing values replaced",
                code="degenerate",
            )
