"""Sort the DICOM files of one upload into scans by patient, series, reconstruction and geometry."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from core.errors import ScanError
from core.scans.assembly import assemble_scan
from core.scans.geometry import is_axial
from core.scans.grouping import describe_ties, group_frames, place
from core.scans.ordering import Member, Order, Row, arrange, drop_duplicates
from core.scans.patients import SPELLED_TWICE, is_one_patient, is_spelled_twice
from core.scans.reconstructions import split_reconstructions
from core.scans.scan import Lost, Piece, Refused, Scan
from core.system import natural_key

# Up to this many non-axial slices next to a larger axial series are localizers.
MAX_LOCALIZERS = 4


def sort_into_scans(pieces: Sequence[Piece], lost: Sequence[Lost] = ()) -> Iterator[Scan | Refused]:
    """Sort the DICOM files of one upload into scans, independently of the files' order.

    The slices of a scan agree in series, size, orientation, unit and reconstruction. File names matter only
    where nothing in the files tells the order. Different slices at one position belong to different scans;
    duplicates are read once. Localizers are left out, with a warning.

    Args:
        pieces: the files that were read.
        lost: those that were not read and may be slices.

    Yields:
        Scans with at least one slice, and refusals with code "two_patients", "localizer_only" or
        "degenerate".
    """
    if not pieces:
        return
    if not is_one_patient(pieces):
        yield Refused(_name_group([piece.source for piece in pieces]), _patients_error())
        return
    groups = group_frames(pieces)
    axial = [group for group in groups if not _is_localizer(group, groups)]
    left_out = sum(len(group) for group in groups) - sum(len(group) for group in axial)
    if not axial:
        yield Refused(
            _name_group([piece.source for piece in pieces]),
            ScanError(
                "There are only localizers, no axial slices",
                found=f"{left_out} images",
                remedy="upload the axial series of the study",
                code="localizer_only",
            ),
        )
        return
    rows = [row for group in axial for row in _find_rows(group)]
    remarks: list[str] = []
    if left_out:
        remarks.append(f"Localizers were left out: {left_out}.")
    if len(rows) > 1:
        remarks.append(f"There are {len(rows)} series or acquisitions; each is read as a separate scan.")
    if is_spelled_twice(pieces):
        remarks.append(SPELLED_TWICE)
    for number, row in enumerate(rows, start=1):
        name = _name_group([member.piece.source for member in row.members])
        source = f"{name} (series {number})" if len(rows) > 1 else name
        ties = describe_ties(row.members, others=len(pieces) > 1)
        try:
            yield assemble_scan(row, source, [*remarks, *ties], _count_lost(row, rows, lost))
        except ScanError as error:
            yield Refused(source, error)


def _find_rows(group: Sequence[Member]) -> list[Row]:
    """Return the rows of a series; the first tells how many duplicates were left out."""
    kept = drop_duplicates(group)
    rows = [row for part in split_reconstructions(kept) for row in arrange(part)]
    return [replace(rows[0], repeated=len(group) - len(kept)), *rows[1:]]


def build_scan(piece: Piece) -> Scan:
    """Make a scan from one picture, volume or DICOM file.

    Slices are sorted by position where positions are known; otherwise they stay in file order.

    Raises:
        ScanError: code "degenerate", if every slice is blank.
    """
    members = [place(plane, piece, index) for index, plane in enumerate(piece.planes)]
    positions = [member.position for member in members if member.position is not None]
    if len(positions) == len(members):
        members.sort(key=lambda member: (member.position, member.index))
        return assemble_scan(Row(tuple(members), Order.POSITION), piece.source, [])
    return assemble_scan(Row(tuple(members), Order.NAME), piece.source, [])


def _patients_error() -> ScanError:
    return ScanError(
        "The upload contains files of more than one patient",
        remedy="upload one patient at a time",
        code="two_patients",
    )


def _is_localizer(group: Sequence[Member], groups: Sequence[Sequence[Member]]) -> bool:
    if all(member.piece.localizer for member in group):
        return True
    directions = group[0].plane.directions
    if directions is None or is_axial(directions) or len(group) > MAX_LOCALIZERS:
        return False
    return any(
        other[0].plane.directions is not None and is_axial(other[0].plane.directions)
        for other in groups
        if len(other) > len(group)
    )


def _count_lost(row: Row, rows: Sequence[Row], lost: Sequence[Lost]) -> int:
    """Count the lost files that may be slices of this row: of its series or, if unknown, of its folder."""

    def find_folders(one: Row) -> set[str]:
        return {str(PurePosixPath(member.piece.source).parent) for member in one.members}

    series = {member.piece.series for member in row.members}
    everywhere = {folder for one in rows for folder in find_folders(one)}
    count = 0
    for file in lost:
        folder = str(PurePosixPath(file.source).parent)
        if file.series:
            count += file.series in series
        else:
            count += folder in find_folders(row) or folder not in everywhere
    return count


def _name_group(sources: Sequence[str]) -> str:
    """Name a group of files: the only name, the common folder or archive, or the first name and a count."""
    names = sorted(set(sources), key=natural_key)
    if len(names) == 1:
        return names[0]
    parents = [PurePosixPath(name).parts[:-1] for name in names]
    shared: list[str] = []
    for parts in zip(*parents, strict=False):
        if len(set(parts)) > 1:
            break
        shared.append(parts[0])
    return str(PurePosixPath(*shared)) if shared else f"{names[0]} and {len(names) - 1} more"
