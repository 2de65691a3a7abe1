"""The TEKNOFEST set is described in its published layout, and as a folder with slices.csv."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.manifests.folders import describe_folder
from core.manifests.kept_aside import is_kept_aside
from tests.manifest_files import write_lines, write_slice
from tests.scan_files import write_dicom

# As the publisher names the folders; one has a decomposed capital I with a dot.
CLASSES = ("Kanama Veri Seti", "I\u0307skemi Veri Seti", "İnme Yok_kronik süreç_diğer Veri Set_PNG")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Hemorrhage and ischemia as DICOM files, one of them with a mask; no stroke as pictures."""
    for place, name in enumerate(CLASSES[:2]):
        folder = tmp_path / "training" / name
        (folder / "DICOM").mkdir(parents=True)
        for number in range(3):
            uid = f"1.2.3.1{place}{number // 2}.{90 + number}.{number}"
            data = write_dicom(SOPInstanceUID=uid)
            (folder / "DICOM" / f"{10_000 + number}.dcm").write_bytes(data)
        write_slice(folder / "PNG" / "10000.png")
    write_slice(tmp_path / "training" / CLASSES[1] / "MASKS" / "10001.png")
    write_slice(tmp_path / CLASSES[2] / "20000.png")
    return tmp_path


def test_the_published_layout(published: Path) -> None:
    """The class folder gives the label; DICOM files are preferred to pictures; masks are found by number."""
    layout = describe_folder("teknofest", published)
    labels = {line["file"]: (line["hemorrhage"], line["ischemia"]) for line in layout.lines}
    assert 7 == len(labels)
    assert ("present", "") == labels[f"training/{CLASSES[0]}/DICOM/10000.dcm"]
    assert ("", "present") == labels[f"training/{CLASSES[1]}/DICOM/10002.dcm"]
    assert ("absent", "absent") == labels[f"{CLASSES[2]}/20000.png"]
    masks = {line["file"]: line["mask"] for line in layout.lines if line.get("mask")}
    place = f"training/{CLASSES[1]}"
    assert {f"{place}/DICOM/10001.dcm": f"{place}/MASKS/10001.png"} == masks
    assert "presumed absent" == layout.sources[0].silence["hemorrhage"][0]


def test_slices_of_one_study_share_a_group(published: Path) -> None:
    """Files whose UIDs differ in the last two numbers only have one digest; pictures have none."""
    lines = describe_folder("teknofest", published).lines
    groups = {line["file"].split("/", 1)[1]: line["patient"] for line in lines}
    first = [groups[f"{CLASSES[0]}/DICOM/{10_000 + number}.dcm"] for number in range(3)]
    assert first[0] == first[1] != first[2]
    assert "" == next(line["patient"] for line in lines if line["file"].endswith("20000.png"))
    assert not any("1.2.3" in group for group in groups.values())


def test_a_folder_with_slices(tmp_path: Path) -> None:
    """All slices show an ischemia; groups and vendors come from the table, and groups are kept aside."""
    rows = [f"{number},T{number % 9:04d},GE" for number in range(30)]
    write_lines(tmp_path / "slices.csv", "slice,group,vendor", *rows)
    lines = describe_folder("teknofest", tmp_path).lines
    assert {("present", "", "GE")} == {
        (line["ischemia"], line["hemorrhage"], line["vendor"]) for line in lines
    }
    assert "dicom/7.dcm" == lines[7]["file"]
    assert [is_kept_aside("teknofest-ischemia", line["patient"]) for line in lines] == [
        bool(line["part"]) for line in lines
    ]


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """Without either layout the error names both; so it does for a folder that does not exist."""
    with pytest.raises(DatasetError, match=r"neither slices.csv nor class folders"):
        describe_folder("teknofest", tmp_path)
    with pytest.raises(DatasetError, match="There is no folder"):
        describe_folder("teknofest", tmp_path / "none")
