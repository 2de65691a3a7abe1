"""The allow-list of DICOM attributes holds none that DICOM's confidentiality profile removes."""

from __future__ import annotations

import pytest
from pydicom.datadict import DicomDictionary, dictionary_VR, keyword_for_tag, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from core.scans import dicom, dicom_header
from core.scans.dicom_allow_list import ALLOWED, ALLOWED_META, drop_others
from tests.scan_files import render_dataset, render_hu, save

# DICOM PS3.15 2024b, table E.1-1: its attributes in the groups that occur in ALLOWED and ALLOWED_META.
# Nothing is allowed of its other groups (0010, 0012, 0032, 0038, 0040, 0400, 4008 ...).
PROFILE = {
    0x0002: "0003",
    0x0004: "1511",
    0x0008: "0012 0013 0014 0015 0017 0018 0019 0020 0021 0022 0023 0024 0025 002A 0030 0031 0032 0033 0034 "
    "0035 0050 0054 0055 0058 0080 0081 0082 0090 0092 0094 0096 009C 009D 0106 0107 0201 1000 1010 "
    "1030 103E 1040 1041 1048 1049 1050 1052 1060 1062 1070 1072 1080 1084 1088 1110 1111 1120 1140 "
    "1155 1195 2111 2112 3010 4000",
    0x0018: "0010 0027 0035 1000 1002 1004 1005 1007 1008 1009 100A 100B 1012 1014 1030 1042 1043 1072 1073 "
    "1078 1079 11BB 1200 1201 1202 1203 1204 1205 1400 2042 4000 5011 700A 700C 700E 9074 9151 9185 "
    "9367 9369 936A 9371 9373 937B 937F 9424 9516 9517 9623 9701 9804 9919 9937 A002 A003",
    0x0020: "000D 000E 0010 0027 0052 0200 3401 3403 3405 3406 4000 9158 9161 9164",
    0x0028: "1199 1214 4000",
    0x5200: "",
    0x7FE0: "",
}  # fmt: skip
# Value representations of names, dates, identifiers and free text.
IDENTIFYING = {"PN", "DA", "DT", "TM", "AS", "UI", "AE", "LO", "LT", "SH", "ST", "UC", "UR", "UT", "UN"}


def tags_of(dataset: Dataset) -> set[str]:
    """Return the keywords of all attributes, also within sequences; for a private one, its tag."""
    return {keyword_for_tag(element.tag) or str(element.tag) for element in dataset.iterall()}


@pytest.mark.parametrize("name", [*ALLOWED, *ALLOWED_META])
def test_nothing_is_allowed_that_the_profile_removes(name: str) -> None:
    """Each attribute's group is listed in PROFILE, and the attribute is not."""
    tag = tag_for_keyword(name)
    assert tag is not None
    removed = {int(element, 16) for element in PROFILE[tag >> 16].split()}
    assert tag & 0xFFFF not in removed


def test_nothing_is_allowed_that_could_hold_a_name() -> None:
    """No text, date or UID is allowed, except two file meta UIDs for the object's kind and encoding."""
    assert set() == {name for name in ALLOWED if set(dictionary_VR(name).split(" or ")) & IDENTIFYING}
    assert ("TransferSyntaxUID", "MediaStorageSOPClassUID") == ALLOWED_META


def test_everything_else_is_dropped() -> None:
    """From a file with every attribute of the dictionary, at three depths, only those listed remain."""
    dataset = render_dataset(render_hu()[None])
    for tag, (vr, *_rest) in DicomDictionary.items():
        name = keyword_for_tag(tag)
        if name and tag >> 16 not in (0, 2, 0xFFFE) and name not in ALLOWED:
            dataset.add_new(tag, vr.split(" or ")[0], [Dataset()] if vr == "SQ" else None)
    inner, measures = Dataset(), Dataset()
    measures.PixelSpacing, measures.PatientName = [1, 1], "A^B"
    inner.PixelMeasuresSequence, inner.FrameComments = Sequence([measures]), "A B"
    dataset.PerFrameFunctionalGroupsSequence = Sequence([inner])
    dataset.private_block(0x0099, "A B", create=True).add_new(1, "LO", "A B")
    dataset.file_meta.SourceApplicationEntityTitle = "A B"
    dataset.preamble = b"A B".ljust(128)
    assert len(tags_of(dataset)) > 4000
    drop_others(dataset)
    assert set() == tags_of(dataset) - set(ALLOWED)
    assert {"PixelSpacing", "PixelMeasuresSequence", "Rows"} < tags_of(dataset)
    assert set() == tags_of(dataset.file_meta) - set(ALLOWED_META)
    assert dataset.preamble is None


def test_decoding_sees_only_allowed_attributes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The data set that is checked and decoded holds no other attribute."""
    seen: list[Dataset] = []
    check = dicom_header.check
    monkeypatch.setattr(dicom_header, "check", lambda dataset, n: seen.append(dataset) or check(dataset, n))
    dicom.decode(save(render_dataset()), "a")
    assert set() == {name for dataset in seen for name in tags_of(dataset)} - set(ALLOWED)
    assert 1 == len(seen)
