"""What a leak and a wrong label look like: which slices to put beside each other. Reads no picture."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from core.datasets.audit import LabelFindings, Pair, find_labels
from core.datasets.splits import Fold


@dataclass(frozen=True)
class SharedPair:
    """A test slice and its like among the learned ones (training or validation).

    Attributes:
        test_file, learned_file: as in the table of the data set.
        patient: of the test slice, "" if unknown.
        bits: how many of 256 bits of their perceptual hashes differ; None for neighbours in the series.
    """

    test_file: str
    learned_file: str
    patient: str
    bits: int | None = None


@dataclass(frozen=True)
class LabelExamples:
    """What the folder labels are worth, with a slice for each finding.

    Attributes:
        findings: the counts.
        positive_showing: a file of the positive folder that shows the finding.
        positive_without: one that does not, of the same patient where there is one.
        negative_showing: a file of the negative folder that shows it.
        Each is None where there is no such slice.
    """

    findings: LabelFindings
    positive_showing: str | None
    positive_without: str | None
    negative_showing: str | None


def deal_slices(table: pd.DataFrame, fold: Fold) -> pd.DataFrame:
    """Say of every slice where a split has put it.

    Args:
        table: of a `Dataset` whose patients are known.
        fold: a parting of its rows.

    Returns:
        One row per slice, in the order of the patients: `patient`, `place` (from 1, in the series of the
        patient), `folder_label` (0 or 1), `tested` (bool; otherwise it is learned from), `file`.
    """
    dealt = table[["patient", "number", "folder_label", "file"]].copy()
    dealt["tested"] = False
    dealt.loc[fold.test, "tested"] = True
    order = dealt.groupby("patient", sort=False).ngroup()
    dealt = dealt.assign(order=order).sort_values(["order", "number"], kind="stable")
    dealt["place"] = dealt.groupby("patient", sort=False).cumcount() + 1
    return dealt[["patient", "place", "folder_label", "tested", "file"]].reset_index(drop=True)


def sample_shared_pairs(table: pd.DataFrame, fold: Fold, n: int, seed: int = 0) -> tuple[SharedPair, ...]:
    """Test slices beside a direct neighbour of theirs that is learned from.

    Args:
        table: of a `Dataset` whose patients are known.
        fold: a parting of its rows.
        n: how many pairs at most, each of another patient.
        seed: of the choice of patients; in each, the pair nearest to the middle of the series is taken.
    """
    dealt = deal_slices(table, fold)
    pairs: dict[str, SharedPair] = {}
    for patient, series in dealt.groupby("patient", sort=False):
        tested, files = series["tested"].to_numpy(), series["file"].to_list()
        beside = np.flatnonzero(tested[:-1] != tested[1:])  # the first of two neighbours, one on either side
        if len(beside):
            first = int(beside[np.abs(beside - len(files) / 2).argmin()])
            test, learned = (first, first + 1) if tested[first] else (first + 1, first)
            pairs[str(patient)] = SharedPair(files[test], files[learned], str(patient))
    drawn = np.random.default_rng(seed).permutation(sorted(pairs))[:n]
    return tuple(pairs[name] for name in drawn)


def pick_copies(
    table: pd.DataFrame, fold: Fold, near_duplicates: Iterable[Pair], n: int
) -> tuple[SharedPair, ...]:
    """The `n` most alike pairs of `near_duplicates` that a split has torn apart, most alike first."""
    row_of = {file: row for row, file in enumerate(table["file"])}
    tested = set(fold.test.tolist())
    pairs = []
    for first, second, bits in near_duplicates:
        if (row_of[first] in tested) == (row_of[second] in tested):
            continue
        test, learned = (first, second) if row_of[first] in tested else (second, first)
        pairs.append(SharedPair(test, learned, str(table["patient"].iloc[row_of[test]]), bits))
    return tuple(sorted(pairs, key=lambda pair: pair.bits or 0)[:n])


def sample_label_examples(table: pd.DataFrame, seed: int = 0) -> LabelExamples:
    """The label findings of a table with slice labels, each with an example drawn by the seed."""
    rng = np.random.default_rng(seed)
    positive = table["folder_label"] == 1
    showing = table["slice_label"] == 1
    shown = _sample_row(table[positive & showing], rng)
    without = table[positive & ~showing]
    if shown is not None:
        of_same = without[without["patient"] == shown["patient"]]
        without = of_same if len(of_same) else without
    blank = without["file"].iloc[len(without) // 2] if len(without) else None  # the middle shows more head
    wronged = _sample_row(table[~positive & showing], rng)
    return LabelExamples(
        findings=find_labels(table),
        positive_showing=None if shown is None else str(shown["file"]),
        positive_without=blank,
        negative_showing=None if wronged is None else str(wronged["file"]),
    )


def _sample_row(rows: pd.DataFrame, rng: np.random.Generator) -> pd.Series | None:
    return rows.iloc[int(rng.integers(len(rows)))] if len(rows) else None
