"""Tell whether the slices of a study that show brain cover enough of a head for a verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from core.reading.findings import SliceFinding
from core.scans import INCOMPLETE, Technical

# An adult's brain is this high; half of it is less than the minimum.
BRAIN_MM = (110, 140)
MIN_COVERAGE_MM = 60.0


def describe_coverage(findings: Sequence[SliceFinding], technical: Technical) -> list[str]:
    """Return a sentence if the counted slices of a study cover too little of the head, or [].

    If none is counted, all are looked at. A single slice is no study. Without heights, the distance between
    slices stands for them; if this is unknown, too, nothing is said.
    """
    if len(findings) < 2 or technical.slice_spacing_mm is None:
        return []
    counted = [finding for finding in findings if finding.is_counted]
    chosen, words = (counted, "the slices that show brain") if counted else (findings, "the slices")
    heights = [finding.height_mm for finding in chosen if finding.height_mm is not None]
    between = (
        np.ptp(heights) if len(heights) == len(chosen) else technical.slice_spacing_mm * (len(chosen) - 1)
    )
    covered = float(between) + technical.slice_spacing_mm
    if covered >= MIN_COVERAGE_MM:
        return []
    low, high = BRAIN_MM
    return [f"{INCOMPLETE}{words} cover {covered:.0f} mm; an adult's brain is {low} to {high} mm high."]
