"""What the page Data computes under a progress bar, and what is kept of it: shared by all, bounded, by
content. A visitor who leaves the page while it is computed stops it at the next step of the bar.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image

from core.datasets import dataset as datasets
from core.datasets.audit import Audit, audit_dataset
from core.datasets.class_folders import find_class_folders, walk_files
from core.datasets.dataset import KNOWN_DATASET, Dataset, index_dataset, read_pixels
from core.datasets.leakage import Control, run_control
from core.datasets.splits import Fold, Split, make_folds
from core.errors import StrokeError
from dashboard.loaders import memory
from dashboard.overlays import to_thumbnail

PICTURE_SIDE = 320
_MOST = {"datasets": 2, "controls": 8, "audits": 4, "folds": 8, "pictures": 96}

Progress = Callable[[int, int], None]


@dataclass
class Download:
    """A download that goes on in the background, whoever watches.

    Attributes:
        stage: what is being done, in words; "" before it begins.
        done, total: how far this stage has come.
        finished: whether it has ended; `error` then says why it failed, if it did.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    finished: bool = False
    error: StrokeError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        """Begin, unless another has begun it. It ends with the dashboard, and goes on where it stopped."""
        with self._lock:
            if self.stage and not self.finished:
                return
            self.stage, self.done, self.total, self.finished, self.error = "Connecting", 0, 0, False, None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def going(self) -> bool:
        """Whether it has begun and not ended."""
        return bool(self.stage) and not self.finished

    def _run(self) -> None:
        try:
            datasets.download(self._report("Downloading"), self._report("Checking every picture"))
        except StrokeError as error:
            self.error = error
        finally:
            self.finished = True

    def _report(self, stage: str) -> Progress:
        def report(done: int, total: int) -> None:
            self.stage, self.done, self.total = stage, done, total

        return report


@dataclass(frozen=True)
class Source:
    """Slices (as the table of `core.datasets.dataset.Dataset`), what is known of them, and `images` if here."""

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


def download() -> Download:
    """The one download of this dashboard, begun or not."""
    return memory("download").setdefault("known", Download())


def dataset(folder: Path, progress: Progress | None = None) -> Dataset:
    """The indexed set in a folder; read again when a file in it changes.

    Raises:
        DatasetError: see `core.datasets.dataset.index_dataset`.
    """
    root, classes = find_class_folders(folder)
    files = (entry for name in classes for entry in walk_files(root / name))
    stamp = hash(frozenset((entry.path, (at := entry.stat()).st_mtime_ns, at.st_size) for entry in files))
    return _remember("datasets", (root, stamp), lambda: index_dataset(root, progress))


def control(found: Dataset, seed: int, reading: Progress, comparing: Progress) -> Control:
    """The control of a set with this seed; errors as `core.datasets.leakage.run_control`."""
    return _remember(
        "controls",
        (found.fingerprint, seed),
        lambda: run_control(found, seed=seed, reading=reading, comparing=comparing),
    )


def audit(found: Dataset, progress: Progress) -> Audit:
    """The audit of a set; errors as `core.datasets.audit.audit_dataset`."""
    return _remember("audits", (found.folder, found.fingerprint), lambda: audit_dataset(found, progress))


def fold(table: pd.DataFrame, split: Split, seed: int) -> Fold:
    """The 90/10 parting of a table of slices; errors as `core.datasets.splits.make_folds`."""

    def part() -> Fold:
        y, patients = table["folder_label"].to_numpy(), table["patient"].to_numpy(dtype=str)
        return make_folds(y, patients, split=split, folds=1, seed=seed)[0]

    return _remember("folds", (tuple(table["file"]), split, seed), part)


def picture(found: Dataset, file: str) -> Image.Image:
    """A slice of the set, small.

    Raises:
        ScanError: when it has vanished or been damaged.
    """
    digest = found.table.loc[found.table["file"] == file, "sha256"].iloc[0]
    return _remember("pictures", digest, lambda: to_thumbnail(read_pixels(found, file), PICTURE_SIDE))


def _remember(kind: str, key: Hashable, compute: Callable[[], Any]) -> Any:
    """What was computed for this key before, or now; of each kind the latest few are kept."""
    kept = memory(kind)
    value = kept.get(key)
    if value is None:
        value = kept[key] = compute()
        for oldest in list(kept)[: -_MOST[kind]]:
            kept.pop(oldest, None)
    return value
