"""The input check on a whole scan: whether each slice is of a head CT, and whether the scan is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from core.errors import ScanError
from core.gate import GateFinding, judge, judge_hu
from core.imaging import Recipe
from core.scans import COLORED, OTHER_PART, Scan, Slice, to_gray
from core.system import map_parallel

# Modalities of CT and of pictures of it (secondary capture, other); many files name none.
_PICTURES_OF_CT = ("", "CT", "SC", "OT", "other")


def judge_scan(scan: Scan, recipe: Recipe) -> list[GateFinding]:
    """Return the gate's finding on each slice, from its picture and header, before any network reads it."""
    colored, spacing = COLORED in scan.warnings, scan.technical.spacing_mm

    def look(piece: Slice) -> GateFinding:
        gray = to_gray(piece.pixels, scan.unit, recipe.window)
        if scan.unit == "hu":
            return judge_hu(gray, piece.pixels, spacing)
        return judge(gray, colored=colored)

    found = list(map_parallel(look, scan.slices))
    if OTHER_PART in scan.warnings:
        # This entry is often left over from the previous patient, so it is only a warning.
        found = [_warn(one, OTHER_PART) for one in found]
    modality = scan.technical.modality
    if modality in _PICTURES_OF_CT:
        return found
    reason = f"The file says that this is {modality}, not CT."
    return [replace(one, outcome="refuse", reasons=(reason, *one.reasons), odd=True) for one in found]


def _warn(found: GateFinding, reason: str) -> GateFinding:
    outcome = "warn" if found.outcome == "read" else found.outcome
    return replace(found, outcome=outcome, reasons=(*found.reasons, reason), odd=True)


def is_refused(gates: Sequence[GateFinding]) -> bool:
    """Return whether the input check refuses more than half of a scan's slices."""
    return 2 * sum(gate.outcome == "refuse" for gate in gates) > len(gates)


def check_refusals(checked: Sequence[Sequence[GateFinding]]) -> None:
    """Raise a ScanError if the input check of every experiment refuses the scan."""
    if all(map(is_refused, checked)):
        reasons = next(gate.reasons for gate in checked[0] if gate.outcome == "refuse")
        raise ScanError(
            "This does not look like a head CT",
            found=reasons[0].removesuffix("."),
            remedy="give axial head CT in a brain window, or read it anyway (in a terminal: --override-gate)",
            code="not_head_ct",
        )
