"""The study view of Read a scan: a DICOM series as one scan, slice by slice."""

from __future__ import annotations

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from core.gate.appearance import GateFinding
from core.reading import OUTCOMES
from core.reading.reader import Reader
from dashboard.read import viewer
from dashboard.read.stack_viewer import describe_stack
from dashboard.readings import session
from dashboard.readings.reading import Reading, read_group
from dashboard.readings.uploads import Upload
from dashboard.shared import OUTCOME_SIGNS
from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_stack, read_texts
from tests.scan_files import render_hu, write_dicom

N_SLICES = 6
PLACES = (3, 0, 5, 1, 4, 2)
BRIGHTEST = 4


def write_slice(place: int, **tags: Any) -> bytes:
    """Return a slice of a series, from the feet upwards; the brightest is neither the first nor the last."""
    hu = render_hu(place) + np.int16(10 * (place == BRIGHTEST))
    return write_dicom(hu, z=5.0 * place, InstanceNumber=N_SLICES - place, **tags)


def open_series(open_page: OpenPage, models: Path) -> AppTest:
    """Upload a series of six files on Read a scan, in random order."""
    write_tiny_experiment(models)
    app = open_page("read_scan")
    for place in PLACES:
        app.file_uploader[0].upload(f"{place}.dcm", write_slice(place), "application/dicom")
    app.run()
    assert not app.exception
    return app


def read_series(experiment, **tags: Any) -> Reading:
    """Read the same series without a page, under a name that is markup."""
    uploads = [Upload(f"<b>{place}.dcm", write_slice(place, **tags)) for place in PLACES]
    (reading,) = read_group([Reader(experiment)], uploads)
    return reading


def test_a_series_is_one_scan(open_page: OpenPage, models: Path) -> None:
    """Six files make one scan of six slices with one verdict and its rule, and no worklist."""
    app = open_series(open_page, models)
    stack = read_stack(app)
    assert N_SLICES == len(stack["slices"])
    assert [f"scanner position {5 * place:.1f} mm" for place in range(N_SLICES)] == [
        piece["place"] for piece in stack["slices"]
    ]
    assert f"{N_SLICES} of {N_SLICES} slices count" in read_texts(app)
    assert "Pixel size 0.50 × 0.50 mm · slice spacing 5.0 mm" == stack["geometry"]
    assert ["R", "L", "A", "P"] == stack["marks"]


def test_part_of_a_study_is_marked(open_page: OpenPage, models: Path) -> None:
    """A study that covers 30 mm of the head is said to be incomplete, once, below its outcome."""
    app = open_series(open_page, models)
    texts = read_texts(app).replace("\\", "")
    assert "flagged" in app.header[0].value
    assert 1 == texts.count("Study incomplete:**] The slices that show brain cover 30 mm")
    assert "part of a study" not in texts


def test_the_most_suspicious_slice_comes_first(open_page: OpenPage, models: Path) -> None:
    """The scan opens at the slice with the highest probability, which is the first key slice."""
    app = open_series(open_page, models)
    stack = read_stack(app)
    assert BRIGHTEST == stack["index"] == stack["key_slices"][0]


