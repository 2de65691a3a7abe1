"""The cases of an experiment: its out-of-sample slices one by one, to be filtered, sorted and counted.

A case is a test row of the experiment's predictions, so that what is counted here is what the record counts:
the cases with one outcome are as many as the cell of the confusion matrix of `core.evaluation.points` says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from core.evaluation import CELLS, SET_ASIDE, Band, in_band, logit, name_cells, patient_level

if TYPE_CHECKING:
    import pandas as pd

    from core.evaluation import Bools

# The cells of a confusion matrix; the last two only where the review band is set aside.
OUTCOMES = (*reversed(CELLS), *reversed(SET_ASIDE))
# Who of the first two models calls a case positive.
AGREEMENTS = ("both", "only_first", "only_second", "neither")
# How cases can be sorted: by the column and whether its largest value comes first.
SORTS = {
    "wrong": ("loss", True),
    "uncertain": ("distance", False),
    "differ": ("difference", True),
    "probable": ("highest", True),
    "order": ("row", False),
}
UNTAGGED = "untagged"


def list_cases(slices: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    """The cases in the order of the data set.

    Args:
        slices: of the experiment.
        predictions: its calibrated ones, every part.

    Returns:
        One row per test row: `row` (of `slices`, from 0), file, patient, number, folder_label, slice_label,
        label, sha256, fold, and for each framework the calibrated probability.
    """
    tested = predictions[predictions["part"] == "test"].drop(columns="part")
    known = slices[["file", "folder_label", "slice_label"]].assign(row=np.arange(len(slices)))
    return tested.merge(known, on="file", validate="many_to_one").sort_values("row", ignore_index=True)


def judge(
    cases: pd.DataFrame,
    thresholds: Mapping[str, float],
    bands: Mapping[str, Band | None],
    *,
    set_aside: bool = False,
) -> pd.DataFrame:
    """The same cases with what the models decide, and how that compares with the label.

    Args:
        cases: as `list_cases` gives them.
        thresholds: framework -> operating point; positive from it on.
        bands: framework -> review band; None where there is none.
        set_aside: whether what needs review has an outcome of its own, "indeterminate_...", where there is a
            band.

    Returns:
        For each framework FW, FW_positive, FW_review (bool) and FW_outcome (one of OUTCOMES). Over all
        frameworks: `loss`, the mean of -ln of the label's probability; `distance`, the smallest distance to
        the operating point, on the logit; `highest` probability; `difference` of the highest and the lowest
        one. With two or more: `agreement` of the first two (one of AGREEMENTS).
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


def match(
    cases: pd.DataFrame, name: str, values: Sequence[str], tags: Mapping[str, Sequence[str]] | None = None
) -> Bools:
    """Which cases (n,) one filter keeps.

    Args:
        cases: as `judge` gives them.
        name: "label", "fold", "patient", "agreement", "FW_outcome" (any of the values), "review" (of these
            frameworks), "FW_range" (two ends, both within), "rows" (as `write_rows` writes them) or "tag".
        values: as texts, as they stand in a link. A tag that is UNTAGGED keeps the cases without any.
        tags: sha256 -> its tags, for the filter "tag".

    Raises:
        ValueError: an end of a range is no number, or rows that `read_rows` refuses.
    """
    if name == "tag":
        wanted = set(values)
        own = [set((tags or {}).get(digest, ())) for digest in cases["sha256"]]
        return np.array([bool(wanted & one) or (not one and UNTAGGED in wanted) for one in own], bool)
    if name == "rows":
        return cases["row"].isin(read_rows(values, int(cases["row"].max()) + 1)).to_numpy()
    if name == "review":
        return np.logical_or.reduce([cases[f"{framework}_review"].to_numpy() for framework in values])
    if name.endswith("_range"):
        low, high = (float(value) for value in values)
        score = cases[name.removesuffix("_range")].to_numpy()
        return (score >= low) & (score <= high)
    return cases[name].astype(str).isin(values).to_numpy()


def keep_all(n: int, masks: Iterable[Bools]) -> Bools:
    """Which of n cases every one of the masks (n,) keeps."""
    kept = np.ones(n, bool)
    for mask in masks:
        kept &= mask
    return kept


def sort(cases: pd.DataFrame, by: str) -> pd.DataFrame:
    """The cases by one of SORTS; those alike stay in the order of the data set."""
    column, descending = SORTS[by]
    return cases.sort_values([column, "row"], ascending=[not descending, True])


def count_outcomes(cases: pd.DataFrame, framework: str) -> dict[str, int]:
    """How many cases have each of OUTCOMES; those that none has are 0."""
    counts = cases[f"{framework}_outcome"].value_counts()
    return {outcome: int(counts.get(outcome, 0)) for outcome in OUTCOMES}


def find_patients(
    cases: pd.DataFrame, framework: str, threshold: float, band: Band | None, outcome: str
) -> list[str]:
    """The patients with one of OUTCOMES, by `patient_level`; `band` is None unless it is set aside.

    Raises:
        EvaluationError: patients are unknown.
    """
    label, score, names = patient_level(cases, framework)
    review = np.zeros(len(names), bool) if band is None else in_band(score, band)
    cells = name_cells(label == 1, score >= threshold)
    aside = np.where(label == 1, *OUTCOMES[4:])
    return sorted(str(name) for name in names[np.where(review, aside, cells) == outcome])


def write_rows(rows: Iterable[int]) -> list[str]:
    """Rows as short as a link wants them: runs as "3-7".

    >>> write_rows([9, 3, 4, 5])
    ['3-5', '9']
    """
    runs: list[list[int]] = []
    for row in sorted(set(rows)):
        if runs and row == runs[-1][1] + 1:
            runs[-1][1] = row
        else:
            runs.append([row, row])
    return [f"{low}-{high}" if high > low else str(low) for low, high in runs]


def read_rows(texts: Iterable[str], n: int) -> list[int]:
    """What `write_rows` wrote.

    Raises:
        ValueError: not of this form, or a row that does not lie in 0..n-1.

    >>> read_rows(["3-5", "9"], 10)
    [3, 4, 5, 9]
    """
    rows: list[int] = []
    for text in texts:
        low, _, high = text.partition("-")
        first, last = int(low), int(high or low)
        if not 0 <= first <= last < n:
            raise ValueError(f"{text!r} is no run of rows from 0 to {n - 1}")
        rows += range(first, last + 1)
    return rows
