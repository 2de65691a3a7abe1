"""The figures that charts.py draws from numbers."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from dashboard import charts
from dashboard.palette import DARK, LIGHT, Palette

CURVE = charts.Curve(
    x=np.array([0.0, 0.5, 1.0]),
    y=np.array([1.0, 0.8, 0.3]),
    threshold=np.array([np.inf, 0.6, 0.1]),
    mark=(0.5, 0.8, 0.6),
    area=0.77,
)


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_precision_recall_has_both_curves_in_their_fixed_looks(palette: Palette) -> None:
    """PyTorch is a solid line with a circle, Keras a dashed one with a square, each in its colour."""
    figure = charts.draw_precision_recall({"pytorch": CURVE, "keras": CURVE}, 0.3, palette)
    for name, title, dash, symbol in (
        ("pytorch", "PyTorch", "solid", "circle"),
        ("keras", "Keras", "dash", "square"),
    ):
        line = _trace(figure, f"{title} AP 0.77")
        assert (palette.of_framework(name), dash) == (line.line.color, line.line.dash)
        mark = _trace(figure, f"{title} operating point")
        assert (palette.of_framework(name), symbol) == (mark.marker.color, mark.marker.symbol)


def test_hovering_a_curve_tells_threshold_precision_and_recall() -> None:
    """The text under the pointer names all three, and the threshold travels with the points."""
    line = _trace(charts.draw_precision_recall({"keras": CURVE}, 0.3, LIGHT), "Keras AP 0.77")
    for word in ("threshold", "precision", "recall"):
        assert word in line.hovertemplate
    assert [np.inf, 0.6, 0.1] == list(line.customdata)


def test_the_mark_stands_at_the_operating_point() -> None:
    """Its place and its threshold are those of the curve's mark."""
    mark = _trace(charts.draw_roc({"pytorch": CURVE}, LIGHT), "PyTorch operating point")
    assert ((0.5,), (0.8,), (0.6,)) == (tuple(mark.x), tuple(mark.y), tuple(mark.customdata))


def test_chance_is_the_prevalence_for_precision_and_the_diagonal_for_roc() -> None:
    """The dotted line lies at the share of positives, or from corner to corner."""
    precision = _trace(charts.draw_precision_recall({"keras": CURVE}, 0.3, LIGHT), "chance")
    assert (0.3, 0.3) == tuple(precision.y)
    roc = _trace(charts.draw_roc({"keras": CURVE}, LIGHT), "chance")
    assert ((0, 1), (0, 1)) == (tuple(roc.x), tuple(roc.y))


def test_an_undefined_operating_point_is_not_marked() -> None:
    """Without a mark the curve stands alone."""
    bare = charts.Curve(CURVE.x, CURVE.y, CURVE.threshold, None, 0.77)
    names = [trace.name for trace in charts.draw_roc({"keras": bare}, LIGHT).data]
    assert ["chance", "Keras AUROC 0.77"] == names


def test_a_confusion_matrix_shows_counts_and_shares_of_the_rows() -> None:
    """Rows are actual, columns predicted; each cell holds its count and its share of the row."""
    confusion = {"tn": 30, "fp": 10, "fn": 1, "tp": 4}
    figure = charts.draw_confusion(confusion, ("No", "Yes"), "pytorch", LIGHT)
    words = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert {(0, 0), (0, 1), (1, 0), (1, 1)} == set(words)
    for place, count, share in (((0, 0), 30, 75), ((0, 1), 10, 25), ((1, 0), 1, 20), ((1, 1), 4, 80)):
        assert f">{count}<" in words[place]
        assert f">{share} % of row<" in words[place]
    assert ("No", "Yes") == tuple(figure.layout.yaxis.ticktext)
    assert 2 == len(figure.layout.shapes)


def test_an_empty_row_has_no_share() -> None:
    """Without any positive slice the second row says so, and divides nothing by zero."""
    figure = charts.draw_confusion({"tn": 3, "fp": 1, "fn": 0, "tp": 0}, ("No", "Yes"), "keras", LIGHT)
    words = {(note.y, note.x): note.text for note in figure.layout.annotations}
    assert "none of row" in words[(1, 1)]
    assert [0.0, 0.0] == list(figure.data[0].z[1])


def test_markup_in_a_class_name_is_made_harmless() -> None:
    """A class called like a link is drawn as its letters."""
    figure = charts.draw_confusion(
        {"tn": 1, "fp": 1, "fn": 1, "tp": 1}, ("<a href='x'>", "B&C"), "keras", LIGHT
    )
    assert ("&lt;a href='x'&gt;", "B&amp;C") == tuple(figure.layout.yaxis.ticktext)


def _history() -> pd.DataFrame:
    rows = [
        (fold, epoch, 1.0 / epoch + fold, 0.5 + 0.1 * epoch, int(epoch == 2))
        for fold, epochs in ((0, 3), (1, 2))
        for epoch in range(1, epochs + 1)
    ]
    history = pd.DataFrame(rows, columns=["fold", "epoch", "train_loss", "train_accuracy", "best"])
    history["validation_loss"], history["validation_accuracy"] = history["train_loss"] + 1, 0.4
    return history.assign(framework="keras")


def test_learning_shows_folds_and_their_mean_as_far_as_all_have_come() -> None:
    """The mean ends where the shortest fold ends: beyond it the folds would not be comparable."""
    figure = charts.draw_learning(_history(), ["keras"], LIGHT)
    mean = _trace(figure, "Keras validation")
    assert [1, 2] == list(mean.x)
    assert [2.5, 2.0] == list(mean.y)
    faint = [trace for trace in figure.data if trace.opacity == 0.3]
    assert 8 == len(faint)


def test_the_kept_epoch_of_each_fold_is_marked() -> None:
    """One mark per fold, on the validation line."""
    kept = _trace(charts.draw_learning(_history(), ["keras"], LIGHT), "kept epoch")
    assert ([2, 2], [1.5, 2.5]) == (list(kept.x), list(kept.y))


def test_learning_is_drawn_while_no_epoch_is_kept_yet() -> None:
    """A running training has no column "best"; its curves are drawn all the same."""
    figure = charts.draw_learning(_history().drop(columns="best"), ["keras"], LIGHT)
    assert "kept epoch" not in [trace.name for trace in figure.data]


def test_charts_know_nothing_of_streamlit() -> None:
    """charts.py, overlays.py and palette.py import no streamlit."""
    for module in ("charts", "overlays", "palette"):
        tree = ast.parse((Path(charts.__file__).parent / f"{module}.py").read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not any(name.split(".")[0] == "streamlit" for name in names)
