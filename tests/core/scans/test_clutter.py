"""Clutter beside scans in archives and on media, and files that may be slices that were not read."""

from __future__ import annotations

import pytest

from core.scans import read_study
from core.scans.clutter import is_system_name
from core.scans.decoding import _try_decode
from tests.scan_files import write_dicom, write_series, write_zip

_DOUBLE = b"\0\5\x16\7" + bytes(100)
_INDEX = write_dicom(PixelData=None, DirectoryRecordSequence=[])


@pytest.mark.parametrize(
    ("name", "data", "role"),
    [
        ("anything", _DOUBLE, "clutter"),
        ("S1/DIRFILE", _INDEX, "clutter"),
        ("DICOMDIR", b"\0damaged", "clutter"),
        ("a/Thumbs.db", b"\xd0\xcf\x11\xe0" + bytes(90), "clutter"),
        ("a/._1.dcm", bytes(90), "clutter"),
        ("README", b"Insert the medium.\r\nGr\xfc\xdfe\r\n", "program"),
        ("list.txt", "Übersicht".encode("utf-16"), "program"),
        ("empty.ini", b"", "program"),
        ("VIEWER.EXE", b"MZ\x90\0" + bytes(90), "program"),
        ("Viewer.class", b"\xca\xfe\xba\xbe\0\0\0\x32", "program"),
        ("manual.pdf", b"%PDF-1.4\n", "program"),
        ("logo.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "program"),
        ("SR1", write_dicom(Modality="SR", PixelData=None), "other"),
        ("photo.jpg", b"\xff\xd8\xff\xe0" + bytes(90), "other"),
        ("photo.heic", b"\0\0\0\x18ftypheic" + bytes(90), "other"),
        ("7.dcm", write_dicom()[:3000], "slice"),
        ("7.dcm", b"", "slice"),
        ("7", bytes(3000), "slice"),
    ],
)
def test_roles(name: str, data: bytes, role: str) -> None:
    """Leftovers, programs, other things and damaged slices are told apart by content, then by name."""
    assert role == _try_decode(data, name, b"").role


def test_names_of_systems_are_known_in_any_folder() -> None:
    """macOS and Windows leave files of known names in any folder; others are scans."""
    found = [
        name
        for name in ("a/__MACOSX/b/1", "A\\Thumbs.DB", "x/.DS_Store", "Desktop.ini")
        if is_system_name(name)
    ]
    assert 4 == len(found)
    assert not any(map(is_system_name, ("a/1.dcm", "thumbs/1", "_.1", "a.db")))


def test_nothing_is_said_of_clutter_beside_a_scan() -> None:
    """Clutter and programs are not refused beside slices, wherever they lie in an archive; alone they are."""
    clutter = {
        "S/._1": _DOUBLE,
        "S/odd": _DOUBLE,
        "S/DIRFILE": _INDEX,
        "DICOMDIR": _INDEX,
        "README.TXT": b"Hello",
    }
    slices = {f"S/{index}": data for index, data in enumerate(write_series(3))}
    study = read_study([("a.zip", write_zip(slices | clutter))])
    assert ([3], (), ()) == (
        [len(scan.slices) for scan in study.scans],
        study.refused,
        study.scans[0].incomplete,
    )
    alone = read_study([("a.zip", write_zip(clutter))])
    assert ["a.zip/odd", "a.zip/DIRFILE", "a.zip/README.TXT"] == [one.source for one in alone.refused]


def test_texts_beside_pictures_are_refused(gray, encode) -> None:
    """A text is refused by name beside pictures, which are no medium; a leftover is not."""
    study = read_study([("1.png", encode(gray)), ("note.txt", b"Hello"), ("Thumbs.db", bytes(90))])
    assert ["note.txt"] == [refused.source for refused in study.refused]
