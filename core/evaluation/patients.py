"""Combine the slices of each patient or study into one label and one score."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.errors import EvaluationError
from core.evaluation.calibration import logit
from core.evaluation.metrics import Floats, check_scores

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Names = NDArray[np.str_]
# Probabilities (n,) and positions in mm (n,), NaN where unknown -> the score of a study.
Score = Callable[[Floats, Floats], float]

# A finding that spans this much of the head's height at one probability has it as its score.
SPAN_MM = 10.0
# How far the strongest slices outweigh the others; chosen among others in core.sources.study_scores.
SHARPNESS = 3.0
# Distance between slices whose position is unknown; that of the published set.
ASSUMED_SPACING_MM = 5.0
# No slice stands for more than this, however far its neighbors are: slices between may be missing.
_MAX_WIDTH_MM = 10.0

# `score_study` in words, for pages and cards.
PATIENT_SCORE = (
    "made from all slices that show brain: the most suspicious ones dominate, and each counts by the "
    "thickness of head that it represents"
)
SCORE_DETAIL = (
    f"If slices that together span {SPAN_MM:.0f} mm of height have the same probability and all others are "
    "near 0, the score is this probability; if they span less it is lower, if more, higher. Where positions "
    f"are unknown, each slice counts {ASSUMED_SPACING_MM:.0f} mm, so a study of more and thinner slices "
    "scores higher."
)


def patient_names(table: pd.DataFrame) -> Names | None:
    """Return the patient of each row (n,) as text, or None if any is unknown (empty or missing)."""
    if "patient" not in table.columns:
        return None
    names = table["patient"].astype("string").fillna("").str.strip()
    return None if (names == "").any() else names.to_numpy(dtype=str)


def unit_names(table: pd.DataFrame) -> Names | None:
    """Return what is resampled (n,): each row's patient, or the row itself if that is unknown.

    None if all patients are unknown.

    >>> import pandas as pd
    >>> unit_names(pd.DataFrame({"patient": ["a", "", "a"]})).tolist()
    ['a', 'row 2', 'a']
    """
    if not knows_patients(table):
        return None
    names = table["patient"].astype("string").fillna("").str.strip().to_numpy(dtype=str)
    rows = np.char.add("row ", np.arange(1, len(names) + 1).astype(str))
    return np.where(names == "", rows, names)


def knows_patients(table: pd.DataFrame) -> bool:
    """Return whether the patient of any row is known."""
    return "patient" in table and bool((table["patient"].astype("string").fillna("").str.strip() != "").any())


def score_study(
    probabilities: ArrayLike, positions_mm: ArrayLike | None = None, *, sharpness: float = SHARPNESS
) -> float:
    """Return the score of one study in [0, 1], in evaluation, reading, validation and site calibration.

    The odds of the score are the mean odds^SHARPNESS of the slices over SPAN_MM of height, to the power
    1 / SHARPNESS: the sum over all slices of odds^SHARPNESS times the height that each stands for. So, where
    positions are known, thinner slices hardly change it, and slices of a low probability add little. Only
    this function defines a study's score.

    Args:
        probabilities: (n,) calibrated, of the slices that count; at least one.
        positions_mm: (n,) along the head, in any order. With one unknown (NaN), or None, the slices count as
            ASSUMED_SPACING_MM apart.
        sharpness: another one than is served, to compare it with.

    Raises:
        EvaluationError: there is no slice.

    >>> round(score_study([0.1, 0.8, 0.8, 0.1]), 2), round(score_study([0.8] * 4, [0, 2.5, 5, 7.5]), 2)
    (0.8, 0.8)
    """
    values = np.asarray(probabilities, np.float64)
    if not values.size:
        raise EvaluationError("a study without a slice that counts has no score")
    widths = np.full(values.size, ASSUMED_SPACING_MM)
    if positions_mm is not None and not np.isnan(places := np.asarray(positions_mm, np.float64)).any():
        widths = measure_widths(places)
    powers = sharpness * logit(values) + np.log(widths / SPAN_MM)
    return float(1 / (1 + np.exp(-np.logaddexp.reduce(powers) / sharpness)))


def measure_widths(positions_mm: ArrayLike) -> Floats:
    """Return the height in mm that each slice (n,) stands for: half the way to its neighbor on each side.

    An end slice reaches as far out as in. Slices at the same position share its height.

    >>> measure_widths([10, 0, 4, 4]).tolist()
    [6.0, 4.0, 2.5, 2.5]
    """
    places, which, counts = np.unique(
        np.asarray(positions_mm, np.float64), return_inverse=True, return_counts=True
    )
    if places.size == 1:
        return np.full(which.size, ASSUMED_SPACING_MM / which.size)
    steps = np.diff(places)
    widths = (np.append(steps[0], steps) + np.append(steps, steps[-1])) / 2
    found: Floats = (np.minimum(widths, _MAX_WIDTH_MM) / counts)[which]
    return found


def patient_level(
    table: pd.DataFrame, score_column: str, *, by_fold: bool = False, score: Score | None = None
) -> tuple[Ints, Floats, Names]:
    """Return labels (p,) 0/1, scores (p,) and names (p,) of the patients in a table, sorted by name.

    A patient is positive if any of its slices is; its score is that of `score_study`. A patient without a
    slice that counts is left out, and so are slices of unknown patients. Several scans of a patient are
    scored as one: where they cover the same height, each slice stands for less of it. A reading scores each
    scan by itself, so the two may differ.

    Args:
        table: slices of one part, with columns patient, label (0/1) and `score_column`, and where known
            counted (0/1: only these slices are scored; else all) and position_mm.
        score_column: name of the column of scores.
        by_fold: whether a patient counts once per value of the column "fold".
        score: another function in place of `score_study`, to compare it with.

    Raises:
        EvaluationError: all patients are unknown, or see `metrics.check_scores`.

    >>> import pandas as pd
    >>> slices = pd.DataFrame({"patient": ["b", "a", "a"], "label": [0, 0, 1], "pytorch": [0.2, 0.8, 0.8]})
    >>> labels, scores, names = patient_level(slices, "pytorch")
    >>> labels.tolist(), scores.round(3).tolist(), names.tolist()
    ([1, 0], [0.8, 0.166], ['a', 'b'])
    """
    if not knows_patients(table):
        raise EvaluationError(
            "patients are unknown here",
            remedy='name the files "PATIENT (NUMBER).jpg", then train again',
        )
    table = table[table["patient"].astype("string").fillna("").str.strip() != ""]
    names = table["patient"].astype("string").str.strip().to_numpy(dtype=str)
    positive, scores = check_scores(table["label"].to_numpy(), table[score_column].to_numpy())
    units = names
    if by_fold:
        units = np.char.add(np.char.add(names, "\n"), table["fold"].to_numpy().astype(str))
    counted = np.ones(len(table), bool)
    if "counted" in table.columns:
        counted = table["counted"].to_numpy() == 1
    positions = np.full(len(table), np.nan)
    if "position_mm" in table.columns:
        positions = table["position_mm"].to_numpy(np.float64)
    _, first, codes = np.unique(units, return_index=True, return_inverse=True)
    labels = np.zeros(len(first), np.int64)
    np.maximum.at(labels, codes, positive)
    known = np.unique(codes[counted])
    rows = [np.flatnonzero((codes == code) & counted) for code in known]
    scored = [(score or score_study)(scores[own], positions[own]) for own in rows]
    return labels[known], np.array(scored, np.float64), names[first][known]
