"""Find the two class folders of a data set, and the files in them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

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

_LAYOUT = "put the images into two folders, one for each class, such as Normal and Stroke"


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
