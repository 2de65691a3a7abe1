"""Audit a split without a model: count test slices that leak from training or validation."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from core.datasets import Fold

# Two files of near-copies, and the number of bits in which their hashes differ.
Pair = tuple[str, str, int]


def audit_split(
    table: pd.DataFrame, folds: Sequence[Fold], near_duplicates: Iterable[Pair] = ()
) -> list[dict[str, Any]]:
    """Count how many test slices of each fold leak from its development data.

    Development data are the training and validation slices; validation selects the epoch and the threshold.

    Args:
        table: the table of a `Dataset`, with the columns `file`, `patient`, `number` and `sha256`.
        folds: folds of the table's rows.
        near_duplicates: pairs from `find_near_duplicates`; those with files that are not in the table do
            not count.

    Returns:
        One dict per fold with `fold` (from 1), `n_train`, `n_validation`, `n_test`, `n_test_patients`, and
        the number of test slices that have in the development data
        - another slice of their patient: `n_test_sharing_patient`;
        - an adjacent slice of their patient: `n_test_with_direct_neighbour`;
        - an exact or near copy: `n_test_with_copy`.
        `share_sharing_patient`, `share_with_direct_neighbour` and `share_with_copy` are these numbers as
        shares of `n_test`, 0 to 1. Values that depend on patients are None when all patients are unknown;
        slices of unknown patients count as sharing none.
    """
    patients = table["patient"].to_numpy(dtype=str)
    is_known = patients != ""
    knows_patients = bool(is_known.any())
    neighbours = _list_neighbours(table) if knows_patients else []
    copies = _list_copies(table, near_duplicates)
    rows = []
    for number, fold in enumerate(folds, start=1):
        developed_on = np.zeros(len(table), bool)
        developed_on[fold.train] = developed_on[fold.validation] = True
        n_test = len(fold.test)
        row: dict[str, Any] = {
            "fold": number,
            "n_train": len(fold.train),
            "n_validation": len(fold.validation),
            "n_test": n_test,
            "n_test_patients": None,
            "n_test_sharing_patient": None,
            "share_sharing_patient": None,
            "n_test_with_direct_neighbour": None,
            "share_with_direct_neighbour": None,
        }
        if knows_patients:
            sharing = int(np.isin(patients[fold.test], patients[developed_on & is_known]).sum())
            adjacent = sum(any(developed_on[other] for other in neighbours[test]) for test in fold.test)
            row |= {
                "n_test_patients": len(np.unique(patients[fold.test][is_known[fold.test]])),
                "n_test_sharing_patient": sharing,
                "share_sharing_patient": sharing / n_test,
                "n_test_with_direct_neighbour": adjacent,
                "share_with_direct_neighbour": adjacent / n_test,
            }
        copied = sum(any(developed_on[other] for other in copies[test]) for test in fold.test)
        rows.append(row | {"n_test_with_copy": copied, "share_with_copy": copied / n_test})
    return rows


def find_duplicates(table: pd.DataFrame) -> tuple[tuple[str, ...], ...]:
    """Return the groups of files with equal bytes, of a table with the columns `file` and `sha256`."""
    groups: dict[str, list[str]] = {}
    for file, digest in zip(table["file"], table["sha256"], strict=True):
        groups.setdefault(digest, []).append(file)
    return tuple(tuple(files) for files in groups.values() if len(files) > 1)


def _list_neighbours(table: pd.DataFrame) -> list[list[int]]:
    """List for each row the rows of the adjacent slices; gaps in the file numbers are ignored."""
    order = table.reset_index(drop=True).sort_values(["patient", "number"])
    rows, patients = order.index.to_list(), order["patient"].to_list()
    neighbours: list[list[int]] = [[] for _ in rows]
    for place in range(len(rows) - 1):
        if patients[place] and patients[place] == patients[place + 1]:
            neighbours[rows[place]].append(rows[place + 1])
            neighbours[rows[place + 1]].append(rows[place])
    return neighbours


def _list_copies(table: pd.DataFrame, near_duplicates: Iterable[Pair]) -> list[set[int]]:
    """List for each row the rows with an exact or near copy of it."""
    row_of = {file: row for row, file in enumerate(table["file"])}
    copies: list[set[int]] = [set() for _ in row_of]
    pairs = [(first, second) for first, second, _ in near_duplicates if {first, second} <= row_of.keys()]
    pairs += [pair for group in find_duplicates(table) for pair in combinations(group, 2)]
    for first, second in pairs:
        copies[row_of[first]].add(row_of[second])
        copies[row_of[second]].add(row_of[first])
    return copies
