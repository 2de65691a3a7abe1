"""What reports say of a scan in words: the verdict, the strongest slices, doubts, geometry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from core.frameworks import TITLES
from core.reports.tables import find_most_suspicious

if TYPE_CHECKING:
    from core.reading import Findings

# More slices than so many nobody looks at in a report.
_MOST_SHOWN = 4
_NO_BRAIN = "No brain visible: does not vote"


def summarize_decisions(decisions: Mapping[str, str]) -> str:
    """What all networks say together, in one line; `decisions`: framework -> name of a class."""
    said = list(decisions.values())
    if len(set(said)) > 1:
        each = ", ".join(f"{TITLES[name]} says {decision}" for name, decision in decisions.items())
        return f"The networks disagree: {each}"
    return f"{said[0]} ({'both networks agree' if len(said) > 1 else 'by one network'})"


def explain_no_verdict(findings: Findings) -> str:
    """Why there is no verdict on a study."""
    if not any(piece.is_counted for piece in findings.slices):
        return "None of its slices shows brain."
    return "The experiment knows no patients, so nothing says from where on a study is positive."


def list_key_slices(findings: Findings) -> list[int]:
    """Indices of the slices that drove the verdicts, each once: the first of each network, the second, ..."""
    places: dict[int, int] = {}
    for verdict in findings.verdicts.values():
        for place, index in enumerate(verdict.key_slices):
            places[index] = min(place, places.get(index, place))
    return sorted(places, key=lambda index: places[index])


def choose_report_slices(findings: Findings) -> list[int]:
    """Indices of the slices whose pictures a report holds.

    At most four that drove the verdict; where there is none, the one of highest probability.
    """
    return list_key_slices(findings)[:_MOST_SHOWN] or [find_most_suspicious(findings).index]


def describe_geometry(findings: Findings) -> str:
    """How many slices, how large their voxels are, how they are tilted; "" for a picture that tells none."""
    technical, n = findings.technical, len(findings.slices)
    told = [f"{n} slices"] if n > 1 else []
    if technical.spacing_mm is not None:
        rows, columns = technical.spacing_mm
        told.append(f"pixels of {rows:.2f} x {columns:.2f} mm")
    if technical.slice_spacing_mm is not None:
        told.append(f"slices {technical.slice_spacing_mm:.2f} mm apart")
    if technical.gantry_tilt_deg is not None:
        told.append(f"gantry tilt {technical.gantry_tilt_deg:.1f}°")
    return ", ".join(told)


def group_warnings(findings: Findings) -> list[str]:
    """Every doubt once: on the scan, then by the gate, with the slices it is about."""
    remarks = list(dict.fromkeys(warning for piece in findings.slices for warning in piece.warnings))
    doubted: dict[str, list[int]] = {}
    for piece in findings.slices:
        if not piece.gate.brain_visible:
            doubted.setdefault(_NO_BRAIN, []).append(piece.index)
        for reason in piece.gate.reasons:
            doubted.setdefault(reason.removesuffix("."), []).append(piece.index)
    if len(findings.slices) == 1:
        return [*remarks, *(f"{reason}." for reason in doubted)]
    return [
        *remarks,
        *(f"{reason} (slice{'s' * (len(n) > 1)} {write_ranges(n)})." for reason, n in doubted.items()),
    ]


def write_ranges(indices: Iterable[int]) -> str:
    """Rising indices as numbers from 1, neighbours joined.

    >>> write_ranges([0, 1, 2, 6])
    '1-3, 7'
    """
    runs = [
        [index for _, index in run]
        for _, run in groupby(enumerate(indices), key=lambda item: item[1] - item[0])
    ]
    return ", ".join(str(run[0] + 1) if len(run) == 1 else f"{run[0] + 1}-{run[-1] + 1}" for run in runs)
