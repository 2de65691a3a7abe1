"""What the networks of an experiment say of a scan: `Findings`, slice by slice; or why it was refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from core.gate import GateFinding
from core.reading.verdict import Verdict
from core.scans import Technical


@dataclass(frozen=True, eq=False)
class ModelFinding:
    """What one network says about one slice.

    Attributes:
        probability: of the positive class, in [0, 1], recalibrated as the experiment's card says.
        raw_probability: as the network gave it.
        threshold: the operating point; the decision is positive from this probability on.
        review: whether the probability lies in the review band around the threshold: too near to decide.
        decision: name of the positive or the negative class.
        positive: whether the decision is the positive class.
        heat: (h', w') float32 in [0, 1]: evidence for the positive class; it covers the slice's whole frame.
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
    """What the networks say about one slice.

    Attributes:
        index: place of the slice in its scan, from 0.
        models: one finding for each framework of the experiment, PyTorch first.
        agree: whether all decisions are the same.
        warnings: what should make the reader doubt, as sentences; the scan's own warnings come first.
        frame: (size, size) float32 in [0, 1]: the picture the networks looked at, under the heat maps.
        position_mm: where the slice lies along the scan's axis, higher towards the head; None when unknown.
        gate: whether it is a slice of a head CT, and whether it shows brain.
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
        """Whether the slice counts in the verdict on its scan."""
        return self.gate.brain_visible and self.gate.outcome != "refuse"


@dataclass(frozen=True, eq=False)
class Findings:
    """A scan as the networks of one experiment see it.

    Attributes:
        source: what the user called the file; from outside, so to be shown as plain text only.
        sha256: of the file's bytes.
        experiment: name of the experiment.
        slices: one finding for each slice of the scan.
        verdicts: what each network says of the scan as a whole, by framework; see core.reading. Empty where
            no slice shows brain, and for studies where the experiment knows no patients.
        overridden: whether the gate had refused the scan, and was told to let it through.
        technical: of the scan: geometry and the like.
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
    """A file that could not be read as a scan: which one, why as a word for programs, and why in words."""

    source: str
    code: str
    message: str