def test_every_slice_has_a_preview_that_is_made_once(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All previews are sent to the browser in order; another operating point makes no new ones."""
    made = []
    original = session.pack_preview
    monkeypatch.setattr(session, "pack_preview", lambda picture: made.append(1) or original(picture))
    app = open_series(open_page, models)
    app.selectbox(key="operating_point").set_value("sensitivity_90").run()
    parts = [part for part in app.get("bidi_component") if part.proto.component_name == "stroke_ct_previews"]
    sent = [json.loads(part.proto.json) for part in parts]
    assert [0] == [part["start"] for part in sent]
    assert N_SLICES == len(sent[0]["previews"]) == len(made)
    assert read_stack(app)["study"] == sent[0]["study"]


def test_a_study_that_is_being_read_has_no_verdict_yet(
    open_page: OpenPage, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The page says that the verdict follows, and shows the slices read so far."""
    unfinished = functools.partial(viewer.show_reading, unfinished=True)
    monkeypatch.setattr(viewer, "show_reading", unfinished)
    app = open_series(open_page, models)
    assert "Reading the study" == app.header[0].value
    assert "The result follows after the last slice" in read_texts(app)
    assert N_SLICES == len(read_stack(app)["slices"])


def test_the_browser_gets_which_slices_are_counted(models: Path) -> None:
    """Scores are in the order of the slices; a slice that is not counted says why."""
    experiment = write_tiny_experiment(models)
    reading = read_series(experiment)
    slices = list(reading.findings.slices)
    slices[0] = replace(slices[0], gate=GateFinding("read", brain_visible=False))
    slices[1] = replace(slices[1], gate=GateFinding("refuse", ("No head.",)))
    slices[2] = replace(slices[2], gate=GateFinding("read"))
    reading = replace(reading, parts=(replace(reading.findings, slices=tuple(slices)),))
    stack = describe_stack(experiment, reading, slices[2])
    assert 2 == stack["index"]
    for piece, finding in zip(stack["slices"], slices, strict=True):
        assert [round(model.probability, 4) for model in finding.models.values()] == piece["scores"]
    assert [False, False, True, True, True, True] == [piece["counted"] for piece in stack["slices"]]
    assert ["not_judged", "not_judged", "not_flagged"] == [piece["outcome"] for piece in stack["slices"][:3]]
    assert [
        ["No brain visible: not counted."],
        ["Rejected by the input check: not counted.", "No head."],
        [],
    ] == [piece["warnings"] for piece in stack["slices"][:3]]


def test_a_turned_slice_says_so(models: Path) -> None:
    """The note on the slice tells by how much it was turned upright."""
    experiment = write_tiny_experiment(models)
    reading = read_series(experiment)
    first, *others = reading.findings.slices
    turned = replace(reading.findings, slices=(replace(first, turned=90), *others))
    stack = describe_stack(experiment, replace(reading, parts=(turned,)), first)
    assert "turned 90° counterclockwise, scanner position 0.0 mm" == stack["slices"][0]["place"]


def test_each_outcome_has_its_words_and_icon(models: Path) -> None:
    """The browser gets the short words and the icon of the palette for every outcome."""
    experiment = write_tiny_experiment(models)
    reading = read_series(experiment)
    sent = describe_stack(experiment, reading, reading.findings.slices[0])["outcomes"]
    assert ["Flagged", "Not flagged", "Uncertain", "Not judged"] == [one["words"] for one in sent.values()]
    assert [OUTCOME_SIGNS[name].icon for name in OUTCOMES] == [one["icon"] for one in sent.values()]


def test_the_windows_begin_with_the_networks_own(models: Path) -> None:
    """The networks' own window is first, then presets, then the file's own; a gray scan has none."""
    experiment = write_tiny_experiment(models)
    reading = read_series(experiment, WindowCenter=35, WindowWidth=100)
    first = reading.findings.slices[0]
    windows = describe_stack(experiment, reading, first)["windows"]
    assert ["networks' own", "brain", "subdural", "stroke", "bone", "file's own"] == [
        window["name"] for window in windows
    ]
    assert [(40, 120), (40, 80), (35, 100)] == [
        (windows[place]["center"], windows[place]["width"]) for place in (0, 1, -1)
    ]
    gray = replace(reading, pictures=reading.pictures.astype("uint8"))
    assert [] == describe_stack(experiment, gray, first)["windows"]


def test_no_file_name_is_sent_to_the_viewer(models: Path) -> None:
    """The data for the browser contain no file name and no identifier of the patient."""
    experiment = write_tiny_experiment(models)
    reading = read_series(experiment)
    described = json.dumps(describe_stack(experiment, reading, reading.findings.slices[0]))
    assert not [name for name in ("<b>", ".dcm", "Invented", "19000101") if name in described]
