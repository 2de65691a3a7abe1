"""The folders of public sets, where they are on this machine."""

from __future__ import annotations

import pytest

from core.manifests.folders import describe_folder
from core.manifests.layouts import Kind
from core.manifests.table import read_manifest
from core.manifests.writing import place_layout, write_manifest
from tests.core.real_data import needs_real_data, real_folder


@needs_real_data
@pytest.mark.parametrize(
    ("kind", "name", "counts", "n_kept"),
    [
        ("phe-sich", "phe-sich", (372, 1_612, 372), 661),
        ("rsna", "rsna-2019", (309, 1_719, 309), 505),
        ("teknofest", "teknofest-ischemia", (0, 718, 0), 186),
    ],
)
def test_the_development_folders_are_described(
    tmp_path, kind: Kind, name: str, counts: tuple[int, int, int], n_kept: int
) -> None:
    """Slices with and without a hemorrhage, unknown ischemia and the kept quarter are as counted by hand."""
    home = real_folder()
    folder = home.parent / name if home else None
    if folder is None or not folder.is_dir():
        pytest.skip(f"{name} is not beside the data set")
    path = tmp_path / "set.csv"
    layout = place_layout(describe_folder(kind, folder), folder, path)
    write_manifest(path, layout.lines, layout.sources)
    found = read_manifest(path)
    assert () == found.problems
    labels = [row.labels for row in found.rows]
    shown = tuple(sum(one["hemorrhage"] == value for one in labels) for value in (1, 0))
    assert counts == (*shown, sum(one["ischemia"] is None for one in labels))
    assert n_kept == sum(row.part == "kept" for row in found.rows)
