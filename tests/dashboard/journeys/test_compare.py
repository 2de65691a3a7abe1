"""Journeys through the page Compare in headless Chromium."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.builders import write_tiny_experiment
from tests.dashboard.browser import serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
QUIET_LINE = "Research and teaching. Not a medical device."
_STATE = """() => ({
    pr: [...document.querySelectorAll('.st-key-pr .points path')].map(p => p.outerHTML).join(),
    roc: [...document.querySelectorAll('.st-key-roc .points path')].map(p => p.outerHTML).join(),
    pytorch: document.querySelector('.st-key-confusion_pytorch').innerText,
    keras: document.querySelector('.st-key-confusion_keras').innerText,
    table: document.querySelector('table').innerText,
})"""
_ALL_MOVED = f"before => Object.entries(({_STATE})()).every(([part, now]) => now !== before[part])"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a dashboard with one tiny experiment."""
    root = tmp_path_factory.mktemp("models")
    write_tiny_experiment(root, calibrated=True)
    with serve(root) as found:
        yield found


def _open(page: Page, link: str) -> None:
    page.goto(link)
    page.get_by_text(QUIET_LINE, exact=True).wait_for()
    page.wait_for_selector(".st-key-confusion_keras .main-svg")
    page.wait_for_function("document.querySelectorAll('.st-key-roc .points path').length == 2")
    wait_until_drawn(page)


def test_moving_the_operating_point_moves_everything(page, address: str) -> None:
    """Marks of both curves, both confusion matrices and the table follow the slider; the link reopens it."""
    _open(page, f"{address}/compare?operating_point=sensitivity_90")
    before = page.evaluate(_STATE)
    page.locator(".st-key-threshold input[type=range]").focus()
    page.keyboard.press("End")
    page.wait_for_function(_ALL_MOVED, arg=before)
    page.wait_for_url("**operating_point=custom&pytorch_threshold=1.0&keras_threshold=1.0")
    assert 2 == page.locator(".st-key-pair_point").inner_text().count("≥ 1.000")
    after = page.evaluate(_STATE)
    other = page.context.new_page()
    _open(other, page.url)
    assert after == other.evaluate(_STATE)


def test_a_preset_moves_everything_back(page, address: str) -> None:
    """After the slider, a preset brings the first view back, and the link forgets the thresholds."""
    _open(page, f"{address}/compare?operating_point=f1")
    before = page.evaluate(_STATE)
    page.locator(".st-key-threshold input[type=range]").focus()
    page.keyboard.press("End")
    page.wait_for_function(_ALL_MOVED, arg=before)
    wait_until_drawn(page)
    page.get_by_role("radio", name="F1").click()
    page.wait_for_function(f"before => JSON.stringify(({_STATE})()) === JSON.stringify(before)", arg=before)
    page.wait_for_url("**/compare?operating_point=f1")


def test_the_open_tab_moves_as_well(page, address: str) -> None:
    """The tab Tests follows the operating point: with everything negative the networks agree."""
    _open(page, f"{address}/compare?tab=Tests")
    page.get_by_text("They disagree on").wait_for()
    wait_until_drawn(page)
    page.locator(".st-key-threshold input[type=range]").focus()
    page.keyboard.press("End")
    page.get_by_text("They disagree on 0 of").wait_for()
    page.wait_for_url("**tab=Tests**")


def test_a_tab_opens_from_its_link_and_goes_into_it(page, address: str) -> None:
    """A chosen tab is shown, and a link with its name reopens it."""
    _open(page, f"{address}/compare")
    page.wait_for_selector(".st-key-reliability_keras .main-svg")
    page.get_by_role("tab", name="Utility").click()
    page.wait_for_selector(".st-key-utility .main-svg")
    page.wait_for_url("**/compare?tab=Utility")
    other = page.context.new_page()
    _open(other, page.url)
    other.wait_for_selector(".st-key-utility .main-svg")
    assert 0 == other.locator(".st-key-reliability_keras").count()


def test_a_figure_is_taken_away_as_picture_and_as_data(page, address: str, tmp_path: Path) -> None:
    """The camera and the button under the figure give files named by experiment, level and figure."""
    _open(page, f"{address}/compare")
    with page.expect_download() as picture:
        page.locator(".st-key-roc .modebar-btn").click()
    assert "tiny-slice-roc.png" == picture.value.suggested_filename
    with page.expect_download() as data:
        page.locator(".st-key-figure_roc").get_by_role("button", name="Chart data").click()
    assert "tiny-slice-roc.csv" == data.value.suggested_filename
    data.value.save_as(tmp_path / "roc.csv")
    with (tmp_path / "roc.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert {"pytorch", "keras"} == {row["model"] for row in rows}
    assert {"threshold", "false_positive_rate", "true_positive_rate"} < set(rows[0])
