"""Find the class folders of a data set and their files; recover patients and slice labels from file names.

A file named "58 (12).jpg" is number 12 of patient 58.

The published set "Brain Stroke CT Image Dataset" (Kaggle, afridirahman) holds the pictures of PhysioNet
CT-ICH (Hssayeni et al., "Intracranial Hemorrhage Segmentation Using a Deep Convolutional Model", Data 2020,
5(1):14; head CT of 82 patients after trauma) under another name. Its folder label belongs to the patient and
is copied to every slice: most slices in `Stroke` show no hemorrhage, and a few in `Normal` do.

The slice labels can be recovered from the file numbers. In the original folders each slice with a hemorrhage
was followed by its mask. Slices and masks were numbered together, and the masks were later deleted. The
file-number rule is therefore:

    a slice shows a hemorrhage if the number after its own is missing for its patient.

The rule cannot label a patient's last slice, which counts as free of hemorrhage. It agrees with the
radiologists' labels on 2,491 of 2,501 slices. It misses nine slices of patient 49 and one of patient 51, and
has no false positive.

The rule is used only where it can hold: in folders named Normal and Stroke, with every file named by this
scheme, numbers that start at 1, and no two consecutive numbers missing.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Set
from pathlib import Path, PurePosixPath

from core.errors import DatasetError
from core.system import natural_key

# First words of folder names that mark the negative class.
_NEGATIVE_WORDS = {
    "normal",
    "no",
    "non",
    "not",
    "without",
    "healthy",
    "control",
    "controls",
    "negative",
    "benign",
}
# Created by archive programs and desktops.
_IGNORED_FOLDERS = {"__macosx", "$recycle.bin", "system volume information"}
_IGNORED_FILES = {"thumbs.db", "desktop.ini"}
_MAX_WRAPPERS = 4

NAME_RULE = re.compile(r"([0-9]{1,9}) \(([0-9]{1,9})\)")
RULED_CLASSES = {"normal", "stroke"}

Place = tuple[str, int]

_LAYOUT = (
    "put the images into two folders, one for each class, such as Normal and Stroke, or write a manifest "
    "(docs/data.md)"
)


def find_class_folders(folder: Path) -> tuple[Path, tuple[str, str]]:
    """Find the folder that holds the two class folders, inside up to four levels of wrapping folders.

    Empty folders, hidden folders and those of archive programs and desktops are ignored.

    Returns:
        The folder that holds the classes, and their names (negative, positive). The negative name begins with
        a word such as "normal", "no" or "healthy"; if neither or both do, it is the first by name.

    Raises:
        DatasetError: the folder does not exist, or holds no class, one class or more than two.
    """
    if not folder.is_dir():
        raise DatasetError(
            f"There is no folder {str(folder)!r}", remedy="check the path, or download the data set"
        )
    root = folder
    for _ in range(_MAX_WRAPPERS):
        filled = [path for path in _subfolders(root) if any(walk_files(path))]
        if len(filled) == 2:
            return root, _order_classes(*(path.name for path in filled))
        if len(filled) > 2:
            names = ", ".join(path.name for path in filled[:6]) + (", ..." if len(filled) > 6 else "")
            raise DatasetError(
                "The folder contains more than two class folders",
                found=f"{len(filled)}: {names}",
                remedy=_LAYOUT,
            )
        if not filled:
            break
        if not _subfolders(filled[0]):
            empty = [repr(path.name) for path in _subfolders(root) if path != filled[0]]
            raise DatasetError(
                "The folder contains one class only",
                found=f"the folder {filled[0].name!r}" + (f"; {', '.join(empty)} is empty" if empty else ""),
                remedy=_LAYOUT,
            )
        root = filled[0]
    raise DatasetError(f"The folder {folder.name!r} contains no class folders with images", remedy=_LAYOUT)


def list_files(folder: Path) -> list[Path]:
    """Return every file below a class folder in natural order, without hidden and system files."""
    found = [Path(entry.path) for entry in walk_files(folder)]
    return sorted(found, key=lambda path: natural_key(path.relative_to(folder).as_posix()))


def walk_files(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    """Yield the same files as `list_files`, in any order, as directory entries.

    Folders that cannot be listed are skipped, and links to folders are not followed.
    """
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if not entry.is_dir():
            if _is_relevant(entry.name, _IGNORED_FILES):
                yield entry
        elif not entry.is_symlink() and _is_relevant(entry.name, _IGNORED_FOLDERS):
            yield from walk_files(entry.path)


def parse_name(file: str) -> Place | None:
    """Return the (patient, number) of a file, or None when its name does not follow the scheme.

    >>> parse_name("Stroke/58 (12).jpg")
    ('58', 12)
    >>> parse_name("Stroke/slice_12.jpg") is None
    True
    """
    match = NAME_RULE.fullmatch(PurePosixPath(file).stem)
    return (match[1], int(match[2])) if match else None


def can_recover_slice_labels(classes: Iterable[str], taken: Set[Place]) -> bool:
    """Return whether the file-number rule can hold, with every gap explained by one deleted mask.

    Args:
        classes: names of the class folders.
        taken: (patient, number) of every file, including unreadable ones.
    """
    if {name.lower() for name in classes} != RULED_CLASSES:
        return False
    previous: dict[str, int] = {}
    for patient, number in sorted(taken):
        if number - previous.get(patient, 0) > (2 if patient in previous else 1):
            return False
        previous[patient] = number
    return True


def recover_slice_labels(places: Iterable[Place], taken: Set[Place]) -> list[int]:
    """Recover slice labels by the file-number rule.

    Args:
        places: (patient, number) of the slices.
        taken: (patient, number) of every file, including unreadable ones.

    Returns:
        For each slice 1 if it shows a hemorrhage, otherwise 0.
    """
    last: dict[str, int] = {}
    for patient, number in taken:
        last[patient] = max(number, last.get(patient, 0))
    return [int(number < last[patient] and (patient, number + 1) not in taken) for patient, number in places]


def _subfolders(folder: Path) -> list[Path]:
    return sorted(
        path for path in folder.iterdir() if path.is_dir() and _is_relevant(path.name, _IGNORED_FOLDERS)
    )


def _is_relevant(name: str, ignored: set[str]) -> bool:
    return not name.startswith(".") and name.lower() not in ignored


def _order_classes(first: str, second: str) -> tuple[str, str]:
    first, second = sorted((first, second), key=natural_key)
    marked = [re.split(r"[^a-z]+", name.lower())[0] in _NEGATIVE_WORDS for name in (first, second)]
    return (second, first) if marked == [False, True] else (first, second)
