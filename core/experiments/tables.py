"""Read and write the CSV tables of an experiment, and state their columns."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.system import write_whole

if TYPE_CHECKING:
    import pandas as pd

# The required columns. slices.csv also has fold_1 ... fold_{K-1}, predictions.csv a column of probabilities
# for each framework, history.csv accuracies, the learning rate and seconds.
TABLES: dict[str, tuple[str, ...]] = {
    "slices.csv": ("file", "patient", "number", "folder_label", "slice_label", "label", "sha256", "fold_0"),
    "predictions.csv": ("file", "patient", "number", "label", "sha256", "fold", "part"),
    "history.csv": ("framework", "fold", "epoch", "train_loss", "validation_loss"),
}
# Optional tables, measured after the training and added by `add_files`.
#
# robustness.csv: ranking of the held-out slices or patients ("level") under a perturbation of an amount. For
#     each figure also NAME_low and NAME_high, the 95 % interval, and NAME_reason, why there is none; older
#     tables lack these three.
# properties.csv: for each held-out slice its mean brightness, its position in the head from base (0) to
#     vertex (1), and the third of the head ("level": "base", "middle" or "vertex"); whether it shows brain
#     ("brain_visible": 1 or 0), which older tables lack.
# features.csv: row i belongs to row i of slices.csv: its position on a map of the served features, the rows
#     of the most similar training slices, and of its near-copies; see core.measurements.feature_space.
# gate.csv: for head CT slices and other pictures ("kind": "head_ct" or "other"; "head_ct: NAME" of one
#     source) the number judged (n), how many of them core.gate reads, warns about and refuses, and how many
#     files cannot be read.
# study_scores.csv: ways to score a study ("score", "title"; "chosen": 1 for the one served; "fault": why it
#     could not be), each rated on the studies of a source ("left_out") at the threshold the others choose.
# localisation.csv: where heat maps are strongest, against outlines of lesions: a value for each of
#     core.measurements.localisation.MEASURES, source, part and framework, with the ends of its 95 % interval
#     over patients, or why there is none; "chance" is the value of a map that knows nothing.
# shortcut.csv: AUROCs of slices of a source without their lesion against those of each source ("other")
#     without the finding, AUROCs of sources by the features, and rates at the threshold; see
#     core.measurements.shortcut. "other" is the vendor in rows of sensitivity.
# seeds.csv: figures of the same training with several seeds; see core.measurements.seeds.
# thresholds.csv: slices of sources that are not the experiment's own, read by the served networks, which
#     helped to choose thresholds; columns as in predictions.csv of core.validation.
# left_out.csv: raw probabilities of slices by networks trained on the other sources alone.
OPTIONAL_TABLES: dict[str, tuple[str, ...]] = {
    "robustness.csv": ("perturbation", "amount", "framework", "level", "n", "auroc", "average_precision"),
    "properties.csv": ("file", "brightness", "position", "level"),
    "features.csv": ("x", "y", "neighbours", "similarities", "copies"),
    "study_scores.csv": (
        "score",
        "title",
        "fault",
        "chosen",
        "framework",
        "left_out",
        "n",
        "positives",
        "auroc",
        "threshold",
        "recall",
        "specificity",
        "balanced_accuracy",
    ),
    "localisation.csv": (
        "measure",
        "source",
        "part",
        "framework",
        "n",
        "n_patients",
        "value",
        "low",
        "high",
        "reason",
        "chance",
    ),
    "shortcut.csv": (
        "control",
        "source",
        "part",
        "other",
        "framework",
        "n",
        "n_other",
        "value",
        "low",
        "high",
        "reason",
    ),
    "seeds.csv": ("seed", "about", "scans", "part", "other", "framework", "figure", "value"),
    "thresholds.csv": ("source", "part", "patient", "label", "gate", "brain_visible", "sha256"),
    "left_out.csv": ("file", "patient", "number", "label", "sha256", "source"),
    "gate.csv": ("images", "what", "kind", "n", "read", "warn", "refuse", "unreadable"),
}
_TEXTS = (
    "gate",
    "reasons",
    "vendor",
    "measure",
    "about",
    "scans",
    "figure",
    "control",
    "source",
    "other",
    "reason",
    "images",
    "what",
    "score",
    "title",
    "fault",
    "left_out",
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
    """Write a table as CSV, atomically: UTF-8, no index, line ends "\\n" on every system, full precision."""
    write_whole(path, table.to_csv(index=False, lineterminator="\n").encode("utf-8"))


def parse_table(data: bytes, columns: tuple[str, ...]) -> pd.DataFrame:
    """Parse a CSV table.

    Text columns stay text (a patient may be "007" or "NA"); integer columns with missing values are Int64.

    Raises:
        ValueError: a column of `columns` is missing, or a value has the wrong type for its column.
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
        raise ValueError(f"contains a value of the wrong type: {error}") from error


def training_hashes(data: bytes, n_folds: int) -> frozenset[str]:
    """Return the SHA-256 of the slices in a training or validation part of any fold.

    Args:
        data: contents of slices.csv.
        n_folds: number of folds.

    Raises:
        ValueError: a column is missing.
    """
    # Not with pandas: reading a scan needs this, and importing pandas would take longer than the reading.
    rows = csv.DictReader(io.StringIO(data.decode("utf-8")))
    folds = [f"fold_{fold}" for fold in range(n_folds)]
    if missing := [name for name in ("sha256", *folds) if name not in (rows.fieldnames or ())]:
        raise ValueError(f'has no column "{missing[0]}"')
    return frozenset(
        row["sha256"] for row in rows if any(row[fold] in ("train", "validation") for fold in folds)
    )
