"""The computations of the page Data, with progress bars.

Results are stored by content, shared by all visitors and limited in number. A visitor who leaves the page
stops a computation at the next step of its bar.
"""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd
from PIL import Image

from core.audit import Audit, Control, KnownPictures, audit_dataset, find_known_pictures, run_control
from core.datasets import KNOWN_DATASET, Dataset, Fold, Split, make_folds, read_pixels
from dashboard.shared import Progress, compute_once, to_thumbnail

PICTURE_SIDE = 320
_MOST = {"controls": 8, "audits": 4, "folds": 8, "known": 4, "pictures": 96}
_N_PROBE = 300


@dataclass(frozen=True)
class Source:
    """The slices that the page is about.

    Attributes:
        table: as that of `core.datasets.Dataset`.
        classes: names of the folders, (negative, positive).
        fingerprint: of the data set.
        images: the data set; None if it is not on this machine. Of a manifest it holds the slices that a
            training may use, and patients are running numbers.
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
    def is_manifest(self) -> bool:
        """Return whether the slices are those of a manifest, which has no class folders."""
        return self.images is not None and self.images.manifest is not None

    @property
    def has_patients(self) -> bool:
        """Return whether the patient of every slice is known; of a manifest, of any."""
        known = self.table["patient"] != ""
        return bool(known.any() if self.is_manifest else known.all())

    @property
    def has_slice_labels(self) -> bool:
        """Return whether every slice has a slice label."""
        return bool(self.table["slice_label"].notna().all())


def control(found: Dataset, seed: int, reading: Progress, comparing: Progress) -> Control:
    """Return the leakage control of a data set; errors as `core.audit.run_control`."""
    return compute_once(
        "controls",
        (found.fingerprint, seed),
        _MOST["controls"],
        lambda: run_control(found, seed=seed, reading=reading, comparing=comparing),
    )


def audit(found: Dataset, progress: Progress) -> Audit:
    """Return the audit of a data set; errors as `core.audit.audit_dataset`."""
    return compute_once(
        "audits", (found.folder, found.fingerprint), _MOST["audits"], lambda: audit_dataset(found, progress)
    )


def known_pictures(found: Dataset, progress: Progress) -> KnownPictures:
    """Return the files that are slices of the published set.

    Raises:
        ScanError: a file is missing or damaged.
    """
    return compute_once(
        "known",
        (found.folder, found.fingerprint),
        _MOST["known"],
        lambda: find_known_pictures(found, progress=progress, n_probe=_N_PROBE),
    )


def fold(source: Source, split: Split, seed: int) -> Fold:
    """Return a 90/10 split of the slices; errors as `core.datasets.make_folds`."""
    table = source.table

    def split_table() -> Fold:
        if source.images is not None and source.is_manifest:
            y, groups = source.images.labels("slice"), source.images.groups()
        else:
            y, groups = table["folder_label"].to_numpy(), table["patient"].to_numpy(dtype=str)
        return make_folds(y, groups, split=split, folds=1, seed=seed)[0]

    key = (source.fingerprint, tuple(table["file"]), split, seed)
    return compute_once("folds", key, _MOST["folds"], split_table)


def picture(found: Dataset, file: str) -> Image.Image:
    """Return a thumbnail of a slice of the data set.

    Raises:
        ScanError: the file is missing or damaged.
    """
    digest = found.table.loc[found.table["file"] == file, "sha256"].iloc[0]
    return compute_once(
        "pictures", digest, _MOST["pictures"], lambda: to_thumbnail(read_pixels(found, file), PICTURE_SIDE)
    )
