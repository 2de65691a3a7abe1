"""The reliability diagram."""

from __future__ import annotations

import pytest

from dashboard.curves.reliability import plot_reliability
from dashboard.shared.palette import LIGHT

BIN = {
    "low_edge": 0.2, "high_edge": 0.3, "n": 8, "positives": 2, "mean_probability": 0.24, "observed": 0.25,
    "low": 0.05, "high": 0.6,
}  # fmt: skip


def test_a_reliability_diagram_shows_both_parts_with_their_intervals() -> None:
    """Points are at predicted and observed shares, with Clopper-Pearson intervals as bars."""
    figure = plot_reliability({"at home": [BIN], "there": [BIN]}, "keras", LIGHT)
    for name, color in (("at home", LIGHT.negative), ("there", LIGHT.keras)):
        points = next(trace for trace in figure.data if trace.name == name)
        assert ((0.24,), (0.25,)) == (points.x, points.y)
        assert pytest.approx((0.35, 0.2)) == (points.error_y.array[0], points.error_y.arrayminus[0])
        assert color == points.marker.color


def test_counts_stand_below_the_reliability() -> None:
    """There is one bar per bin in a separate plot, as high as the bin's count."""
    figure = plot_reliability({"at home": [], "there": [BIN]}, "pytorch", LIGHT)
    bars = [trace for trace in figure.data if trace.type == "bar"]
    assert [((0.25,), (8,), "y2")] == [(bar.x, bar.y, bar.yaxis) for bar in bars]
