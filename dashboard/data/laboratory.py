"""The computations of the page Data, with progress bars.

Results are stored by content, shared by all visitors and limited in number. A visitor who leaves the page
stops a computation at the next step of its bar.
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
    """The slices that the page is about.

    Attributes:
        table: as that of `core.datasets.Dataset`.
        classes: names of the folders, (negative, positive).
        fingerprint: of the data set.
        images: the data set; None if it is not on this machine.
    """

    table: pd.DataFrame
    classes: tuple[str, str]
    fingerprint: str
    images: Dataset | None

    @property
    def is_known(self) -> bool:
        """Return whether this is the published data set."""
        return self.fingerprint == KNOWN_DATASET["fingerprint"]

    @property
    def has_patients(self) -> bool:
        """Return whether the patient of every slice is known."""
        return bool((self.table["patient"] != "").all())

    @property
    def has_slice_labels(self) -> bool:
        """Return whether every slice has a slice label."""
        return bool(self.table["slice_label"].notna().all())


def control(found: Dataset, seed: int, reading: Progress, comparing: Progress) -> Control:
    """Return the leakage control of a data set; errors as `core.datasets.run_control`."""
    return compute_once(
        "controls",
        (found.fingerprint, seed),
        _MOST["controls"],
        lambda: run_control(found, seed=seed, reading=reading, comparing=comparing),
    )


def audit(found: Dataset, progress: Progress) -> Audit:
    """Return the audit of a data set; errors as `core.datasets.audit_dataset`."""
    return compute_once(
        "audits", (found.folder, found.fingerprint), _MOST["audits"], lambda: audit_dataset(found, progress)
    )


def fold(table: pd.DataFrame, split: Split, seed: int) -> Fold:
    """Return a 90/10 split of a table of slices; errors as `core.datasets.make_folds`."""

    def split_table() -> Fold:
        y, patients = table["folder_label"].to_numpy(), table["patient"].to_numpy(dtype=str)
        return make_folds(y, patients, split=split, folds=1, seed=seed)[0]

    return compute_once("folds", (tuple(table["file"]), split, seed), _MOST["folds"], split_table)


def picture(found: Dataset, file: str) -> Image.Image:
    """Return a thumbnail of a slice of the data set.

    Raises:
        ScanError: the file is missing or damaged.
    """
    digest = found.table.loc[found.table["file"] == file, "sha256"].iloc[0]
    return compute_once(
        "pictures", digest, _MOST["pictures"], lambda: to_thumbnail(read_pixels(found, file), PICTURE_SIDE)
    )
