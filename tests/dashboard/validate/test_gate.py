"""The tab Input check of the page Validate."""

from __future__ import annotations

import pandas as pd

from dashboard.shared.palette import LIGHT
from dashboard.validate.gate import choose_examples, count_outcomes, plot_outcomes

READ = pd.DataFrame(
    {
        "number": range(1, 31),
        "source": ["north"] * 20 + ["south"] * 10,
        "gate": ["refuse"] * 12 + ["warn"] * 8 + ["read"] * 10,
        "reasons": ["No bone."] * 11 + ["Filled."] + ["Small."] * 8 + [""] * 10,
        "sha256": [f"{number:064x}" for number in range(1, 31)],
    }
)


def test_outcomes_are_counted_by_source() -> None:
    """Each source has its counts; with one source there is one row."""
    assert [
        {"source": "north", "read": 0, "warn": 8, "refuse": 12},
        {"source": "south", "read": 10, "warn": 0, "refuse": 0},
    ] == count_outcomes(READ).to_dict("records")
    (row,) = count_outcomes(READ.assign(source="")).to_dict("records")
    assert {"source": "all", "read": 10, "warn": 8, "refuse": 12} == row


def test_bars_are_shares() -> None:
    """The shares of a source add up to one, and refusals are last."""
    bars = plot_outcomes(count_outcomes(READ), LIGHT).data
    assert [1.0, 1.0] == [sum(bar.x[place] for bar in bars) for place in (0, 1)]
    assert (0.6, 0.0) == tuple(bars[-1].x)


def test_examples_show_every_reason_and_only_files_at_hand() -> None:
    """A rare reason comes before the second slice of a frequent one; files that are not here are left out."""
    chosen = choose_examples(READ, "refuse", set(READ["sha256"]))
    assert ["No bone.", "Filled."] == list(chosen["reasons"].head(2))
    assert 8 == len(chosen)
    assert [3] == list(choose_examples(READ, "refuse", {READ["sha256"][2]})["number"])
