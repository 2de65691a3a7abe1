"""A data set that came as a zip archive: two class folders of pictures, unpacked under names of our own."""

from __future__ import annotations

import hashlib
import re
import secrets
import shutil
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from zipfile import ZipInfo

from core.datasets.file_names import parse_name
from core.errors import DatasetError
from core.scans import RASTER_NAMES, identify
from core.system import CheckedZip, Limits, natural_key, open_zip

LIMITS = Limits(n_members=20_000, member_bytes=64_000_000, total_bytes=4_000_000_000)
# Uploads that no training needs; older ones are removed when another comes.
_N_KEPT = 3
_CLASS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,38}[A-Za-z0-9])?")
_LEFTOVERS = ("__macosx/", "thumbs.db", "desktop.ini")
_HEAD_BYTES = 4096
_LAYOUT = "zip two folders of pictures, one for each class, such as Normal and Stroke, and nothing else"


@dataclass(frozen=True)
class UploadedSet:
    """A data set that was unpacked.

    Attributes:
        folder: holds the two class folders.
        counts: class name -> number of pictures.
    """

    folder: Path
    counts: dict[str, int]


def unpack_dataset(
    source: BinaryIO,
    area: Path,
    *,
    in_use: Collection[Path] = (),
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> UploadedSet:
    """Unpack a data set, once: the same archive comes to the same folder.

    Classes keep their names (letters, digits, blanks, hyphens). Pictures keep patient and number where every
    name is "PATIENT (NUMBER)" in digits, and are counted through otherwise: no other part of an archive's
    names, which may name a person, is kept.

    Args:
        source: the archive.
        area: the folder of unpacked data sets, on a disk with room for it.
        in_use: data sets that trainings need; of the others the newest three stay.
        progress: called as progress(files done, files in all).

    Raises:
        DatasetError: the archive holds other things than pictures in two class folders.
        StrokeError: code "bad_zip", see `core.system.zip_files`.
    """
    folder = area / _hash(source)[:16]
    if folder.is_dir():
        return UploadedSet(folder, _count(folder))
    area.mkdir(parents=True, exist_ok=True)
    aside = area / f".part-{secrets.token_hex(4)}"
    try:
        with open_zip(source, LIMITS) as archive:
            planned = _plan(archive.members)
            for done, (member, class_name, stem) in enumerate(planned, start=1):
                _unpack(archive, member, aside / class_name, stem, done)
                progress(done, len(planned))
        aside.rename(folder)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    _clear_unused(area, {*in_use, folder})
    return UploadedSet(folder, _count(folder))


def _hash(source: BinaryIO) -> str:
    digest = hashlib.sha256()
    source.seek(0)
    while chunk := source.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _plan(members: list[ZipInfo]) -> list[tuple[ZipInfo, str, str]]:
    """(member, name of its class, stem of its new name) for each picture, in natural order."""
    paths = {
        info.filename: tuple(info.filename.split("/")) for info in members if not _is_leftover(info.filename)
    }
    while paths and len({path[0] for path in paths.values()}) == 1 and min(map(len, paths.values())) > 1:
        paths = {name: path[1:] for name, path in paths.items()}
    classes = sorted({path[0] for path in paths.values() if len(path) > 1})
    if len(classes) != 2 or any(len(path) < 2 for path in paths.values()):
        raise DatasetError(
            "The archive does not hold two class folders alone",
            found=f"{len(classes)} folders, and {sum(len(path) < 2 for path in paths.values())} files beside",
            remedy=_LAYOUT,
        )
    if not all(_CLASS_NAME.fullmatch(name) for name in classes):
        raise DatasetError(
            "A class folder's name has other signs than letters, digits, blanks and hyphens, or is too long",
            remedy="rename the two folders, such as Normal and Stroke, and zip them again",
        )
    names = sorted(paths, key=natural_key)
    placed = [parse_name(name) for name in names]
    stems = [f"{place[0]} ({place[1]})" if place else "" for place in placed]
    keys = {(paths[name][0], stem) for name, stem in zip(names, stems, strict=True)}
    if not all(stems) or len(keys) < len(names):
        stems = [f"{number:06d}" for number in range(1, len(names) + 1)]
    infos = {info.filename: info for info in members}
    return [(infos[name], paths[name][0], stem) for name, stem in zip(names, stems, strict=True)]


def _unpack(archive: CheckedZip, member: ZipInfo, folder: Path, stem: str, number: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / stem
    with path.open("w+b") as file:
        archive.copy(member, file)
        file.seek(0)
        kind = identify(file.read(_HEAD_BYTES))
    if kind.name not in RASTER_NAMES:
        raise DatasetError(
            "The archive holds a file that is no picture",
            found=f"file {number}: {kind.name}",
            remedy=_LAYOUT,
        )
    # Not with_suffix: a stem may hold a dot.
    path.rename(folder / f"{stem}.{kind.name.lower()}")


def _is_leftover(name: str) -> bool:
    """What archives and desktops leave behind, and hidden files."""
    low = name.lower()
    return any(word in low for word in _LEFTOVERS) or any(part.startswith(".") for part in name.split("/"))


def _count(folder: Path) -> dict[str, int]:
    return {path.name: sum(1 for _ in path.iterdir()) for path in sorted(folder.iterdir()) if path.is_dir()}


def _clear_unused(area: Path, in_use: Collection[Path]) -> None:
    used = {path.resolve() for path in in_use}
    free = [path for path in area.iterdir() if path.is_dir() and path.resolve() not in used]
    for path in sorted(free, key=lambda path: path.stat().st_mtime)[:-_N_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
