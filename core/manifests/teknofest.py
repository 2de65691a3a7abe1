"""TEKNOFEST 2021 stroke set (Koc et al., Eurasian J Med 2022, 54(3):248-258; Turkish Ministry of Health).

As published: folders of classes, "Kanama Veri Seti" (hemorrhage), "Iskemi Veri Seti" and "Inme Yok ..." (no
stroke), each with `DICOM/10017.dcm` or pictures; outlines may lie in `MASKS/`. The files carry no patient,
and file numbers are shuffled; slices of one study share the beginning of the SOP Instance UID. Or
`slices.csv` with the columns `slice`, `group` and `vendor`, and the folders `dicom/` and `masks/`.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

import pydicom

from core.errors import DatasetError
from core.manifests.columns import GROUPED_BY_STUDY, KEPT, Source
from core.manifests.kept_aside import is_kept_aside
from core.manifests.layouts import SLICES_NAME, Layout, Line, OnProgress, hide_id, index_stems, read_table

NAME = GROUPED_BY_STUDY
_REASON = (
    "radiologists sorted each slice into hemorrhage, ischemia or no stroke; no second reading looked for a "
    "hemorrhage beside an ischemia"
)
_SOURCE = Source(
    NAME,
    "TEKNOFEST 2021 stroke data set, Turkish Ministry of Health",
    "research with citation: Koc et al. 2022, doi:10.5152/eurasianjmed.2022.22096",
    {"hemorrhage": ("presumed absent", _REASON), "ischemia": ("unknown", "a hemorrhage may hide it")},
)
# Beginnings of the class folders, without accents: (hemorrhage, ischemia).
_CLASSES = {
    "kanama": ("present", ""),
    "iskemi": ("", "present"),
    "inme yok": ("absent", "absent"),
    "kontur yok": ("absent", "absent"),
}
_MASKS = ("masks", "mask", "maske", "Masks", "MASKS", "Mask", "MASK")
_DICOM = (".dcm",)
_PICTURES = (".png", ".jpg", ".jpeg")


def describe(folder: Path, on_progress: OnProgress) -> Layout:
    """Describe the folder; see `core.manifests.describe_folder`. A quarter of the groups is kept aside."""
    if (folder / SLICES_NAME).is_file():
        return Layout(_list_slices(folder), (_SOURCE,))
    places = list(_find_classes(folder))
    if not places:
        raise DatasetError(
            f"The folder {folder.name!r} is not the TEKNOFEST set",
            found=f"neither {SLICES_NAME} nor class folders such as 'Kanama Veri Seti'",
            remedy="give the folder that holds the class folders",
        )
    return Layout(_list_published(folder, places, on_progress), (_SOURCE,))


def _list_slices(folder: Path) -> list[Line]:
    names, masks = index_stems(folder / "dicom", _DICOM), index_stems(folder / "masks", _PICTURES)
    return [
        {
            **_write_line(f"dicom/{names.get(stem, stem + '.dcm')}", row["group"], ("", "present")),
            "mask": f"masks/{masks[stem]}" if stem in masks else "",
            "vendor": row["vendor"],
        }
        for row in read_table(folder / SLICES_NAME, ("slice", "group", "vendor"))
        for stem in [row["slice"]]
    ]


def _write_line(file: str, group: str, labels: tuple[str, str]) -> Line:
    return {
        "file": file,
        "source": NAME,
        "patient": group,
        "hemorrhage": labels[0],
        "ischemia": labels[1],
        "part": KEPT if group and is_kept_aside(NAME, group) else "",
    }


def _find_classes(folder: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield each folder with slices and its labels: of a class its DICOM files, or else its pictures."""
    for place in sorted(path for path in folder.rglob("*") if path.is_dir()):
        plain = _strip_accents(place.name)
        labels = next((labels for start, labels in _CLASSES.items() if plain.startswith(start)), None)
        if labels is None:
            continue
        for inside in (place / "DICOM", place / "dicom", place / "PNG", place / "png", place):
            if index_stems(inside, _DICOM) or index_stems(inside, _PICTURES):
                yield inside, labels
                break


def _strip_accents(name: str) -> str:
    """Return a name in lower-case letters without accents and without the dot of a Turkish capital I.

    >>> _strip_accents("İNME YOK")
    'inme yok'
    """
    letters = unicodedata.normalize("NFKD", name.lower())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


def _list_published(
    folder: Path, places: list[tuple[Path, tuple[str, str]]], on_progress: OnProgress
) -> list[Line]:
    lines: list[Line] = []
    found = [
        (place, labels, stem, name)
        for place, labels in places
        for stem, name in (index_stems(place, _DICOM) or index_stems(place, _PICTURES)).items()
    ]
    masks = {place: _find_masks(place) for place, _ in places}
    for done, (place, labels, stem, name) in enumerate(found, start=1):
        path = place / name
        line = dict(_write_line(path.relative_to(folder).as_posix(), _read_group(path), labels))
        if mask := masks[place].get(stem):
            line["mask"] = mask.relative_to(folder).as_posix()
        lines.append(line)
        on_progress(done, len(found))
    return lines


def _find_masks(place: Path) -> dict[str, Path]:
    """Return stem -> mask of the class that `place` belongs to."""
    for home in (place.parent, place):
        for name in _MASKS:
            if stems := index_stems(home / name, _PICTURES):
                return {stem: home / name / file for stem, file in stems.items()}
    return {}


def _read_group(path: Path) -> str:
    """Return a digest for the studies that a file may belong to; "" for a picture.

    It is made of the SOP Instance UID without its last two numbers. Some studies share it: that joins them in
    a split, but never separates slices of one study.
    """
    if path.suffix.lower() not in _DICOM:
        return ""
    try:
        meta = pydicom.filereader.read_file_meta_info(path)
    except (pydicom.errors.InvalidDicomError, OSError, ValueError, EOFError):
        return ""
    return hide_id(NAME, str(meta.get("MediaStorageSOPInstanceUID", "")).rsplit(".", 2)[0])
