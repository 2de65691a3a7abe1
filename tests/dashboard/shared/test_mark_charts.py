"""Figures with marks, splits and label counts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from dashboard.shared.mark_charts import MOST_PATIENTS, Mark, plot_label_counts, plot_marks, plot_sides
from dashboard.shared.palette import DARK, LIGHT


def _list_sides(n_patients: int = 3) -> pd.DataFrame:
    rows = [
        (f"{patient + 1}", place, int(patient >= n_patients / 2), place == 1, "")
        for patient in range(n_patients)
        for place in (1, 2)
    ]
    return pd.DataFrame(rows, columns=["patient", "place", "folder_label", "tested", "file"])


@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_every_slice_is_a_square(palette) -> None:
    """Each patient is a column, each slice a cell: 1 if tested, 0 if learned from."""
    figure = plot_sides(_list_sides(), ("Normal", "Stroke"), palette)
    assert [[1, 1, 1], [0, 0, 0]] == np.asarray(figure.data[0].z).tolist()
    assert ["1", "test"] == list(figure.data[0].customdata[0][0])
    assert ("Normal: 2 patients", "Stroke: 1 patients") == figure.layout.xaxis.ticktext


def test_short_series_leave_gaps() -> None:
    """A cell without a slice is empty."""
    figure = plot_sides(_list_sides().iloc[:-1], ("Normal", "Stroke"), LIGHT)
    assert np.isnan(np.asarray(figure.data[0].z)[1][2])


def test_too_many_patients_are_cut() -> None:
    """At most MOST_PATIENTS columns are plotted."""
    figure = plot_sides(_list_sides(MOST_PATIENTS + 9), ("Normal", "Stroke"), LIGHT)
    assert MOST_PATIENTS == np.asarray(figure.data[0].z).shape[1]


def test_marks_have_value_spread_and_chance() -> None:
    """A mark is at its value, with its interval if it has one; a tick marks chance."""
    marks = [
        Mark("first", "pytorch", 0.75, 0.5, 0.875, 0.5),
        Mark("first", "keras", 0.25, None, None, 0.5),
        Mark("second", "pytorch", 1.0, None, None, 0.62),
    ]
    figure = plot_marks(marks, LIGHT)
    pytorch, keras, guessing = figure.data
    assert (0.75, 1.0) == pytorch.x
    assert ((0.125, 0), (0.25, 0)) == (pytorch.error_x.array, pytorch.error_x.arrayminus)
    assert ("circle", "square") == (pytorch.marker.symbol, keras.marker.symbol)
    assert pytorch.y[0] < keras.y[0]
    assert {0.5, 0.62} == {x for x in guessing.x if x is not None}
    assert "chance" == guessing.name
    assert "always “Normal”" == plot_marks(marks, LIGHT, guess="always “Normal”").data[-1].name
    assert ("first", "second") == figure.layout.yaxis.ticktext


def test_labels_are_counted_in_words_and_bars() -> None:
    """Each folder is a bar of two parts, with the counts next to its name."""
    figure = plot_label_counts({"Stroke": (259, 691), "Normal": (49, 1502)}, ("shows", "shows none"), LIGHT)
    assert ((259, 49), (691, 1502)) == tuple(bar.x for bar in figure.data)
    assert ("<b>Stroke</b>  259 of 950", "<b>Normal</b>  49 of 1,551") == figure.data[0].y
