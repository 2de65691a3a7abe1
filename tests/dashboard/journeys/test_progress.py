"""A long study viewed while it is being read, in headless Chromium."""

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
# Enough that reading takes some seconds on any machine.
N_SLICES = 240
PICTURE = "canvas.rendered"
SCROLLER = "input.slice"
READING = "Reading the study"


@pytest.fixture(scope="module")
def study() -> bytes:
    """Return a zip of a series of synthetic slices."""
    slices = []
    for seed in range(12):
        phantom = render_phantom(np.random.default_rng(seed), lesion=False, size=256, position=0.6)
        gray = phantom.pixels
        slices.append(np.where(gray < 0.01, -1000, np.where(gray > 0.99, 900, 120 * gray - 20)))
    noise = np.random.default_rng(0)
    return write_zip(
        {
            f"{n}.dcm": write_dicom(
                (slices[n % 12] + noise.integers(-4, 5, (256, 256))).astype(np.int16), z=0.7 * n
            )
            for n in range(N_SLICES)
        }
    )


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """Return the address of a dashboard with the program's own experiments, whose networks are slow."""
    try:
        default_experiment()
    except ExperimentError as error:
        pytest.skip(f"no experiment to read with: {error}")
    with serve(models_root()) as found:
        yield found


@pytest.fixture
def page(page: Page, address: str, study: bytes) -> Page:
    """Return the page right after the upload of the study."""
    page.set_default_timeout(180_000)
    page.goto(f"{address}/read")
    page.wait_for_selector("text=Drop a head CT slice or study to begin")
    file = {"name": "study.zip", "mimeType": "application/zip", "buffer": study}
    page.locator(".st-key-files input[type=file]").set_input_files(file)
    return page


def header(page: Page) -> str:
    """Return the headline."""
    return " ".join(page.locator("h2").all_inner_texts())


def test_slices_are_viewed_before_the_last_is_read(page) -> None:
    """The chosen slice stays on screen when the verdict appears."""
    page.locator(PICTURE).first.wait_for()
    page.locator(SCROLLER).focus()
    page.keyboard.press("Home")
    page.locator(f"{PICTURE}[data-slice='1'][width='512']").first.wait_for()
    assert READING == header(page)
    assert "The result follows after the last slice" in page.locator("main, .stMain").first.inner_text()
    assert page.get_by_text(f" of {N_SLICES}", exact=False).count() >= 1
    page.locator("[class*=st-key-outcome_]").first.wait_for()
    assert READING not in header(page)
    assert "1" == page.locator(PICTURE).first.get_attribute("data-slice")
    assert 0 == page.get_by_test_id("stProgress").count()
    assert page.get_by_text(f"Slice 1 of {N_SLICES}").count() >= 1


def test_a_reading_is_stopped_and_read_again(page) -> None:
    """The button stops the reading; another button reads the study again."""
    page.locator(PICTURE).first.wait_for()
    page.get_by_role("button", name="Stop reading").click()
    page.get_by_text("The reading was stopped").wait_for()
    assert 0 == page.get_by_test_id("stProgress").count()
    page.get_by_role("button", name="Read again").click()
    page.locator("[class*=st-key-outcome_]").first.wait_for()
    assert 0 == page.get_by_text("The reading was stopped").count()
