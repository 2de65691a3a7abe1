"""Slices of the published set are found under other names, changed or not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from core.audit import known_pictures
from core.audit.known_pictures import (
    KNOWN_BITS,
    KNOWN_FILE,
    LIKELY_BITS,
    KnownPictures,
    find_known_pictures,
    is_near_copy,
    list_known_hashes,
    pack_known_pictures,
)
from core.datasets.dataset import index_dataset
from core.datasets.kaggle import KNOWN_DATASET
from core.errors import DatasetError
from core.imaging import HASH_BITS
from core.synthetic.phantoms import write_phantom_dataset
from tests.core.real_data import index_real_data, needs_real_data, real_folder

OTHER_NAMES = {"Normal": "ischemic", "Stroke": "hemorrhagic"}
CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "saved again": lambda image: image,
    "smaller": lambda image: image.resize((90, 90)),
    "stretched": lambda image: image.resize((200, 150)),
    "brighter": lambda image: image.point(lambda value: min(255, int(value * 1.1))),
    "a quarter turn": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "mirrored": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "upside down": lambda image: image.transpose(Image.Transpose.ROTATE_180),
}


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A set of 4 patients with 5 phantoms each."""
    folder = tmp_path_factory.mktemp("published") / "set"
    write_phantom_dataset(folder, n_patients=4, slices_per_patient=5, size=128)
    return folder


