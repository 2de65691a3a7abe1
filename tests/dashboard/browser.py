"""A running dashboard and a Chromium, for journeys and screenshots."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from core.service import Settings

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
_SHIPPED_PANEL = Settings.model_fields["experiment"].default
PATIENCE_OF_TABS_S = 90


def find_chromium() -> str | None:
    """Return the path of an installed Chromium or Chrome, if there is one."""
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@contextmanager
def open_browser(path: str) -> Iterator[Browser]:
    """Run the Chromium at this path without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


def open_tab(browser: Browser, *, height_px: int = 900, patience_s: float = PATIENCE_OF_TABS_S) -> Page:
    """Open an empty tab, 1440 pixels wide, that shares nothing with other tabs."""
    context = browser.new_context(viewport={"width": 1440, "height": height_px})
    context.set_default_timeout(1000 * patience_s)
    return context.new_page()


def wait_until_drawn(page: Page) -> None:
    """Wait until the page has finished its run, and so hears every key.

    The sign that Streamlit shows while it runs tells nothing: it appears late, and never in a short run. Wait
    for what is new on the page first: right after an action the next run may not have begun.
    """
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def expect_text(place: Locator, text: str) -> None:
    """Wait until the place shows exactly this text: a page is drawn piece by piece."""
    from playwright.sync_api import expect

    expect(place).to_have_text(text, use_inner_text=True, timeout=1000 * PATIENCE_S)


@contextmanager
def serve(models: Path, data: Path | str = "") -> Iterator[str]:
    """Run the dashboard on a free port with these experiments, and a data set or none; yield its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "streamlit", "run", "dashboard/app.py", "--server.port", str(port)]
    nowhere = {"STROKE_CT_DATA": str(data), "KAGGLEHUB_CACHE": str(models / ".no-cache")}
    # The default experiments of our tests, where they are; else the program's own.
    own = [name for name in ("tiny", "tiny-ischemia") if (models / name).is_dir()]
    default = ",".join(own or [name for name in _SHIPPED_PANEL if (models / name).is_dir()])
    env = {**os.environ, **nowhere, "STROKE_CT_MODELS": str(models), "STROKE_CT_EXPERIMENT": default}
    server = subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait_for(f"http://127.0.0.1:{port}/_stcore/health", server)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_for(address: str, server: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        if server.poll() is not None:
            raise RuntimeError(f"the dashboard ended with {server.returncode} while starting")
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise RuntimeError(f"the dashboard did not answer within {PATIENCE_S} s")
