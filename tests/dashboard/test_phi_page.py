"""The page "Read a scan" with files full of identifiers: its elements, link and log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from tests.builders import write_tiny_experiment
from tests.canary_files import (
    FILE_NAME,
    find_canaries,
    pack,
    write_dicom_files,
    write_pictures,
    write_volumes,
)
from tests.dashboard.conftest import OpenPage

# Elements that show file names: the worklist, the title of a scan, and refusals.
_NAMED = {"radio", "text", "warning"}


def walk(node: Any) -> Iterator[Any]:
    """Yield all elements of a page, as the browser gets them."""
    for child in getattr(node, "children", {}).values():
        yield child
        yield from walk(child)


def describe(app: AppTest) -> dict[str, str]:
    """Return {kind of element: text of all its elements}."""
    contents: dict[str, str] = {}
    for element in walk(app._tree):
        if (proto := getattr(element, "proto", None)) is not None:
            contents[element.type] = contents.get(element.type, "") + str(proto)
    return contents


def upload(app: AppTest, files: dict[str, bytes]) -> AppTest:
    """Upload the files, each with a patient's name in its file name."""
    for name, data in files.items():
        app.file_uploader[0].upload(f"{FILE_NAME} {name}", data, "application/octet-stream")
    app.run()
    assert not app.exception
    return app


@pytest.mark.parametrize("packed", [pytest.param(False, marks=pytest.mark.slow), True])
def test_the_page_shows_file_names_and_no_identifier(
    open_page: OpenPage, models: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str],
    packed: bool,
) -> None:  # fmt: skip
    """No element holds identifiers of a file; its name is where files are listed, in no link or log."""
    write_tiny_experiment(models)
    files = {**write_dicom_files(), **write_volumes(), **write_pictures()}
    files = {"all.zip": pack(files)} if packed else files
    app = open_page("read_scan")
    caplog.set_level(logging.DEBUG)
    caplog.clear()  # writing the files logged warnings with identifiers
    capfd.readouterr()
    upload(app, files)
    contents = describe(app)
    assert {} == {kind: found for kind, text in contents.items() if (found := find_canaries(text))}
    assert _NAMED == {kind for kind, text in contents.items() if FILE_NAME in text}
    printed = capfd.readouterr()
    logs = "\n".join(record.getMessage() for record in caplog.records)
    assert [] == find_canaries(f"{dict(app.query_params)} {logs} {printed.out} {printed.err}", FILE_NAME)
