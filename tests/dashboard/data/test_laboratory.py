"""The computations of the page Data and their storage."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.synthetic.phantoms import write_phantom_dataset
from dashboard.data import laboratory
from dashboard.data.laboratory import Source
from dashboard.shared import datasets
from dashboard.shared.loaders import memory


def _ignore(done: int, total: int) -> None:
    """Ignore progress."""


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data set of 6 patients with 6 phantoms each."""
    write_phantom_dataset(tmp_path / "set", n_patients=6, slices_per_patient=6, size=64)
    return tmp_path / "set"


def _count(monkeypatch: pytest.MonkeyPatch, name: str) -> list[object]:
    """Calls of a function of the laboratory, recorded while it works as usual."""
    calls: list[object] = []
    original = getattr(laboratory, name)

    def counted(*arguments, **options):
        calls.append(arguments)
        return original(*arguments, **options)

    monkeypatch.setattr(laboratory, name, counted)
    return calls


def test_a_control_is_run_once_per_seed(data: Path, monkeypatch) -> None:
    """The same data set and seed return the stored control; another seed runs a new one."""
    found = datasets.dataset(data)
    calls = _count(monkeypatch, "run_control")
    first = laboratory.control(found, 0, _ignore, _ignore)
    assert first is laboratory.control(found, 0, _ignore, _ignore)
    assert 1 == laboratory.control(found, 1, _ignore, _ignore).seed
    assert 2 == len(calls)


def test_what_is_kept_is_bounded(data: Path) -> None:
    """Only the latest results of each kind are stored."""
    found = datasets.dataset(data)
    source = laboratory.Source(found.table, found.classes, found.fingerprint, found)
    for seed in range(12):
        laboratory.fold(source, "random", seed)
    kept = memory("folds")
    assert list(range(4, 12)) == [key[3] for key in kept]


def test_a_broken_off_control_is_not_kept(data: Path) -> None:
    """A control that was stopped is not stored."""

    def leave(done: int, total: int) -> None:
        raise KeyboardInterrupt

    found = datasets.dataset(data)
    with pytest.raises(KeyboardInterrupt):
        laboratory.control(found, 0, leave, _ignore)
    assert {} == memory("controls")


def test_pictures_are_small(data: Path) -> None:
    """A slice is a gray picture of at most 320 pixels."""
    found = datasets.dataset(data)
    picture = laboratory.picture(found, found.table["file"][0])
    assert ("L", 64) == (picture.mode, max(picture.size))


def test_a_source_knows_what_is_known(data: Path) -> None:
    """Patients and slice labels are known when every slice has them."""
    found = datasets.dataset(data)
    source = Source(found.table, found.classes, found.fingerprint, found)
    assert (True, True, False) == (source.has_patients, source.has_slice_labels, source.is_known)
    blank = found.table.assign(patient="", slice_label=None)
    source = Source(blank, found.classes, found.fingerprint, found)
    assert (False, False) == (source.has_patients, source.has_slice_labels)
