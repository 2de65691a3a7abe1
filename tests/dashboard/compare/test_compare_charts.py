"""The figures of the tabs of the page Compare."""

from __future__ import annotations

import pytest

from dashboard.compare import compare_charts
from dashboard.compare.compare_charts import Gap
from dashboard.shared.palette import DARK, LIGHT

DECISION = {
    "thresholds": [0.1, 0.2, 0.3], "net_benefit": [0.2, 0.1, 0.05], "low": [0.1, 0.05, None],
    "high": [0.3, 0.2, None], "treat_all": [0.15, 0.0, -0.2],
}  # fmt: skip


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def test_decision_curves_stand_beside_both_other_ways() -> None:
    """Acting on all is the record's line, acting on none is zero; a band has the ends of its interval."""
    figure = compare_charts.plot_decision_curves({"keras": DECISION}, {"keras": 0.19}, DARK)
    assert (0.15, 0.0, -0.2) == _trace(figure, "call all positive").y
    assert (0.0, 0.0, 0.0) == _trace(figure, "call none positive").y
    assert (0.2, 0.1, 0.05) == _trace(figure, "Keras").y
    band = _trace(figure, "Keras interval")
    assert ((0.1, 0.2, 0.2, 0.1), (0.3, 0.2, 0.05, 0.1)) == (band.x, band.y)


def test_the_operating_point_stands_on_its_decision_curve() -> None:
    """The mark is at the nearest threshold of the curve; without a threshold there is no mark."""
    figure = compare_charts.plot_decision_curves({"keras": DECISION}, {"keras": 0.19}, LIGHT)
    mark = _trace(figure, "Keras threshold")
    assert ((0.2,), (0.1,)) == (mark.x, mark.y)
    bare = compare_charts.plot_decision_curves({"keras": DECISION}, {}, LIGHT)
    assert "Keras threshold" not in [trace.name for trace in bare.data]


def test_robustness_shows_each_change_and_the_unchanged() -> None:
    """Marks follow the order of the changes; a line is at the unchanged one; unknown figures are omitted."""
    rows = [
        ("unchanged", "keras", {"value": 0.8, "interval": [0.7, 0.95]}),
        ("noise", "keras", {"value": None, "interval": None}),
        ("blur", "keras", {"value": 0.7, "interval": None}),
    ]
    figure = compare_charts.plot_robustness(rows, LIGHT)
    bars = _trace(figure, "Keras").error_x
    assert pytest.approx((0.15, 0)) == bars.array
    assert pytest.approx((0.1, 0)) == bars.arrayminus
    assert figure.layout.xaxis.range[1] > 0.95
    assert ((0.8, 0.7), (0.0, 2.0)) == (_trace(figure, "Keras").x, _trace(figure, "Keras").y)
    assert (0.8, 0.8) == _trace(figure, "Keras unchanged").x
    assert ("unchanged", "noise", "blur") == figure.layout.yaxis.ticktext


def test_robustness_of_nothing_is_drawn_all_the_same() -> None:
    """Without known figures there are no marks and no error."""
    figure = compare_charts.plot_robustness(
        [("unchanged", "keras", {"value": None, "interval": None})], LIGHT
    )
    assert () == tuple(_trace(figure, "Keras").x)


def test_differences_reach_as_far_as_their_intervals() -> None:
    """A difference without an interval is hollow without a bar; zero is in the middle."""
    figure = compare_charts.plot_gaps(
        [Gap("A", 0.1, -0.1, 0.2), Gap("B", 0.05, None, None)], ("l", "r"), LIGHT
    )
    marks = _trace(figure, "difference")
    assert (0.1, 0.05) == marks.x
    assert ("diamond", "diamond-open") == marks.marker.symbol
    assert pytest.approx((0.1, 0)) == marks.error_x.array
    assert pytest.approx((0.2, 0)) == marks.error_x.arrayminus
    assert figure.layout.xaxis.range[0] == -figure.layout.xaxis.range[1]


@pytest.mark.parametrize(("correct", "both", "neither"), [(True, "✓", "✗"), (False, "✗", "✓")])
def test_agreement_says_who_is_right(correct: bool, both: str, neither: str) -> None:
    """Rows are the first model's decisions, columns the second's; for positives, two positives are right."""
    cells = {"both": 5, "only_first": 3, "only_second": 2, "neither": 0}
    figure = compare_charts.plot_agreement(cells, "10", ("pytorch", "keras"), correct, LIGHT)
    text = figure.data[0].text
    assert [">5<", ">3<", ">2<", ">0<"] == [
        mark
        for mark, cell in zip((">5<", ">3<", ">2<", ">0<"), [*text[0], *text[1]], strict=True)
        if mark in cell
    ]
    assert (True, True) == (both in text[0][0], neither in text[1][1])
    assert ("PyTorch", "Keras") == (figure.layout.yaxis.title.text, figure.layout.xaxis.title.text)


def test_agreement_on_nothing_divides_by_nothing() -> None:
    """Without any row of the class every share is "none"."""
    cells = dict.fromkeys(("both", "only_first", "only_second", "neither"), 0)
    figure = compare_charts.plot_agreement(cells, "0", ("pytorch", "keras"), True, LIGHT)
    assert all("none" in text for row in figure.data[0].text for text in row)
