"""The CSV tables of an experiment."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from core.experiments.tables import parse_table, training_hashes, write_table


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Texts, missing numbers and floats are read back unchanged, to the last digit."""
    table = pd.DataFrame(
        {
            "file": ["Stroke/58 (12).jpg", 'a,"b".png', "ö.png"],
            "patient": ["007", "NA", ""],
            "number": pd.array([3, None, 5], dtype="Int64"),
            "label": [0, 1, 0],
            "pytorch": [0.1 + 0.2, 1e-17, 1.0],
        }
    )
    write_table(tmp_path / "a.csv", table)
    read = parse_table((tmp_path / "a.csv").read_bytes(), ("file", "pytorch"))
    pd.testing.assert_frame_equal(table, read, check_dtype=False, check_exact=True)
    assert "Int64" == str(read["number"].dtype)
    assert np.float64 == read["pytorch"].dtype


def test_lines_end_alike_on_every_system(tmp_path: Path) -> None:
    """A line ends with a line feed only, so that the hash is the same on every system."""
    write_table(tmp_path / "a.csv", pd.DataFrame({"a": [1]}))
    assert b"a\n1\n" == (tmp_path / "a.csv").read_bytes()


def test_missing_column_is_named() -> None:
    """The error for a missing column names it."""
    with pytest.raises(ValueError, match='no column "sha256"'):
        parse_table(b"file,label\na,1\n", ("file", "sha256"))


@pytest.mark.parametrize("data", [b"number\nx\n", b"a,b\n1,2\n1,2,3\n", b""])
def test_misshapen_table_is_a_value_error(data: bytes) -> None:
    """A word instead of a number, a row that is too long, or an empty file raises a ValueError."""
    with pytest.raises(ValueError, match=r"contains a value|no column"):
        parse_table(data, ("number",) if data.startswith(b"n") or not data else ("a",))


def test_training_hashes_joins_all_folds() -> None:
    """A slice counts if it is in training or validation of any fold."""
    data = b"sha256,fold_0,fold_1\nh1,test,test\nh2,test,train\nh3,validation,test\nh4,train,train\n"
    assert {"h2", "h3", "h4"} == training_hashes(data, 2)


def test_training_hashes_misses_no_fold() -> None:
    """A missing fold column is an error: slices seen in training would look unseen."""
    with pytest.raises(ValueError, match="fold_1"):
        training_hashes(b"sha256,fold_0\nh1,test\n", 2)
