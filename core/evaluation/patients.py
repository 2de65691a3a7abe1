"""Combine the slices of each patient into one label and one score."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Floats, check_scores

Ints = NDArray[np.int64]
Names = NDArray[np.str_]


def patient_names(table: pd.DataFrame) -> Names | None:
    """Return the patient of each row (n,) as text, or None if any is unknown (empty or missing)."""
    if "patient" not in table.columns:
        return None
    names = table["patient"].astype("string").fillna("").str.strip()
    return None if (names == "").any() else names.to_numpy(dtype=str)


# `score_patients` in words, for pages and cards.
PATIENT_SCORE = "the mean over the patient's slices"


def score_patients(y_score: Floats, codes: NDArray[np.intp], n_patients: int) -> Floats:
    """Return the score of each patient (n_patients,): the mean of the scores (n,) of its slices.

    Only this function defines a patient's score. Every patient 0..n_patients-1 must be in `codes` (n,).

    >>> score_patients(np.array([0.2, 0.4, 0.9]), np.array([0, 0, 1]), 2).round(3).tolist()
    [0.3, 0.9]
    """
    return np.bincount(codes, weights=y_score, minlength=n_patients) / np.bincount(codes)


def patient_level(
    table: pd.DataFrame, score_column: str, *, by_fold: bool = False
) -> tuple[Ints, Floats, Names]:
    """Return labels (p,) 0/1, scores (p,) and names (p,) of the patients in a table, sorted by name.

    A patient is positive if any of its slices is; its score is that of `score_patients`.

    Args:
        table: slices of one part, with columns patient, label (0/1) and `score_column`.
        score_column: name of the column of scores.
        by_fold: whether a patient counts once per value of the column "fold".

    Raises:
        EvaluationError: patients are unknown, or see `metrics.check_scores`.

    >>> slices = pd.DataFrame({"patient": ["b", "a", "a"], "label": [0, 0, 1], "pytorch": [0.2, 0.4, 0.8]})
    >>> labels, scores, names = patient_level(slices, "pytorch")
    >>> labels.tolist(), scores.round(3).tolist(), names.tolist()
    ([1, 0], [0.6, 0.2], ['a', 'b'])
    """
    names = patient_names(table)
    if names is None:
        raise EvaluationError(
            "patients are unknown here",
            remedy='name the files "PATIENT (NUMBER).jpg", then train again',
        )
    positive, scores = check_scores(table["label"].to_numpy(), table[score_column].to_numpy())
    units = names
    if by_fold:
        units = np.char.add(np.char.add(names, "\n"), table["fold"].to_numpy().astype(str))
    _, first, codes = np.unique(units, return_index=True, return_inverse=True)
    labels = np.zeros(len(first), np.int64)
    np.maximum.at(labels, codes, positive)
    return labels, score_patients(scores, codes, len(first)), names[first]
