"""The findings of an experiment's networks on a scan, slice by slice, and the refusal of a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.gate import GateFinding
from core.reading.verdict import Verdict
from core.scans import Technical


@dataclass(frozen=True, eq=False)
class ModelFinding:
    """One network's finding on one slice.

    Attributes:
        probability: calibrated probability of the positive class, in [0, 1].
        raw_probability: the network's own output, in [0, 1].
        threshold: the operating point; the decision is positive at or above it.
        review: whether the probability is in the review band around the threshold.
        decision: name of the positive or the negative class.
        positive: whether the decision is the positive class.
        heat: (h', w') float32 in [0, 1]: evidence for the positive class, over the whole frame.
    """

    probability: float
    raw_probability: float
    threshold: float
    review: bool
    decision: str
    positive: bool
    heat: np.ndarray


@dataclass(frozen=True, eq=False)
class SliceFinding:
    """The findings of all networks on one slice.

    Attributes:
        index: number of the slice in its scan, from 0.
        models: one finding for each framework of the experiment, PyTorch first.
        agree: whether all decisions are the same.
        warnings: sentences for the reader; those on the whole scan come first.
        frame: (size, size) float32 in [0, 1]: the slice as framed for the networks, shown under heat maps.
        position_mm: position along the scan's axis, higher towards the head; None if unknown.
        gate: whether the slice is from a head CT, and whether it shows brain.
    """

    index: int
    models: dict[str, ModelFinding]
    agree: bool
    warnings: tuple[str, ...]
    frame: np.ndarray
    position_mm: float | None = None
    gate: GateFinding = field(default_factory=lambda: GateFinding("read"))

    @property
    def is_counted(self) -> bool:
        """Return whether the slice counts in the verdict on its scan."""
        return self.gate.brain_visible and self.gate.outcome != "refuse"


@dataclass(frozen=True, eq=False)
class Findings:
    """The findings of one experiment's networks on a scan.

    Attributes:
        source: the user's name for the file; it comes from outside, so show it as plain text only.
        sha256: of the file's bytes.
        experiment: name of the experiment.
        slices: one finding for each slice of the scan.
        verdicts: framework -> verdict on the whole scan; see core.reading.verdict. Empty if no slice is
            counted, and for a study if no rule could be made from validation patients.
        overridden: whether the gate refused the scan, which was read anyway.
        technical: modality and geometry of the scan.
    """

    source: str
    sha256: str
    experiment: str
    slices: tuple[SliceFinding, ...]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    overridden: bool = False
    technical: Technical = field(default_factory=Technical)


@dataclass(frozen=True)
class Refusal:
    """A file that could not be read as a scan: its name, the reason as a code, and the reason in words."""

    source: str
    code: str
    message: str
