"""The data set on this machine, read once for all visitors under a progress bar, and its download."""

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
from core.manifests import Manifest, find_manifest, name_sources_file, read_manifest
from dashboard.shared import components
from dashboard.shared.loaders import memory
from dashboard.shared.palette import write_percent

Progress = Callable[[int, int], None]
_POLL_S = 1
_MB = 1_000_000


@dataclass
class Download:
    """A download in the background, shared by all visitors.

    Attributes:
        stage: the current step in words; "" before the download begins.
        done, total: progress of this step.
        finished: whether it has ended; `error` is then the reason if it failed.
    """

    stage: str = ""
    done: int = 0
    total: int = 0
    finished: bool = False
    error: StrokeError | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def start(self) -> None:
        """Start unless it is running. It stops with the dashboard; the next start resumes it."""
        with self._lock:
            if self.stage and not self.finished:
                return
            self.stage, self.done, self.total, self.finished, self.error = "Connecting", 0, 0, False, None
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def going(self) -> bool:
        """Return whether it is running."""
        return bool(self.stage) and not self.finished

    def _run(self) -> None:
        try:
            indexing.download(self._report("Downloading"), self._report("Checking every image"))
        except StrokeError as error:
            self.error = error
        finally:
            self.finished = True

    def _report(self, stage: str) -> Progress:
        def report(done: int, total: int) -> None:
            self.stage, self.done, self.total = stage, done, total

        return report


def download() -> Download:
    """Return the dashboard's only download, started or not."""
    return memory("download").setdefault("known", Download())


def dataset(folder: Path, progress: Progress | None = None) -> Dataset:
    """Return the indexed data set of a folder or manifest; it is read again when a file changes.

    Raises:
        DatasetError: see `core.datasets.dataset.index_dataset`.
    """
    if table := find_manifest(folder):
        listed = {table, name_sources_file(table), *(row.path for row in manifest(table).rows)}
        key = (table, hash(frozenset(map(_stamp, listed))))
        return compute_once("datasets", key, 2, lambda: index_dataset(table, progress))
    root, classes = find_class_folders(folder)
    files = (entry for name in classes for entry in walk_files(root / name))
    stamp = hash(frozenset((entry.path, (at := entry.stat()).st_mtime_ns, at.st_size) for entry in files))
    return compute_once("datasets", (root, stamp), 2, lambda: index_dataset(root, progress))


def manifest(path: Path) -> Manifest:
    """Return a manifest, read again when its tables change; no file that it lists is opened.

    Raises:
        DatasetError: see `core.manifests.read_manifest`.
    """
    tables = tuple(map(_stamp, (path, name_sources_file(path))))
    return compute_once("manifests", tables, 2, lambda: read_manifest(path))


def _stamp(path: Path) -> tuple[str, int, int]:
    """Return what changes when a file does; zeros if it is missing."""
    try:
        at = path.stat()
    except OSError:
        return str(path), 0, 0
    return str(path), at.st_mtime_ns, at.st_size


def read_list(path: Path) -> Dataset | None:
    """Return the data set of a folder or manifest under a progress bar; None after showing an error."""
    place = st.empty()
    try:
        return dataset(path, components.show_progress(place, "Reading the list of slices"))
    except StrokeError as error:
        components.show_error(error)
        return None
    finally:
        place.empty()


def show_download() -> None:
    """Show the button that downloads the published data set, or the progress of the download."""
    going = download().going
    st.fragment(_show_download, run_every=_POLL_S if going else None)(going)


def _show_download(was_going: bool) -> None:
    job = download()
    if job.going:
        share = min(1.0, job.done / job.total) if job.total else 0.0
        st.progress(share, f"{job.stage} ... {write_percent(share)}")
        return
    if was_going:
        st.rerun()  # stop polling
    if job.error:
        components.show_error(job.error)
    size = f"{KNOWN_DATASET['n_bytes'] / _MB:.0f} MB"
    if st.button(f"Download it from Kaggle ({size})", type="primary", icon=":material/download:"):
        job.start()
        st.rerun()


def compute_once(kind: str, key: Hashable, most: int, compute: Callable[[], Any]) -> Any:
    """Return the stored result for this key, or compute it; the latest `most` of each kind are stored."""
    stored = memory(kind)
    value = stored.get(key)
    if value is None:
        value = stored[key] = compute()
        for oldest in list(stored)[:-most]:
            stored.pop(oldest, None)
    return value
