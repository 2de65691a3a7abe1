"""The published set is downloaded, without contacting Kaggle in tests."""

import sys
import time
from types import ModuleType, SimpleNamespace

import pytest
import requests
from kagglehub import exceptions

from core.datasets import kaggle
from core.datasets.kaggle import KNOWN_DATASET, cache_folder, fetch_known_dataset, find_cached_dataset
from core.errors import DatasetError, MissingExtraError


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """An empty kagglehub cache."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return cache_folder()


@pytest.fixture
def hub(monkeypatch):
    """Install a kagglehub whose dataset_download is the given function."""

    def install(download):
        fake = ModuleType("kagglehub")
        fake.dataset_download, fake.exceptions = download, exceptions
        monkeypatch.setitem(sys.modules, "kagglehub", fake)

    return install


def fail_with(error):
    """Return a download function that raises."""

    def download(handle):
        raise error

    return download


def test_download_asks_for_the_set_and_returns_its_folder(hub, tmp_path):
    """kagglehub is called with the published set, and its answer is returned as a path."""
    handles = []
    hub(lambda handle: handles.append(handle) or str(tmp_path / "versions" / "1"))
    assert tmp_path / "versions" / "1" == fetch_known_dataset()
    assert [KNOWN_DATASET["url"].removeprefix("https://www.kaggle.com/datasets/")] == handles


def test_complete_cache_needs_no_connection(hub, cache):
    """A complete version in the cache is returned without calling kagglehub."""
    (cache / "versions" / "1").mkdir(parents=True)
    (cache / "1.complete").touch()
    hub(fail_with(requests.ConnectionError("no route")))
    assert cache / "versions" / "1" == fetch_known_dataset()


def test_progress_follows_the_growing_cache(hub, cache, monkeypatch):
    """During the download the callback gets the bytes in the cache, and at the end the total."""
    monkeypatch.setattr(kaggle, "_POLL_S", 0.01)
    calls = []

    def download(handle):
        cache.mkdir(parents=True)
        (cache / "1.archive").write_bytes(b"\0" * 12345)
        deadline = time.monotonic() + 10
        while not calls and time.monotonic() < deadline:
            time.sleep(0.01)
        return str(cache)

    hub(download)
    fetch_known_dataset(lambda done, total: calls.append((done, total)))
    total = 2 * KNOWN_DATASET["n_bytes"]
    assert (12345, total) in calls
    assert (total, total) == calls[-1]


@pytest.mark.parametrize("error", [requests.ConnectionError("no route"), requests.Timeout("slow")])
def test_offline_error_has_a_remedy(hub, error):
    """Without a connection, the message says so and how to download the set by hand."""
    hub(fail_with(error))
    with pytest.raises(DatasetError, match="Kaggle cannot be reached") as caught:
        fetch_known_dataset()
    for word in (KNOWN_DATASET["url"], "by hand", "STROKE_CT_DATA"):
        assert word in caught.value.remedy


@pytest.mark.parametrize(
    "error",
    [
        exceptions.KaggleApiHTTPError("404", response=SimpleNamespace(status_code=404)),
        exceptions.UnauthenticatedError(),
        exceptions.BackendError("no"),
    ],
)
def test_refusal_by_kaggle_has_a_remedy(hub, error):
    """A refusal by Kaggle has its own message and the same remedy."""
    hub(fail_with(error))
    with pytest.raises(DatasetError, match="refused the download") as caught:
        fetch_known_dataset()
    assert "by hand" in caught.value.remedy


def test_corrupted_download_is_reported(hub):
    """A download with a wrong hash gives a message to try again."""
    hub(fail_with(exceptions.DataCorruptionError("hash")))
    with pytest.raises(DatasetError, match="was corrupted"):
        fetch_known_dataset()


def test_full_disk_is_reported(hub, cache):
    """A full disk names the folder and the space that is needed."""
    hub(fail_with(OSError(28, "No space left on device")))
    with pytest.raises(DatasetError, match="No space left") as caught:
        fetch_known_dataset()
    assert str(cache) in caught.value.remedy


def test_missing_kagglehub_is_named(monkeypatch):
    """Without kagglehub the message says what to install."""
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match="pip install kagglehub"):
        fetch_known_dataset()


def test_newest_complete_version_is_found(cache):
    """The newest complete version in the cache is used; an incomplete download is ignored."""
    assert find_cached_dataset() is None
    for version in (2, 9, 10, 11):
        (cache / "versions" / str(version)).mkdir(parents=True)
    for version in (2, 9, 10):
        (cache / f"{version}.complete").touch()
    assert cache / "versions" / "10" == find_cached_dataset()


def test_cache_folder_is_that_of_kagglehub(cache):
    """Our path of the cache is that of kagglehub."""
    from kagglehub.cache import get_cached_path
    from kagglehub.handle import parse_dataset_handle

    handle = parse_dataset_handle(f"{kaggle.HANDLE}/versions/7")
    assert str(cache / "versions" / "7") == get_cached_path(handle)
