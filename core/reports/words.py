"""The words of reports on a scan: verdict, key slices, warnings and geometry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from core.frameworks import TITLES
from core.reports.tables import find_most_suspicious

if TYPE_CHECKING:
    from core.reading import Findings

_MOST_SHOWN = 4
_NO_BRAIN = "No brain visible: not counted"


def summarize_decisions(decisions: Mapping[str, str]) -> str:
    """Return the decisions of all networks in one line; `decisions`: framework -> name of a class."""
    classes = list(decisions.values())
    if len(set(classes)) > 1:
        each = "; ".join(f"{TITLES[name]}: {decision}" for name, decision in decisions.items())
        return f"The networks disagree ({each})"
    return f"{classes[0]} ({'both networks agree' if len(classes) > 1 else 'one network'})"


def explain_no_verdict(findings: Findings) -> str:
    """Return the reason why there is no verdict on a study."""
    if not any(piece.is_counted for piece in findings.slices):
        return "No usable slice: each shows no brain or was refused."
    return (
        "The experiment has no decision threshold for studies: it could not be chosen on validation patients."
    )


def list_key_slices(findings: Findings) -> list[int]:
    """Return the indices of all key slices, each once: first the top one of each network, then the second."""
    places: dict[int, int] = {}
    for verdict in findings.verdicts.values():
        for place, index in enumerate(verdict.key_slices):
            places[index] = min(place, places.get(index, place))
    return sorted(places, key=lambda index: places[index])


def choose_report_slices(findings: Findings) -> list[int]:
    """Return the indices of the slices whose pictures a report shows.

    These are at most four key slices or, if there are none, the slice of highest probability.
    """
    return list_key_slices(findings)[:_MOST_SHOWN] or [find_most_suspicious(findings).index]


def describe_geometry(findings: Findings) -> str:
    """Return number of slices, voxel size and gantry tilt in words; "" if none is known."""
    technical, n = findings.technical, len(findings.slices)
    parts = [f"{n} slices"] if n > 1 else []
    if technical.spacing_mm is not None:
        rows, columns = technical.spacing_mm
        parts.append(f"pixel size {rows:.2f} x {columns:.2f} mm")
    if technical.slice_spacing_mm is not None:
        parts.append(f"slice spacing {technical.slice_spacing_mm:.2f} mm (median)")
    if technical.gantry_tilt_deg is not None:
        parts.append(f"gantry tilt {technical.gantry_tilt_deg:.1f}°")
    return ", ".join(parts)


def group_warnings(findings: Findings) -> list[str]:
    """Return each warning once: those on the scan, then those of the gate with their slices."""
    warnings = list(dict.fromkeys(warning for piece in findings.slices for warning in piece.warnings))
    by_gate: dict[str, list[int]] = {}
    for piece in findings.slices:
        if not piece.gate.brain_visible:
            by_gate.setdefault(_NO_BRAIN, []).append(piece.index)
        for reason in piece.gate.reasons:
            by_gate.setdefault(reason.removesuffix("."), []).append(piece.index)
    if len(findings.slices) == 1:
        return [*warnings, *(f"{reason}." for reason in by_gate)]
    return [
        *warnings,
        *(f"{reason} (slice{'s' * (len(n) > 1)} {write_ranges(n)})." for reason, n in by_gate.items()),
    ]


def write_ranges(indices: Iterable[int]) -> str:
    """Return ascending indices as numbers from 1, with runs joined.

    >>> write_ranges([0, 1, 2, 6])
    '1-3, 7'
    """
    runs = [
        [index for _, index in run]
        for _, run in groupby(enumerate(indices), key=lambda item: item[1] - item[0])
    ]
    return ", ".join(str(run[0] + 1) if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs)
