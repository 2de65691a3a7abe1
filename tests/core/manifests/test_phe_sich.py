"""PHE-SICH-CT-IDS is described in its published layout, and as a folder with slices.csv."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.errors import DatasetError
from core.manifests.folders import describe_folder
from core.manifests.kept_aside import is_kept_aside
from tests.manifest_files import write_lines, write_slice


def _write_mask(path: Path, drawn: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    mask = np.zeros((64, 64), np.uint8)
    mask[20:30, 20:30] = 255 * drawn
    Image.fromarray(mask).save(path)


def test_the_published_layout(tmp_path: Path) -> None:
    """A drawn mask means edema, hence a hemorrhage; a blank or missing one is silence."""
    home = tmp_path / "PHE-SICH-CT-IDS" / "SubdatasetC_PNG"
    for patient in (4, 12):
        for number in range(3):
            name = f"{patient:04d}_{number:02d}.png"
            write_slice(home / "set" / f"image{patient}" / name)
            if number:
                _write_mask(home / "label" / f"label{patient}" / name, drawn=number == 2)
    layout = describe_folder("phe-sich", tmp_path)
    place = "PHE-SICH-CT-IDS/SubdatasetC_PNG"
    shown = [(line["file"], line["mask"]) for line in layout.lines if line["hemorrhage"] == "present"]
    assert [
        (f"{place}/set/image4/0004_02.png", f"{place}/label/label4/0004_02.png"),
        (f"{place}/set/image12/0012_02.png", f"{place}/label/label12/0012_02.png"),
    ] == shown
    assert ["", "", "unknown"] * 2 == [line["ischemia"] for line in layout.lines]
    assert "presumed absent" == layout.sources[0].silence["ischemia"][0]
    assert ["0004"] * 3 + ["0012"] * 3 == [line["patient"] for line in layout.lines]
    assert {"90"} == {line["rotate"] for line in layout.lines}
    means, reason = layout.sources[0].silence["hemorrhage"]
    assert "presumed absent" == means
    assert "wrongly counted as negative" in reason


def test_a_folder_with_slices(tmp_path: Path) -> None:
    """The table names patients and edema, and whole patients are kept aside."""
    rows = [f"{patient:04d}_0,{patient:04d},0,{int(patient == 3)}" for patient in range(1, 20)]
    write_lines(tmp_path / "slices.csv", "slice,patient,number,edema_mask", *rows)
    lines = describe_folder("phe-sich", tmp_path).lines
    assert [("images/0003_0.jpg", "masks/0003_0.png")] == [
        (line["file"], line["mask"]) for line in lines if line["hemorrhage"]
    ]
    assert [is_kept_aside("phe-sich", line["patient"]) for line in lines] == [
        bool(line["part"]) for line in lines
    ]


def test_one_patient_lies_the_other_way(tmp_path: Path) -> None:
    """The pictures of patient 0144 lie with the nose to the right, all others to the left."""
    write_lines(tmp_path / "slices.csv", "slice,patient,edema_mask", "0144_0,0144,0", "0145_0,0145,0")
    assert ["270", "90"] == [line["rotate"] for line in describe_folder("phe-sich", tmp_path).lines]


def test_a_damaged_mask_is_named(tmp_path: Path) -> None:
    """A mask that cannot be read would be taken for silence, so it is an error."""
    write_slice(tmp_path / "set" / "image1" / "0001_00.png")
    (tmp_path / "label" / "label1").mkdir(parents=True)
    (tmp_path / "label" / "label1" / "0001_00.png").write_bytes(b"no picture")
    with pytest.raises(DatasetError, match=r"mask 0001_00.png cannot be read"):
        describe_folder("phe-sich", tmp_path)


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("slice,patient", "1,1"), "no column 'edema_mask'"),
        (("slice,patient,edema_mask", "1,1,yes"), "must hold 0 or 1.*'yes'"),
        (("slice,patient,edema_mask", "1,1"), "line 2: it has 2 cells"),
        (("slice,patient,edema_mask",), "holds no slice"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    """A table of another form is refused as a whole: labels must not be guessed."""
    write_lines(tmp_path / "slices.csv", *lines)
    with pytest.raises(DatasetError, match=words):
        describe_folder("phe-sich", tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """Without either layout the error names both."""
    with pytest.raises(DatasetError, match=r"neither slices.csv nor set/image1"):
        describe_folder("phe-sich", tmp_path)
