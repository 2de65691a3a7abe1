"""The real data set, for the tests that need it: where STROKE_CT_DATA says, or not at all."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import pytest

from core.datasets.dataset import DATASET_VARIABLE, Dataset, find_dataset, index_dataset


def real_folder() -> Path | None:
    """The data set that the environment names; a copy in a cache does not count."""
    return find_dataset() if os.environ.get(DATASET_VARIABLE) else None


@cache  # decoding 2,501 pictures takes seconds
def index_real_data() -> Dataset:
    """The table of the real data set; tests must not change it."""
    return index_dataset(real_folder())


needs_real_data = pytest.mark.skipif(real_folder() is None, reason=f"{DATASET_VARIABLE} names no data set")
