"""Pictures of every page, light and dark, wide and narrow: `make screenshots`.

They go to screenshots/ (not kept by git). With --readme, the few that README.md shows are made anew in
dashboard/pictures/. Only synthetic slices are ever shown, so that no picture holds a person's scan.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1]))

from core.experiments import list_experiments
from dashboard.shared.components import DISCLAIMER
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import ROOT, find_chromium, open_browser, serve, wait_until_drawn

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGES = {
    "overview": "/",
    "read-empty": "/read",
    "read": "/read",
    "compare": "/compare",
    "explore": "/explore",
    "data": "/data",
    "validate": "/validate",
    "validate-sources": "/validate?part=Sources",
    "validate-check": "/validate?part=Input+check",
    "validate-site": "/validate?part=This+site",
    "validate-unlabeled": "/validate?part=Without+labels",
    "validate-sheet": "/validate?sheet=True",
    "explore-validation": "/explore?slices_of=phe-sich",
    "card": "/card",
    "train": "/train",
    "about": "/about",
    "tour": "/tour?step=5",
    "quiz": "/quiz",
}
README = {
    ("overview", "light"): "overview.png",
    ("read", "dark"): "read-a-scan.png",
    ("compare", "light"): "compare.png",
}
TALLEST_PX = 4200


def take(page: Page, address: str, name: str, width: int, target: Path) -> None:
    """Open one page, wait until all is drawn, and keep a picture of its whole height."""
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(address + PAGES[name])
    page.get_by_text(DISCLAIMER, exact=True).wait_for(state="attached")  # the tour hides it
    if name in ("overview", "tour"):
        page.wait_for_selector("[class*=st-key-figure_] .main-svg")
    if name == "read":
        page.get_by_role("button", name="Show synthetic ones").click()
        page.wait_for_selector("canvas[aria-label^='Heat map of the'][width='512']")
    if name == "card":
        page.wait_for_selector("#claim-2024")
    if name == "compare":
        page.locator("[class*=st-key-figure_] .main-svg").nth(4).wait_for()
    wait_until_drawn(page)
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton]').length == 0")
    height = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
    page.set_viewport_size({"width": width, "height": min(max(900, height), TALLEST_PX)})
    page.wait_for_timeout(1500)
    page.screenshot(path=target)


def main() -> int:
    """Take all pictures; 1 when no Chromium is installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--readme", action="store_true", help="make the pictures of README.md anew")
    readme = parser.parse_args().readme
    chromium = find_chromium()
    if chromium is None:
        print(
            "No Chromium is installed; pictures need one (Debian: apt-get install chromium).", file=sys.stderr
        )
        return 1
    folder = ROOT / "screenshots"
    folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as spare, open_browser(chromium) as browser:
        models = ROOT / "trained_models"
        if not list_experiments(models)[0]:
            models = Path(spare)
            write_tiny_experiment(models)
        with serve(models) as address:
            for theme in ("light", "dark"):
                page = browser.new_context(color_scheme=theme).new_page()
                for width in (1440, 800):
                    for name in PAGES:
                        target = folder / f"{name}-{width}-{theme}.png"
                        take(page, address, name, width, target)
                        print(target.relative_to(ROOT))
                        if readme and width == 1440 and (name, theme) in README:
                            kept = ROOT / "dashboard" / "pictures" / README[name, theme]
                            kept.write_bytes(target.read_bytes())
    return 0


if __name__ == "__main__":
    sys.exit(main())
