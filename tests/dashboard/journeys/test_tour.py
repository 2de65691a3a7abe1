"""Journeys through the tour and the quiz in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from dashboard.overview.tour_steps import STEPS
from tests.dashboard.browser import expect_text, serve, wait_until_drawn
from tests.dashboard.story_data import write_story

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a dashboard with an experiment for each role and no data set."""
    root = tmp_path_factory.mktemp("models")
    write_story(root)
    with serve(root) as found:
        yield found


def _expect_step(page: Page, number: int) -> None:
    page.get_by_role("heading", name=STEPS[number - 1].title, exact=True).wait_for()
    wait_until_drawn(page)


def test_overview_is_one_screen(page, address: str) -> None:
    """At 1440 x 900 the story, the live reading and all links are visible."""
    page.goto(address)
    page.wait_for_selector(".st-key-figure_story .main-svg")
    wait_until_drawn(page)
    for label in ("Read a scan", "Start the tour", "Take the quiz", "Explore slices"):
        box = page.locator("[data-testid=stMain]").get_by_role("link", name=label).bounding_box()
        assert box["y"] + box["height"] <= 900
    assert page.locator("img[alt^='Heat map of the']").count() == 2


def test_a_presenter_walks_the_tour_by_arrow_keys(page, address: str) -> None:
    """The arrow keys change the step and the link; Esc leaves the tour."""
    page.goto(address)
    page.locator("[data-testid=stMain]").get_by_role("link", name="Start the tour").click()
    _expect_step(page, 1)
    assert page.locator("[data-testid=stHeader]").is_hidden()
    for number in range(2, 7):
        page.keyboard.press("ArrowRight")
        _expect_step(page, number)
        page.wait_for_url(f"**/tour?step={number}")
    page.keyboard.press("ArrowLeft")
    _expect_step(page, 5)
    page.wait_for_url("**/tour?step=5")
    other = page.context.new_page()
    other.goto(page.url)
    _expect_step(other, 5)
    other.close()
    page.keyboard.press("Escape")
    page.get_by_role("heading", name="One data set, three experiments").wait_for()


def test_a_quiz_is_taken_to_its_end_by_keys(page, address: str) -> None:
    """Ten answers by arrow keys and Enter lead to the score, which a rerun keeps."""
    page.goto(f"{address}/quiz")
    for number in range(10):
        page.wait_for_selector(f".st-key-answer_{number}_1")
        wait_until_drawn(page)
        page.keyboard.press("ArrowRight" if number % 2 else "ArrowLeft")
        page.wait_for_selector(f".st-key-next_{number}")
        wait_until_drawn(page)
        page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-scan_case_9 img")
    score = page.locator(".st-key-quiz_score").inner_text()
    assert 3 == score.count(" of 10 ")
    page.get_by_role("link", name="About").click()
    page.get_by_role("heading", name="What it is for").wait_for()
    page.go_back()
    page.wait_for_selector(".st-key-scan_case_9 img")
    expect_text(page.locator(".st-key-quiz_score"), score)
