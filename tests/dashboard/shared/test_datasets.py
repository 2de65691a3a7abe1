"""The data set on this machine, read once for all pages, and its download."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from core.datasets import dataset as indexing
from core.errors import DatasetError
from core.synthetic.phantoms import write_phantom_dataset
from dashboard.shared import datasets


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of 6 patients with 6 phantoms each."""
    write_phantom_dataset(tmp_path / "set", n_patients=6, slices_per_patient=6, size=64)
    return tmp_path / "set"


def test_a_set_is_indexed_once_until_it_changes(data: Path, monkeypatch) -> None:
    """The second call reads no file; when a file is removed the data set is indexed again."""
    calls: list[object] = []
    index = datasets.index_dataset
    monkeypatch.setattr(datasets, "index_dataset", lambda *given: calls.append(given) or index(*given))
    first = datasets.dataset(data)
    assert first is datasets.dataset(data)
    assert 1 == len(calls)
    next((data / "Normal").glob("*.jpg")).unlink()
    assert len(first.table) - 1 == len(datasets.dataset(data).table)


def _wait(job: datasets.Download) -> None:
    until = time.monotonic() + 20
    while job.going and time.monotonic() < until:
        time.sleep(0.01)
    assert job.finished


def test_one_download_serves_all(monkeypatch) -> None:
    """A second start does nothing while it runs, and every page can read its progress."""
    begun, go_on = [], []

    def fetch(progress, checking):
        begun.append(1)
        progress(3, 10)
        while not go_on:
            time.sleep(0.01)
        checking(5, 5)

    monkeypatch.setattr(indexing, "download", fetch)
    job = datasets.download()
    assert not job.going
    job.start()
    while job.done != 3:
        time.sleep(0.01)
    datasets.download().start()
    assert (True, "Downloading", 3, 10) == (job.going, job.stage, job.done, job.total)
    go_on.append(1)
    _wait(job)
    assert (1, "Checking every image", 5, None) == (len(begun), job.stage, job.done, job.error)


def test_a_failed_download_can_be_tried_again(monkeypatch) -> None:
    """The error of a download is stored until the next start."""
    answers = [DatasetError("Kaggle cannot be reached"), None]

    def fetch(progress, checking):
        if answer := answers.pop(0):
            raise answer

    monkeypatch.setattr(indexing, "download", fetch)
    job = datasets.download()
    for expected in ("Kaggle cannot be reached", None):
        job.start()
        _wait(job)
        assert expected == (job.error.problem if job.error else None)
