"""What the page Data computes under a progress bar, and what is kept of it: shared by all, bounded, by
content. A visitor who leaves the page while it is computed stops it at the next step of the bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from PIL import Image

from core.datasets import (
    KNOWN_DATASET,
    Audit,
    Control,
    Dataset,
    Fold,
    Split,
    audit_dataset,
    make_folds,
    read_pixels,
    run_control,
)
from dashboard.shared import Progress, compute_once, to_thumbnail

PICTURE_SIDE = 320
_MOST = {"controls": 8, "audits": 4, "folds": 8, "pictures": 96}


@dataclass(frozen=True)
class Source:
    """Slices (as the table of `core.datasets.Dataset`), what is known of them, and `images` if here."""

    table: pd.DataFrame
    classes: tuple[str, str]
    fingerprint: str
    images: Dataset | None

    @property
    def is_known(self) -> bool:
        """Whether this is the published set."""
        return self.fingerprint == KNOWN_DATASET["fingerprint"]

    @property
    def has_patients(self) -> bool:
        """Whether every slice names its patient."""
        return bool((self.table["patient"] != "").all())

    @property
    def has_slice_labels(self) -> bool:
        """Whether it is known what each slice shows."""
        return bool(self.table["slice_label"].notna().all())


def control(found: Dataset, seed: int, reading: Progress, comparing: Progress) -> Control:
    """The control of a set with this seed; errors as `core.datasets.leakage.run_control`."""
    return compute_once(
        "controls",
        (found.fingerprint, seed),
        _MOST["controls"],
        lambda: run_control(found, seed=seed, reading=reading, comparing=comparing),
    )


def audit(found: Dataset, progress: Progress) -> Audit:
    """The audit of a set; errors as `core.datasets.audit.audit_dataset`."""
    return compute_once(
        "audits", (found.folder, found.fingerprint), _MOST["audits"], lambda: audit_dataset(found, progress)
    )


def fold(table: pd.DataFrame, split: Split, seed: int) -> Fold:
    """The 90/10 parting of a table of slices; errors as `core.datasets.splits.make_folds`."""

    def part() -> Fold:
        y, patients = table["folder_label"].to_numpy(), table["patient"].to_numpy(dtype=str)
        return make_folds(y, patients, split=split, folds=1, seed=seed)[0]

    return compute_once("folds", (tuple(table["file"]), split, seed), _MOST["folds"], part)


def picture(found: Dataset, file: str) -> Image.Image:
    """A slice of the set, small.

    Raises:
        ScanError: when it has vanished or been damaged.
    """
    digest = found.table.loc[found.table["file"] == file, "sha256"].iloc[0]
    return compute_once(
        "pictures", digest, _MOST["pictures"], lambda: to_thumbnail(read_pixels(found, file), PICTURE_SIDE)
    )
