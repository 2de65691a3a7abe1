"""README.md and docs/ are true: every file that they name exists, and no list has a gap."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

from core.manifests import phe_sich, rsna, teknofest
from core.manifests.columns import COLUMNS, FINDINGS, SOURCE_COLUMNS, WORDS
from core.manifests.layouts import KINDS
from core.measurements.gate_images import NOT_CT
from tests.package_diagram import replace_diagram
from tests.source_trees import MODULES, PACKAGES, ROOT
from tests.test_architecture import AT_THE_ROOT, ROOM_OF_PAGE, ROOMS

DOCUMENTS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [
        *ROOT.glob("*.md"),
        *ROOT.glob("docs/*.md"),
        ROOT / "trained_models" / "README.md",
    ]
}
# What a run makes, not what a checkout holds.
MADE_LATER = {"trained_models/NAME/MODEL_CARD.md", "trained_models/annotations.sqlite", "build/docs/"}
THINGS = re.findall(r"^- \*\*(.+?)\*\*:", DOCUMENTS["docs/adding.md"], re.MULTILINE)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_path_exists(document: str) -> None:
    """Every file and folder of ours that a document names between backticks is there."""
    houses = r"core|dashboard|docs|tests|trained_models|build|\.streamlit|\.ci"
    named = set(re.findall(rf"`((?:{houses})/[\w./-]*)`", DOCUMENTS[document]))
    assert set() == {path for path in named - MADE_LATER if not (ROOT / path).exists()}


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_link_leads_somewhere(document: str) -> None:
    """A link leads to a file of ours, and its anchor to a heading there."""
    for target in re.findall(r"\]\(([^)\s]+)\)", DOCUMENTS[document]):
        if target.startswith(("http://", "https://")):
            continue
        name, _, anchor = target.partition("#")
        path = (ROOT / document).parent / name if name else ROOT / document
        assert path.exists(), f"{document}: {target}"
        if anchor:
            headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


def test_what_can_be_added() -> None:
    """The lists tell of everything that people add."""
    expected = {
        "an architecture",
        "a backbone",
        "a framework",
        "a page",
        "a metric",
        "a command",
        "a kind of file",
    }
    assert expected | {"a package", "a browser test"} <= set(THINGS)


@pytest.mark.parametrize("thing", THINGS)
def test_each_list_names_existing_files(thing: str) -> None:
    """Every path in a "to add" list exists, and each list that needs code names at least one."""
    (item,) = re.findall(
        rf"^- \*\*{thing}\*\*:(.*?)(?=^- \*\*|\Z)", DOCUMENTS["docs/adding.md"], re.MULTILINE | re.DOTALL
    )
    paths = re.findall(r"`([\w.]+/[\w./-]*)`", item)
    assert paths or "No code changes" in item
    assert [] == [path for path in paths if not (ROOT / path).exists()]


def test_the_map_shows_every_package() -> None:
    """The map in docs/architecture.md names each package, in the order in which they may import."""
    rooms = [room.split(".")[1] for room in ROOMS if room in PACKAGES]
    drawn = re.findall(
        r"(?<=[ \n])(\w+)/ ",
        DOCUMENTS["docs/architecture.md"].split("\ncore/  ")[1].split("\ntrained_models/ ")[0],
    )
    assert rooms == [room for room in drawn if room not in ("app_pages", "dashboard", "scripts")]


def test_pages_are_added_as_documented() -> None:
    """Each file in app_pages is listed in app.py, has its place in ROOM_OF_PAGE and a test of its name."""
    pages = {path.stem for path in (ROOT / "dashboard/app_pages").glob("*.py")}
    assert pages == set(re.findall(r'st\.Page\("app_pages/(\w+)\.py"', MODULES["dashboard.app"].read_text()))
    assert pages == set(ROOM_OF_PAGE)
    assert pages == _name_tested("tests/dashboard/app_pages")


def test_every_command_is_documented() -> None:
    """The list in docs/commands.md names each command of the program."""
    from core.cli.app import app

    documented = re.findall(r"^stroke-ct ([a-z-]+)\b", DOCUMENTS["docs/commands.md"], re.MULTILINE)
    commands = {command.name or command.callback.__name__ for command in app.registered_commands}
    assert set() == commands - set(documented)


def test_the_columns_of_a_manifest_are_documented() -> None:
    """docs/data.md lists the columns of a manifest and of its sources, and its example has known ones."""
    tables = re.findall(r"^\| column .*\n\|[-|]+\n((?:\|.*\n)+)", DOCUMENTS["docs/data.md"], re.MULTILINE)
    listed = [tuple(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) for table in tables]
    assert [COLUMNS, SOURCE_COLUMNS] == listed
    (example,) = re.findall(r"^```\n(file,(?:.+\n)+)```$", DOCUMENTS["docs/data.md"], re.MULTILINE)
    rows = list(csv.DictReader(example.splitlines()))
    assert set(rows[0]) <= set(COLUMNS)
    assert {row[finding] for row in rows for finding in FINDINGS} <= {"", *WORDS}


def test_the_public_sets_are_documented() -> None:
    """docs/data.md names each kind of `stroke-ct manifest`, and each source with a kept quarter."""
    for name in (*KINDS, phe_sich.NAME, rsna.NAME, teknofest.NAME, NOT_CT):
        assert f"| `{name}`" in DOCUMENTS["docs/data.md"]


def test_metrics_are_added_as_documented() -> None:
    """Each module of core/evaluation has a test of its name."""
    modules = {path.stem for path in (ROOT / "core/evaluation").glob("*.py")} - {"__init__"}
    assert set() == modules - _name_tested("tests/core/evaluation")


def test_tests_mirror_the_packages() -> None:
    """A test of a package lies in the folder of the package's name."""
    rooms = {package.replace(".", "/") for package in PACKAGES}
    rooms |= {"dashboard/app_pages", "dashboard/journeys"}
    folders = {
        path.parent.relative_to(ROOT / "tests").as_posix()
        for house in AT_THE_ROOT
        for path in (ROOT / "tests" / house).rglob("test_*.py")
    }
    assert set() == {
        folder for folder in folders if "/" in folder and "/".join(folder.split("/")[:2]) not in rooms
    }


def _name_tested(folder: str) -> set[str]:
    return {path.stem.removeprefix("test_") for path in Path(ROOT / folder).glob("test_*.py")}


def test_the_diagram_shows_the_imports() -> None:
    """The diagram of the packages is what `make figures` draws now."""
    assert DOCUMENTS["docs/architecture.md"] == replace_diagram(DOCUMENTS["docs/architecture.md"])
