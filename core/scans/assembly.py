"""Make a scan from the slices of one row: geometry, warnings, what makes it doubtful or unfit."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from core.errors import ScanError
from core.scans.geometry import MAX_GANTRY_TILT_DEG, compute_tilt_deg, find_marks
from core.scans.hounsfield import settle
from core.scans.ordering import Member, Order, Row, read_coordinates, without_position
from core.scans.scan import INCOMPLETE, NOT_AXIAL, Scan, Slice, Technical, Unit
from core.scans.windows import Window

# A picture is nearly empty if a smaller share of its pixels differs from the most common value.
NEARLY_EMPTY_SHARE = 0.005
# A slice is missing where the spacing exceeds the median by this factor.
GAP_RATIO = 1.5
MAX_NAMED_GAPS = 3
_ONE_PLACE = "several slices have the same position, so it is unknown whether they show the whole head."
_ORDERS = {
    Order.LOCATION: "slices are in the order of their slice locations, perhaps from the head to the feet.",
    Order.NUMBER: "slices are in the order of their instance numbers.",
    Order.NAME: "the order of the slices is unknown, and they are sorted by file name.",
}


def assemble_scan(row: Row, source: str, remarks: Sequence[str], n_lost: int = 0) -> Scan:
    """Make a scan from slices in order.

    Args:
        row: the slices.
        source: name of the scan.
        remarks: warnings on the whole upload.
        n_lost: number of files that were not read and may be slices of this scan.

    Raises:
        ScanError: code "degenerate", if every slice is blank, or "not_hounsfield"; see core.scans.hounsfield.
    """
    first = row.members[0].piece
    pieces = list({member.piece.sha256: member.piece for member in row.members}.values())
    notes = [note for piece in pieces for note in piece.warnings]
    if row.repeated:
        notes.append(f"Duplicate slices were read once: {row.repeated}.")
    doubts = [doubt for piece in pieces for doubt in piece.doubts]
    unfit = [reason for piece in pieces for reason in piece.unfit]
    incomplete = []
    if n_lost:
        were = "file was" if n_lost == 1 else "files were"
        incomplete.append(f"{n_lost:,} {were} not read.")
    steps = _steps(row)
    directions = next((m.plane.directions for m in row.members if m.plane.directions is not None), None)
    if first.kind != "picture":
        if directions is not None and compute_tilt_deg(directions) > MAX_GANTRY_TILT_DEG:
            unfit.append(NOT_AXIAL)
        gaps, spacing_notes = _describe_steps(row, steps)
        incomplete += gaps
        if row.doubled and row.order in (Order.NUMBER, Order.NAME):
            incomplete.append(_ONE_PLACE)
        notes += [*_describe_order(row), *_describe_tilt(directions), *spacing_notes]
    incomplete = [f"{INCOMPLETE}{gap}" for gap in incomplete]
    members, unit, checked, unsure = _check_values(without_position(row).members, first.unit)
    notes += checked
    doubts += unsure
    # Hounsfield units were due, and turned out to be display gray.
    unfit += checked if unit != first.unit else ()
    slices, blank = _select_usable(members, unit, row.order)
    hashes = sorted(piece.sha256 for piece in pieces)
    spacing = row.members[0].plane.spacing_mm
    are_known = all(piece.sides_known for piece in pieces)
    is_spaced = len(steps) and row.order is not Order.NUMBER
    return Scan(
        source=source,
        sha256=hashes[0] if len(hashes) == 1 else hashlib.sha256("\n".join(hashes).encode()).hexdigest(),
        unit=unit,
        slices=slices,
        warnings=tuple(dict.fromkeys([*remarks, *incomplete, *unfit, *doubts, *notes, *blank])),
        technical=Technical(
            modality=first.modality,
            spacing_mm=None if spacing is None else (spacing[0], spacing[1]),
            slice_spacing_mm=round(float(np.median(steps)), 3) if is_spaced else None,
            marks=find_marks(directions) if directions is not None and are_known else None,
            window=None if first.window is None else Window(*first.window),
            gantry_tilt_deg=None if directions is None else round(compute_tilt_deg(directions), 1),
        ),
        incomplete=tuple(dict.fromkeys(incomplete)),
        doubts=tuple(dict.fromkeys(doubts)),
        unfit=tuple(dict.fromkeys(unfit)),
        is_oriented=directions is not None and all(piece.is_oriented for piece in pieces),
    )


def _steps(row: Row) -> np.ndarray:
    """Return the (n - 1,) distances between slices: in mm, or in instance numbers; empty if unknown."""
    places = np.array(row.places)
    return np.diff(places) if len(places) and np.isfinite(places).all() else np.array([])


def _describe_order(row: Row) -> list[str]:
    if len(row.members) == 1:
        return ["This is a single slice; findings on other slices of the study are not seen."]
    if row.order is Order.POSITION:
        return []
    reason = "Several slices have the same position" if row.doubled else "Slice positions are missing"
    if len({member.piece.sha256 for member in row.members}) == 1:
        return [f"{reason}; slices are in the order of the file."]
    return [f"{reason}; {_ORDERS[row.order]}"]


def _describe_tilt(directions: Sequence[float] | None) -> list[str]:
    tilt = 0.0 if directions is None else compute_tilt_deg(directions)
    return (
        [f"The slices are tilted by {tilt:.1f}° (gantry tilt)."] if 1 <= tilt <= MAX_GANTRY_TILT_DEG else []
    )


def _describe_steps(row: Row, steps: np.ndarray) -> tuple[list[str], list[str]]:
    """Return warnings about missing slices, and on varying spacing."""
    if not len(steps):
        return [], []
    unit = "instance numbers" if row.order is Order.NUMBER else "mm"
    kinds = list(pairwise(member.plane.thickness_mm for member in row.members))
    skipped = _find_skipped_numbers(row, steps)
    thick = [max(one, other) for one, other in kinds if one is not None and other is not None]
    if len(thick) == len(steps) and skipped.all() and (steps > GAP_RATIO * np.array(thick)).all():
        apart = f"{np.median(thick):.1f} mm thick, {np.median(steps):.1f} mm apart"
        return [f"slices are missing; those left are {apart}, and their numbers have gaps."], []
    gaps = []
    for number, (step, kind) in enumerate(zip(steps, kinds, strict=True), start=1):
        alike = [float(other) for other, its in zip(steps, kinds, strict=True) if its == kind]
        is_long = len(alike) > 1 and step > GAP_RATIO * float(np.median(alike))
        if is_long or (skipped[number - 1] and step > GAP_RATIO * float(np.median(steps))):
            length = f"{step:.0f}" if row.order is Order.NUMBER else f"{step:.1f}"
            gaps.append(f"{length} {unit} between slices {number} and {number + 1}")
    if gaps:
        more = f", and {len(gaps) - MAX_NAMED_GAPS} more" if len(gaps) > MAX_NAMED_GAPS else ""
        return [f"slices are missing ({', '.join(gaps[:MAX_NAMED_GAPS])}{more})."], []
    if steps.max() > GAP_RATIO * steps.min() and row.order is not Order.NUMBER:
        return [], [f"Slice spacing varies from {steps.min():.1f} to {steps.max():.1f} mm."]
    return [], []


def _find_skipped_numbers(row: Row, steps: np.ndarray) -> np.ndarray:
    """Return (n - 1,) whether a number is skipped between slices that lie in the order of their numbers."""
    numbers = np.diff(read_coordinates(row.members, Order.NUMBER))
    is_placed = row.order in (Order.POSITION, Order.LOCATION)
    in_order = is_placed and ((numbers > 0).all() or (numbers < 0).all())
    return np.abs(numbers) > 1 if in_order else np.zeros(len(steps), bool)


def _check_values(
    members: Sequence[Member], unit: Unit
) -> tuple[list[Member], Unit, tuple[str, ...], tuple[str, ...]]:
    """Check Hounsfield units; return the members, their unit, remarks and doubts."""
    if unit != "hu" or all(_is_blank(member.plane.pixels) for member in members):
        return list(members), unit, (), ()
    settled = settle([member.plane.pixels for member in members])
    checked = [
        replace(member, plane=replace(member.plane, pixels=pixels))
        for member, pixels in zip(members, settled.pixels, strict=True)
    ]
    return checked, settled.unit, settled.remarks, settled.doubts


def _select_usable(
    members: Sequence[Member], unit: Unit, order: Order
) -> tuple[tuple[Slice, ...], list[str]]:
    """Leave out blank frames, and refuse a scan in which every frame is blank."""
    slices: list[Slice] = []
    blank: list[int] = []
    for index, member in enumerate(members):
        pixels = member.plane.pixels
        if _is_blank(pixels):
            blank.append(index + 1)
            continue
        pixels.setflags(write=False)
        # Locations that did not decide on the order may contradict it.
        located = member.position is None and order not in (Order.NUMBER, Order.NAME)
        slices.append(Slice(pixels, member.position, member.piece.location_mm if located else None))
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


def _is_blank(pixels: np.ndarray) -> bool:
    return bool(pixels.min() == pixels.max())


def _is_nearly_empty(pixels: np.ndarray) -> bool:
    # The median of every fourth row and column is close enough, and much faster.
    return bool(np.mean(pixels != np.median(pixels[::4, ::4])) < NEARLY_EMPTY_SHARE)
