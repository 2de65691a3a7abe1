"""Sort the DICOM files of one upload into scans by patient, series and geometry."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

import numpy as np

from core.errors import ScanError
from core.scans.geometry import compute_position_mm, compute_tilt_deg, find_marks, is_axial, orient_plane
from core.scans.scan import Piece, Plane, Refused, Scan, Slice, Technical, Unit
from core.scans.windows import Window
from core.system import natural_key

# A picture is nearly empty if a smaller share of its pixels differs from the most common value.
NEARLY_EMPTY_SHARE = 0.005
# Slices closer together than this are at the same position.
SAME_POSITION_MM = 0.05
# A slice is missing where the spacing exceeds the median by this factor.
GAP_RATIO = 1.5
MAX_NAMED_GAPS = 3
# Up to this many non-axial slices next to a larger axial series are localizers.
MAX_LOCALIZERS = 4


@dataclass(frozen=True, eq=False)
class _Member:
    """One frame and its file."""

    plane: Plane
    piece: Piece
    position: float | None


def sort_into_scans(pieces: Sequence[Piece]) -> Iterator[Scan | Refused]:
    """Sort the DICOM files of one upload into scans, independently of the files' names and order.

    The slices of a scan agree in series, size, orientation and unit. Different slices at one position belong
    to different scans; duplicates are read once. Localizers are left out, with a warning.

    Yields:
        Scans with at least one slice, and refusals with code "two_patients", "localizer_only" or
        "degenerate".
    """
    if not pieces:
        return
    if _count_patients(pieces) > 1:
        yield Refused(_name_group([piece.source for piece in pieces]), _patients_error())
        return
    groups = _group(pieces)
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
    scans = [members for group in axial for members in _split_by_position(group)]
    remarks: list[str] = []
    if left_out:
        remarks.append(f"Localizers were left out: {left_out}.")
    if len(scans) > 1:
        remarks.append(f"There are {len(scans)} series or acquisitions; each is read as a separate scan.")
    for number, (members, repeated) in enumerate(scans, start=1):
        name = _name_group([member.piece.source for member in members])
        source = f"{name} (series {number})" if len(scans) > 1 else name
        try:
            yield _assemble_scan(members, source, repeated, remarks)
        except ScanError as error:
            yield Refused(source, error)


def build_scan(piece: Piece) -> Scan:
    """Make a scan from one picture, volume or DICOM file.

    Slices are sorted by position where positions are known; otherwise they stay in file order.

    Raises:
        ScanError: code "degenerate", if every slice is blank.
    """
    members = _order([_member(plane, piece) for plane in piece.planes])
    return _assemble_scan(members, piece.source, 0, [])


def _member(plane: Plane, piece: Piece) -> _Member:
    turned = orient_plane(plane)
    return _Member(turned, piece, compute_position_mm(turned))


def _count_patients(pieces: Sequence[Piece]) -> int:
    """Count the patients by their ids, names and birth dates; empty values are ignored."""
    kinds = zip(*(piece.patient for piece in pieces if piece.patient), strict=True)
    return max((len({value for value in values if value}) for values in kinds), default=1)


def _patients_error() -> ScanError:
    return ScanError(
        "The upload contains files of more than one patient",
        remedy="upload one patient at a time",
        code="two_patients",
    )


def _group(pieces: Sequence[Piece]) -> list[list[_Member]]:
    """Group the frames by series; the order of groups and frames depends on the content alone."""
    groups: dict[tuple[object, ...], list[_Member]] = defaultdict(list)
    for piece in pieces:
        for plane in piece.planes:
            member = _member(plane, piece)
            directions = member.plane.directions
            key = (
                piece.series,
                piece.modality,
                piece.unit,
                piece.localizer,
                # A file of many frames is a separate series.
                piece.sha256 if len(piece.planes) > 1 else "",
                member.plane.pixels.shape,
                None if directions is None else tuple(round(value, 2) + 0.0 for value in directions),
            )
            groups[key].append(member)
    ordered = [_order(members) for members in groups.values()]
    return sorted(ordered, key=lambda members: (-len(members), min(m.piece.sha256 for m in members)))


def _order(members: list[_Member]) -> list[_Member]:
    """Sort from the feet to the head, or by instance number if positions are missing."""
    if all(member.position is not None for member in members):
        return sorted(members, key=lambda m: (m.position, m.piece.number, m.piece.sha256))
    if len({member.piece.sha256 for member in members}) == 1:
        return members
    return sorted(members, key=lambda m: (m.piece.number, m.piece.sha256))


def _is_localizer(group: list[_Member], groups: list[list[_Member]]) -> bool:
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


def _split_by_position(group: list[_Member]) -> Iterator[tuple[list[_Member], int]]:
    """Yield the frames of each pass over the same positions, and the number of duplicates left out."""
    passes: list[list[_Member]] = []
    repeated = 0
    for member in group:
        at_position = [one[-1] for one in passes if _is_same_position(one[-1], member)]
        if any(_is_same_slice(other, member) for other in at_position):
            repeated += 1
            continue
        free = [one for one in passes if not _is_same_position(one[-1], member)]
        if free:
            free[0].append(member)
        else:
            passes.append([member])
    for number, one in enumerate(passes):
        yield one, repeated if number == 0 else 0


def _is_same_position(one: _Member, other: _Member) -> bool:
    if one.position is None or other.position is None:
        # Without positions, equal pixels mean a duplicate, except in frames of one file.
        return one.piece is not other.piece and _is_same_slice(one, other)
    return abs(one.position - other.position) <= SAME_POSITION_MM


def _is_same_slice(one: _Member, other: _Member) -> bool:
    return np.array_equal(one.plane.pixels, other.plane.pixels)


def _assemble_scan(members: list[_Member], source: str, repeated: int, remarks: Sequence[str]) -> Scan:
    first = members[0]
    pieces = list({member.piece.sha256: member.piece for member in members}.values())
    notes = [note for piece in pieces for note in piece.warnings]
    if repeated:
        notes.append(f"Duplicate slices were read once: {repeated}.")
    if first.piece.kind != "picture":
        notes += _describe_geometry(members)
    slices, blank = _select_usable(members, first.piece.unit)
    hashes = sorted(piece.sha256 for piece in pieces)
    directions, spacing = first.plane.directions, first.plane.spacing_mm
    return Scan(
        source=source,
        sha256=hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        unit=first.piece.unit,
        slices=slices,
        warnings=tuple(dict.fromkeys([*remarks, *notes, *blank])),
        technical=Technical(
            modality=first.piece.modality,
            spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
            slice_spacing_mm=_spacing(members),
            marks=None if directions is None else find_marks(directions),
            window=None if first.piece.window is None else Window(*first.piece.window),
            gantry_tilt_deg=None if directions is None else round(compute_tilt_deg(directions), 1),
        ),
    )


def _steps(members: list[_Member]) -> np.ndarray:
    positions = [member.position for member in members if member.position is not None]
    return np.diff(positions) if len(positions) == len(members) else np.array([])


def _spacing(members: list[_Member]) -> float | None:
    steps = _steps(members)
    return round(float(np.median(steps)), 3) if len(steps) else None


def _describe_geometry(members: list[_Member]) -> list[str]:
    """Return warnings about slice positions, orientation and spacing."""
    notes: list[str] = []
    directions = members[0].plane.directions
    if len(members) == 1:
        notes.append("This is a single slice; findings on other slices of the study are not seen.")
    elif members[0].position is None:
        notes.append(
            "Slice positions are missing; slices are in the order of the file or of their instance numbers."
        )
    if directions is not None and not is_axial(directions):
        notes.append("The slices are not axial; the networks were trained on axial slices.")
    elif directions is not None and compute_tilt_deg(directions) >= 1:
        notes.append(f"The slices are tilted by {compute_tilt_deg(directions):.1f}° (gantry tilt).")
    steps = _steps(members)
    if not len(steps):
        return notes
    kinds = list(pairwise(member.plane.thickness_mm for member in members))
    gaps = []
    for number, (step, kind) in enumerate(zip(steps, kinds, strict=True), start=1):
        alike = [float(other) for other, its in zip(steps, kinds, strict=True) if its == kind]
        if len(alike) > 1 and step > GAP_RATIO * float(np.median(alike)):
            gaps.append(f"{step:.1f} mm between slices {number} and {number + 1}")
    if gaps:
        more = f", and {len(gaps) - MAX_NAMED_GAPS} more" if len(gaps) > MAX_NAMED_GAPS else ""
        notes.append(f"Slices are missing: {', '.join(gaps[:MAX_NAMED_GAPS])}{more}.")
    elif steps.max() > GAP_RATIO * steps.min():
        notes.append(f"Slice spacing varies from {steps.min():.1f} to {steps.max():.1f} mm.")
    return notes


def _select_usable(members: list[_Member], unit: Unit) -> tuple[tuple[Slice, ...], list[str]]:
    """Leave out blank frames, and refuse a scan in which every frame is blank."""
    slices: list[Slice] = []
    blank: list[int] = []
    for index, member in enumerate(members):
        pixels = member.plane.pixels
        if pixels.min() == pixels.max():
            blank.append(index + 1)
            continue
        pixels.setflags(write=False)
        slices.append(Slice(pixels, member.position))
    if not slices:
        raise ScanError(
            "The image is blank",
            found="every pixel has the same value",
            remedy="export the slice again in a brain window (center 40 HU, width 120 HU)",
            code="degenerate",
        )
    notes = []
    if blank:
        notes.append(f"Blank frames were left out: {', '.join(map(str, blank))} (counted from 1).")
    if unit == "gray" and any(_is_nearly_empty(slice_.pixels) for slice_ in slices):
        notes.append("Almost every pixel has the same value; the image is nearly empty.")
    return tuple(slices), notes


def _is_nearly_empty(pixels: np.ndarray) -> bool:
    # The median of every fourth row and column is close enough, and much faster.
    return bool(np.mean(pixels != np.median(pixels[::4, ::4])) < NEARLY_EMPTY_SHARE)


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
