"""Filter, sort and count the cases of an experiment: its out-of-sample slices.

A case is a test row of the experiment's predictions. Counts therefore agree with the confusion matrices of
`core.evaluation.points`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.evaluation import CELLS, SET_ASIDE, Band, in_band, logit, name_cells, patient_level

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation import Bools

# The cells of a confusion matrix; the last two only if the review band is set aside.
OUTCOMES = (*reversed(CELLS), *reversed(SET_ASIDE))
# Which of the first two models call a case positive.
AGREEMENTS = ("both", "only_first", "only_second", "neither")
# Sort order -> column, and whether its largest value comes first.
SORTS = {
    "wrong": ("loss", True),
    "uncertain": ("distance", False),
    "differ": ("difference", True),
    "probable": ("highest", True),
    "order": ("row", False),
}
UNTAGGED = "untagged"


def list_cases(slices: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the cases in the order of the data set.

    Args:
        slices: the experiment's slices.
        predictions: its calibrated predictions, all parts.

    Returns:
        One row per test row: `row` (position in `slices`, from 0), file, patient, number, folder_label,
        slice_label, label, sha256, fold, and for each framework the calibrated probability in [0, 1].
    """
    tested = predictions[predictions["part"] == "test"].drop(columns="part")
    known = slices[["file", "folder_label", "slice_label"]].assign(row=np.arange(len(slices)))
    return tested.merge(known, on="file", validate="many_to_one").sort_values("row", ignore_index=True)


def add_decisions(
    cases: pd.DataFrame,
    thresholds: Mapping[str, float],
    bands: Mapping[str, Band | None],
    *,
    set_aside: bool = False,
) -> pd.DataFrame:
    """Return the cases with the decisions of the models, and the comparison with the label.

    Args:
        cases: from `list_cases`.
        thresholds: framework -> decision threshold; positive if probability >= threshold.
        bands: framework -> review band; None where there is none.
        set_aside: whether cases in a review band get the outcome "indeterminate_...".

    Returns:
        For each framework FW, the columns FW_positive, FW_review (bool) and FW_outcome (one of OUTCOMES).
        Over all frameworks: `loss`, the mean of -ln of the label's probability; `distance`, the smallest
        distance to the threshold on the logit scale; `highest`, the highest probability; `difference`,
        highest minus lowest probability. With two or more: `agreement` of the first two (see AGREEMENTS).
    """
    label = cases["label"].to_numpy() == 1
    found = cases.copy()
    losses, distances = [], []
    for name, cut in thresholds.items():
        score, band = cases[name].to_numpy(np.float64), bands.get(name)
        positive = score >= cut
        review = np.zeros(len(cases), bool) if band is None else in_band(score, band)
        outcome = name_cells(label, positive).astype(object)
        if set_aside:
            outcome[review & label], outcome[review & ~label] = OUTCOMES[4:]
        found[f"{name}_positive"], found[f"{name}_review"], found[f"{name}_outcome"] = (
            positive,
            review,
            outcome,
        )
        losses.append(-np.log(np.clip(np.where(label, score, 1 - score), 1e-12, 1)))
        distances.append(np.abs(logit(score) - logit(cut)))
    scores = cases[list(thresholds)].to_numpy(np.float64)
    found["loss"], found["distance"] = np.mean(losses, axis=0), np.min(distances, axis=0)
    found["highest"] = scores.max(axis=1)
    found["difference"] = found["highest"] - scores.min(axis=1)
    if len(thresholds) > 1:
        first, second = (found[f"{name}_positive"].to_numpy() for name in list(thresholds)[:2])
        found["agreement"] = np.where(
            first, np.where(second, "both", "only_first"), np.where(second, "only_second", "neither")
        )
    return found


def match_filter(
    cases: pd.DataFrame, name: str, values: Sequence[str], tags: Mapping[str, Sequence[str]] | None = None
) -> Bools:
    """Return which cases (n,) match one filter.

    Args:
        cases: from `add_decisions`.
        name: "label", "fold", "patient", "agreement" or "FW_outcome" (matches any of the values), "review"
            (of the named frameworks), "FW_range" (from, to, inclusive), "rows" (see `format_rows`), "tag".
        values: texts from a link. The tag UNTAGGED matches cases without tags.
        tags: sha256 -> its tags, for the filter "tag".

    Raises:
        ValueError: an end of a range is not a number, or `parse_rows` refuses the rows.
    """
    if name == "tag":
        chosen = set(values)
        own = [set((tags or {}).get(digest, ())) for digest in cases["sha256"]]
        return np.array([bool(chosen & one) or (not one and UNTAGGED in chosen) for one in own], bool)
    if name == "rows":
        return cases["row"].isin(parse_rows(values, int(cases["row"].max()) + 1)).to_numpy()
    if name == "review":
        return np.logical_or.reduce([cases[f"{framework}_review"].to_numpy() for framework in values])
    if name.endswith("_range"):
        low, high = (float(value) for value in values)
        score = cases[name.removesuffix("_range")].to_numpy()
        return (score >= low) & (score <= high)
    return cases[name].astype(str).isin(values).to_numpy()


def combine_masks(n: int, masks: Iterable[Bools]) -> Bools:
    """Return which of n cases match all masks (n,)."""
    matching = np.ones(n, bool)
    for mask in masks:
        matching &= mask
    return matching


def sort_cases(cases: pd.DataFrame, by: str) -> pd.DataFrame:
    """Return the cases sorted by one of SORTS; ties keep the order of the data set."""
    column, descending = SORTS[by]
    return cases.sort_values([column, "row"], ascending=[not descending, True])


def count_outcomes(cases: pd.DataFrame, framework: str) -> dict[str, int]:
    """Return the number of cases for each of OUTCOMES."""
    counts = cases[f"{framework}_outcome"].value_counts()
    return {outcome: int(counts.get(outcome, 0)) for outcome in OUTCOMES}


def find_patients(
    cases: pd.DataFrame, framework: str, threshold: float, band: Band | None, outcome: str
) -> list[str]:
    """Return the patients with this outcome, one of OUTCOMES; see `patient_level` for their scores.

    Args:
        band: the review band if it is set aside, else None.

    Raises:
        EvaluationError: patients are unknown.
    """
    label, score, names = patient_level(cases, framework)
    review = np.zeros(len(names), bool) if band is None else in_band(score, band)
    cells = name_cells(label == 1, score >= threshold)
    aside = np.where(label == 1, *OUTCOMES[4:])
    return sorted(str(name) for name in names[np.where(review, aside, cells) == outcome])


def format_rows(rows: Iterable[int]) -> list[str]:
    """Return row numbers in a short form for links, consecutive ones as "3-7".

    >>> format_rows([9, 3, 4, 5])
    ['3-5', '9']
    """
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return [f"{low}-{high}" if high > low else str(low) for low, high in runs]


def parse_rows(texts: Iterable[str], n: int) -> list[int]:
    """Return the rows that `format_rows` wrote.

    Raises:
        ValueError: not in this form, or a row outside 0..n-1.

    >>> parse_rows(["3-5", "9"], 10)
    [3, 4, 5, 9]
    """
    rows: list[int] = []
    for text in texts:
        low, _, high = text.partition("-")
        first, last = int(low), int(high or low)
        if not 0 <= first <= last < n:
            raise ValueError(f"{text!r} is not a range of rows between 0 and {n - 1}")
        rows += range(first, last + 1)
    return rows
