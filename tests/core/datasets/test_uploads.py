"""A data set in a zip archive is unpacked under neutral names, or refused."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from core.datasets.dataset import index_dataset
from core.datasets.uploads import unpack_dataset
from core.errors import DatasetError, StrokeError
from core.synthetic.phantoms import write_phantom_dataset


@pytest.fixture
def phantoms(tmp_path: Path) -> Path:
    """Four patients with four slices each."""
    folder = tmp_path / "phantoms"
    write_phantom_dataset(folder, n_patients=4, slices_per_patient=4, size=48)
    return folder


def pack(members: dict[str, bytes]) -> io.BytesIO:
    """Return an archive of these members."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return target


def read_set(folder: Path) -> dict[str, bytes]:
    """Return the files of a data set's folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")}


@pytest.mark.parametrize("wrapper", ["", "set/", "set/inner/"])
def test_a_set_is_unpacked_unchanged(phantoms: Path, tmp_path: Path, wrapper: str) -> None:
    """Classes, patients, numbers and slice labels are those of the packed folder."""
    members = {wrapper + name: data for name, data in read_set(phantoms).items()}
    members |= {"__MACOSX/x": b"", f"{wrapper}Normal/.DS_Store": b""}
    found = unpack_dataset(pack(members), tmp_path / "area")
    expected, unpacked = index_dataset(phantoms), index_dataset(found.folder)
    assert {"Normal": 8, "Stroke": 8} == found.counts
    for column in ("patient", "number", "folder_label", "slice_label", "sha256"):
        assert expected.table[column].tolist() == unpacked.table[column].tolist()


def test_the_same_archive_is_unpacked_once(phantoms: Path, tmp_path: Path) -> None:
    """Uploading an archive again gives the same folder, unchanged."""
    archive = pack(read_set(phantoms))
    first = unpack_dataset(archive, tmp_path / "area")
    marker = first.folder / "Normal" / "kept.png"
    marker.write_bytes(b"")
    assert first.folder == unpack_dataset(archive, tmp_path / "area").folder
    assert marker.exists()


def test_names_that_may_identify_a_person_are_not_kept(phantoms: Path, tmp_path: Path) -> None:
    """Pictures whose names do not follow the scheme are numbered; extensions follow the content."""
    pictures = list(read_set(phantoms).values())
    members = {"Normal/Doe_John.jpg": pictures[0], "Stroke/sub/Roe Jane (2).gif": pictures[1]}
    found = unpack_dataset(pack(members), tmp_path / "area")
    names = sorted(path.relative_to(found.folder).as_posix() for path in found.folder.rglob("*.*"))
    ending = "png" if pictures[0].startswith(b"\x89PNG") else "jpeg"
    assert [f"Normal/000001.{ending}", f"Stroke/000002.{ending}"] == names


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["Normal/1.png"], "two class folders"),
        (["Normal/1.png", "Stroke/1.png", "Other/1.png"], "two class folders"),
        (["Normal/1.png", "Stroke/1.png", "readme.png"], "two class folders"),
        (["1.png", "2.png"], "two class folders"),
        (["Normal/1.png", "Str\u00f6ke/1.png"], "characters other"),
        (["Normal/1.png", "-rf/1.png"], "characters other"),
        (["Normal/1.png", f"{'x' * 60}/1.png"], "characters other"),
        (["Normal/1.png", "Stroke/../../1.png"], "outside"),
        ([], "two class folders"),
    ],
)
def test_other_layouts_are_refused(phantoms: Path, tmp_path: Path, names: list[str], words: str) -> None:
    """A wrong number of classes, other files and other class names are refused; nothing is left on disk."""
    picture = next(iter(read_set(phantoms).values()))
    with pytest.raises(StrokeError, match=words):
        unpack_dataset(pack(dict.fromkeys(names, picture)), tmp_path / "area")
    assert [] == list((tmp_path / "area").iterdir())


def test_other_files_are_refused(phantoms: Path, tmp_path: Path) -> None:
    """A program named like a picture makes the archive refused; its name is not quoted."""
    members = {**read_set(phantoms), "Normal/Doe (9).png": b"MZ" + bytes(200)}
    with pytest.raises(DatasetError, match="not a supported image") as caught:
        unpack_dataset(pack(members), tmp_path / "area")
    assert "Doe" not in str(caught.value)
    assert [] == list((tmp_path / "area").iterdir())


def test_old_unused_uploads_are_removed(phantoms: Path, tmp_path: Path) -> None:
    """The newest three are kept, besides the new one and those that a training needs."""
    area = tmp_path / "area"
    for age in range(5):
        (area / f"old-{age}").mkdir(parents=True)
        os.utime(area / f"old-{age}", (1000 - age, 1000 - age))
    found = unpack_dataset(pack(read_set(phantoms)), area, in_use=[area / "old-4"])
    assert {"old-0", "old-1", "old-2", "old-4", found.folder.name} == {path.name for path in area.iterdir()}
