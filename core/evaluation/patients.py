"""From slices to patients: one label and one score for each."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from core.errors import EvaluationError
from core.evaluation.metrics import Floats, check_scores

Ints = NDArray[np.int64]
Names = NDArray[np.str_]


def patient_names(table: pd.DataFrame) -> Names | None:
    """The patient of each row (n,) as text, or None when any of them is unknown (empty or missing)."""
    if "patient" not in table.columns:
        return None
    names = table["patient"].astype("string").fillna("").str.strip()
    return None if (names == "").any() else names.to_numpy(dtype=str)


def patient_level(
    table: pd.DataFrame, score_column: str, *, by_fold: bool = False
) -> tuple[Ints, Floats, Names]:
    """Labels (p,) 0/1, scores (p,) and names (p,) of the patients in a table of slices, in name order.

    A patient's score is the mean over its slices in the table; its label is positive if any slice is.
    Give rows of one part only. With `by_fold`, a patient counts once per value of the column "fold".
    Columns used: patient, label (0/1), score_column.

    Raises:
        EvaluationError: patients unknown, or labels and scores that `metrics.check_scores` refuses.

    >>> slices = pd.DataFrame({"patient": ["b", "a", "a"], "label": [0, 0, 1], "pytorch": [0.2, 0.4, 0.8]})
    >>> labels, scores, names = patient_level(slices, "pytorch")
    >>> labels.tolist(), scores.round(3).tolist(), names.tolist()
    ([1, 0], [0.6, 0.2], ['a', 'b'])
    """
    names = patient_names(table)
    if names is None:
        raise EvaluationError(
            "patients are unknown here",
            remedy='name the files "PATIENT (NUMBER).jpg" to have them read, then train again',
        )
    positive, scores = check_scores(table["label"].to_numpy(), table[score_column].to_numpy())
    keys = [names, table["fold"].to_numpy()] if by_fold else [names]
    slices = pd.DataFrame({"label": positive.astype(np.int64), "score": scores})
    by_patient = slices.groupby(keys, sort=True).agg({"label": "max", "score": "mean"})
    found = by_patient.index.get_level_values(0).to_numpy(dtype=str)
    return by_patient["label"].to_numpy(np.int64), by_patient["score"].to_numpy(np.float64), found
