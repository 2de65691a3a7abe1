"""The published data set, its source, and its download with kagglehub."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypedDict

from core.errors import DatasetError, MissingExtraError
from core.system import natural_key


class KnownDataset(TypedDict):
    """A published data set; `n_bytes` is the size of its pictures, `fingerprint` that of a `Dataset`."""

    name: str
    url: str
    n_files: int
    n_bytes: int
    fingerprint: str


HANDLE = "afridirahman/brain-stroke-ct-image-dataset"
KNOWN_DATASET: KnownDataset = {
    "name": "Brain Stroke CT Image Dataset (Afridi Rahman, Kaggle)",
    "url": f"https://www.kaggle.com/datasets/{HANDLE}",
    "n_files": 2501,
    "n_bytes": 69_238_237,
    "fingerprint": "fe5b20e3d2424148a3330329ef20126fa96ddee7096472edab244dbde54e9b48",
}

_POLL_S = 0.5


def cache_folder() -> Path:
    """Return the folder where kagglehub stores versions of the set; it may not exist."""
    base = os.environ.get("KAGGLEHUB_CACHE") or "~/.cache/kagglehub"
    return Path(base).expanduser() / "datasets" / HANDLE


def find_cached_dataset() -> Path | None:
    """Return the newest complete version of the set in kagglehub's cache, or None."""
    # kagglehub writes this marker last; without it the download is incomplete.
    marks = sorted(cache_folder().glob("*.complete"), key=lambda mark: natural_key(mark.name), reverse=True)
    folders = (cache_folder() / "versions" / mark.stem for mark in marks)
    return next((folder for folder in folders if folder.is_dir()), None)


def fetch_known_dataset(progress: Callable[[int, int], None] | None = None) -> Path:
    """Download the set into kagglehub's cache, unless it is already there.

    Args:
        progress: called about twice a second as progress(bytes so far, estimated total).

    Returns:
        The folder of the downloaded version.

    Raises:
        DatasetError: Kaggle cannot be reached or refuses, or the set cannot be stored.
        MissingExtraError: kagglehub is not installed.
    """
    if cached := find_cached_dataset():
        # kagglehub would first ask Kaggle for the newest version, which fails without a connection.
        return cached
    # Suppresses kagglehub's progress bar, which would overwrite ours.
    os.environ.setdefault("TQDM_DISABLE", "1")
    try:
        import kagglehub
        from kagglehub import exceptions
        from requests import RequestException
    except ImportError as error:
        raise MissingExtraError(
            "Downloading needs the package kagglehub", remedy="install it with: pip install kagglehub"
        ) from error
    logging.getLogger("kagglehub").setLevel(logging.ERROR)
    by_hand = (
        f"download it by hand from {KNOWN_DATASET['url']}, unpack it, and set the environment variable "
        "STROKE_CT_DATA to the folder that contains Normal and Stroke"
    )
    refusals = (
        exceptions.KaggleApiHTTPError,
        exceptions.UnauthenticatedError,
        exceptions.CredentialError,
        exceptions.BackendError,
        exceptions.NotFoundError,
    )
    try:
        with _report_growth(progress):
            return Path(kagglehub.dataset_download(HANDLE))
    except refusals as error:
        raise DatasetError(
            "Kaggle refused the download", found=type(error).__name__, remedy=by_hand
        ) from error
    except exceptions.DataCorruptionError as error:
        raise DatasetError("The download was corrupted", remedy=f"try again, or {by_hand}") from error
    except RequestException as error:
        raise DatasetError(
            "Kaggle cannot be reached",
            found=type(error).__name__,
            remedy=f"check the internet connection and try again, or {by_hand}",
        ) from error
    except OSError as error:
        raise DatasetError(
            "The data set could not be stored",
            found=error.strerror or type(error).__name__,
            remedy=f"check that {str(cache_folder())!r} can be written to and the disk has 200 MB free, "
            "or set the environment variable KAGGLEHUB_CACHE to another folder",
        ) from error


@contextmanager
def _report_growth(progress: Callable[[int, int], None] | None) -> Iterator[None]:
    """Report the growth of the cache while kagglehub downloads the archive and unpacks it."""
    if progress is None:
        yield
        return
    done = threading.Event()
    total = 2 * KNOWN_DATASET["n_bytes"]

    def report() -> None:
        while not done.wait(_POLL_S):
            progress(min(_count_bytes(cache_folder()), total), total)

    watcher = threading.Thread(target=report, daemon=True)
    watcher.start()
    try:
        yield
    finally:
        done.set()
        watcher.join()
    progress(total, total)


def _count_bytes(folder: Path) -> int:
    """Count the bytes in all files below a folder; files may vanish meanwhile."""
    total = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.stat(os.path.join(parent, name)).st_size
            except FileNotFoundError:
                continue
    return total
