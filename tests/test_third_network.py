"""A third architecture is trained, listed, evaluated, verified and shown on every page.

It is registered in this process only; the child processes build it from the plan or the card.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.cli.app import main
from core.experiments import Experiment, read_experiment
from core.frameworks import BY_NAME, FRAMEWORKS, TITLES
from core.imaging.preprocessing import Recipe
from core.models.architecture import Architecture
from core.models.architectures import ARCHITECTURES
from core.models.layers import Convolution, MaxPooling
from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import render_head
from tests.dashboard.conftest import read_texts, start_app

THIRD = Architecture(
    name="third",
    title="A third network",
    summary="Small enough to be trained in a test.",
    recipe=Recipe(size=32, channels="gray"),
    features=(Convolution(6, stride=2, normalise=True), MaxPooling(2), Convolution(8, normalise=True)),
    pooling="evidence",
    hidden=0,
    dropout=0.1,
    epochs=2,
    batch_size=16,
    learning_rate=1e-2,
    weight_decay=0.0,
    patience=0,
)
ALONE = FRAMEWORKS[:1]


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with a data set of phantoms; the third architecture is registered next to the others."""
    folder = tmp_path_factory.mktemp("third")
    write_phantom_dataset(folder / "phantoms", n_patients=10, slices_per_patient=8, size=64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("STROKE_CT_MODELS", str(folder / "models"))
        patch.setenv("STROKE_CT_DATA", str(folder / "phantoms"))
        patch.setenv("STROKE_CT_EXPERIMENT", "third")
        patch.setitem(ARCHITECTURES, THIRD.name, THIRD)
        st.cache_data.clear()
        st.cache_resource.clear()
        yield folder


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(ALONE, id="one framework"),
        pytest.param(FRAMEWORKS, id="all frameworks", marks=pytest.mark.slow),
    ],
)
def trained(environment: Path, request: pytest.FixtureRequest) -> Experiment:
    """An experiment with the third architecture, trained by the command `train`."""
    for framework in request.param:
        for library in BY_NAME[framework].libraries:
            if find_spec(library) is None:
                pytest.skip(f"{library} is not installed")
    name = "third" if request.param == ALONE else "third-in-all"
    choices = ["--architecture", "third", "--frameworks", ",".join(request.param)]
    choices += ["--split", "patient", "--folds", "2"]
    assert 0 == run("train", "--dataset", environment / "phantoms", "--name", name, *choices)
    experiment = read_experiment(environment / "models" / name)
    assert request.param == experiment.frameworks
    return experiment


def run(*arguments: str | Path) -> int:
    """Run a command of the program in this process, and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    return int(ended.value.code or 0)


def open_page(name: str, experiment: Experiment, **query: str) -> AppTest:
    """Open a page of the app with an experiment in its link, and check that it shows no error."""
    app = start_app(name)
    for key, value in {"experiment": experiment.name, **query}.items():
        app.query_params[key] = value
    app.run()
    assert not app.exception
    assert not [error.value for error in app.error]
    return app


def test_the_card_describes_it(trained: Experiment) -> None:
    """The card has the registered layers, and its summary the title."""
    assert "third" == trained.card["protocol"]["architecture"]
    assert THIRD.describe() == trained.card["layers"]
    assert trained.card["summary"].startswith("A third network, ")


def test_it_is_listed(trained: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    """The command `experiments` names it."""
    assert 0 == run("experiments")
    assert trained.name in capsys.readouterr().out


def test_it_is_evaluated(trained: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    """The command `evaluate` counts every slice, for the trained frameworks only."""
    assert 0 == run("evaluate", trained.name, "--json")
    record = json.loads(capsys.readouterr().out)
    assert list(trained.frameworks) == list(record["models"])
    assert {80} == {model["slice"]["n"] for model in record["models"].values()}
    assert 0 == run("evaluate", trained.name)
    assert TITLES[ALONE[0]] in capsys.readouterr().out


def test_it_is_verified(
    trained: Experiment, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command `verify` works when the architecture is not registered, from the card alone."""
    monkeypatch.delitem(ARCHITECTURES, THIRD.name)
    assert 0 == run("verify", trained.name)
    assert "recorded predictions" in capsys.readouterr().out


def test_it_reads_scans(trained: Experiment, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The command `predict` gives a probability of each framework."""
    (tmp_path / "head.png").write_bytes(render_picture())
    assert 0 == run("predict", tmp_path / "head.png", "--experiment", trained.name, "--json")
    record = json.loads(capsys.readouterr().out)
    (scan,) = record["scans"]
    for answers in (scan["slices"][0]["findings"], scan["verdict"]):
        assert set(trained.frameworks) == set(answers[trained.finding])


def test_it_has_a_model_card(trained: Experiment, capsys: pytest.CaptureFixture[str]) -> None:
    """The command `card` writes a document that names the architecture."""
    assert 0 == run("card", trained.name)
    assert "third" in capsys.readouterr().out


@pytest.mark.parametrize(
    "name",
    [
        "compare",
        "explore",
        "model_card",
        *(pytest.param(page, marks=pytest.mark.slow) for page in ("overview", "quiz", "data", "tour")),
    ],
)
def test_pages_open_with_it(trained: Experiment, name: str) -> None:
    """Every page that shows an experiment opens without an error."""
    assert read_texts(open_page(name, trained))


@pytest.mark.slow
@pytest.mark.parametrize(
    "tab", ["Calibration", "Utility", "Subgroups", "Robustness", "Tests", "Other experiments", "Learning",
            "Slices"],
)  # fmt: skip
def test_every_tab_opens_with_it(trained: Experiment, tab: str) -> None:
    """Each tab of Compare opens without an error."""
    app = open_page("compare", trained, tab=tab)
    assert [tab] == [one.label for one in app.tabs if one.children]


def test_the_page_reads_a_scan_with_it(trained: Experiment) -> None:
    """The viewer of Read a scan has a network for each framework."""
    app = open_page("read_scan", trained)
    app.file_uploader[0].upload("head.png", render_picture(), "image/png").run()
    assert not app.exception
    assert not [error.value for error in app.error]
    (stack,) = [part for part in app.get("bidi_component") if part.proto.component_name == "stroke_ct_stack"]
    described: dict[str, Any] = json.loads(stack.proto.json)
    assert list(trained.frameworks) == [network["name"] for network in described["networks"]]


def test_the_page_train_offers_it(trained: Experiment) -> None:
    """Every registered architecture can be chosen on the page."""
    app = open_page("train", trained)
    assert [one.title for one in ARCHITECTURES.values()] == app.selectbox(key="architecture").options


def render_picture() -> bytes:
    """Return a PNG file of a head that the gate accepts."""
    target = io.BytesIO()
    Image.fromarray(np.rint(255 * render_head(0.5)).astype(np.uint8)).save(target, "PNG")
    return target.getvalue()
