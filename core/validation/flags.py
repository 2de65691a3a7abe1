"""Count what the outcomes of slices were worth on data from elsewhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import NamedTuple

from core.experiments import Experiment
from core.reading import Outcome, combine_outcomes, decide
from core.validation.store import Validation, list_validations


class Tally(NamedTuple):
    """Slices with one outcome: how many, and how many of them show the finding."""

    n: int
    positives: int


class Flags(NamedTuple):
    """Outcomes of single slices from elsewhere, over all current validations of an experiment.

    Of a validation with a part kept aside, only this part counts: it had no say in the thresholds. The
    outcome is that of all networks together, as a reader sees it; see core.reading.outcome.

    Attributes:
        outcomes: "flagged", "not_flagged" and "uncertain" -> the slices with this outcome.
        is_apart: whether every slice is of a part kept aside.
    """

    outcomes: Mapping[Outcome, Tally]
    is_apart: bool

    @property
    def n_slices(self) -> int:
        """Return the number of labeled slices that were judged."""
        return sum(tally.n for tally in self.outcomes.values())

    @property
    def n_positives(self) -> int:
        """Return how many of these show the finding."""
        return sum(tally.positives for tally in self.outcomes.values())


def count_flags(experiment: Experiment) -> Flags | None:
    """Count outcomes in the current stored validations, at the card's default thresholds; None without any.

    Raises:
        ExperimentError: a table is damaged.
    """
    # Not with pandas: this stands beside every verdict, and importing pandas would take longer.
    rows = [
        row
        for one in list_validations(experiment)
        if one.is_current
        for row in _list_kept(one)
        if row["label"]
    ]
    judged = [row for row in rows if row["gate"] != "refuse" and row["brain_visible"] == "1"]
    if not judged:
        return None
    answers = []
    for framework in experiment.frameworks:
        calibrated = experiment.recalibration(framework).apply([float(row[framework]) for row in judged])
        threshold = experiment.threshold(framework)
        band = experiment.review_band(framework, threshold=threshold)
        answers.append([decide(value, threshold, band) for value in calibrated.tolist()])
    found: list[tuple[Outcome, bool]] = []
    for row, each in zip(judged, zip(*answers, strict=True), strict=True):
        outcome = "uncertain" if row["gate"] == "warn" else combine_outcomes(each)
        found.append((outcome, row["label"] == "1"))
    outcomes: tuple[Outcome, ...] = ("flagged", "not_flagged", "uncertain")
    tallies = {
        one: Tally(found.count((one, True)) + found.count((one, False)), found.count((one, True)))
        for one in outcomes
    }
    return Flags(tallies, all(row["part"] == "kept" for row in judged))


def _list_kept(validation: Validation) -> list[dict[str, str]]:
    """Return the rows of the part kept aside; all rows if there is no such part."""
    rows = list(csv.DictReader(io.StringIO(validation.read_predictions().decode("utf-8"))))
    return [row for row in rows if row["part"] == "kept"] or rows
