"""Read a scan in headless Chromium: worklist, keys, clipboard, downloads."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from core.synthetic.phantoms import render_phantom
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Page

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.browser]
HEAT_MAPS = "canvas[aria-label^='Heat map of the'][width='512']"
CHOSEN = ".st-key-worklist [data-selected=true] [data-testid=stRadioOption]"
_PASTE = """async () => {
    const canvas = document.createElement('canvas');
    canvas.width = canvas.height = 300;
    const drawn = canvas.getContext('2d');
    drawn.fillStyle = '#777';
    drawn.arc(150, 150, 120, 0, 7);
    drawn.fill();
    const blob = await new Promise((done) => canvas.toBlob(done));
    const clipboardData = new DataTransfer();
    clipboardData.items.add(new File([blob], 'image.png', { type: 'image/png' }));
    document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }));
}"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Return the address of a dashboard with one tiny experiment."""
    root = tmp_path_factory.mktemp("models")
    write_tiny_experiment(root)
    with serve(root) as found:
        yield found


@pytest.fixture
def page(page: Page, address: str) -> Page:
    """Return the page without uploads, in a tab of 1440 x 900 pixels."""
    page.goto(f"{address}/read")
    page.wait_for_selector("text=Drop a head CT slice or study to begin")
    return page


def test_the_key_f_shows_the_other_finding(page: Page, tmp_path: Path) -> None:
    """Both findings have a headline; F changes whose heat maps are on screen, and the link reopens them."""
    write_tiny_experiment(tmp_path, finding="hemorrhage")
    write_tiny_experiment(tmp_path, "tiny-ischemia", seed=1, finding="ischemia")
    with serve(tmp_path) as address:
        page.goto(f"{address}/read")
        _drop(page, 1)
        outcomes = page.locator("[class*=st-key-outcome_] h2")
        assert 2 == outcomes.count()
        shown = page.locator(".st-key-finding_on_screen [role=radio][aria-checked=true]")
        assert "Hemorrhage" in shown.inner_text()
        page.keyboard.press("f")
        page.wait_for_url("**finding=ischemia*")
        page.locator(
            ".st-key-finding_on_screen [role=radio][aria-checked=true]", has_text="Ischemia"
        ).wait_for()
        wait_until_drawn(page)
        page.keyboard.press("f")
        page.locator(
            ".st-key-finding_on_screen [role=radio][aria-checked=true]", has_text="Hemorrhage"
        ).wait_for()


def _draw(seed: int) -> dict[str, object]:
    phantom = render_phantom(np.random.default_rng(seed), lesion=seed % 2 == 0)
    target = BytesIO()
    Image.fromarray(np.rint(phantom.pixels * 255).astype(np.uint8)).save(target, "PNG")
    return {"name": f"slice {seed}.png", "mimeType": "image/png", "buffer": target.getvalue()}


def _drop(page: Page, n_files: int) -> None:
    page.locator(".st-key-files input[type=file]").set_input_files([_draw(n) for n in range(n_files)])
    page.wait_for_selector(HEAT_MAPS)
    if n_files > 1:
        _wait_for_rows(page, n_files)
    wait_until_drawn(page)
    page.wait_for_timeout(500)


def _wait_for_rows(page: Page, n_rows: int) -> None:
    page.wait_for_function(
        "n => document.querySelectorAll('.st-key-worklist input[type=radio]').length == n", arg=n_rows
    )


def _names(page: Page) -> list[str]:
    return page.locator(".st-key-worklist [data-testid=stRadioOption]").all_inner_texts()


def test_arrow_keys_move_in_the_worklist(page) -> None:
    """The right and left arrows go to the next and previous scan, wherever the focus is."""
    _drop(page, 3)
    names = _names(page)
    page.locator("h1").click()
    for key, expected in (("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1)):
        page.keyboard.press(key)
        page.wait_for_function(
            "([row, name]) => document.querySelector(row)?.innerText == name", arg=[CHOSEN, names[expected]]
        )
        page.get_by_test_id("stText").get_by_text(names[expected], exact=True).wait_for()
        wait_until_drawn(page)


def test_h_switches_the_heat_maps(page) -> None:
    """The key H hides the heat maps and shows them again."""
    _drop(page, 1)
    page.locator("h1").click()
    for expected in (False, True):
        page.keyboard.press("h")
        page.wait_for_timeout(200)
        assert expected == page.locator("input.heat").is_checked()
        assert expected == page.locator("input.opacity").is_enabled()
        pixels = page.locator("canvas.rendered").evaluate_all("all => all.map(canvas => canvas.toDataURL())")
        assert expected == (pixels[0] != pixels[1])


def test_a_pasted_picture_is_read_like_a_dropped_one(page) -> None:
    """A pasted picture is added to the worklist; if the clipboard has none, the page says so."""
    _drop(page, 2)
    page.evaluate(_PASTE)
    _wait_for_rows(page, 3)
    assert "Pasted image.png" in _names(page)
    page.evaluate("document.dispatchEvent(new ClipboardEvent('paste', { bubbles: true }))")
    page.get_by_text("The clipboard contains no image.").wait_for()


def test_the_report_is_downloaded_as_pdf(page, tmp_path: Path) -> None:
    """The button downloads a PDF of the scan; the scan's name is neither in it nor in its file name."""
    _drop(page, 1)
    with page.expect_download() as caught:
        page.get_by_role("button", name="Report (PDF)", exact=True).click()
    assert "reading-report.pdf" == caught.value.suggested_filename
    caught.value.save_as(tmp_path / "report.pdf")
    words = pypdf.PdfReader(tmp_path / "report.pdf").pages[0].extract_text()
    assert (True, False) == ("Scan 1 (" in words, "slice 0" in words)


def test_the_verdict_stays_near_the_top_on_a_narrow_screen(page) -> None:
    """At 800 pixels the verdict is within the first 700 pixels, and nothing is wider than the window."""
    page.set_viewport_size({"width": 800, "height": 900})
    _drop(page, 12)
    assert page.locator("h2").first.bounding_box()["y"] < 700
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_another_scan_moves_nothing(page) -> None:
    """The pictures of the next scan are at the same place as those of the first."""
    _drop(page, 3)
    before = page.locator(HEAT_MAPS).first.bounding_box()
    page.locator("h1").click()
    page.keyboard.press("ArrowRight")
    page.wait_for_timeout(2000)
    assert before == page.locator(HEAT_MAPS).first.bounding_box()
