"""PHE-SICH-CT-IDS (Ma et al. 2023, arXiv 2308.10521): spontaneous hemorrhage, with masks of the edema.

As published: the pictures `SubdatasetC_PNG/set/image4/0004_15.png` (patient 4, picture 15) and the masks
`SubdatasetC_PNG/label/label4/0004_15.png`; a name may lack the patient. Or `slices.csv` with the columns
`slice`, `patient` and `edema_mask`, pictures in `images/` and masks in `masks/`.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from core.errors import DatasetError
from core.manifests.columns import KEPT, Source
from core.manifests.kept_aside import is_kept_aside
from core.manifests.layouts import SLICES_NAME, Layout, Line, OnProgress, index_stems, read_flag, read_table

NAME = "phe-sich"
_REASON = (
    "every patient has a hemorrhage, and only edema is outlined: a slice with bleeding but without outlined "
    "edema is wrongly counted as negative"
)
_ISCHEMIA_REASON = (
    "the set was collected for hemorrhage, and nobody looked for ischemia; slices that show a hemorrhage "
    "are left out, because edema and bleeding may look like an infarct or hide one"
)
_SOURCE = Source(
    NAME,
    "PHE-SICH-CT-IDS",
    "non-commercial research; cite Ma et al. 2023, arXiv 2308.10521",
    {"hemorrhage": ("presumed absent", _REASON), "ischemia": ("presumed absent", _ISCHEMIA_REASON)},
)
# The pictures lie with the nose to the left; those of one patient, with the nose to the right.
_ROTATE, _ROTATE_OF = "90", {"0144": "270"}
_PICTURES = (".jpg", ".jpeg", ".png")


def describe(folder: Path, on_progress: OnProgress) -> Layout:
    """Describe the folder; see `core.manifests.describe_folder`. A quarter of the patients is kept aside."""
    if (folder / SLICES_NAME).is_file():
        return Layout(_list_slices(folder), (_SOURCE,))
    sets = [path for path in sorted(folder.rglob("set")) if any(path.glob("image*")) and path.is_dir()]
    if not sets:
        raise DatasetError(
            f"The folder {folder.name!r} is not the set PHE-SICH-CT-IDS",
            found=f"neither {SLICES_NAME} nor set/image1",
            remedy="give the folder that holds SubdatasetC_PNG",
        )
    return Layout(_list_published(folder, sets[0], on_progress), (_SOURCE,))


def _write_line(file: str, patient: str, mask: str) -> Line:
    return {
        "file": file,
        "source": NAME,
        "patient": patient,
        # Silence is presumed absent; see the reason.
        "hemorrhage": "present" if mask else "",
        "ischemia": "unknown" if mask else "",
        "mask": mask,
        "part": KEPT if is_kept_aside(NAME, patient) else "",
        "rotate": _ROTATE_OF.get(patient, _ROTATE),
    }


def _list_slices(folder: Path) -> list[Line]:
    names, masks = (index_stems(folder / place, _PICTURES) for place in ("images", "masks"))
    lines = []
    for row in read_table(folder / SLICES_NAME, ("slice", "patient", "edema_mask")):
        stem = row["slice"]
        shows = read_flag(row, "edema_mask") == "present"
        mask = f"masks/{masks.get(stem, stem + '.png')}" if shows else ""
        lines.append(_write_line(f"images/{names.get(stem, stem + '.jpg')}", row["patient"], mask))
    return lines


def _list_published(folder: Path, pictures: Path, on_progress: OnProgress) -> list[Line]:
    files = [
        (int(number[1]), path)
        for place in sorted(pictures.glob("image*"))
        if (number := re.fullmatch(r"image0*([0-9]+)", place.name))
        for path in sorted(place.iterdir())
        if path.suffix.lower() in _PICTURES
    ]
    lines = []
    for done, (patient, path) in enumerate(sorted(files), start=1):
        mask = pictures.parent / "label" / f"label{path.parent.name.removeprefix('image')}" / path.name
        shows = mask.is_file() and _is_drawn(mask)
        drawn = mask.relative_to(folder).as_posix() if shows else ""
        lines.append(_write_line(path.relative_to(folder).as_posix(), f"{patient:04d}", drawn))
        on_progress(done, len(files))
    return lines


def _is_drawn(mask: Path) -> bool:
    """Return whether a mask outlines anything.

    Raises:
        DatasetError: it is no picture.
    """
    try:
        with Image.open(mask) as picture:
            return bool(np.asarray(picture.convert("L")).any())
    except (UnidentifiedImageError, OSError, ValueError) as error:
        raise DatasetError(f"The mask {mask.name} cannot be read", remedy="download the set again") from error
