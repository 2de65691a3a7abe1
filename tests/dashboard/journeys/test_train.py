"""A training in headless Chromium: started, watched, cancelled, resumed and left alone."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from core.experiments import list_experiments
from core.synthetic.phantoms import write_phantom_dataset
from core.training.jobs import list_jobs
from tests.dashboard.browser import open_tab, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_S = 400
pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture
def models(tmp_path: Path) -> Iterator[Path]:
    """A folder for experiments; training runs that have not ended are stopped at the end."""
    root = tmp_path / "models"
    root.mkdir()
    yield root
    for job in list_jobs(root):
        if job.state == "running":
            process = int((job.folder / "job.json").read_text().split('"process": ')[1].split(",")[0])
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGTERM)


def open_train(browser: Browser, address: str) -> Page:
    """Open a tab with the page Train."""
    page = open_tab(browser, height_px=1400, patience_s=PATIENCE_S)
    page.goto(f"{address}/train")
    page.get_by_role("heading", name="Training runs").wait_for()
    return page


def start(page: Page) -> None:
    """Choose a small training of one framework and start it."""
    page.get_by_text("Slices at random", exact=True).click()
    page.get_by_role("combobox", name="Architecture").click()
    page.get_by_role("option", name="Plain CNN on the whole image").click()
    page.get_by_label("Folds", exact=True).fill("1")
    page.get_by_label("Folds", exact=True).press("Tab")
    page.get_by_role("button", name="Keras", exact=True).click()
    page.get_by_text("PyTorch will learn to predict").wait_for()
    page.get_by_label("Name", exact=True).fill("journey")
    page.get_by_label("Name", exact=True).press("Tab")
    page.get_by_role("button", name="Start training").click()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until the condition is true."""
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, f"too slow: {what}"
        time.sleep(0.2)


def test_a_training_is_started_watched_cancelled_and_resumed_and_outlives_the_dashboard(
    browser: Browser, models: Path, tmp_path: Path
) -> None:
    """Curves appear, cancel keeps what was trained, resume goes on there; closing the tab and the dashboard
    leaves it running, another dashboard finds it, and in the end there is an experiment."""
    write_phantom_dataset(tmp_path / "set", n_patients=12, slices_per_patient=10, size=96)
    with serve(models, tmp_path / "set") as address:
        page = open_train(browser, address)
        start(page)
        row = page.locator(".st-key-training_journey")
        row.get_by_text("running, trains").wait_for()
        page.locator(".st-key-course .main-svg").first.wait_for()
        row.get_by_role("button", name="Cancel").click()
        row.get_by_text("· cancelled").wait_for()
        (job,) = list_jobs(models)
        trained = len(job.read_history())
        assert trained >= 1
        row.get_by_role("button", name="Resume").click()
        row.get_by_text("· running").wait_for()
        page.close()
    (job,) = list_jobs(models)
    assert job.state in ("running", "queued")
    with serve(models, tmp_path / "set") as address:
        page = open_train(browser, address)
        page.locator(".st-key-training_journey").wait_for()
        wait_for(lambda: (models / "journey" / "experiment.json").exists(), "the training")
        page.locator(".st-key-experiment_journey").wait_for()
        assert 0 == page.locator("[data-testid=stException]").count()
    ((experiment,), _) = list_experiments(models)
    assert len(experiment.history()) >= trained
    assert experiment.history()["epoch"].is_unique
    wait_for(lambda: not list_jobs(models), "the cleaning")
