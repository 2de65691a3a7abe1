"""The manifest of made hospitals: labels, masks, parts and pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.datasets import index_dataset, read_mask, read_pixels
from core.errors import DatasetError
from core.manifests import Manifest, Row, read_manifest
from core.synthetic.phantom_manifest import write_phantom_manifest


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_phantom_manifest(tmp_path_factory.mktemp("made"), size=64, seed=3)


@pytest.fixture(scope="module")
def manifest(path: Path) -> Manifest:
    return read_manifest(path)


def rows_of(manifest: Manifest, source: str) -> list[Row]:
    return [row for row in manifest.rows if row.source == source]


def test_every_line_can_be_used(manifest: Manifest) -> None:
    """Three sources with 8 patients of 4 slices each, without problems."""
    assert (96, ()) == (len(manifest.rows), manifest.problems)
    for source in ("made-a", "made-b", "made-c"):
        rows = rows_of(manifest, source)
        assert (32, 8) == (len(rows), len({row.patient for row in rows}))


@pytest.mark.parametrize(
    ("source", "finding", "other", "other_labels"),
    [
        ("made-a", "hemorrhage", "ischemia", {0: 0, 1: None}),
        ("made-b", "hemorrhage", "ischemia", {0: None, 1: None}),
        ("made-c", "ischemia", "hemorrhage", {0: 0, 1: 0}),
    ],
)
def test_each_hospital_labels_its_finding(
    manifest: Manifest, source: str, finding: str, other: str, other_labels: dict[int, int | None]
) -> None:
    """Half of the patients have the finding on 2 of 4 slices; the other finding is absent or unknown."""
    rows = rows_of(manifest, source)
    positive = [row for row in rows if row.labels[finding] == 1]
    assert (8, {"1", "3", "5", "7"}) == (len(positive), {row.patient for row in positive})
    assert {0, 1} == {row.labels[finding] for row in rows}
    assert all(other_labels[row.labels[finding] or 0] == row.labels[other] for row in rows)


def test_positive_slices_have_masks_except_in_a(manifest: Manifest) -> None:
    """In B and C, exactly the slices with the finding are outlined; in A, none."""
    assert not any(row.mask for row in rows_of(manifest, "made-a"))
    for source, finding in (("made-b", "hemorrhage"), ("made-c", "ischemia")):
        rows = rows_of(manifest, source)
        assert [bool(row.labels[finding]) for row in rows] == [bool(row.mask) for row in rows]


def test_c_has_two_vendors_and_a_kept_quarter(manifest: Manifest) -> None:
    """Vendor and kept part do not tell the label: each holds slices with and without ischemia."""
    rows = rows_of(manifest, "made-c")
    assert {("GE", 0), ("GE", 1), ("Siemens", 0), ("Siemens", 1)} == {
        (row.vendor, row.labels["ischemia"]) for row in rows
    }
    kept = [row for row in rows if row.part == "kept"]
    assert ({"3", "6"}, {0, 1}) == (
        {row.patient for row in kept},
        {row.labels["ischemia"] for row in kept},
    )
    assert not any(row.part for row in manifest.rows if row.source != "made-c")


def test_pictures_and_masks_are_read_upright(path: Path) -> None:
    """B is stored lying; read, its heads are longer than wide, and its masks hold the bright blood."""
    dataset = index_dataset(path)
    n_masks = 0
    for file in dataset.table["file"]:
        pixels, mask = read_pixels(dataset, file), read_mask(dataset, file)
        rows, columns = np.nonzero(pixels > 0.9)
        # The base is wider than long.
        assert np.ptp(columns) < np.ptp(rows) or "_01" in file
        if mask is not None:
            n_masks += 1
            brain = np.median(pixels[(pixels > 0.25) & (pixels < 0.75)])
            assert (np.median(pixels[mask]) > brain) == ("made-b" in file)
    assert 16 == n_masks
    stored = np.asarray(Image.open(path.parent / "made-b/1_02.png")) > 230
    assert np.ptp(np.nonzero(stored)[0]) < np.ptp(np.nonzero(stored)[1])


def test_the_hospitals_windows_differ(path: Path, manifest: Manifest) -> None:
    """The same tissue is darkest in B, whose window is 40/80, and brightest in C."""
    medians = {}
    for source in ("made-a", "made-b", "made-c"):
        pixels = [np.asarray(Image.open(row.path), np.float32) / 255 for row in rows_of(manifest, source)]
        brains = np.stack(pixels)[:, 26:38, 26:38]
        medians[source] = np.median(brains[(brains > 0.2) & (brains < 0.8)])
    assert medians["made-b"] < medians["made-a"] < medians["made-c"]


def test_the_manifest_is_reproducible(tmp_path: Path) -> None:
    """The same seed writes the same bytes, another seed other pictures."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        write_phantom_manifest(tmp_path / name, n_patients=4, size=32, seed=seed)
    first, again, other = (
        [file.read_bytes() for file in sorted((tmp_path / name).rglob("*.*"))] for name in "abc"
    )
    assert first == again != other


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """Too few patients or slices, and a folder with such a manifest, are refused."""
    for few in ({"n_patients": 3}, {"slices_per_patient": 3}):
        with pytest.raises(DatasetError, match="at least 4 patients"):
            write_phantom_manifest(tmp_path, **few)
    write_phantom_manifest(tmp_path, n_patients=4, size=32)
    with pytest.raises(DatasetError, match="already contains"):
        write_phantom_manifest(tmp_path)
