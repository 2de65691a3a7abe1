"""The feature map of the page Explore, run without a browser."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.datasets.dataset import index_dataset
from core.experiments import Experiment, add_files, find_experiment
from core.measurements.feature_space import FEATURES_TABLE
from core.synthetic.phantoms import write_phantom_dataset
from dashboard.explore.feature_map import OUTCOMES, plot_map
from dashboard.shared.palette import LIGHT
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import read_texts


@pytest.fixture
def experiment(models: Path) -> Experiment:
    """Return the tiny experiment, without a map."""
    return write_tiny_experiment(models)


def _add_map(experiment: Experiment, x: object = None) -> Experiment:
    n = len(experiment.slices())
    table = pd.DataFrame(
        {"x": [i / n for i in range(n)] if x is None else x, "y": [i * i / n**2 for i in range(n)]}
    )
    table = table.assign(neighbours="", similarities="", copies="")
    return add_files(experiment, {FEATURES_TABLE: table.to_csv(index=False).encode()})


def _draw() -> None:
    import streamlit as st

    from core.experiments import find_experiment
    from dashboard.explore import feature_map

    experiment = find_experiment("tiny")
    table = experiment.slices().assign(row=range(96), pytorch=0.25, keras=0.75)[6:80]
    table["outcome"] = (["tn"] * 40 + ["tp"] * 30 + ["fp"] * 3 + ["fn"])[:74]
    st.text(f"chosen: {feature_map.show_map(experiment, table)}")


def _open(**seeded: object) -> AppTest:
    app = AppTest.from_function(_draw, default_timeout=60)
    for key, value in seeded.items():
        app.session_state[key] = value
    app.run()
    assert not app.exception
    return app


def _words(app: AppTest) -> str:
    return read_texts(app).replace("\\", "")


def test_without_a_map_the_command_is_offered(experiment: Experiment) -> None:
    """Without map and pictures the page shows the command and no button."""
    app = _open()
    assert "No map yet." in _words(app)
    assert "not on this machine" in _words(app)
    assert "stroke-ct features tiny" == app.code[0].value
    assert not app.button
    assert "chosen: []" in _words(app)


def test_with_the_pictures_a_button_computes_it(
    models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The button stores the map with the experiment, and the map is shown."""
    write_phantom_dataset(tmp_path / "set", n_patients=12, slices_per_patient=8, size=64)
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    dataset = index_dataset(tmp_path / "set")
    write_tiny_experiment(models, table=dataset.table, fingerprint=dataset.fingerprint, folds=2)
    app = _open()
    app.button[0].click().run()
    assert not app.exception
    assert FEATURES_TABLE in find_experiment("tiny").card["files"]
    assert "No map yet." not in _words(app)
    assert "Slices that look alike to the networks are close together" in _words(app)


def test_another_data_set_is_refused(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pictures of another data set give an error and no map."""
    write_phantom_dataset(tmp_path / "set", n_patients=6, slices_per_patient=4, size=64)
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "set"))
    app = _open()
    app.button[0].click().run()
    assert "The data set is not the one that" in _words(app)
    assert FEATURES_TABLE not in find_experiment("tiny").card["files"]


def test_a_lasso_chooses_rows(experiment: Experiment) -> None:
    """The rows of the selected points are returned; without a selection, none."""
    _add_map(experiment)
    assert "chosen: []" in _words(_open())
    points = [{"customdata": [9, "a.jpg", 0.25, 0.75]}, {"customdata": [50, "b.jpg", 0.25, 0.75]}]
    app = _open(map={"selection": {"points": points, "point_indices": [], "box": [], "lasso": []}})
    assert "chosen: [9, 50]" in _words(app)


def test_features_that_do_not_vary_give_no_map(experiment: Experiment) -> None:
    """If features do not vary, the page says so and shows no chart."""
    _add_map(experiment, x=float("nan"))
    app = _open()
    assert "all alike" in _words(app)
    assert not app.get("plotly_chart")


def test_outcomes_differ_in_more_than_color() -> None:
    """Right and wrong have their colors, the four outcomes four shapes, and rare errors are on top."""
    table = pd.DataFrame(
        {
            "row": range(5), "file": list("abcde"), "x": range(5), "y": range(5),
            "outcome": ["fn", "tn", "tn", "fp", "tp"], "pytorch": 0.25, "keras": 0.75,
        }
    )  # fmt: skip
    figure = plot_map(table, ("pytorch", "keras"), (0.25, 0.125), LIGHT)
    assert ["true negative 2", "true positive 1", "false positive 1", "false negative 1"] == [
        trace.name for trace in figure.data
    ]
    assert [LIGHT.correct] * 2 + [LIGHT.wrong] * 2 == [trace.marker.color for trace in figure.data]
    assert 4 == len({looks.symbol for looks in OUTCOMES.values()})
    assert [1, 2] == [point[0] for point in figure.data[0].customdata]
    assert "first principal component, 25 % of the variance" == figure.layout.xaxis.title.text
    assert "second principal component, 12 % of the variance" == figure.layout.yaxis.title.text


def test_an_outcome_that_does_not_occur_is_not_plotted() -> None:
    """An outcome without cases is not in the legend."""
    table = pd.DataFrame({"row": [0], "file": "a", "x": 0.0, "y": 0.0, "outcome": "tp", "keras": 0.5})
    assert 1 == len(plot_map(table, ("keras",), (0.1, 0.1), LIGHT).data)
