"""Unpack an uploaded data set, a zip archive of two class folders of pictures, under neutral names."""

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

from core.datasets.class_folders import parse_name
from core.errors import DatasetError
from core.scans import RASTER_NAMES, identify
from core.system import CheckedZip, Limits, natural_key, open_zip

LIMITS = Limits(n_members=20_000, member_bytes=64_000_000, total_bytes=4_000_000_000)
# Number of unused uploads to keep; older ones are removed when a new one is unpacked.
_N_KEPT = 3
_CLASS_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9 _-]{0,38}[A-Za-z0-9])?")
_LEFTOVERS = ("__macosx/", "thumbs.db", "desktop.ini")
_HEAD_BYTES = 4096
_LAYOUT = "zip two folders of images, one for each class, such as Normal and Stroke, and nothing else"


@dataclass(frozen=True)
class UploadedSet:
    """An unpacked data set.

    Attributes:
        folder: folder that holds the two class folders.
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
    """Unpack a data set, unless the same archive was unpacked before.

    Class names are kept. Pictures keep patient and number if every name is "PATIENT (NUMBER)" in digits;
    otherwise they are numbered. No other part of a file name is kept, because it may name a person.

    Args:
        source: the archive.
        area: folder of unpacked data sets.
        in_use: data sets that training runs need; of the others the newest three are kept.
        progress: called as progress(files done, total).

    Raises:
        DatasetError: the archive holds anything but pictures in two class folders.
        StrokeError: code "bad_zip", see `core.system.zip_files`.
    """
    folder = area / _hash(source)[:16]
    if folder.is_dir():
        return UploadedSet(folder, _count(folder))
    area.mkdir(parents=True, exist_ok=True)
    temporary = area / f".part-{secrets.token_hex(4)}"
    try:
        with open_zip(source, LIMITS) as archive:
            planned = _plan(archive.members)
            for done, (member, class_name, stem) in enumerate(planned, start=1):
                _unpack(archive, member, temporary / class_name, stem, done)
                progress(done, len(planned))
        temporary.rename(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    _clear_unused(area, {*in_use, folder})
    return UploadedSet(folder, _count(folder))


def _hash(source: BinaryIO) -> str:
    digest = hashlib.sha256()
    source.seek(0)
    while chunk := source.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def _plan(members: list[ZipInfo]) -> list[tuple[ZipInfo, str, str]]:
    """Return (member, class name, stem of the new file name) for each picture, in natural order."""
    paths = {
        info.filename: tuple(info.filename.split("/")) for info in members if not _is_leftover(info.filename)
    }
    while paths and len({path[0] for path in paths.values()}) == 1 and min(map(len, paths.values())) > 1:
        paths = {name: path[1:] for name, path in paths.items()}
    classes = sorted({path[0] for path in paths.values() if len(path) > 1})
    if len(classes) != 2 or any(len(path) < 2 for path in paths.values()):
        raise DatasetError(
            "The archive must contain exactly two class folders",
            found=f"{len(classes)} folders and {sum(len(path) < 2 for path in paths.values())} other files",
            remedy=_LAYOUT,
        )
    if not all(_CLASS_NAME.fullmatch(name) for name in classes):
        raise DatasetError(
            "A class folder's name is too long or has characters other than letters, digits, spaces, - and _",
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
            "The archive contains a file that is not a supported image",
            # Not the file's name, which may name a person.
            found=f"file {number} in the order of the names: {kind.name}",
            remedy="remove it, or save it as JPEG, PNG, TIFF, BMP or WebP",
        )
    # Not with_suffix: a stem may hold a dot.
    path.rename(folder / f"{stem}.{kind.name.lower()}")


def _is_leftover(name: str) -> bool:
    """Return whether a file is hidden, or created by an archive program or a desktop."""
    low = name.lower()
    return any(word in low for word in _LEFTOVERS) or any(part.startswith(".") for part in name.split("/"))


def _count(folder: Path) -> dict[str, int]:
    return {path.name: sum(1 for _ in path.iterdir()) for path in sorted(folder.iterdir()) if path.is_dir()}


def _clear_unused(area: Path, in_use: Collection[Path]) -> None:
    used = {path.resolve() for path in in_use}
    free = [path for path in area.iterdir() if path.is_dir() and path.resolve() not in used]
    for path in sorted(free, key=lambda path: path.stat().st_mtime)[:-_N_KEPT]:
        shutil.rmtree(path, ignore_errors=True)
