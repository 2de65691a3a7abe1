"""Read files as `Scan`s: the entry point for uploads and for the pictures of a data set.

`read_study` is for files from users. It decodes them in a separate process (core.scans.isolation) and sorts
them into scans (core.scans.series). `read_scan` decodes one file in this process, for trusted files such as
the pictures of a data set.

The format is identified from the content, never from the name. Nothing here logs, stores a copy or retains
the patient's name. `source` is the file's name as the user gave it; show it as plain text only.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from core.errors import ScanError
from core.scans import series
from core.scans.decoding import MIN_SIDE_PX, decode_file
from core.scans.formats import RASTER_ENDINGS
from core.scans.isolation import decode_isolated
from core.scans.scan import Lost, Marks, Piece, Refused, Scan, Slice, Study, Technical

__all__ = [
    "MAX_FILE_BYTES",
    "MIN_SIDE_PX",
    "Marks",
    "Refused",
    "Scan",
    "Slice",
    "Study",
    "Technical",
    "check_file_size",
    "iterate_study",
    "read_scan",
    "read_study",
]

MAX_FILE_BYTES = 200_000_000
# For all DICOM slices of one upload; enough for 600 of 512 x 512.
MAX_STUDY_PIXELS = 160_000_000


def read_study(files: Iterable[tuple[str, bytes | Path]]) -> Study:
    """Read all files of one upload; see `iterate_study`."""
    outcomes = list(iterate_study(files))
    return Study(
        tuple(outcome for outcome in outcomes if isinstance(outcome, Scan)),
        tuple(outcome for outcome in outcomes if isinstance(outcome, Refused)),
    )


def iterate_study(
    files: Iterable[tuple[str, bytes | Path]], *, on_file: Callable[[int], None] | None = None
) -> Iterator[Scan | Refused]:
    """Read the files of one upload: pictures, volumes, archives, and DICOM files in any order.

    Every file is decoded in a worker process with limits on time and memory. Each picture and each volume is
    a scan and is yielded as soon as it is read. DICOM files come last, sorted into series, each from the feet
    to the head. A file that cannot be read does not stop the others; if it may be a slice, the scan beside it
    is marked as incomplete. Leftovers of operating systems and indexes of media are not refused if there is a
    scan, nor are programs and texts if there is a scan in DICOM.

    Args:
        files: pairs of a name and the bytes or path; read one at a time.
        on_file: called with the number of files decoded so far, counting members of archives. An error that
            it raises ends the reading.

    Yields:
        Scans and refusals. The code of a refusal is one of `read_scan`, or "timeout", "crashed", "encrypted",
        "hostile_archive", "two_patients" or "localizer_only".
    """
    waiting: list[Piece] = []
    lost: list[Lost] = []
    aside: list[Refused] = []
    n_pixels = 0
    found = set()
    for outcome in _decode(files, on_file):
        if isinstance(outcome, Refused):
            if outcome.error.role in ("clutter", "program"):
                aside.append(outcome)
                continue
            if outcome.error.role == "slice":
                lost.append(Lost(outcome.source))
            yield outcome
        elif outcome.kind != "dicom":
            built = _try_build(outcome)
            found.update(["clutter"] if isinstance(built, Scan) else [])
            yield built
        else:
            n_pixels += sum(plane.pixels.size for plane in outcome.planes)
            if n_pixels > MAX_STUDY_PIXELS:
                lost.append(Lost(outcome.source, outcome.series))
                yield Refused(outcome.source, _study_too_large())
            else:
                waiting.append(outcome)
    for scan in series.sort_into_scans(waiting, lost):
        found.update(["clutter", "program"] if isinstance(scan, Scan) else [])
        yield scan
    yield from (refused for refused in aside if refused.error.role not in found)


def _decode(
    files: Iterable[tuple[str, bytes | Path]], on_file: Callable[[int], None] | None
) -> Iterator[Piece | Refused]:
    """Decode files, and the members of archives, one at a time."""
    key = secrets.token_bytes(32)
    n_files = 0
    for source, content in files:
        try:
            data = _open(content) if isinstance(content, Path) else content
            check_file_size(len(data))
        except ScanError as error:
            if source.lower().endswith(RASTER_ENDINGS):
                error.role = "other"
            yield Refused(source, error)
            continue
        for outcome in decode_isolated(data, source, key=key):
            n_files += 1
            if on_file:
                on_file(n_files)
            yield outcome


def read_scan(file: bytes | str | Path, source: str | None = None) -> Scan:
    """Read one picture, volume or DICOM file in this process.

    For a study of several files, or for files that may be hostile, use `read_study`.

    Args:
        file: the path or the bytes. A file above 200 MB is refused before it is read.
        source: name for the scan; by default the file's name, or "" for bytes. Only its extension is used, to
            compare it with the content.

    Returns:
        A scan with at least one slice. Each slice has at least 32 x 32 pixels and is not constant.

    Raises:
        ScanError: code "empty", "too_large", "not_an_image", "unsupported_format", "no_pixels" (a DICOM
            file without a picture), "truncated" (damaged or cut off), "degenerate" (smaller than 32 pixels,
            constant, not finite, or out-of-range size or rescaling) or "unreadable" (cannot be opened).
    """
    if not isinstance(file, bytes):
        path = Path(file)
        return read_scan(_open(path), path.name if source is None else source)
    check_file_size(len(file))
    return series.build_scan(decode_file(file, source or ""))


def check_file_size(n_bytes: int) -> None:
    """Refuse a file above 200 MB (ScanError, code "too_large")."""
    if n_bytes > MAX_FILE_BYTES:
        raise ScanError(
            "The file is too large",
            found=f"{n_bytes / 1e6:.0f} MB; the limit is {MAX_FILE_BYTES / 1e6:.0f} MB",
            remedy="upload single slices or a smaller export",
            code="too_large",
        )


def _open(path: Path) -> bytes:
    if os.path.isdir(path):
        raise ScanError("The folder cannot be opened", remedy="check its permissions", code="unreadable")
    # Reading a pipe or a device may never end.
    if os.path.exists(path) and not os.path.isfile(path):
        raise ScanError("This is not a file", remedy="choose a file or a folder", code="not_an_image")
    try:
        check_file_size(path.stat().st_size)
        return path.read_bytes()
    except OSError as error:
        raise ScanError(
            "The file cannot be opened",
            found=error.strerror or "",
            remedy="check that it exists and may be read",
        ) from error


def _try_build(piece: Piece) -> Scan | Refused:
    try:
        return series.build_scan(piece)
    except ScanError as error:
        return Refused(piece.source, error)


def _study_too_large() -> ScanError:
    return ScanError(
        "The study is too large; this file was not read",
        found=f"more than {MAX_STUDY_PIXELS // 1_000_000} million pixels",
        remedy="upload one series at a time",
        code="too_large",
    )
