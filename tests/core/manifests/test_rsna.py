"""The RSNA set is described in its published layout, and as a folder with slices.csv."""

from __future__ import annotations

from pathlib import Path

import pytest

from core.errors import DatasetError
from core.manifests.folders import describe_folder
from core.manifests.kept_aside import is_kept_aside
from tests.manifest_files import write_lines
from tests.scan_files import write_dicom

KINDS = ("epidural", "intraparenchymal", "intraventricular", "subarachnoid", "subdural", "any")


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Four DICOM files of two patients, labels of five slices, in a wrapping folder."""
    home = tmp_path / "rsna" / "unpacked"
    place = home / "stage_2_train"
    place.mkdir(parents=True)
    lines = ["ID,Label"]
    for number in range(4):
        data = write_dicom(PatientID=f"ID_patient{number // 2}", InstanceNumber=number)
        (place / f"ID_{number}.dcm").write_bytes(data)
    for number in range(5):
        lines += [f"ID_{number}_{kind},{int(number == 1 and kind in ('subdural', 'any'))}" for kind in KINDS]
    # The published table repeats some lines.
    lines += ["ID_1_any,1", "ID_3_any,1"]
    write_lines(home / "stage_2_train.csv", *lines)
    return tmp_path / "rsna"


def test_the_published_layout(published: Path) -> None:
    """Labels come from the lines "any"; a slice with both labels is unknown; slices without file are said."""
    layout = describe_folder("rsna", published)
    files = [f"unpacked/stage_2_train/ID_{number}.dcm" for number in range(4)]
    assert files == [line["file"] for line in layout.lines]
    assert ["absent", "present", "absent", "unknown"] == [line["hemorrhage"] for line in layout.lines]
    # Ischemia is presumed absent only where hemorrhage is known to be.
    assert ["", "unknown", "", "unknown"] == [line["ischemia"] for line in layout.lines]
    assert "presumed absent" == layout.sources[0].silence["ischemia"][0]
    assert ("1 slices of stage_2_train.csv have no file.",) == layout.notes


def test_patients_are_known_and_hidden(published: Path) -> None:
    """Slices of one patient have one digest, which does not show the id; a patient is kept as a whole."""
    lines = describe_folder("rsna", published).lines
    patients = [line["patient"] for line in lines]
    assert patients[0] == patients[1] != patients[2] == patients[3]
    assert not any("patient" in patient for patient in patients)
    expected = ["kept" if is_kept_aside("rsna-2019", patient) else "" for patient in patients]
    assert expected == [line["part"] for line in lines]


def test_a_folder_with_slices(tmp_path: Path) -> None:
    """A table of slices gives labels; patients are unknown, and slices are kept aside by their id."""
    names = [f"ID_{number}" for number in range(40)]
    rows = [f"{name},0,{int(name == 'ID_7')}" for name in names]
    write_lines(tmp_path / "slices.csv", "slice,subdural,any", *rows)
    (tmp_path / "images").mkdir()
    for name in names:
        (tmp_path / "images" / f"{name}.png").touch()
    lines = describe_folder("rsna", tmp_path).lines
    assert ["images/ID_7.png"] == [line["file"] for line in lines if line["hemorrhage"] == "present"]
    assert {""} == {line["patient"] for line in lines}
    assert [is_kept_aside("rsna-2019", name) for name in names] == [bool(line["part"]) for line in lines]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("file,label",), "must begin with the line ID,Label"),
        (("ID,Label", "ID_1_any,2"), "Line 2 of stage_2_train.csv is not like"),
        (("ID,Label", "ID_1_any"), "Line 2"),
        (("ID,Label", "ID_1_any,1"), "holds no DICOM file"),
    ],
)
def test_another_table_is_refused(tmp_path: Path, lines: tuple[str, ...], words: str) -> None:
    """A damaged table is refused by line, and one without files too."""
    write_lines(tmp_path / "stage_2_train.csv", *lines)
    with pytest.raises(DatasetError, match=words):
        describe_folder("rsna", tmp_path)


def test_another_folder_is_refused(tmp_path: Path) -> None:
    """Without either table the error names both."""
    with pytest.raises(DatasetError, match=r"neither stage_2_train.csv nor slices.csv"):
        describe_folder("rsna", tmp_path)
