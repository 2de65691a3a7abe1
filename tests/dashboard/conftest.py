"""Shared fixtures of the page tests: a folder of experiments, and opening a page."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import streamlit as st
from PIL import Image
from streamlit.components.v2 import manifest_scanner
from streamlit.testing.v1 import AppTest

from dashboard.readings import samples
from dashboard.readings.uploads import Upload
from dashboard.shared import records
from tests.builders import render_head
from tests.recall import recall_evaluations

APP = Path(__file__).parents[2] / "dashboard" / "app.py"
OpenPage = Callable[..., AppTest]


@pytest.fixture(autouse=True)
def models(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of experiments and no data set, with nothing cached from earlier tests."""
    monkeypatch.setenv("STROKE_CT_DATA", str(tmp_path / "no-data"))
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "no-cache"))
    st.cache_data.clear()
    st.cache_resource.clear()
    return models


@pytest.fixture(scope="package", autouse=True)
def scan_packages_once() -> Iterator[None]:
    """Search the installed packages for Streamlit components once, not whenever a page is opened."""
    with pytest.MonkeyPatch.context() as patch:
        scan = manifest_scanner.scan_component_manifests
        patch.setattr(manifest_scanner, "scan_component_manifests", cache(scan))
        yield


@pytest.fixture(scope="package", autouse=True)
def render_phantoms_once() -> Iterator[None]:
    """Render each synthetic slice of the pages once for all tests."""
    known: dict[str, Upload] = {}
    render = samples._render_synthetic

    def render_or_recall(name: str, rng: np.random.Generator, *choices: Any) -> Upload:
        key = repr((name, rng.bit_generator.state, choices))
        if key not in known:
            known[key] = render(name, rng, *choices)
        return known[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(samples, "_render_synthetic", render_or_recall)
        yield


@pytest.fixture(scope="package", autouse=True)
def evaluate_once() -> Iterator[None]:
    """Evaluate the same predictions once for all tests, with few resamples, which take most of the time."""
    with recall_evaluations(most_resamples=200):
        yield


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> int:
    """Let pages measure validations with few resamples; return how many."""
    n = 40
    for name in ("make_record", "make_domain_record"):
        whole = getattr(records, name)
        monkeypatch.setattr(
            records, name, lambda *args, whole=whole, **more: whole(*args, **{"n_resamples": n} | more)
        )
    return n


@pytest.fixture
def open_page() -> OpenPage:
    """Open a page of the app by the name of its file; more arguments are query parameters of the link."""

    def open_named(name: str, **query: str) -> AppTest:
        app = start_app(name)
        for key, value in query.items():
            app.query_params[key] = value
        app.run()
        assert not app.exception
        return app

    return open_named


def start_app(name: str) -> AppTest:
    """Return the app, which runs a page next: the page by the name of its file.

    Pages are known by their files after a first run. That is one of About: Overview would measure every
    experiment.
    """
    app = AppTest.from_file(str(APP), default_timeout=60)
    if name != "overview":
        app.switch_page("app_pages/about.py").run()
        app.switch_page(f"app_pages/{name}.py")
    return app


def render_file(gray: float, kind: str = "PNG") -> bytes:
    """A picture file of 64 x 64 pixels: a head of this mean gray, see `render_head`."""
    pixels = np.rint(255 * render_head(gray)).astype(np.uint8)
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind)
    return target.getvalue()


def read_texts(app: AppTest) -> str:
    """Return all words on the page."""
    kinds = ("title", "header", "subheader", "markdown", "caption", "text", "warning", "info", "error")
    return "\n".join(str(element.value) for kind in kinds for element in getattr(app, kind))


def read_stack(app: AppTest) -> dict[str, Any]:
    """Return what the page Read a scan sends to the browser about the shown scan."""
    (stack,) = [part for part in app.get("bidi_component") if part.proto.component_name == "stroke_ct_stack"]
    described: dict[str, Any] = json.loads(stack.proto.json)
    return described
