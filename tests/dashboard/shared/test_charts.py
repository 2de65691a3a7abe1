"""The figures of charts.py."""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd
import pytest

from dashboard.shared import charts
from dashboard.shared.palette import DARK, LIGHT

ROOT = Path(__file__).parents[3]


def _trace(figure, name):
    return next(trace for trace in figure.data if trace.name == name)


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
    """The mean ends at the last epoch that all folds have."""
    figure = charts.plot_learning(_history(), ["keras"], LIGHT)
    mean = _trace(figure, "Keras validation")
    assert [1, 2] == list(mean.x)
    assert [2.5, 2.0] == list(mean.y)
    faint = [trace for trace in figure.data if trace.opacity == 0.3]
    assert 8 == len(faint)


def test_the_best_epoch_of_each_fold_is_marked() -> None:
    """One mark per fold, on the validation line."""
    best = _trace(charts.plot_learning(_history(), ["keras"], LIGHT), "epoch kept")
    assert ([2, 2], [1.5, 2.5]) == (list(best.x), list(best.y))


def test_learning_is_plotted_before_a_best_epoch_is_known() -> None:
    """The curves of a running training, which has no column "best", are plotted."""
    figure = charts.plot_learning(_history().drop(columns="best"), ["keras"], LIGHT)
    assert "epoch kept" not in [trace.name for trace in figure.data]


DRAWING = [
    *(ROOT / "dashboard").rglob("*charts.py"),
    *(ROOT / "dashboard/shared" / f"{name}.py" for name in ("overlays", "palette")),
]


@pytest.mark.parametrize("path", DRAWING, ids=lambda path: path.stem)
def test_charts_know_nothing_of_streamlit(path: Path) -> None:
    """A module of figures does not import streamlit."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        assert not any(name.split(".")[0] == "streamlit" for name in names)


def test_a_picture_that_is_taken_away_has_a_ground_and_a_name() -> None:
    """The camera saves FILE.png with the theme's background, so that its words are readable."""
    config = charts.offer_picture("tiny-learning")
    assert "tiny-learning" == config["toImageButtonOptions"]["filename"]
    assert [["toImage"]] == config["modeBarButtons"]
    layout = charts.plot_learning(_history(), ["keras"], DARK).layout
    assert (DARK.surface, DARK.surface) == (layout.paper_bgcolor, layout.plot_bgcolor)
