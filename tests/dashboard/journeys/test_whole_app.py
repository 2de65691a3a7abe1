"""Journeys through several pages in headless Chromium."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from core.experiments import find_experiment, find_published_source
from core.synthetic.phantoms import render_phantom
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import ROOT, serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Page

REAL_DATA = os.environ.get("STROKE_CT_DATA", "")
pytestmark = [pytest.mark.browser]
HEAT_MAPS = "canvas[aria-label^='Heat map of the'][width='512']"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a dashboard with one tiny experiment."""
    root = tmp_path_factory.mktemp("models")
    write_tiny_experiment(root)
    with serve(root) as found:
        yield found


def _drop(page: Page, name: str, kind: str, data: bytes) -> None:
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": kind, "buffer": data})
    page.locator(HEAT_MAPS).nth(1).wait_for()
    wait_until_drawn(page)


def _render_phantom_file() -> bytes:
    phantom = render_phantom(np.random.default_rng(1), lesion=True)
    target = BytesIO()
    Image.fromarray(np.rint(phantom.pixels * 255).astype(np.uint8)).save(target, "PNG")
    return target.getvalue()


def _expect_two_readings(page: Page) -> None:
    for title in ("PyTorch", "Keras"):
        assert (
            1 == page.locator(f"canvas[aria-label='Heat map of the {title} network over the slice']").count()
        )
        said = page.locator(".st-key-scan_stack figcaption").all_inner_texts()
        assert 1 == sum(bool(re.match(rf"{title}\s+[01]\.\d\d\s", line)) for line in said)


def _read_rule(page: Page) -> str:
    """Return the operating point chosen on the page Compare."""
    return page.locator(".st-key-operating_point [role=radio][aria-checked=true]").inner_text()


def test_a_dropped_phantom_shows_two_predictions_and_two_heat_maps(page, address: str) -> None:
    """A PNG dropped into the browser is read by both networks, side by side, PyTorch left of Keras."""
    page.goto(f"{address}/read")
    _drop(page, "phantom.png", "image/png", _render_phantom_file())
    _expect_two_readings(page)
    places = [page.locator(HEAT_MAPS).nth(index).bounding_box() for index in (0, 1)]
    assert places[0]["x"] < places[1]["x"]
    assert places[0]["width"] == pytest.approx(places[0]["height"], abs=1)


@pytest.mark.skipif(not os.path.isdir(REAL_DATA), reason="STROKE_CT_DATA names no folder")
def test_a_jpeg_of_the_data_set_shows_two_predictions_and_two_heat_maps(page) -> None:
    """A slice of the data set that shows brain is read by the default experiment of this project."""
    models = ROOT / "trained_models"
    experiment = find_experiment("hemorrhage-by-patient", models)
    home = find_published_source(experiment)
    shown = experiment.properties().query("brain_visible == 1 and file.str.startswith(@home)")
    picture = Path(REAL_DATA) / Path(shown["file"].iloc[0]).relative_to(home)
    with serve(models) as address:
        page.goto(f"{address}/read")
        _drop(page, picture.name, "image/jpeg", picture.read_bytes())
        _expect_two_readings(page)


@pytest.mark.slow
def test_nothing_is_fetched_from_anywhere_else(page, address: str) -> None:
    """While a scan is read and figures are shown, the browser contacts no other machine."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/read")
    _drop(page, "phantom.png", "image/png", _render_phantom_file())
    page.get_by_role("link", name="Compare").click()
    page.wait_for_selector(".js-plotly-plot .main-svg")
    page.wait_for_timeout(1000)
    strangers = [url for url in asked if not url.startswith((address, "data:", "blob:"))]
    assert [] == strangers


@pytest.mark.slow
def test_a_link_reopens_the_same_view(page, address: str) -> None:
    """The link holds level and operating point; in a new tab it shows them again."""
    page.goto(f"{address}/compare")
    page.get_by_role("radio", name="Patient").click()
    page.wait_for_url("**level=patient**")
    wait_until_drawn(page)
    page.get_by_role("radio", name="Specificity 90").click()
    page.wait_for_url("**operating_point=specificity_90**")
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("text=Test patients")
    assert "Specificity 90" == _read_rule(other)


@pytest.mark.slow
def test_choices_go_along_when_the_page_changes(page, address: str) -> None:
    """The operating point chosen on one page is kept on the next."""
    page.goto(f"{address}/read?operating_point=sensitivity_90")
    page.wait_for_selector("text=Drop a head CT slice or study to begin")
    page.get_by_role("link", name="Compare").click()
    page.wait_for_url("**/compare?operating_point=sensitivity_90")
    page.wait_for_selector("text=Test slices of")
    assert "Sensitivity 90" == _read_rule(page)


@pytest.mark.slow
def test_the_opacity_slider_keeps_the_verdict_in_place(page, address: str) -> None:
    """The opacity changes the heat maps and moves nothing else on the page."""
    page.goto(f"{address}/read")
    _drop(page, "phantom.png", "image/png", _render_phantom_file())
    page.wait_for_timeout(500)
    before = page.locator(HEAT_MAPS).first.evaluate("canvas => canvas.toDataURL()")
    place = page.locator("h2").first.bounding_box()
    page.locator("input.opacity").focus()
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    page.wait_for_timeout(200)
    assert before != page.locator(HEAT_MAPS).first.evaluate("canvas => canvas.toDataURL()")
    assert place == page.locator("h2").first.bounding_box()