@pytest.fixture
def known(published: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the phantoms, which stand for the published set."""
    dataset = index_dataset(published)
    monkeypatch.setitem(KNOWN_DATASET, "fingerprint", dataset.fingerprint)
    file = tmp_path / "known.npz"
    file.write_bytes(pack_known_pictures(dataset))
    monkeypatch.setattr(known_pictures, "KNOWN_FILE", file)
    known_pictures._read_known.cache_clear()
    yield published
    known_pictures._read_known.cache_clear()


def copy_set(source: Path, target: Path, change: Callable[[Image.Image], Image.Image] | None = None) -> Path:
    """Copy a set under other class and file names; with a change, as JPEG of quality 60."""
    for name, other in OTHER_NAMES.items():
        (target / other).mkdir(parents=True)
        for number, path in enumerate(sorted((source / name).iterdir())):
            if change is None:
                (target / other / f"scan_{number}.jpg").write_bytes(path.read_bytes())
            else:
                changed = change(Image.open(path))
                changed.save(target / other / f"scan_{number}.jpg", quality=60)
    return target


def test_renamed_slices_are_found(known: Path, tmp_path: Path) -> None:
    """Each file of a renamed set is an exact copy; its file, class and label in the known set are told."""
    found = find_known_pictures(index_dataset(copy_set(known, tmp_path / "other")))
    assert (20, 20, 0) == (found.n_files, found.n_exact, found.n_near)
    there = index_dataset(known).table.set_index("file")
    for row in found.table.itertuples():
        name = row.known_file.split("/")[0]
        assert (OTHER_NAMES[name], name, 0) == (row.name, row.known_class, row.bits)
        assert row.shows_hemorrhage == (there.loc[row.known_file, "slice_label"] == 1)
        assert (known / row.known_file).read_bytes() == (tmp_path / "other" / row.file).read_bytes()


@pytest.mark.parametrize("change", CHANGES)
def test_changed_slices_are_found(known: Path, tmp_path: Path, change: str) -> None:
    """A slice that was saved again, resized, brightened, turned or mirrored is a near-copy of itself."""
    found = find_known_pictures(index_dataset(copy_set(known, tmp_path / "other", CHANGES[change])))
    assert (0, 20) == (found.n_exact, found.n_near)
    files = sorted(path.relative_to(known).as_posix() for path in known.rglob("*.jpg"))
    here = dict(zip(found.table["file"], found.table["known_file"], strict=True))
    right = [
        here[f"{OTHER_NAMES[file.split('/')[0]]}/scan_{row % 10}.jpg"] == file
        for row, file in enumerate(files)
    ]
    assert all(right)


def test_other_pictures_are_not_found(known: Path, tmp_path: Path) -> None:
    """Phantoms of other patients are no copies, and nothing is said."""
    write_phantom_dataset(tmp_path / "other", n_patients=4, slices_per_patient=5, size=128, seed=9)
    found = find_known_pictures(index_dataset(tmp_path / "other"))
    assert (20, 0, ()) == (found.n_files, len(found.table), found.describe())


def test_more_bits_may_differ_if_others_are_copies_in_the_same_position() -> None:
    """A file beyond KNOWN_BITS is a copy only if a share of the files are copies, turned as it is."""
    bits = np.full((100, 8), 60)
    bits[0, 3] = LIKELY_BITS
    assert HASH_BITS < known_pictures._choose_position(bits)[1].min()
    bits[1:3, 5] = KNOWN_BITS
    assert [1, 2] == np.flatnonzero(known_pictures._choose_position(bits)[1] <= HASH_BITS).tolist()
    bits[3:5, 3] = 0
    position, found = known_pictures._choose_position(bits)
    assert (3, LIKELY_BITS) == (position[0], found[0])
    bits[0, 3] += 1
    assert HASH_BITS < known_pictures._choose_position(bits)[1][0]


def test_hashes_at_hand_are_used(known: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the hashes of its pictures, no picture is read."""
    dataset = index_dataset(copy_set(known, tmp_path / "other", CHANGES["smaller"]))
    hashes = known_pictures._hash_rows(dataset, np.arange(20))
    monkeypatch.setattr(known_pictures, "read_pixels", None)
    assert 20 == find_known_pictures(dataset, hashes).n_near


def test_a_probe_decides_what_is_read(known: Path, tmp_path: Path) -> None:
    """If no picture of the probe is a near-copy, no other is read; if one is, all are."""
    write_phantom_dataset(tmp_path / "strange", n_patients=4, slices_per_patient=5, size=128, seed=9)
    strange = index_dataset(tmp_path / "strange")
    copied = index_dataset(copy_set(known, tmp_path / "other", CHANGES["smaller"]))
    for dataset, n_read, n_near in ((strange, 6, 0), (copied, 20, 20)):
        steps: list[tuple[int, int]] = []
        found = find_known_pictures(dataset, progress=lambda *step: steps.append(step), n_probe=6)  # noqa: B023
        assert (n_read, n_near, 20) == (len(steps), found.n_near, found.n_files)


def test_the_sentences_name_what_files_are_called_here_and_there() -> None:
    """The sentences count the files by their name here, their class there and what their slices show."""
    names, classes = ["ischemic"] * 1551 + ["hemorrhagic"] * 950, ["Normal"] * 1551 + ["Stroke"] * 950
    shows, exact = [row < 49 or 1551 <= row < 1810 for row in range(2501)], [row > 0 for row in range(2501)]
    table = pd.DataFrame(
        {"name": names, "known_class": classes, "shows_hemorrhage": shows, "is_exact": exact}
    )
    first, *names_told, last = KnownPictures(2515, table).describe()
    assert first.startswith(
        "2,501 of your 2,515 files are slices of the published set, Brain Stroke CT Image"
    )
    assert first.endswith(": 2,500 with the same bytes, 1 changed or saved again.")
    assert [
        "1,551 called 'ischemic' here are Normal there; of these, 49 show a hemorrhage.",
        "950 called 'hemorrhagic' here are Stroke there; of these, 259 show a hemorrhage.",
    ] == names_told
    assert "no slice is labeled as an ischemic stroke" in last


def test_one_slice_is_told_in_the_singular() -> None:
    """One file is a slice."""
    table = pd.DataFrame(
        {"name": ["a"], "known_class": ["Stroke"], "shows_hemorrhage": [False], "is_exact": [False]}
    )
    first, second, _ = KnownPictures(9, table).describe()
    assert first.startswith("1 of your 9 files is a slice of the published set")
    assert "1 called 'a' here is Stroke there." == second


def test_a_manifests_labels_are_its_names(known: Path, tmp_path: Path) -> None:
    """The words for a slice of a manifest are its labels."""
    copy_set(known, tmp_path / "files")
    lines = [
        "file,hemorrhage,ischemia",
        "files/ischemic/scan_0.jpg,absent,present",
        "files/ischemic/scan_1.jpg,unknown,",
        "files/hemorrhagic/scan_0.jpg,present,",
    ]
    (tmp_path / "set.csv").write_text("\n".join(lines) + "\n")
    found = find_known_pictures(index_dataset(tmp_path / "set.csv"))
    names = dict(zip(found.table["file"], found.table["name"], strict=True))
    assert {
        "files/ischemic/scan_0.jpg": "hemorrhage absent, ischemia present",
        "files/ischemic/scan_1.jpg": "unlabeled",
        "files/hemorrhagic/scan_0.jpg": "hemorrhage present",
    } == names


def test_only_the_published_set_makes_the_file(published: Path) -> None:
    """Another set is refused, so that its pictures never count as known."""
    with pytest.raises(DatasetError, match="only be made from the published set"):
        pack_known_pictures(index_dataset(published))


def test_the_shipped_file_holds_numbers_of_every_slice() -> None:
    """The file has one row for each slice of the published set, and its counts of classes and labels."""
    with np.load(KNOWN_FILE, allow_pickle=False) as arrays:
        shapes = {name: (array.dtype, array.shape[1:]) for name, array in arrays.items()}
        numbers = {name: array for name, array in arrays.items()}
    scalar = (np.dtype(np.uint8), ())
    columns = dict.fromkeys(("folder_labels", "slice_labels", "patients", "numbers"), scalar)
    assert {"hashes": (np.uint8, (32,)), "digests": (np.uint8, (8,)), **columns} == shapes
    assert {KNOWN_DATASET["n_files"]} == {len(array) for array in numbers.values()}
    assert (950, 308) == (numbers["folder_labels"].sum(), numbers["slice_labels"].sum())
    assert len(np.unique(numbers["digests"], axis=0)) == KNOWN_DATASET["n_files"]


@needs_real_data
@pytest.mark.slow
def test_the_shipped_file_is_made_from_the_published_set() -> None:
    """The command makes the shipped file again, byte for byte."""
    assert KNOWN_FILE.read_bytes() == pack_known_pictures(index_real_data())


@needs_real_data
def test_real_slices_are_found_under_other_names(tmp_path: Path) -> None:
    """Real slices in folders of other names are found: exact ones, ones at 224 pixels, and turned ones."""
    for row, path in enumerate(sorted(real_folder().rglob("*.jpg"))[::125]):
        folder = tmp_path / OTHER_NAMES[path.parent.name]
        folder.mkdir(exist_ok=True)
        if row % 3 == 0:
            (folder / f"{row}.jpg").write_bytes(path.read_bytes())
        elif row % 3 == 1:
            Image.open(path).resize((224, 224)).save(folder / f"{row}.png")
        else:
            Image.open(path).transpose(Image.Transpose.ROTATE_270).save(folder / f"{row}.jpg", quality=50)
    found = find_known_pictures(index_dataset(tmp_path))
    assert (21, 7, 14) == (found.n_files, found.n_exact, found.n_near)
    assert [("ischemic", "Normal"), ("hemorrhagic", "Stroke")] == [
        (one.name, one.known_class) for one in found.count_names()
    ]


@needs_real_data
@pytest.mark.slow
@pytest.mark.parametrize("name", ["phe-sich/images", "rsna-2019/images"])
def test_slices_of_other_hospitals_are_not_found(name: str, tmp_path: Path) -> None:
    """No slice of two other hospitals' sets is taken for one of the published set."""
    folder = real_folder().parent / name
    if not folder.is_dir():
        pytest.skip(f"{name} is not here")
    files = sorted(folder.iterdir())
    lines = ["file", *(str(path.relative_to(folder)) for path in files)]
    (tmp_path / "set.csv").write_text("\n".join(lines) + "\n")
    (tmp_path / "set.sources.csv").write_text(f"source,folder\n,{folder}\n")
    found = find_known_pictures(index_dataset(tmp_path / "set.csv"))
    assert found.n_files > 1900
    assert 0 == len(found.table)


def test_single_pictures_are_compared_with_some_slices(known: Path) -> None:
    """A turned slice is a near-copy of the slices with its hash, and of no others."""
    table = index_dataset(known).table
    with Image.open(known / table["file"][3]) as picture:
        turned = np.asarray(picture.resize((90, 90)).transpose(Image.Transpose.ROTATE_90), np.float32) / 255
    own, others = (list_known_hashes(set(table["sha256"][rows])) for rows in ([2, 3], [12, 13]))
    assert ((16, 4), True, False) == (own.shape, is_near_copy(turned, own), is_near_copy(turned, others))
    assert not is_near_copy(turned, list_known_hashes({"ab" * 32}))
