"""A long study that is looked at while it is read, in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest

from core.errors import ExperimentError
from core.experiments import default_experiment, models_root
from core.synthetic.phantoms import render_phantom
from tests.dashboard.browser import serve
from tests.scan_files import write_dicom, write_zip

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
# Enough that the networks are at it for some seconds, wherever this runs.
N_SLICES = 240
PICTURE = "canvas.drawn"
SCROLLER = "input.slice"
READING = "Reading the study"


@pytest.fixture(scope="module")
def study() -> bytes:
    """A zip of a series of synthetic slices."""
    drawn = []
    for seed in range(12):
        phantom = render_phantom(np.random.default_rng(seed), lesion=False, size=256, position=0.6)
        gray = phantom.pixels
        drawn.append(np.where(gray < 0.01, -1000, np.where(gray > 0.99, 900, 120 * gray - 20)))
    noise = np.random.default_rng(0)
    return write_zip(
        {
            f"{n}.dcm": write_dicom(
                (drawn[n % 12] + noise.integers(-4, 5, (256, 256))).astype(np.int16), z=0.7 * n
            )
            for n in range(N_SLICES)
        }
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """A running dashboard with the experiments of the program: their networks take their time."""
    try:
        default_experiment()
    except ExperimentError as error:
        pytest.skip(f"no experiment to read with: {error}")
    with serve(models_root()) as found:
        yield found


@pytest.fixture
def page(page: Page, address: str, study: bytes) -> Page:
    """The page with the study handed in, not yet read."""
    page.set_default_timeout(180_000)
    page.goto(f"{address}/read")
    page.wait_for_selector("text=Drop a head CT slice to begin")
    file = {"name": "study.zip", "mimeType": "application/zip", "buffer": study}
    page.locator(".st-key-files input[type=file]").set_input_files(file)
    return page


def header(page: Page) -> str:
    """What stands where the verdict will be."""
    return " ".join(page.locator("h2").all_inner_texts())


def test_slices_are_looked_at_before_the_last_is_read(page) -> None:
    """A slice is gone to while the others are read; it stays when the verdict comes."""
    page.locator(PICTURE).first.wait_for()
    page.locator(SCROLLER).focus()
    page.keyboard.press("Home")
    page.locator(f"{PICTURE}[data-slice='1'][width='512']").first.wait_for()
    assert READING == header(page)
    assert "The verdict comes with the last slice" in page.locator("main, .stMain").first.inner_text()
    assert page.get_by_text(f" of {N_SLICES}", exact=False).count() >= 1
    page.get_by_text("Of the study").wait_for()
    assert READING not in header(page)
    assert "1" == page.locator(PICTURE).first.get_attribute("data-slice")
    assert 0 == page.get_by_test_id("stProgress").count()
    assert page.get_by_text(f"Slice 1 of {N_SLICES}").count() >= 1


def test_a_reading_is_stopped_and_taken_up_again(page) -> None:
    """The button ends the reading and the page says so; another reads the study after all."""
    page.locator(PICTURE).first.wait_for()
    page.get_by_role("button", name="Stop reading").click()
    page.get_by_text("Its reading was stopped").wait_for()
    assert 0 == page.get_by_test_id("stProgress").count()
    page.get_by_role("button", name="Read it after all").click()
    page.get_by_text("Of the study").wait_for()
    assert 0 == page.get_by_text("Its reading was stopped").count()
