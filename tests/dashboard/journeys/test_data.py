"""The leakage laboratory in headless Chromium."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import expect_text, serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = [pytest.mark.slow, pytest.mark.browser]
_ALL_DRAWN = """() => {
    const found = [...document.querySelectorAll("[data-testid=stImage] img")];
    return found.length == 9 && found.every(image => image.complete && image.naturalWidth > 0);
}"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data set of 10 patients with 6 phantoms each."""
    folder = tmp_path_factory.mktemp("data") / "set"
    write_phantom_dataset(folder, n_patients=10, slices_per_patient=6, size=64)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Serve a dashboard with the first two experiments of the story and no data set."""
    root = tmp_path_factory.mktemp("models")
    write_tiny_experiment(root, "seed-random-split", split="random", labels="folder")
    write_tiny_experiment(root, "folder-by-patient", split="patient", labels="folder")
    with serve(root) as found:
        yield found


def _name_folder(page: Page, folder: Path) -> None:
    field = page.get_by_role("textbox", name="Folder or manifest of the data set")
    field.wait_for()
    wait_until_drawn(page)
    field.fill(str(folder))
    field.press("Enter")


def test_from_nothing_to_the_control(page, address: str, data: Path) -> None:
    """A visitor names a folder, sees the pairs and the labels, runs the control; the link reopens it."""
    page.goto(f"{address}/data")
    page.get_by_text("The data set is not on this machine.").wait_for()
    _name_folder(page, data)
    page.wait_for_function(_ALL_DRAWN)  # three pairs, and the three label findings
    page.get_by_role("button", name="Run the control on this data set").click()
    said = page.get_by_role("heading", name="with shuffled labels")
    said.wait_for()
    page.locator("table").wait_for()
    page.locator(".js-plotly-plot").nth(3).wait_for()
    page.wait_for_url("**control=0**")
    conclusion = said.inner_text()
    other = page.context.new_page()
    other.goto(page.url)
    _name_folder(other, data)
    expect_text(other.get_by_role("heading", name="with shuffled labels"), conclusion)


def test_keeping_patients_apart_empties_the_leak(page, address: str, data: Path) -> None:
    """With patients kept apart the shares are 0 %, and the link holds the choice."""
    page.goto(f"{address}/data")
    _name_folder(page, data)
    page.get_by_text("Near-identical images in training and test").wait_for()
    wait_until_drawn(page)
    page.get_by_role("radio", name="Patients kept apart").click()
    page.wait_for_url("**shown_split=patient**")
    page.get_by_text("0 of 10").wait_for()
    assert 0 == page.get_by_text("Near-identical images in training and test").count()


def test_leaving_while_the_control_runs_loses_nothing(page, address: str, data: Path) -> None:
    """A visitor who leaves and returns finds the folder and the requested control."""
    page.goto(f"{address}/data")
    _name_folder(page, data)
    page.get_by_role("button", name="Run the control on this data set").click()
    page.get_by_role("link", name="About").click()
    page.get_by_role("heading", name="About").wait_for()
    page.get_by_role("link", name="Data").click()
    page.get_by_role("heading", name="with shuffled labels").wait_for()
    assert str(data) == page.get_by_role("textbox", name="Folder or manifest of the data set").input_value()
