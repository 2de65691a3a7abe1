"""Fetching the published set; Kaggle itself is never asked."""

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
    """An empty cache of kagglehub's."""
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path))
    monkeypatch.setenv("TQDM_DISABLE", "1")
    return cache_folder()


@pytest.fixture
def hub(monkeypatch):
    """A kagglehub whose dataset_download is the function given to it."""

    def install(download):
        fake = ModuleType("kagglehub")
        fake.dataset_download, fake.exceptions = download, exceptions
        monkeypatch.setitem(sys.modules, "kagglehub", fake)

    return install


def fail_with(error):
    """A download that raises."""

    def download(handle):
        raise error

    return download


def test_download_asks_for_the_set_and_returns_its_folder(hub, tmp_path):
    """kagglehub is asked for the published set, and its answer returned as a path."""
    asked = []
    hub(lambda handle: asked.append(handle) or str(tmp_path / "versions" / "1"))
    assert tmp_path / "versions" / "1" == fetch_known_dataset()
    assert [KNOWN_DATASET["url"].removeprefix("https://www.kaggle.com/datasets/")] == asked


def test_complete_cache_needs_no_connection(hub, cache):
    """A complete version in the cache is returned without asking kagglehub."""
    (cache / "versions" / "1").mkdir(parents=True)
    (cache / "1.complete").touch()
    hub(fail_with(requests.ConnectionError("no route")))
    assert cache / "versions" / "1" == fetch_known_dataset()


def test_progress_follows_the_growing_cache(hub, cache, monkeypatch):
    """While kagglehub works, the callback hears of the bytes in the cache, and in the end of all of them."""
    monkeypatch.setattr(kaggle, "_POLL_S", 0.01)
    heard = []

    def download(handle):
        cache.mkdir(parents=True)
        (cache / "1.archive").write_bytes(b"\0" * 12345)
        deadline = time.monotonic() + 10
        while not heard and time.monotonic() < deadline:
            time.sleep(0.01)
        return str(cache)

    hub(download)
    fetch_known_dataset(lambda done, total: heard.append((done, total)))
    total = 2 * KNOWN_DATASET["n_bytes"]
    assert (12345, total) in heard
    assert (total, total) == heard[-1]


@pytest.mark.parametrize("error", [requests.ConnectionError("no route"), requests.Timeout("slow")])
def test_offline_is_told_with_a_way_out(hub, error):
    """Without a connection, the message says so and how to get the set by hand."""
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
def test_refusal_by_kaggle_is_told(hub, error):
    """A refusal by Kaggle is no missing connection, and has the same way out."""
    hub(fail_with(error))
    with pytest.raises(DatasetError, match="refused to hand out") as caught:
        fetch_known_dataset()
    assert "by hand" in caught.value.remedy


def test_damage_on_the_way_is_told(hub):
    """A download whose hash is wrong asks to try again."""
    hub(fail_with(exceptions.DataCorruptionError("hash")))
    with pytest.raises(DatasetError, match="damaged on the way"):
        fetch_known_dataset()


def test_full_disk_is_told(hub, cache):
    """A full disk names the folder and the space that is needed."""
    hub(fail_with(OSError(28, "No space left on device")))
    with pytest.raises(DatasetError, match="No space left") as caught:
        fetch_known_dataset()
    assert str(cache) in caught.value.remedy


def test_missing_kagglehub_is_told(monkeypatch):
    """Without kagglehub the message says what to install."""
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(MissingExtraError, match="pip install kagglehub"):
        fetch_known_dataset()


def test_newest_complete_version_is_found(cache):
    """Of the versions in the cache the newest complete one is taken; a broken-off download is none."""
    assert find_cached_dataset() is None
    for version in (2, 9, 10, 11):
        (cache / "versions" / str(version)).mkdir(parents=True)
    for version in (2, 9, 10):
        (cache / f"{version}.complete").touch()
    assert cache / "versions" / "10" == find_cached_dataset()


def test_cache_is_where_kagglehub_keeps_it(cache):
    """Our idea of the cache's place is kagglehub's own."""
    from kagglehub.cache import get_cached_path
    from kagglehub.handle import parse_dataset_handle

    handle = parse_dataset_handle(f"{kaggle.HANDLE}/versions/7")
    assert str(cache / "versions" / "7") == get_cached_path(handle)
