"""The tables of an experiment: their columns, and reading and writing them as CSV."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.system import write_whole

if TYPE_CHECKING:
    import pandas as pd

# Columns that each table has at least. slices.csv has fold_0 ... fold_{K-1} as well, predictions.csv a column
# of probabilities for each framework, history.csv accuracies, the learning rate and seconds.
TABLES: dict[str, tuple[str, ...]] = {
    "slices.csv": ("file", "patient", "number", "folder_label", "slice_label", "label", "sha256", "fold_0"),
    "predictions.csv": ("file", "patient", "number", "label", "sha256", "fold", "part"),
    "history.csv": ("framework", "fold", "epoch", "train_loss", "validation_loss"),
}
# Tables that an experiment may have besides: what was measured after its training (`add_files` adds them).
#
# robustness.csv: ranking of the held-out slices, or patients ("level"), under a perturbation of an amount. Of
#     both figures also NAME_low and NAME_high, the ends of the 95 % interval, and NAME_reason, why there is
#     none; tables from before these lack the three.
# properties.csv: of each held-out slice its mean brightness, its place in the head from base (0) to vertex
#     (1), and the third of it ("level": "base", "middle" or "vertex"); whether it shows brain
#     ("brain_visible": 1 or 0), which tables from before core.gate.appearance lack.
# features.csv: row i is that of slices.csv: its place on a map of the served features, the rows of the
#     training slices that are most like it, and of its near-copies; see core.measurements.feature_space.
# gate.csv: of slices of head CT, and of pictures that are none ("kind": "head_ct" or "other"), how many were
#     judged (n), and how many core.gate reads, warns of and refuses; and how many files cannot be read.
OPTIONAL_TABLES: dict[str, tuple[str, ...]] = {
    "robustness.csv": ("perturbation", "amount", "framework", "level", "n", "auroc", "average_precision"),
    "properties.csv": ("file", "brightness", "position", "level"),
    "features.csv": ("x", "y", "neighbours", "similarities", "copies"),
    "gate.csv": ("images", "what", "kind", "n", "read", "warn", "refuse", "unreadable"),
}
_TEXTS = (
    "images",
    "what",
    "kind",
    "perturbation",
    "level",
    "file",
    "patient",
    "sha256",
    "part",
    "framework",
    "neighbours",
    "similarities",
    "copies",
)
_MAYBE_INTEGERS = ("number", "slice_label")


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV, whole: UTF-8, no index, "\\n" at line ends on every system, full precision."""
    write_whole(path, table.to_csv(index=False, lineterminator="\n").encode("utf-8"))


def parse_table(data: bytes, columns: tuple[str, ...]) -> pd.DataFrame:
    """The table in a CSV file's bytes.

    Texts stay texts (a patient "007" or "NA" is that), whole numbers that may be absent are Int64.

    Raises:
        ValueError: a column of `columns` is missing, or a value is not of its column's kind.
    """
    import pandas as pd

    header = next(csv.reader(io.StringIO(data.split(b"\n", 1)[0].decode("utf-8"))), [])
    if missing := [name for name in columns if name not in header]:
        raise ValueError(f'has no column "{missing[0]}"')
    texts = [
        name for name in header if name in _TEXTS or name.startswith("fold_") or name.endswith("_reason")
    ]
    types: dict[Any, Any] = {name: "str" for name in texts}
    types |= {name: "Int64" for name in _MAYBE_INTEGERS if name in header}
    absent = {name: [""] for name in header if name not in texts}
    try:
        return pd.read_csv(io.BytesIO(data), dtype=types, keep_default_na=False, na_values=absent)
    except ValueError as error:
        raise ValueError(f"holds a value that does not belong there: {error}") from error


def training_hashes(data: bytes, n_folds: int) -> frozenset[str]:
    """SHA-256 of the slices that are in a training or validation part of any fold, from slices.csv's bytes.

    Raises:
        ValueError: a column is missing.
    """
    # The csv module: reading a scan needs this table, and importing pandas would cost more than the reading.
    rows = csv.DictReader(io.StringIO(data.decode("utf-8")))
    folds = [f"fold_{fold}" for fold in range(n_folds)]
    if missing := [name for name in ("sha256", *folds) if name not in (rows.fieldnames or ())]:
        raise ValueError(f'has no column "{missing[0]}"')
    return frozenset(
        row["sha256"] for row in rows if any(row[fold] in ("train", "validation") for fold in folds)
    )
