"""Scrolling through a study in headless Chromium."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from core.experiments import Experiment
from core.reading.findings import ModelFinding
from core.reading.reader import Reader
from core.scans.windows import Window
from dashboard.readings.reading import Reading, read_group
from dashboard.readings.uploads import Upload
from dashboard.shared.overlays import overlay_heat, scale_heat
from dashboard.shared.palette import LIGHT
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import serve, wait_until_drawn
from tests.scan_files import write_series, write_zip

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
N_SLICES = 12
PICTURE = "canvas.rendered"
SCROLLER = "input.slice"


@pytest.fixture(scope="module")
def study() -> bytes:
    """Return a zip of a series, its files in random order."""
    files = write_series(N_SLICES)
    return write_zip({f"{(5 * place) % N_SLICES:02}.dcm": data for place, data in enumerate(files)})


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Experiment]]:
    """Return the address of a dashboard with one tiny experiment, and the experiment."""
    root = tmp_path_factory.mktemp("models")
    experiment = write_tiny_experiment(root)
    with serve(root) as address:
        yield address, experiment


@pytest.fixture
def page(page: Page, served: tuple[str, Experiment], study: bytes) -> Page:
    """Return the page after the study is read, in a tab of 1440 x 900 pixels."""
    page.goto(f"{served[0]}/read")
    upload(page, study)
    return page


def upload(page: Page, study: bytes) -> None:
    """Upload the study to the empty page, and wait until it is read."""
    page.wait_for_selector("text=Drop a head CT slice or study to begin")
    file = {"name": "study.zip", "mimeType": "application/zip", "buffer": study}
    page.locator(".st-key-files input[type=file]").set_input_files(file)
    page.locator("[class*=st-key-outcome_]").wait_for()
    page.locator(f"{PICTURE}[width='512']").first.wait_for()
    wait_until_drawn(page)
    page.wait_for_timeout(1000)


def overlay(picture: np.ndarray, model: ModelFinding, threshold: float) -> np.ndarray:
    """Return the heat map of a network over the slice at half opacity, by Python: (512, 512, 3) int."""
    heat = scale_heat(model.heat, model.probability, threshold)
    return np.asarray(overlay_heat(picture, heat, 0.5)).astype(int)


def shown(page: Page) -> int:
    """Return the number of the slice on screen; picture, heading and slider must agree."""
    page.wait_for_timeout(150)
    number = int(page.locator(PICTURE).first.get_attribute("data-slice"))
    assert f"Slice {number} of {N_SLICES}" == page.locator("figcaption b").first.inner_text()
    assert str(number - 1) == page.locator(SCROLLER).input_value()
    text = page.locator(SCROLLER).get_attribute("aria-valuetext")
    assert re.fullmatch(rf"Slice {number} of {N_SLICES}, PyTorch [01]\.\d\d, Keras [01]\.\d\d", text)
    return number


def window(page: Page) -> tuple[int, int]:
    """Return window center and width on screen; the sliders must agree."""
    page.wait_for_timeout(150)
    center, width = map(
        int, re.search(r"L (-?\d+) W (\d+) HU", page.locator("figure").first.inner_text()).groups()
    )
    assert str(center) == page.locator("input.center").input_value()
    assert f"{width} HU" == page.locator("input.width").get_attribute("aria-valuetext")
    return center, width


def grab(page: Page, place: int) -> np.ndarray:
    """Return the pixels of a canvas, (size, size, 3) int; place 0 is the slice, then the networks."""
    address = page.locator(PICTURE).nth(place).evaluate("canvas => canvas.toDataURL()")
    data = base64.b64decode(address.partition(",")[2])
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


def read(experiment: Experiment, study: bytes) -> Reading:
    """Read the same study without the page."""
    (reading,) = read_group([Reader(experiment)], [Upload("study.zip", study)])
    return reading


def middle(page: Page) -> tuple[float, float]:
    """Return the middle of the first picture, in pixels of the window."""
    box = page.locator(PICTURE).first.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_wheel_keys_curve_and_slider_scroll_through_the_slices(page) -> None:
    """Each moves picture, text and slider at once; the server follows, and the page does not scroll."""
    page.keyboard.press("Tab")
    page.locator(SCROLLER).focus()
    page.keyboard.press("Home")
    assert 1 == shown(page)
    page.mouse.move(*middle(page))
    before = page.locator("[data-testid=stMain]").evaluate("main => main.scrollTop")
    for _ in range(3):
        page.mouse.wheel(0, -120)
        page.wait_for_timeout(50)
    assert 4 == shown(page)
    page.mouse.wheel(0, 120)
    assert 3 == shown(page)
    assert before == page.locator("[data-testid=stMain]").evaluate("main => main.scrollTop")
    for key, expected in (
        ("ArrowUp", 4),
        ("ArrowRight", 5),
        ("ArrowDown", 4),
        ("PageUp", 6),
        ("End", N_SLICES),
    ):
        page.keyboard.press(key)
        assert expected == shown(page)
    page.locator("h1").click()
    page.keyboard.press("ArrowDown")
    assert N_SLICES - 1 == shown(page)
    page.locator(SCROLLER).fill("6")
    assert 7 == shown(page)
    curve = page.locator(".scroller svg")
    curve.scroll_into_view_if_needed()
    box = curve.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 12, box["y"] + 40)
    assert N_SLICES == shown(page)
    page.locator(f"{PICTURE}[data-slice='{N_SLICES}'][width='512']").first.wait_for()
    page.mouse.move(box["x"] + box["width"] - 12, box["y"] + 40)
    page.mouse.down()
    page.mouse.move(box["x"] + 34, box["y"] + 40, steps=8)
    page.mouse.up()
    assert 1 == shown(page)


def test_dragging_scrolls_through_the_slices(page) -> None:
    """Dragging up with the left button goes up; a click on a key slice goes to it."""
    page.locator(SCROLLER).fill("0")
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x, y - 48, steps=6)
    page.mouse.up()
    assert 4 == shown(page)
    button = page.locator(".key-slices button").nth(1)
    expected = int(button.inner_text())
    button.click()
    assert expected == shown(page)
    assert "true" == button.get_attribute("aria-current")


def test_windows_by_preset_key_slider_and_dragging(page) -> None:
    """Center and width follow presets, W, the sliders and the right button; a double click resets them."""
    assert (40, 120) == window(page)
    before = grab(page, 0)
    page.get_by_role("button", name="subdural").click()
    assert (75, 200) == window(page)
    assert (before != grab(page, 0)).any()
    page.locator("h1").click()
    page.keyboard.press("w")
    assert (40, 40) == window(page)
    x, y = middle(page)
    page.mouse.move(x, y)
    page.mouse.down(button="right")
    page.mouse.move(x + 60, y - 20, steps=6)
    page.mouse.up(button="right")
    assert (30, 70) == window(page)
    page.locator("input.center").fill("55")
    assert (55, 70) == window(page)
    page.locator(PICTURE).first.dblclick()
    assert (40, 120) == window(page)
    assert "true" == page.get_by_role("button", name="networks' own").get_attribute("aria-pressed")
    np.testing.assert_array_equal(before, grab(page, 0))


def test_the_browser_renders_like_python(page, served, study) -> None:
    """Slice and heat maps in full equal those of Python up to rounding, in any window."""
    reading = read(served[1], study)
    for name, look in (("networks' own", None), ("bone", Window(600, 2800))):
        page.get_by_role("button", name=name).click()
        finding = reading.findings.slices[shown(page) - 1]
        picture = reading.picture(finding.index, look)
        assert 512 == len(grab(page, 0))
        assert np.abs(grab(page, 0) - picture[..., None]).max() <= 1
        for place, model in enumerate(finding.models.values(), start=1):
            expected = overlay(picture, model, model.threshold)
            assert np.abs(grab(page, place) - expected).max() <= 2


def test_heat_maps_follow_the_operating_point(page, served, study) -> None:
    """At a low threshold the heat of the same slice glows, at a high one it fades, as in Python."""
    reading = read(served[1], study)
    finding = reading.findings.slices[shown(page) - 1]
    picture = reading.picture(finding.index)
    page.goto(f"{served[0]}/read?operating_point=custom&pytorch_threshold=0.01&keras_threshold=0.5")
    upload(page, study)
    glow = []
    for threshold in (0.01, 0.99):
        expected = overlay(picture, finding.models["pytorch"], threshold)
        assert finding.index == shown(page) - 1
        assert np.abs(grab(page, 1) - expected).max() <= 2
        glow.append(np.abs(grab(page, 1) - picture[..., None]).max())
        slider = page.get_by_role("slider", name="PyTorch threshold")
        slider.press("End")
        slider.press("ArrowLeft")
        page.wait_for_url("**pytorch_threshold=0.99*")
        wait_until_drawn(page)
        page.wait_for_timeout(1000)
    assert glow[0] > 50 > 10 > glow[1]


def test_a_preview_is_shown_until_the_slice_is_there_in_full(page, served, study) -> None:
    """While scrolling, the small preview shows the right slice."""
    reading = read(served[1], study)
    page.locator(SCROLLER).fill(str(N_SLICES - 1))
    page.wait_for_timeout(80)
    small = grab(page, 0)
    assert 256 == len(small)
    away = []
    for finding in reading.findings.slices:
        whole = Image.fromarray(reading.picture(finding.index)).resize((256, 256), Image.Resampling.BOX)
        away.append(np.abs(small[..., 0] - np.asarray(whole).astype(int)).mean())
    assert N_SLICES - 1 == np.argmin(away)
    assert min(away) < 3


def test_late_answers_of_the_server_do_not_move_the_slice(page) -> None:
    """Scrolling on while the server answers never goes back."""
    page.locator(SCROLLER).fill("2")
    page.locator(SCROLLER).evaluate(
        """range => {
            window.passed = [];
            const note = () => window.passed.push(Number(range.getAttribute('aria-valuetext').split(' ')[1]));
            const attributeFilter = ['aria-valuetext'];
            new MutationObserver(note).observe(range, { attributes: true, attributeFilter });
        }"""
    )
    page.wait_for_timeout(210)
    for place in range(3, 10):
        page.locator(SCROLLER).fill(str(place))
        page.wait_for_timeout(60)
    assert 10 == shown(page)
    page.locator(f"{PICTURE}[data-slice='10'][width='512']").first.wait_for()
    assert 10 == shown(page)
    passed = page.evaluate("window.passed")
    assert sorted(passed) == passed
    assert len(passed) > len(set(passed))  # the server's answers came, and moved nothing


def test_each_network_has_its_color_in_words_and_in_the_curve(page) -> None:
    """Headings, legend, lines and marks of a network have its color of the palette."""
    stack = page.locator(".st-key-scan_stack")
    colors = [f"rgb({', '.join(map(str, bytes.fromhex(one[1:])))})" for one in (LIGHT.pytorch, LIGHT.keras)]
    read_style = "(nodes, name) => nodes.map((node) => getComputedStyle(node)[name])"
    for part in ("figcaption", ".legend"):
        assert colors == stack.locator(f"{part} .framework").evaluate_all(read_style, "color")
    assert colors == stack.locator("svg .framework .line").evaluate_all(read_style, "stroke")
    marks = stack.locator("svg .framework .mark:not(.hollow)").evaluate_all(read_style, "fill")
    assert set(colors) == set(marks)
