"""The browser of all journeys; without one, they are skipped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.dashboard.browser import find_chromium, open_browser, open_tab

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


# Of the package and not of the session: Playwright's event loop would run on through the tests of other
# folders, and asyncio refuses a second one.
@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Start the Chromium that all journeys share."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = find_chromium()
    if chromium is None:
        pytest.skip("no Chromium is installed")
    with open_browser(chromium) as started:
        yield started


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Open an empty tab of 1440 x 900 pixels."""
    tab = open_tab(browser)
    yield tab
    tab.context.close()
