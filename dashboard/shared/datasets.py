"""The data set on this machine, read under a progress bar and kept for all, and its download."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import streamlit as st

from core.datasets import (
    KNOWN_DATASET,
    Dataset,
    dataset as indexing,
    find_class_folders,
    index_dataset,
    walk_files,
)
from core.errors import StrokeError
from dashboard.shared import components
from dashboard.shared.loaders import memory
from dashboard.shared.palette import write_percent

Progress = Callable[[int, int], None]
_POLL_S = 1
_MB = 1_000_000


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
            indexing.download(self._report("Downloading"), self._report("Checking every picture"))
        except StrokeError as error:
            self.error = error
        finally:
            self.finished = True

    def _report(self, stage: str) -> Progress:
        def report(done: int, total: int) -> None:
            self.stage, self.done, self.total = stage, done, total

        return report


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
    return remember("datasets", (root, stamp), 2, lambda: index_dataset(root, progress))


def show_download() -> None:
    """The button that downloads the published set, and how far it has come, a part that runs alone."""
    going = download().going
    st.fragment(_show_download, run_every=_POLL_S if going else None)(going)


def _show_download(was_going: bool) -> None:
    job = download()
    if job.going:
        share = min(1.0, job.done / job.total) if job.total else 0.0
        st.progress(share, f"{job.stage} ... {write_percent(share)}")
        return
    if was_going:
        st.rerun()  # it has ended: stop polling
    if job.error:
        components.show_error(job.error)
    size = f"{KNOWN_DATASET['n_bytes'] / _MB:.0f} MB"
    if st.button(f"Download it from Kaggle ({size})", type="primary", icon=":material/download:"):
        job.start()
        st.rerun()


def remember(kind: str, key: Hashable, most: int, compute: Callable[[], Any]) -> Any:
    """What was computed for this key before, or now; of each kind the latest `most` are kept."""
    kept = memory(kind)
    value = kept.get(key)
    if value is None:
        value = kept[key] = compute()
        for oldest in list(kept)[:-most]:
            kept.pop(oldest, None)
    return value
