"""Images for the gate's figures, with or without those that are kept aside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from core.errors import DatasetError
from core.manifests import is_kept_aside
from core.measurements.gate_images import open_images
from core.scans import Refused
from core.synthetic.phantoms import render_phantom, save_phantom


def write_pictures(folder: Path, names: list[str]) -> Path:
    """Write one phantom under each name."""
    folder.mkdir(parents=True)
    phantom = render_phantom(np.random.default_rng(0), lesion=True, size=64)
    for name in names:
        save_phantom(phantom, folder / name)
    return folder


def list_opened(path: Path, kept: bool) -> tuple[list[str], int, int]:
    """Return the names of the scans, the number of steps, and the number of files left out."""
    steps: list[int] = []
    images = open_images(path, kept, lambda: steps.append(1))
    names = [scan.source for scan in images.scans]
    assert images.n_files == len(steps)
    return names, len(steps), images.n_left_out


def test_the_kept_quarter_of_other_images_is_left_out(tmp_path: Path) -> None:
    """Of the folder not_ct, its kept files are opened only where they are asked for."""
    names = [f"{row}.png" for row in range(24)]
    folder = write_pictures(tmp_path / "not_ct", names)
    kept = [name for name in names if is_kept_aside("not_ct", name)]
    others = [name for name in names if name not in kept]
    assert 0 < len(kept) < 12
    assert (others, len(others), len(kept)) == list_opened(folder, kept=False)
    assert (kept, len(kept), len(others)) == list_opened(folder, kept=True)


def test_the_kept_patients_of_a_public_set_are_left_out(tmp_path: Path) -> None:
    """In the folder of a public set its own table tells the slices and the kept ones; masks are none."""
    stems = [f"{patient:04d}_{number:02d}" for patient in range(12) for number in (1, 2)]
    folder = write_pictures(tmp_path / "phe-sich" / "images", [f"{stem}.jpg" for stem in stems])
    rows = "".join(f"{stem},{stem[:4]},{stem[5:]},0\n" for stem in stems)
    (tmp_path / "phe-sich" / "slices.csv").write_text(f"slice,patient,number,edema_mask\n{rows}")
    write_pictures(tmp_path / "phe-sich" / "masks", [f"{stem}.jpg" for stem in stems])
    expected = [f"images/{stem}.jpg" for stem in stems if is_kept_aside("phe-sich", stem[:4])]
    others = [f"images/{stem}.jpg" for stem in stems if not is_kept_aside("phe-sich", stem[:4])]
    assert 0 < len(expected) < 24
    assert (expected, others) == (
        list_opened(folder.parent, kept=True)[0],
        list_opened(folder.parent, kept=False)[0],
    )


def test_all_images_of_other_folders_are_opened(tmp_path: Path) -> None:
    """Of a folder that is no public set all images are opened, kept ones asked for or not."""
    for name in ("mine", "rsna-2019"):
        folder = write_pictures(tmp_path / name, ["a.png", "b.png"])
        for kept in (False, True):
            assert (["a.png", "b.png"], 2, 0) == list_opened(folder, kept)


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(("name", "path"), [("set.csv", "set.csv"), ("manifest.csv", ".")])
def test_the_part_of_a_manifest_decides(tmp_path: Path, name: str, path: str, kept: bool) -> None:
    """Of a manifest, its kept lines or the others are opened; a line that cannot be used is unreadable."""
    write_pictures(tmp_path / "files", ["a.png", "b.png"])
    (tmp_path / name).write_text("file,part,a\nfiles/a.png,,\nfiles/b.png,kept,\nfiles/gone.png,,\n")
    images = open_images(tmp_path / path, kept, lambda: None)
    scans = list(images.scans)
    assert [True, False] == [isinstance(scan, Refused) for scan in scans]
    assert ["files/b.png" if kept else "files/a.png"] == [scan.source for scan in scans[1:]]
    assert (1, 1) == (images.n_files, images.n_left_out)


def test_a_manifest_that_cannot_be_used_is_an_error(tmp_path: Path) -> None:
    """A table without the column "file" is refused."""
    (tmp_path / "set.csv").write_text("picture\na.png\n")
    with pytest.raises(DatasetError, match="has no column 'file'"):
        open_images(tmp_path / "set.csv", False, lambda: None)
