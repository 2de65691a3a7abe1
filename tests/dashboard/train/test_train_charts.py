"""The figures of the page Train."""

from __future__ import annotations

import pandas as pd
import pytest

from dashboard.shared.palette import LIGHT
from dashboard.train.train_charts import plot_course, plot_reached


def make_history(n_folds: int = 2, n_epochs: int = 4) -> pd.DataFrame:
    """Losses that fall until the third epoch; fold 1 is one epoch behind."""
    rows = [
        {
            "framework": framework, "fold": fold, "epoch": epoch, "train_loss": 1 / epoch,
            "train_accuracy": 0.5 + epoch / 20, "validation_loss": abs(3 - epoch) + 0.1,
            "validation_accuracy": 0.5 + epoch / 30, "validation_auroc": 0.6 + epoch / 20,
        }
        for framework in ("pytorch", "keras")
        for fold in range(n_folds)
        for epoch in range(1, n_epochs + 1 - fold)
    ]  # fmt: skip
    return pd.DataFrame(rows)


def find(figure, name: str, axis: str = "y"):
    """Return the trace of this name on this axis."""
    return next(trace for trace in figure.data if trace.name == name and trace.yaxis == axis)


def test_both_frameworks_stand_in_three_panels() -> None:
    """Each framework's validation is in all three panels, its training in loss and accuracy."""
    figure = plot_course(make_history(), 20, LIGHT)
    for framework in ("PyTorch", "Keras"):
        axes = [trace.yaxis for trace in figure.data if trace.name == f"{framework}, validation"]
        assert ["y", "y2", "y3"] == axes
        assert ["y", "y2"] == [t.yaxis for t in figure.data if t.name == f"{framework}, training"]
    titles = [figure.layout[name].title.text for name in ("yaxis", "yaxis2", "yaxis3")]
    assert ["loss", "accuracy", "AUROC"] == titles


def test_the_mean_goes_as_far_as_all_folds() -> None:
    """A faint line shows each fold up to its last epoch; fold 1 is one epoch behind."""
    figure = plot_course(make_history(), 20, LIGHT)
    assert [1, 2, 3] == list(find(figure, "PyTorch, validation").x)
    faint = [
        len(t.x)
        for t in figure.data
        if t.opacity and t.legendgroup == "pytorch validation" and t.yaxis == "y"
    ]
    assert [4, 3] == faint


def test_the_lowest_validation_loss_is_marked() -> None:
    """One marker per fold, in every panel at the same epoch."""
    figure = plot_course(make_history(), 20, LIGHT)
    for axis in ("y", "y2", "y3"):
        marker = find(figure, "Keras, lowest validation loss", axis)
        assert [3, 3] == list(marker.x)
    assert [0.75, 0.75] == pytest.approx(list(marker.y))


def test_the_axis_holds_all_epochs_from_the_start() -> None:
    """The axis does not change when epochs are added."""
    assert (0.5, 20.5) == plot_course(make_history(1, 1), 20, LIGHT).layout.xaxis.range
    assert 1 == len(find(plot_course(make_history(1, 1), 20, LIGHT), "Keras, validation").x)


def test_one_framework_alone_is_drawn_alone() -> None:
    """A framework without history is not in the legend."""
    history = make_history()
    figure = plot_course(history[history["framework"] == "keras"], 20, LIGHT)
    assert all("PyTorch" not in (trace.name or "") for trace in figure.data)


def test_experiments_stand_below_each_other_with_their_intervals() -> None:
    """The first is on top; a figure without an interval is a point, one without a value is omitted."""
    reached = [
        (
            "first",
            {"pytorch": {"value": 0.9, "interval": (0.8, 0.95)}, "keras": {"value": None, "interval": None}},
        ),
        ("<b>second", {"pytorch": {"value": 0.6, "interval": None}}),
    ]
    figure = plot_reached(reached, LIGHT)
    pytorch, keras = figure.data
    assert ([0.9, 0.6], []) == (list(pytorch.x), list(keras.x))
    assert pytorch.y[0] > pytorch.y[1]
    assert [0.05, 0.0] == pytest.approx(list(pytorch.error_x.array))
    assert [0.1, 0.0] == pytest.approx(list(pytorch.error_x.arrayminus))
    assert ("&lt;b&gt;second", "first") == figure.layout.yaxis.ticktext
