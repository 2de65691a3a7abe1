"""The figures that depend on the operating point."""

from __future__ import annotations

import numpy as np
import pytest

from dashboard.curves import point_charts
from dashboard.shared.palette import DARK, LIGHT, Palette

CURVE = point_charts.Curve(
    x=np.array([0.0, 0.5, 1.0]),
    y=np.array([1.0, 0.8, 0.3]),
    threshold=np.array([np.inf, 0.6, 0.1]),
    mark=(0.5, 0.8, 0.6),
    area=0.77,
)


REVIEW = {"tn": 26, "fp": 7, "fn": 1, "tp": 2, "indeterminate_negative": 7, "indeterminate_positive": 2}


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


def _words(figure):
    return {(y, x): text for y, row in enumerate(figure.data[0].text) for x, text in enumerate(row)}


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_precision_recall_has_both_curves_in_their_fixed_looks(palette: Palette) -> None:
    """PyTorch is a solid line with a circle, Keras a dashed line with a square, each in its color."""
    figure = point_charts.plot_precision_recall({"pytorch": CURVE, "keras": CURVE}, 0.3, palette)
    for name, title, dash, symbol in (
        ("pytorch", "PyTorch", "solid", "circle"),
        ("keras", "Keras", "dash", "square"),
    ):
        line = _trace(figure, f"{title} avg. precision 0.77")
        assert (palette.of_framework(name), dash) == (line.line.color, line.line.dash)
        mark = _trace(figure, f"{title} threshold")
        assert (palette.of_framework(name), symbol) == (mark.marker.color, mark.marker.symbol)


def test_hovering_a_curve_tells_threshold_precision_and_recall() -> None:
    """The hover text names all three, and the points carry their threshold."""
    line = _trace(
        point_charts.plot_precision_recall({"keras": CURVE}, 0.3, LIGHT), "Keras avg. precision 0.77"
    )
    for word in ("threshold", "precision", "recall"):
        assert word in line.hovertemplate
    assert [np.inf, 0.6, 0.1] == list(line.customdata)


def test_the_mark_stands_at_the_operating_point() -> None:
    """The operating point has the place and the threshold of the curve's mark."""
    mark = _trace(point_charts.plot_roc({"pytorch": CURVE}, LIGHT), "PyTorch threshold")
    assert ((0.5,), (0.8,), (0.6,)) == (tuple(mark.x), tuple(mark.y), tuple(mark.customdata))


def test_chance_is_the_prevalence_for_precision_and_the_diagonal_for_roc() -> None:
    """The dotted line is at the share of positives, or the diagonal."""
    precision = _trace(point_charts.plot_precision_recall({"keras": CURVE}, 0.3, LIGHT), "chance")
    assert (0.3, 0.3) == tuple(precision.y)
    roc = _trace(point_charts.plot_roc({"keras": CURVE}, LIGHT), "chance")
    assert ((0, 1), (0, 1)) == (tuple(roc.x), tuple(roc.y))


def test_an_undefined_operating_point_is_not_marked() -> None:
    """A curve without a mark has no marker."""
    bare = point_charts.Curve(CURVE.x, CURVE.y, CURVE.threshold, None, 0.77)
    names = [trace.name for trace in point_charts.plot_roc({"keras": bare}, LIGHT).data]
    assert ["chance", "Keras AUROC 0.77"] == names


def test_a_confusion_matrix_shows_counts_and_shares_of_the_rows() -> None:
    """Rows are actual, columns predicted; each cell holds its count and its share of the row."""
    confusion = {"tn": 30, "fp": 10, "fn": 1, "tp": 4}
    figure = point_charts.plot_confusion(confusion, ("No", "Yes"), "pytorch", LIGHT)
    words = _words(figure)
    assert {(0, 0), (0, 1), (1, 0), (1, 1)} == set(words)
    for place, count, share in (((0, 0), 30, 75), ((0, 1), 10, 25), ((1, 0), 1, 20), ((1, 1), 4, 80)):
        assert f">{count}<" in words[place]
        assert f">{share} % of row" in words[place]
    assert ("No", "Yes") == tuple(figure.layout.yaxis.ticktext)
    assert 2 == list(_trace(figure, "wrong").x).count(None)


def test_an_empty_row_has_no_share() -> None:
    """Without positive slices the second row says so."""
    figure = point_charts.plot_confusion({"tn": 3, "fp": 1, "fn": 0, "tp": 0}, ("No", "Yes"), "keras", LIGHT)
    assert "none of row" in _words(figure)[1, 1]
    assert [0.0, 0.0] == list(figure.data[0].z[1])


def test_markup_in_a_class_name_is_made_harmless() -> None:
    """A class name that looks like a link is plain text."""
    figure = point_charts.plot_confusion(
        {"tn": 1, "fp": 1, "fn": 1, "tp": 1}, ("<a href='x'>", "B&C"), "keras", LIGHT
    )
    assert ("&lt;a href='x'&gt;", "B&amp;C") == tuple(figure.layout.yaxis.ticktext)


def test_what_needs_review_is_noted_in_the_cells() -> None:
    """Each cell says how many of its cases are in the band; the counts are those of the operating point."""
    confusion = {"tn": 30, "fp": 10, "fn": 1, "tp": 4}
    words = _words(point_charts.plot_confusion(confusion, ("No", "Yes"), "keras", LIGHT, review=REVIEW))
    for place, count, aside in (((0, 0), 30, 4), ((0, 1), 10, 3), ((1, 0), 1, 0), ((1, 1), 4, 2)):
        assert f">{count}<" in words[place]
        assert f"{aside} need{'s' if aside == 1 else ''} review" in words[place]


def test_what_needs_review_can_stand_in_a_column_of_its_own() -> None:
    """Cases set aside are in a third column, and shares are of the whole row."""
    confusion = {"tn": 30, "fp": 10, "fn": 1, "tp": 4}
    figure = point_charts.plot_confusion(
        confusion, ("No", "Yes"), "keras", LIGHT, review=REVIEW, set_aside=True
    )
    words = _words(figure)
    for place, count, share in (((0, 0), 26, 65), ((0, 2), 7, 18), ((1, 1), 2, 40), ((1, 2), 2, 40)):
        assert f">{count}<" in words[place]
        assert f">{share} % of row" in words[place]
    assert ("No", "Yes", "? needs review") == tuple(figure.layout.xaxis.ticktext)


def test_the_review_band_lies_on_the_curve() -> None:
    """Points with a threshold strictly inside the band get a broad line."""
    x = np.linspace(0, 1, 6)
    curve = point_charts.Curve(x, 1 - x, 1 - x, None, 0.7, band=(0.2, 0.8))
    band = _trace(point_charts.plot_roc({"keras": curve}, LIGHT), "needs review")
    assert [0.4, 0.6] == [round(value, 6) for value in band.x]


def test_curves_at_home_are_thin_lines_beside() -> None:
    """A curve at home has the framework's look, thinner, its area in the legend, and no mark."""
    figure = point_charts.plot_roc({"keras": CURVE}, LIGHT, beside={"keras": CURVE})
    home, away = _trace(figure, "Keras own data 0.77"), _trace(figure, "Keras AUROC 0.77")
    assert home.line.width < away.line.width
    assert home.line.dash == away.line.dash
    assert ["chance", "Keras own data 0.77", "Keras AUROC 0.77", "Keras threshold"] == [
        trace.name for trace in figure.data
    ]
