"""The server stays whole: every hostile file goes through the page, and process and memory are as before."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil
import pytest

from core.scans import formats
from tests.builders import write_tiny_experiment
from tests.core.scans.test_corpus import CORPUS_VARIABLE, needs_corpus, rows
from tests.dashboard.browser import serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = [pytest.mark.slow, pytest.mark.browser, needs_corpus]
BATCH = 25
PATIENCE_MS = 120_000
GROWTH_BYTES = 50_000_000
# One of these is more than the memory may grow by, even after the server has returned the 40 MB that were
# free in its heaps at the start; it is less than the page takes.
HEAVY_BYTES = 100_000_000
# One of each kind, so that what is loaded once is loaded before: pictures, a series, a volume.
WARMING = ("images_valid/", "archives/made_series_20.zip", "nifti/made_ct.nii.gz")
# A session is let go of 100 s after its browser has gone.
UNTIL_FORGOTTEN_S = 150

CHIP = ".st-key-files [data-testid=stFileChip]"
_REMOVE_ALL = f"""async () => {{
    const button = () => document.querySelector('{CHIP} button');
    while (button()) {{
        button().click();
        await new Promise((done) => setTimeout(done, 50));
    }}
}}"""

_COUNT_TOLD = r"""() => [/Worklist: (\d+) scans/, /(\d+) files were not read/]
    .map((words) => words.exec(document.body.innerText))
    .reduce((sum, found) => sum + (found ? Number(found[1]) : 0), 0)"""

# Where all files are refused, the words of the start stay.
_IS_ANSWERED = """() => !document.body.innerText.includes('Drop a head CT slice or study to begin')
    || document.querySelector('.st-key-refusals')?.innerText"""


def find_server() -> psutil.Process:
    """The dashboard that `serve` started."""
    (server,) = [child for child in psutil.Process().children() if "streamlit" in child.cmdline()]
    return server


def hand_in(
    browser: Browser, address: str, paths: list[Path], *, n_untold: int = 2, take_away: bool = True
) -> None:
    """Open the page, drop the files, wait until all are read, take them away if so told; close the tab.

    Of `n_untold` files no number may be told: a single scan and a single refusal.
    """
    tab = browser.new_page()
    tab.set_default_timeout(PATIENCE_MS)
    tab.goto(f"{address}/read")
    tab.wait_for_selector("text=Drop a head CT slice or study to begin")
    tab.locator(".st-key-files input[type=file]").set_input_files(paths)
    tab.wait_for_function(
        "([chip, n]) => document.querySelectorAll(chip).length == n", arg=[CHIP, len(paths)]
    )
    # DICOM files of many patients are refused as one.
    others = [path for path in paths if formats.identify(path.read_bytes()).name != "DICOM"]
    # Not only until the page is idle: on a busy machine the run that reads the files may not have begun.
    tab.wait_for_function(_IS_ANSWERED)
    tab.wait_for_function(f"(n) => ({_COUNT_TOLD})() >= n", arg=len(others) - n_untold)
    _wait_until_idle(tab)
    assert not tab.locator("[data-testid=stException]").count()
    if take_away:
        tab.evaluate(_REMOVE_ALL)
        _wait_until_idle(tab)
        tab.wait_for_selector("text=Drop a head CT slice or study to begin")
    tab.close()


def _wait_until_idle(tab: Page) -> None:
    """Until the page has not been running for a second, nor anything is read in the background."""
    for _ in range(2):
        tab.wait_for_timeout(1000)
        tab.wait_for_function("() => !document.querySelector('[class*=st-key-reading_progress]')")
        wait_until_drawn(tab)


def test_the_corpus_leaves_the_server_as_it_was(browser: Browser, tmp_path: Path) -> None:
    """After every scan and archive of the corpus, and files that were left lying, the server's process is the
    same and its memory within 50 MB of what it was."""
    write_tiny_experiment(tmp_path)
    folder = Path(os.environ[CORPUS_VARIABLE])
    files = [row["file"] for row in rows()]
    paths = [folder / file for file in files]
    heavy = [tmp_path / f"{number}.bin" for number in range(2)]
    for path in heavy:
        path.write_bytes(os.urandom(HEAVY_BYTES))
    with serve(tmp_path) as address:
        server = find_server()
        hand_in(browser, address, [folder / file for file in files if file.startswith(WARMING)])
        before = server.memory_info().rss
        for start in range(0, len(paths), BATCH):
            hand_in(browser, address, paths[start : start + BATCH])
        hand_in(browser, address, heavy, n_untold=0, take_away=False)
        until = time.monotonic() + UNTIL_FORGOTTEN_S
        while (growth := server.memory_info().rss - before) > GROWTH_BYTES and time.monotonic() < until:
            time.sleep(5)
        print(f"{len(paths)} files; from {before / 1e6:.0f} MB, growth {growth / 1e6:.0f} MB")
        assert server.is_running()
        assert growth < GROWTH_BYTES
