"""Choose slices that illustrate leakage and label errors, from the table alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.audit.audit import LabelFindings, compare_labels
from core.audit.split_audit import Pair
from core.datasets import Fold


@dataclass(frozen=True)
class SharedPair:
    """A test slice and a similar slice of training or validation.

    Attributes:
        test_file: file of the test slice, as in the table of the data set.
        training_file: file of the slice of training or validation.
        patient: patient of the test slice, "" if unknown.
        bits: number of bits of 256 in which their perceptual hashes differ; None for adjacent slices.
    """

    test_file: str
    training_file: str
    patient: str
    bits: int | None = None


@dataclass(frozen=True)
class LabelExamples:
    """Label findings with one example slice each; an example is None if there is no such slice.

    Attributes:
        findings: the counts.
        positive_showing: a file of the positive folder that shows the finding.
        positive_without: a file of the positive folder that does not, of the same patient if possible.
        negative_showing: a file of the negative folder that shows it.
    """

    findings: LabelFindings
    positive_showing: str | None
    positive_without: str | None
    negative_showing: str | None


def tabulate_split(table: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    """List all slices of known patients, and whether the fold tests each of them.

    Args:
        table: the table of a `Dataset`.
        fold: a fold of its rows.

    Returns:
        One row per slice, sorted by patient and number: `patient`, `place` (from 1, in the patient's series),
        `folder_label` (0 or 1), `tested` (bool; False for training or validation), `file`.
    """
    sides = table[["patient", "number", "folder_label", "file"]].copy()
    sides["tested"] = False
    sides.loc[fold.test, "tested"] = True
    sides = sides[sides["patient"] != ""]
    order = sides.groupby("patient", sort=False).ngroup()
    sides = sides.assign(order=order).sort_values(["order", "number"], kind="stable")
    sides["place"] = sides.groupby("patient", sort=False).cumcount() + 1
    return sides[["patient", "place", "folder_label", "tested", "file"]].reset_index(drop=True)


def sample_shared_pairs(table: pd.DataFrame, fold: Fold, n: int, seed: int = 0) -> tuple[SharedPair, ...]:
    """Sample pairs of a test slice and an adjacent slice of training or validation.

    Args:
        table: the table of a `Dataset` with known patients.
        fold: a fold of its rows.
        n: largest number of pairs, each of a different patient.
        seed: seed for the choice of patients. Of each patient, the pair nearest the middle of the series is
            used.
    """
    sides = tabulate_split(table, fold)
    pairs: dict[str, SharedPair] = {}
    for patient, series in sides.groupby("patient", sort=False):
        tested, files = series["tested"].to_numpy(), series["file"].to_list()
        # The first slice of each adjacent pair that the split separates.
        beside = np.flatnonzero(tested[:-1] != tested[1:])
        if len(beside):
            first = int(beside[np.abs(beside - len(files) / 2).argmin()])
            test, training = (first, first + 1) if tested[first] else (first + 1, first)
            pairs[str(patient)] = SharedPair(files[test], files[training], str(patient))
    chosen = np.random.default_rng(seed).permutation(sorted(pairs))[:n]
    return tuple(pairs[name] for name in chosen)


def select_copies(
    table: pd.DataFrame, fold: Fold, near_duplicates: Iterable[Pair], n: int
) -> tuple[SharedPair, ...]:
    """Select up to `n` pairs of near-duplicates, one tested and one not, most similar first."""
    row_of = {file: row for row, file in enumerate(table["file"])}
    tested = set(fold.test.tolist())
    pairs = []
    for first, second, bits in near_duplicates:
        if (row_of[first] in tested) == (row_of[second] in tested):
            continue
        test, training = (first, second) if row_of[first] in tested else (second, first)
        pairs.append(SharedPair(test, training, str(table["patient"].iloc[row_of[test]]), bits))
    return tuple(sorted(pairs, key=lambda pair: pair.bits or 0)[:n])


def sample_label_examples(table: pd.DataFrame, seed: int = 0) -> LabelExamples:
    """Sample an example for each label finding of a table with slice labels."""
    rng = np.random.default_rng(seed)
    positive = table["folder_label"] == 1
    showing = table["slice_label"] == 1
    shown = _sample_row(table[positive & showing], rng)
    without = table[positive & ~showing]
    if shown is not None:
        of_same = without[without["patient"] == shown["patient"]]
        without = of_same if len(of_same) else without
    blank = (
        without["file"].iloc[len(without) // 2] if len(without) else None
    )  # the middle shows more of the head
    mislabeled = _sample_row(table[~positive & showing], rng)
    return LabelExamples(
        findings=compare_labels(table),
        positive_showing=None if shown is None else str(shown["file"]),
        positive_without=blank,
        negative_showing=None if mislabeled is None else str(mislabeled["file"]),
    )


def _sample_row(rows: pd.DataFrame, rng: np.random.Generator) -> pd.Series | None:
    return rows.iloc[int(rng.integers(len(rows)))] if len(rows) else None
