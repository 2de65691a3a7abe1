"""The downloads of Read a scan, opened, in headless Chromium."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest

from tests.builders import write_tiny_experiment
from tests.canary_files import FILE_NAME, find_canaries, pack, write_dicom_files
from tests.dashboard.browser import open_tab, serve

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pypdf = pytest.importorskip("pypdf", reason="pypdf is not installed")

pytestmark = [pytest.mark.slow, pytest.mark.browser]
N_SLICES = 4
PLACES = ("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME")
Press = Callable[[str, str], bytes]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder for the dashboard's home, caches and temporary files."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def page(browser: Browser, tmp_path_factory: pytest.TempPathFactory, home: Path) -> Iterator[Page]:
    """Return the page with a zip of a series read and a text refused, both named after a patient."""
    root = tmp_path_factory.mktemp("models")
    write_tiny_experiment(root)
    series = {name: data for name, data in write_dicom_files().items() if name.startswith("slice")}
    files = [
        {"name": f"{FILE_NAME}.zip", "mimeType": "application/zip", "buffer": pack(series)},
        {"name": f"{FILE_NAME}.txt", "mimeType": "text/plain", "buffer": b"no scan"},
    ]
    with pytest.MonkeyPatch.context() as patch:
        # The browser runs already, and has its files elsewhere.
        for name in PLACES:
            (home / name).mkdir()
            patch.setenv(name, str(home / name))
        with serve(root) as address:
            tab = open_tab(browser, height_px=1400)
            tab.goto(f"{address}/read")
            tab.wait_for_selector("text=Drop a head CT slice or study to begin")
            tab.locator(".st-key-files input[type=file]").set_input_files(files)
            tab.get_by_role("button", name="Heat maps (DICOM)").wait_for()
            yield tab
            tab.context.close()


@pytest.fixture
def press(page: Page) -> Press:
    """Return a function that presses a button and returns the downloaded bytes; it checks the file name."""

    def press_button(button: str, file: str) -> bytes:
        with page.expect_download() as caught:
            page.get_by_role("button", name=button, exact=True).click()
        assert file == caught.value.suggested_filename
        return caught.value.path().read_bytes()

    return press_button


def test_the_tables_are_downloaded(press: Press) -> None:
    """CSV and JSON contain each slice of "Scan 1", its verdict, and the refused file."""
    rows = list(csv.DictReader(io.StringIO(press("Worklist (CSV)", "worklist.csv").decode("utf-8-sig"))))
    record = json.loads(press("JSON", "readings.json"))
    (scan,), (refused,) = record["scans"], record["refused"]
    named = f"Scan 1 ({scan['sha256'][:12]})"
    assert [named] * N_SLICES + ["File 1 (refused)"] == [row["file"] for row in rows]
    assert (named, "File 1 (refused)") == (scan["source"], refused["source"])
    for name, verdict in scan["verdict"]["hemorrhage"].items():
        assert {f"{verdict['score']:.4f}"} == {row[f"{name}_study_score"] for row in rows[:-1]}
    assert [0.0, 5.0, 10.0, 15.0] == [piece["position_mm"] for piece in scan["slices"]]


def test_the_reports_are_downloaded(press: Press) -> None:
    """The PDF shows verdict and key slices; the DICOM object contains such a PDF and no patient."""
    first, second, *_ = pypdf.PdfReader(io.BytesIO(press("Report (PDF)", "reading-report.pdf"))).pages
    assert "The score of a study is" in first.extract_text()
    assert "Key slices" in second.extract_text()
    data = press("Report (DICOM)", "reading-report.dcm")
    dataset = pydicom.dcmread(io.BytesIO(data))
    pages = pypdf.PdfReader(io.BytesIO(dataset.EncapsulatedDocument)).pages
    words = "".join(page.extract_text() for page in (first, second, *pages))
    assert 4 == words.count("Key slices")  # twice above a table, twice above pictures
    assert [] == find_canaries(words + str(dataset) + repr(data), FILE_NAME)


def test_the_heat_maps_are_downloaded(press: Press) -> None:
    """The capture has one frame per slice and no patient."""
    data = press("Heat maps (DICOM)", "heat-maps.dcm")
    dataset = pydicom.dcmread(io.BytesIO(data))
    assert (N_SLICES, dataset.Rows, 3 * 512, 3) == dataset.pixel_array.shape
    assert [] == find_canaries(str(dataset) + repr(data), FILE_NAME)


def test_file_names_are_in_downloads_if_chosen(page: Page, press: Press) -> None:
    """The box is not ticked at first; if ticked, the worklist names both files."""
    box = page.get_by_role("checkbox", name="File names in downloads")
    assert not box.is_checked()
    page.get_by_text("File names in downloads").click()
    page.wait_for_timeout(1500)
    rows = csv.DictReader(io.StringIO(press("Worklist (CSV)", "worklist.csv").decode("utf-8-sig")))
    assert [f"{FILE_NAME}.zip"] * N_SLICES + [f"{FILE_NAME}.txt"] == [row["file"] for row in rows]
    assert page.locator("[class*=st-key-outcome_]").is_visible()


def test_nothing_is_left_on_the_disk(page: Page, press: Press, home: Path) -> None:
    """Reading a study and downloading from it writes no file on the server."""
    press("Report (DICOM)", "reading-report.dcm")
    assert page.locator("[class*=st-key-outcome_]").is_visible()
    assert [] == [path.relative_to(home).as_posix() for path in home.rglob("*") if path.is_file()]
