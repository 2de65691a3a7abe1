"""The study view of Read a scan: a DICOM series as one scan, slice by slice."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from streamlit.testing.v1 import AppTest

from core.gate import GateFinding
from core.prediction import Reader
from core.scans import read_study
from dashboard.palette import LIGHT
from dashboard.study_view import draw_study
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts
from tests.scan_files import write_series

N_SLICES = 6


def open_series(open_page: OpenPage, models: Path) -> AppTest:
    """Read a scan with a series of six files dropped in, in no order."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    for place in (3, 0, 5, 1, 4, 2):
        app.file_uploader[0].upload(f"{place}.dcm", write_series(N_SLICES)[place], "application/dicom")
    app.run()
    assert not app.exception
    return app


def step(app: AppTest, key: str) -> AppTest:
    """Press the first button whose key begins so."""
    return next(button for button in app.button if (button.key or "").startswith(key)).click().run()


def test_a_series_is_one_scan(open_page: OpenPage, models: Path) -> None:
    """Six files make one scan of six slices with one verdict, and no worklist."""
    app = open_series(open_page, models)
    assert [f"Slice of {N_SLICES}"] == [
        slider.label.split(",")[0] for slider in app.slider if slider.label.startswith("Slice")
    ]
    assert f"{N_SLICES} of {N_SLICES} do" in read_texts(app)
    assert "pixels" in read_texts(app)


def test_buttons_lead_through_the_slices(open_page: OpenPage, models: Path) -> None:
    """Up and down go one slice, also to one that drove the verdict; the ends are ends."""
    app = open_series(open_page, models)

    def place() -> int:
        return next(slider.value for slider in app.slider if slider.label.startswith("Slice"))

    next(slider for slider in app.slider if slider.label.startswith("Slice")).set_value(5).run()
    assert 5 == place()
    step(app, "up_")
    assert N_SLICES == place()
    assert next(button for button in app.button if (button.key or "").startswith("up_")).disabled
    step(app, "down_")
    assert 5 == place()


def test_windows_change_the_picture_alone(open_page: OpenPage, models: Path) -> None:
    """Another window is chosen by name or freely; the verdict stays."""
    app = open_series(open_page, models)
    before = app.header[0].value
    step(app, "window_after")
    control = next(one for one in app.segmented_control if one.label.startswith("Window"))
    assert "brain" == control.value
    control.set_value("free").run()
    assert {"Level, HU", "Width, HU"} <= {slider.label for slider in app.slider}
    assert before == app.header[0].value


def test_the_curve_tells_who_votes(models: Path) -> None:
    """A line for each network over all slices, hollow where one does not vote; the chosen slice is marked."""
    experiment = write_tiny_experiment(models)
    study = read_study([(str(number), data) for number, data in enumerate(write_series(N_SLICES))])
    findings = Reader(experiment).read(study.scans[0])
    slices = list(findings.slices)
    slices[0] = replace(slices[0], gate=GateFinding("read", brain_visible=False))
    findings = replace(findings, slices=tuple(slices))
    figure = draw_study(findings, 2, "Hemorrhage", LIGHT)
    assert ["PyTorch", "Keras"] == [trace.name for trace in figure.data]
    for trace, name in zip(figure.data, experiment.frameworks, strict=True):
        values = [piece.models[name].probability for piece in findings.slices]
        np.testing.assert_allclose(values, trace.y)
        hollow = [symbol.endswith("open") for symbol in trace.marker.symbol]
        assert [not piece.votes for piece in findings.slices] == hollow
    assert 3 == figure.layout.shapes[0].x0
