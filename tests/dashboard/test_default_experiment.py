"""A missing or damaged default experiment is an error on every page; no other replaces it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from tests.builders import write_tiny_experiment
from tests.dashboard.conftest import OpenPage, read_texts, render_file

CHOOSING = ("read_scan", "compare", "explore", "model_card", "quiz", "overview", "tour")


def _remove(folder: Path) -> str:
    shutil.rmtree(folder)
    return 'The default experiment "tiny" is missing'


def _damage(folder: Path) -> str:
    (folder / "keras" / "model.onnx").write_bytes(b"other")
    return 'Folder "tiny": keras/model.onnx is not the file'


def _read_words(app: AppTest) -> str:
    """Return the words on the page, without the escapes of markup."""
    return read_texts(app).replace("\\", "")


@pytest.mark.parametrize("page", CHOOSING)
@pytest.mark.parametrize("spoil", [_remove, _damage])
def test_no_other_experiment_replaces_the_default(
    open_page: OpenPage, models: Path, page: str, spoil: Callable[[Path], str]
) -> None:
    """The default disappears while the page is open: an error names it, and no other is chosen."""
    write_tiny_experiment(models)
    write_tiny_experiment(models, "another")
    app = open_page(page)
    spoil(models / "tiny")
    app.run()
    assert not app.exception
    assert '"tiny"' in _read_words(app)
    assert app.selectbox(key="experiment").value is None


def test_an_uploaded_scan_is_not_read_by_another_experiment(open_page: OpenPage, models: Path) -> None:
    """Uploaded files are read by no other experiment until the visitor chooses one."""
    write_tiny_experiment(models)
    write_tiny_experiment(models, "another")
    app = open_page("read_scan")
    app.file_uploader[0].upload("a.png", render_file(0.9), "image/png").run()
    assert "both networks" in _read_words(app).lower()
    problem = _remove(models / "tiny")
    app.run()
    assert problem in _read_words(app)
    assert "both networks" not in _read_words(app).lower()
    app.selectbox(key="experiment").select("another").run()
    assert "both networks" in _read_words(app).lower()
    assert "another" == app.query_params["experiment"]


@pytest.mark.parametrize("page", ["data", "train", "about", "overview"])
def test_pages_that_choose_none_name_it(open_page: OpenPage, models: Path, page: str) -> None:
    """Every page names a damaged experiment."""
    write_tiny_experiment(models)
    write_tiny_experiment(models, "another")
    _damage(models / "tiny")
    assert '"tiny"' in _read_words(open_page(page))
