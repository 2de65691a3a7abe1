"""`make docs`: the API pages show each public name of `core` with its docstring, and fetch nothing."""

from __future__ import annotations

import html
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.source_trees import PACKAGES, ROOT, list_public_names

CORE = ["core", *(package for package in PACKAGES if package.startswith("core."))]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the command of `make docs` fills, in a process of its own."""
    folder = tmp_path_factory.mktemp("api")
    command = [sys.executable, str(ROOT / "docs" / "make_api.py"), str(folder)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    return folder


def test_each_package_has_a_page(pages: Path) -> None:
    """The pages are those of core, its packages, the errors and the frameworks; the first leads to all."""
    found = {path.relative_to(pages).as_posix() for path in pages.rglob("*.html")}
    named = {_name_page(name) for name in [*CORE, "core.errors", "core.frameworks"]}
    public_modules = {
        _name_page(module)
        for package in CORE
        for name, module in list_public_names(package).items()
        if module == f"{package}.{name}" and inspect.ismodule(getattr(importlib.import_module(package), name))
    }
    assert found == named | public_modules | {"index.html"}
    first = (pages / "core.html").read_text(encoding="utf-8")
    assert named - {"core.html"} <= set(re.findall(r'href="(?:\./)?(core/\w+\.html)"', first))


@pytest.mark.parametrize("package", CORE)
def test_each_public_name_is_shown(pages: Path, package: str) -> None:
    """A page holds every public name, and of functions and classes the first words of the docstring."""
    page = (pages / _name_page(package)).read_text(encoding="utf-8")
    text = _read_words(re.sub(r"<[^>]+>", "", page))
    front = importlib.import_module(package)
    for name in list_public_names(package):
        value = getattr(front, name)
        if inspect.ismodule(value):
            continue
        assert f'id="{name}"' in page, name
        if inspect.isfunction(value) or (inspect.isclass(value) and value.__module__.startswith("core.")):
            assert _read_words((inspect.getdoc(value) or "").split("\n")[0]) in text, name


def test_pages_fetch_nothing(pages: Path) -> None:
    """No page loads a script, a style or a picture from elsewhere."""
    for path in pages.rglob("*.html"):
        page = path.read_text(encoding="utf-8")
        assert not re.search(r'(src|<link[^>]+href)="?(https?:)?//', page), path.name


def _name_page(module: str) -> str:
    return f"{module.replace('.', '/')}.html"


def _read_words(text: str) -> str:
    """Return the letters and digits of a text: what Markdown and HTML leave as it is."""
    return re.sub(r"[^a-z0-9]", "", html.unescape(text).lower())
