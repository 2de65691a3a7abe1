"""The findings of an experiment's networks on a scan, slice by slice, and the refusal of a file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from core.evaluation import Band
from core.gate import GateFinding
from core.reading.decision import CARD
from core.reading.outcome import (
    NO_BRAIN,
    NO_RULE,
    NO_SITE_RULE,
    OVERRIDE_NOTE,
    UNFINISHED,
    UNUSABLE,
    Conclusion,
    Outcome,
    conclude,
    decide,
)
from core.reading.verdict import Verdict
from core.scans import Technical


@dataclass(frozen=True, eq=False)
class ModelFinding:
    """One network's finding on one slice.

    Attributes:
        probability: calibrated probability of the positive class, in [0, 1].
        raw_probability: the network's own output, in [0, 1].
        threshold: the operating point.
        heat: (h', w') float32 in [0, 1]: evidence for the positive class, over the whole frame.
        band: the review band around the threshold, (low, high); None if there is none.
    """

    probability: float
    raw_probability: float
    threshold: float
    heat: np.ndarray
    band: Band | None = None

    @property
    def outcome(self) -> Outcome:
        """Return what this network says about the slice, from its probability alone."""
        return decide(self.probability, self.threshold, self.band)


@dataclass(frozen=True, eq=False)
class SliceFinding:
    """The findings of all networks on one slice.

    Attributes:
        index: number of the slice in its scan, from 0.
        models: one finding for each framework of the experiment, PyTorch first.
        warnings: sentences for the reader; those on the whole scan come first.
        position_mm, height_mm: as for `core.scans.Slice`.
        gate: whether the slice is from a head CT, and whether it shows brain.
        familiarity: distance from training divided by the limit, see core.gate.familiarity; None if the
            reader does not measure it, or the experiment has no reference values.
        turned: degrees counterclockwise by which the slice was turned upright: 0, 90, 180 or 270.
        unfit, doubts: of its scan; see core.scans.
    """

    index: int
    models: dict[str, ModelFinding]
    warnings: tuple[str, ...]
    position_mm: float | None = None
    height_mm: float | None = None
    gate: GateFinding = field(default_factory=lambda: GateFinding("read"))
    familiarity: float | None = None
    turned: int = 0
    unfit: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @cached_property
    def conclusion(self) -> Conclusion:
        """Return what all networks together say about the slice; see core.reading.outcome."""
        answers = {name: model.outcome for name, model in self.models.items()}
        doubts = (*self.doubts, *self.alarms)
        return conclude(answers, "probability", bars=self.bars, doubts=doubts, n_networks=len(answers))

    @property
    def outcome(self) -> Outcome:
        """Return the outcome of its conclusion."""
        return self.conclusion.outcome

    @property
    def bars(self) -> tuple[str, ...]:
        """Return why the slice is not judged, as sentences; empty if it is."""
        refused = self.gate.reasons if self.gate.outcome == "refuse" else ()
        empty = () if self.gate.brain_visible else (NO_BRAIN,)
        return tuple(dict.fromkeys((*self.unfit, *refused, *empty)))

    @property
    def alarms(self) -> tuple[str, ...]:
        """Return why the gate warns of the slice, as sentences."""
        return self.gate.reasons if self.gate.outcome == "warn" else ()

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
        verdicts: framework -> verdict on the whole scan; see core.reading.verdict. Empty for a study if no
            rule could be made from validation patients.
        overridden: whether the gate refused the scan, which was read anyway.
        technical: modality and geometry of the scan.
        decided_by: whose calibration and thresholds decided: CARD, or the name of a site calibration.
        incomplete: why the scan is part of a study only, as sentences; empty for a whole one.
        doubts: why else nothing sure is said, as sentences; see core.scans.
        unfit: why nothing on the scan can be judged, as sentences; see core.scans.
        unfinished: whether the study is still being read; it has no verdict yet, whoever decides.
    """

    source: str
    sha256: str
    experiment: str
    slices: tuple[SliceFinding, ...]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    overridden: bool = False
    technical: Technical = field(default_factory=Technical)
    decided_by: str = CARD
    incomplete: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unfit: tuple[str, ...] = ()
    unfinished: bool = False

    @cached_property
    def conclusion(self) -> Conclusion:
        """Return what all networks together say about the scan; see core.reading.outcome."""
        bars = (UNFINISHED,) if self.unfinished else self.bars
        if not bars and not self.verdicts:
            bars = (NO_RULE if self.decided_by == CARD else NO_SITE_RULE,)
        return conclude(
            {name: decide(one.score, one.threshold, one.band) for name, one in self.verdicts.items()},
            "probability" if len(self.slices) == 1 else "score",
            bands={} if len(self.slices) == 1 else {name: one.band for name, one in self.verdicts.items()},
            bars=bars,
            doubts=self.misgivings,
            incomplete=self.incomplete,
            n_networks=len(self.slices[0].models) if self.slices else 0,
        )

    @property
    def bars(self) -> tuple[str, ...]:
        """Return why nothing on the scan is judged, as sentences; empty if something is."""
        bars = (*self.unfit, *((OVERRIDE_NOTE,) if self.overridden else ()))
        if len(self.slices) == 1:
            return tuple(dict.fromkeys((*bars, *self.slices[0].bars)))
        return bars if any(one.is_counted for one in self.slices) else (*bars, UNUSABLE)

    @property
    def misgivings(self) -> tuple[str, ...]:
        """Return why every sure answer on the scan would be too sure, as sentences."""
        if len(self.slices) == 1:
            return tuple(dict.fromkeys((*self.doubts, *self.slices[0].alarms)))
        # Refused slices weigh here, although they do not count in the score: they are part of the scan.
        brain = [one for one in self.slices if one.gate.brain_visible]
        odd = [one.gate.reasons for one in brain if one.gate.outcome != "read"]
        if not odd or 2 * len(odd) < len(brain):
            return self.doubts
        often, _ = Counter(reason for reasons in odd for reason in dict.fromkeys(reasons)).most_common(1)[0]
        n = f"{len(odd)} of the {len(brain)} slices that show brain"
        return (*self.doubts, f"The input check warns of or refuses {n}, most often: {often}")


# The findings of each experiment of a panel on one scan, in the panel's order.
PanelFindings = tuple[Findings, ...]


@dataclass(frozen=True)
class Refusal:
    """A file that could not be read as a scan: its name, the reason as a code, and the reason in words."""

    source: str
    code: str
    message: str
