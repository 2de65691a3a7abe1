"""The page Explore in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.evaluation.summary import evaluate_experiment
from core.experiments import Experiment
from tests.dashboard.browser import expect_text, serve, wait_until_drawn
from tests.dashboard.story_data import write_set

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Experiment]]:
    """Return the address of a dashboard with a data set of phantoms, and the experiment trained on it."""
    root: Path = tmp_path_factory.mktemp("explore")
    (root / "models").mkdir()
    experiment = write_set(root / "set", root / "models")
    with serve(root / "models", root / "set") as address:
        yield address, experiment


def _count(experiment: Experiment, framework: str, cell: str) -> int:
    record = evaluate_experiment(experiment, n_resamples=20)
    return int(record["models"][framework]["slice"]["confusion"][cell])


def test_the_false_negatives_of_compare_are_shown_and_a_case_opens(page, served) -> None:
    """A click on the false negatives of Compare shows exactly these; one of them opens and closes."""
    address, experiment = served
    n = _count(experiment, "pytorch", "fn")
    page.goto(f"{address}/compare")
    page.wait_for_selector(".st-key-confusion_pytorch .main-svg")
    plot = page.locator(".st-key-confusion_pytorch .nsewdrag").first
    plot.scroll_into_view_if_needed()
    box = plot.bounding_box()
    place = (box["x"] + 0.2 * box["width"], box["y"] + 0.8 * box["height"])
    page.mouse.move(*place)
    page.wait_for_timeout(500)  # Plotly looks for the point under the mouse after a while
    page.mouse.click(*place)
    page.wait_for_url("**/explore?*pytorch_outcome=fn*")
    page.get_by_text(f"{n} of 96 slices").wait_for()
    page.wait_for_selector(".st-key-gallery .tile")
    assert n == page.locator(".st-key-gallery .tile").count()
    scores = page.locator(".st-key-gallery .tile").first.locator(".framework")
    colors = scores.evaluate_all("found => found.map((score) => getComputedStyle(score).color)")
    assert ["rgb(189, 75, 52)", "rgb(40, 98, 143)"] == colors
    page.locator(".st-key-gallery .tile").first.click()
    page.wait_for_selector("[role=dialog] img[alt^='Heat map of the Keras']")
    page.wait_for_url("**case=*")
    wait_until_drawn(page)
    page.keyboard.press("Escape")
    page.wait_for_function("!location.href.includes('case=')")
    assert 0 == page.locator("[role=dialog]").count()


def test_a_cell_of_explore_shows_its_cases_and_the_link_reopens_them(page, served) -> None:
    """The link holds the filter and the open case; a new tab shows the same."""
    address, experiment = served
    n = _count(experiment, "keras", "fn")
    page.goto(f"{address}/explore?sort=differ")
    page.locator(".st-key-cells_keras [data-cell=fn]").click()
    page.wait_for_url("**keras_outcome=fn*")
    page.get_by_text(f"{n} of 96 slices").wait_for()
    page.locator(".st-key-gallery .tile").first.click()
    page.wait_for_selector("[role=dialog] .st-key-filmstrip .tile")
    page.wait_for_url("**case=*")
    first = page.url
    wait_until_drawn(page)
    page.keyboard.press("ArrowRight")
    page.wait_for_function("first => location.href !== first && location.href.includes('case=')", arg=first)
    page.locator(".st-key-case_head", has_text=f"2 of {n}").wait_for()
    wait_until_drawn(page)
    head = page.locator(".st-key-case_head").inner_text()
    other = page.context.new_page()
    other.goto(page.url)
    other.wait_for_selector("[role=dialog] .st-key-filmstrip .tile")
    expect_text(other.locator("[role=dialog] .st-key-case_head"), head)


def test_arrow_keys_move_in_the_gallery_and_enter_opens(page, served) -> None:
    """The right arrow goes to the next tile; Enter opens it."""
    address, _ = served
    page.goto(f"{address}/explore?sort=order")
    tiles = page.locator(".st-key-gallery .tile")
    tiles.first.wait_for()
    wait_until_drawn(page)
    tiles.first.focus()
    page.keyboard.press("ArrowRight")
    row = tiles.nth(1).get_attribute("data-row")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**case={row}*")
    page.wait_for_selector("[role=dialog]")


def test_the_key_h_shows_heat_maps(page, served) -> None:
    """H shows both heat maps of each case of the page."""
    address, _ = served
    page.goto(f"{address}/explore?pytorch_outcome=fn")
    page.wait_for_selector(".st-key-gallery .tile")
    page.wait_for_selector("[class*=st-key-page_keys_] span[hidden]", state="attached")
    wait_until_drawn(page)
    n = page.locator(".st-key-gallery .tile").count()
    page.keyboard.press("h")
    page.wait_for_url("**heat=True*")
    page.wait_for_function(
        "n => document.querySelectorAll('.st-key-gallery').length && "
        "[...document.querySelectorAll('.st-key-gallery *')].some(e => e.shadowRoot && "
        "e.shadowRoot.querySelectorAll('.tile img').length === 2 * n)",
        arg=n,
    )
