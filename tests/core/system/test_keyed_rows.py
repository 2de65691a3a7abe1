"""Rows in files that grow, found by their keys."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import StrokeError
from core.system.keyed_rows import KeyedRows

ROWS = np.arange(24, dtype=np.float32).reshape(4, 2, 3)


def open_rows(folder: Path) -> KeyedRows:
    """Return the rows in a folder, each (2, 3) float32."""
    return KeyedRows(folder / "some" / "view-1", (2, 3), np.float32)


def test_rows_are_found_by_their_keys(tmp_path: Path) -> None:
    """Rows appended in parts are read again by another object, in any order of the keys."""
    first = open_rows(tmp_path)
    assert (0, (0, 2, 3)) == (len(first), first.open().shape)
    first.append(["a", "b"], ROWS[:2])
    first.append(["ä"], ROWS[2:3])
    again = open_rows(tmp_path)
    again.append(["c"], ROWS[3:])
    assert (4, True, False) == (len(again), "ä" in again, "d" in again)
    np.testing.assert_array_equal(ROWS[[3, 0, 2]], open_rows(tmp_path).open()[again.find(["c", "a", "ä"])])


def test_rows_of_another_kind_are_converted(tmp_path: Path) -> None:
    """Numbers are stored in the kind of the file, of which a row's size follows."""
    halves = KeyedRows(tmp_path / "view", (2, 3), np.float16)
    halves.append(["a"], ROWS[:1].astype(np.float64))
    assert (12, np.float16) == (halves.row_bytes, halves.open().dtype)
    np.testing.assert_array_equal(ROWS[:1], halves.open())


@pytest.mark.parametrize(("n_lost", "n_cut"), [(5, 0), (0, 1), (30, 0), (0, 4), (5, 4)])
def test_what_a_killed_process_left_is_overwritten(tmp_path: Path, n_lost: int, n_cut: int) -> None:
    """Rows and keys that are cut off do not count, and the next rows take their place."""
    open_rows(tmp_path).append(["first", "second"], ROWS[:2])
    for path, n_bytes in ((tmp_path / "some/view-1.rows", n_lost), (tmp_path / "some/view-1.txt", n_cut)):
        path.write_bytes(path.read_bytes()[: path.stat().st_size - n_bytes])
    cut = open_rows(tmp_path)
    assert (0 if n_lost == 30 else 1) == len(cut)
    cut.append(["third", "second"], ROWS[[2, 1]])
    again = open_rows(tmp_path)
    np.testing.assert_array_equal(ROWS[[1, 2]], again.open()[again.find(["second", "third"])])
    assert len(again) == len(cut)


def test_a_folder_that_cannot_be_written_to_is_named(tmp_path: Path) -> None:
    """If a folder stands in the place of the file, a StrokeError names it."""
    rows = open_rows(tmp_path)
    (tmp_path / "some/view-1.rows").mkdir(parents=True)
    with pytest.raises(StrokeError, match=r"view-1\.rows"):
        rows.append(["a"], ROWS[:1])
