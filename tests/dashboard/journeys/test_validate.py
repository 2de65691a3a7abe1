"""The page Validate in headless Chromium, with a manifest of two sources."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.synthetic.phantoms import write_phantom_dataset
from tests.builders import write_tiny_experiment
from tests.dashboard.browser import serve, wait_until_drawn

pytestmark = [pytest.mark.slow, pytest.mark.browser]
N_PATIENTS, N_SLICES = 16, 6


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """Return the address of a dashboard, and a manifest of phantoms from two hospitals."""
    root: Path = tmp_path_factory.mktemp("validate")
    (root / "models").mkdir()
    write_tiny_experiment(root / "models", calibrated=True)
    write_phantom_dataset(root / "set", n_patients=N_PATIENTS, slices_per_patient=N_SLICES, size=64)
    manifest = root / "hospitals.csv"
    with manifest.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "source", "patient", "hemorrhage", "vendor"))
        for path in sorted((root / "set").glob("*/*")):
            patient = path.stem.split(" ")[0]
            label = "present" if path.parent.name == "Stroke" else "absent"
            even = int(patient) % 2 == 0
            place = ("north", "Siemens") if even else ("south", "GE")
            rows.writerow((path.relative_to(root).as_posix(), place[0], patient, label, place[1]))
    with serve(root / "models") as address:
        yield address, manifest


def test_a_manifest_is_validated_and_its_cases_are_explored(page, served) -> None:
    """Two hospitals are counted, read in the background, reported, calibrated for, printed and explored."""
    address, manifest = served
    page.goto(f"{address}/validate")
    page.get_by_text("No validation yet.").wait_for()
    wait_until_drawn(page)
    page.get_by_label("Data set", exact=True).fill(str(manifest))
    page.get_by_label("Data set", exact=True).press("Enter")
    page.get_by_text(f"{N_PATIENTS} patients").wait_for()
    page.get_by_role("cell", name="south").wait_for()
    page.get_by_role("button", name="Start", exact=True).click()
    page.get_by_role("heading", name="hospitals").wait_for()
    page.wait_for_selector(".st-key-home_and_there .main-svg")
    page.get_by_role("tab", name="Sources").click()
    page.wait_for_selector(".st-key-groups_vendor .main-svg")
    page.wait_for_url("**part=Sources*")
    page.get_by_role("tab", name="This site").click()
    page.get_by_role("button", name="Make a calibration for this site").click()
    page.get_by_text("with the finding and").wait_for()
    page.get_by_text("One page for printing").click()
    page.wait_for_selector(".st-key-sheet_roc .main-svg")
    page.emulate_media(media="print")
    assert not page.get_by_label("Data set", exact=True).is_visible()
    page.locator(".st-key-validate_sheet table").first.wait_for()
    page.emulate_media(media="screen")
    page.get_by_role("button", name="Explore its slices").click()
    page.wait_for_url("**/explore?*slices_of=hospitals*")
    page.get_by_text(f"{N_PATIENTS * N_SLICES} of {N_PATIENTS * N_SLICES} slices").wait_for()
    # The data set named on the page before is at hand here too.
    page.wait_for_selector(".st-key-gallery .tile img")
    page.locator(".st-key-gallery .tile").first.click()
    page.wait_for_selector("[role=dialog] img[alt^='Heat map of the Keras']")
