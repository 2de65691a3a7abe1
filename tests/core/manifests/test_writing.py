"""A manifest that is written reads as it was, and others can be added to it."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.manifests.columns import Source
from core.manifests.layouts import Layout
from core.manifests.table import read_manifest
from core.manifests.writing import join_manifest, place_layout, write_manifest
from tests.manifest_files import write_lines

SOURCE = Source("A", 'A "great" hospital, far', "free", {"hemorrhage": ("presumed absent", "so, they say")})
LAYOUT = Layout([{"file": "a, b.png", "source": "A", "patient": "1", "hemorrhage": ""}], (SOURCE,))


def test_a_manifest_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Commas and quotes survive, an empty label keeps its silence, columns without values are left out."""
    (tmp_path / "a, b.png").touch()
    path = tmp_path / "set.csv"
    write_manifest(path, LAYOUT.lines, LAYOUT.sources)
    assert "file,source,patient" == path.read_text().splitlines()[0]
    (row,) = read_manifest(path).rows
    assert ("a, b.png", "1", 0) == (row.name, row.patient, row.labels["hemorrhage"])
    (source,) = read_manifest(path).sources
    assert (SOURCE.title, SOURCE.silence["hemorrhage"]) == (source.title, source.silence["hemorrhage"])


def test_the_folder_is_named_unless_the_manifest_lies_there(tmp_path: Path) -> None:
    """Files elsewhere are found through the source's folder: relative below the manifest, else in full."""
    inside, outside = tmp_path / "home" / "deep", tmp_path / "away"
    for folder in (inside, outside):
        folder.mkdir(parents=True)
    path = tmp_path / "home" / "set.csv"
    folders = [
        place_layout(LAYOUT, folder, path).sources[0].folder for folder in (path.parent, inside, outside)
    ]
    assert ["", "deep", str(outside)] == folders


def test_sources_are_joined(tmp_path: Path) -> None:
    """A second source follows the first, whose lines and facts stay as they are."""
    for name in ("a, b.png", "c.png"):
        (tmp_path / name).touch()
    path = tmp_path / "set.csv"
    write_manifest(path, LAYOUT.lines, LAYOUT.sources)
    other = Layout([{"file": "c.png", "source": "B", "hemorrhage": "present"}], (Source("B", "Second"),))
    joined = join_manifest(path, other)
    write_manifest(path, joined.lines, joined.sources)
    found = read_manifest(path)
    assert ["a, b.png", "c.png"] == [row.name for row in found.rows]
    assert [SOURCE.title, "Second"] == [source.title for source in found.sources]
    with pytest.raises(DatasetError, match="holds the source 'B' already"):
        join_manifest(path, other)


def test_a_faulty_manifest_is_not_added_to(tmp_path: Path) -> None:
    """Lines that cannot be read would be lost, so nothing is added until they are corrected."""
    path = write_lines(tmp_path / "set.csv", "file,patient", 'open "quote,1', '"open,1')
    with pytest.raises(DatasetError, match=r"faulty lines.*set.csv, line 3"):
        join_manifest(path, LAYOUT)
