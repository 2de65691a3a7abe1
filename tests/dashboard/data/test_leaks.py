"""Step 1 of the leakage laboratory."""

from __future__ import annotations

from types import SimpleNamespace

import pandas as pd
import pytest

from core.audit import SharedPair
from core.datasets import KNOWN_DATASET
from dashboard.data.leaks import _skip_numbers


@pytest.mark.parametrize(
    ("training", "fingerprint", "skips"),
    [
        ("2.jpg", KNOWN_DATASET["fingerprint"], False),
        ("4.jpg", KNOWN_DATASET["fingerprint"], True),
        ("4.jpg", "0" * 64, False),
    ],
)
def test_a_skipped_number_is_noticed(training: str, fingerprint: str, skips: bool) -> None:
    """A gap between the numbers of a pair is a mask in the published data set only."""
    table = pd.DataFrame({"file": ["1.jpg", "2.jpg", "4.jpg"], "number": [1, 2, 4]})
    found = SimpleNamespace(table=table, fingerprint=fingerprint)
    assert skips == _skip_numbers(found, [SharedPair("1.jpg", training, "1")])
