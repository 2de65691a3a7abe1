"""Find the slices of a data set on disk, and read them."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.datasets.class_folders import find_class_folders
from core.datasets.decoded import DecodedScans, Stamp, read_stamp
from core.errors import ScanError
from core.manifests import find_manifest, read_manifest
from core.scans import LEARNED, Scan, Window, read_scan, read_study, turn_scan, window_hu
from core.system import natural_key

_N_SCANS_IN_MEMORY = 3


@dataclass(frozen=True)
class Place:
    """The place of a slice of a manifest.

    Attributes:
        path: its file, or the folder of its series.
        slice: number from 1 in a file or folder of several; None if there is one.
        rotate: degrees clockwise by which it is turned when it is read.
        mask: the file of its mask; None if there is none.
        outlined: the finding that the mask outlines; "" if none is present.
    """

    path: Path
    slice: int | None = None
    rotate: int = 0
    mask: Path | None = None
    outlined: str = ""


class HasPlaces(Protocol):
    """A data set whose slices can be read: a `Dataset`, or a `Located`."""

    @property
    def folder(self) -> Path:
        """Return the folder of class folders, or of the manifest."""

    @property
    def places(self) -> Mapping[str, Place]:
        """Return the places of a manifest's slices; empty for class folders."""

    @property
    def decoded(self) -> DecodedScans | None:
        """Return the scans that were kept in memory when the set was indexed; None if none were."""


@dataclass(frozen=True)
class Located:
    """The slices of a data set that was not indexed: no file was opened.

    Attributes:
        folder: the folder that holds the class folders, or the manifest.
        places: name -> place of each slice of a manifest; empty for class folders.
        decoded: None, for nothing was decoded.
    """

    folder: Path
    places: Mapping[str, Place] = field(default_factory=dict)
    decoded: DecodedScans | None = None


def locate_slices(path: Path) -> Located:
    """Find the slices of class folders or of a manifest, to read some of them with `read_slice`.

    Raises:
        DatasetError: there are no class folders, or the manifest cannot be used.
    """
    manifest = find_manifest(path)
    if manifest is None:
        return Located(find_class_folders(path)[0])
    places = {}
    for row in read_manifest(manifest).rows:
        places[row.name] = Place(row.path, row.slice, row.rotate, row.mask_path, row.outlined)
        # The only slice of a file has no number in its name; see `index_manifest`.
        if row.slice == 1:
            places.setdefault(row.name.removesuffix("#1"), places[row.name])
    return Located(manifest.parent, places)


def read_slice(dataset: HasPlaces, file: str) -> Scan:
    """Read one slice of the table, turned upright where the manifest says so.

    Args:
        dataset: the indexed set, or the slices that `locate_slices` finds.
        file: a value of the table's `file` column.

    Returns:
        A scan of one slice; of a file of class folders with several slices, the first. Units, technical facts
        and warnings are those of its file.

    Raises:
        ScanError: the file was removed or damaged after indexing.
    """
    place = dataset.places.get(file) or Place(dataset.folder / file)
    kept = dataset.decoded.find(place.path, (place.slice or 1) - 1) if dataset.decoded else None
    scan, n_slices = kept or _read_again(place)
    several = place.slice is not None and n_slices > 1
    digest = hash_slice(scan.sha256, place.slice or 1) if several else scan.sha256
    chosen = replace(scan, source=file, sha256=digest)
    if not place.rotate:
        return chosen
    return replace(turn_scan(chosen, -place.rotate), is_oriented=True)


def read_pixels(dataset: HasPlaces, file: str, window: Window = LEARNED) -> NDArray[np.float32]:
    """Read the gray values of one slice of the table; see `read_slice`.

    Args:
        dataset: the indexed set, or the slices that `locate_slices` finds.
        file: a value of the table's `file` column.
        window: turns Hounsfield units into gray values; not used for slices that are gray already.

    Returns:
        (H, W) float32 in [0, 1], read-only.

    Raises:
        ScanError: the file was removed or damaged after indexing.
    """
    scan = read_slice(dataset, file)
    pixels = scan.slices[0].pixels
    if scan.unit == "hu":
        pixels = window_hu(pixels, window)
        pixels.setflags(write=False)
    return pixels


def open_scan(path: Path, decoded: DecodedScans | None = None) -> Scan:
    """Read a file, or a folder that holds one series, and keep the scan in `decoded`.

    Raises:
        ScanError: it cannot be read, or the folder holds several scans.
    """
    stamp = read_stamp(path)
    scan = _open_folder(path) if path.is_dir() else read_scan(path)
    if decoded:
        decoded.keep(path, scan, stamp)
    return scan


def _open_folder(path: Path) -> Scan:
    names = sorted((one.name for one in path.iterdir() if not one.name.startswith(".")), key=natural_key)
    study = read_study((name, path / name) for name in names)
    if not study.scans:
        raise study.refused[0].error if study.refused else ScanError("The folder is empty")
    if len(study.scans) > 1:
        raise ScanError(
            "The folder does not hold one series",
            found=f"{len(study.scans)} scans",
            remedy="put each series into a folder of its own",
        )
    return study.scans[0]


def hash_slice(digest: str, number: int) -> str:
    """Return the hash of slice `number` (from 1) of a file or series with this hash."""
    return hashlib.sha256(f"{digest}#{number}".encode()).hexdigest()


def _read_again(place: Place) -> tuple[Scan, int]:
    """Return a slice as a scan of its own with the hash of the whole scan, and how many slices that has."""
    if place.slice is None:
        whole, index = open_scan(place.path), 0
    else:
        whole, index = open_volume(place.path), place.slice - 1
    n_slices = len(whole.slices)
    if index >= n_slices:
        raise ScanError("The file holds fewer slices than before", found=f"{n_slices}")
    return replace(whole, slices=(whole.slices[index],)), n_slices


def open_volume(path: Path) -> Scan:
    """Read a volume or series as `open_scan` does, once for all of its slices; again when a file changes.

    Raises:
        ScanError: see `open_scan`.
    """
    stamp = read_stamp(path)
    if stamp is None:
        raise ScanError("The file cannot be opened")
    return _open_again(path, stamp)


@lru_cache(maxsize=_N_SCANS_IN_MEMORY)
def _open_again(path: Path, stamp: Stamp) -> Scan:
    return open_scan(path)
