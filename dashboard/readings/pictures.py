"""The pictures of an experiment's cases; each file must match its recorded hash. Thumbnails are cached.

A file that is missing or differs is not shown: the probabilities belong to the recorded file. The pictures
are in class folders, where a case's file is known by name, or in an indexed data set, where a slice is found
by its hash.

The heat maps of a held-out slice are from the networks that gave its recorded probabilities: those of the
fold that tested it. The heat maps of any other slice are from the served networks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image

from core.datasets import Dataset, Progress, find_class_folders, find_dataset, read_pixels, read_slice
from core.errors import ScanError
from core.experiments import Experiment
from core.imaging import cut_picture, show_picture
from core.manifests import find_manifest
from core.scans import Scan, read_scan, to_gray
from dashboard.readings import session
from dashboard.readings.reading import Reading
from dashboard.readings.uploads import Upload
from dashboard.shared import datasets, loaders, overlays

Pictures = Path | Dataset
SIZE_PX = 208  # of a thumbnail
# About 6, 45 and 270 KB each.
_MAX_ENTRIES = {"thumbnails": 6000, "small_readings": 800, "case_readings": 100}
_OPACITY = 0.5
_CHANGING = Lock()


@dataclass(frozen=True)
class Thumbnail:
    """A small picture as a data URI; if it is "", the reason is "missing" or "differs"."""

    uri: str
    reason: str = ""


@dataclass(frozen=True, eq=False)
class CaseReading:
    """A slice of a data set as read by one network of each framework.

    Attributes:
        picture: (h, w) uint8 gray, framed as the networks see the slice.
        probabilities: framework -> calibrated probability in [0, 1].
        heats: framework -> heat map (h', w'), see `core.imaging.scale_heat`.
    """

    picture: np.ndarray
    probabilities: dict[str, float]
    heats: dict[str, np.ndarray]


def find_picture_folder(chosen: str) -> Path | None:
    """Return the folder with the class folders: the chosen one or, if "", this machine's; None if absent.

    Raises:
        DatasetError: the folder is not a data set.
    """
    folder = Path(chosen).expanduser() if chosen else find_dataset()
    return None if folder is None else find_class_folders(folder)[0]


def find_pictures(chosen: str, progress: Progress | None = None) -> Pictures | None:
    """Return the pictures of the chosen folder or manifest or, if "", of this machine's; None if absent.

    Raises:
        DatasetError: the folder or manifest is not a data set.
    """
    place = Path(chosen).expanduser() if chosen else find_dataset()
    if place is not None and find_manifest(place):
        return datasets.dataset(place, progress)
    return find_picture_folder(chosen)


def read_file(root: Path, file: str, sha256: str) -> bytes | str:
    """Return the bytes of a case's file, or why there are none: "missing" or "differs" (from `sha256`).

    An experiment on a manifest names the source first, "source/folder/picture.jpg"; `root` may be the folder
    of that source alone.
    """
    found = "missing"
    for path in (root / file, root.joinpath(*Path(file).parts[1:])):
        try:
            data = path.read_bytes()
        except OSError:
            continue
        if hashlib.sha256(data).hexdigest() == sha256:
            return data
        found = "differs"
    return found


def render_thumbnail(root: Pictures | None, file: str, sha256: str) -> Thumbnail:
    """Return the thumbnail of a case; `root` is None if no data set is on this machine."""
    if root is None:
        return Thumbnail("", "missing")

    def render() -> Thumbnail:
        if isinstance(root, Dataset):
            return _render_slice(root, sha256)
        data = read_file(root, file, sha256)
        return Thumbnail("", data) if isinstance(data, str) else Thumbnail(overlays.to_address(_shrink(data)))

    place = root.fingerprint if isinstance(root, Dataset) else root
    return _cache("thumbnails", (place, sha256), render, lambda thumbnail: bool(thumbnail.uri))


def render_heat_thumbnails(
    reading: CaseReading, scores: Mapping[str, float], thresholds: Mapping[str, float]
) -> tuple[str, ...]:
    """Return thumbnails of a slice with each network's heat map, as data URIs.

    Args:
        scores, thresholds: framework -> probability of the slice, and decision threshold; they scale the
            heat maps.
    """
    return tuple(
        overlays.to_address(overlays.overlay_heat(
            reading.picture, overlays.scale_heat(heat, scores[name], thresholds[name]), _OPACITY
        ))
        for name, heat in reading.heats.items()
    )  # fmt: skip


def read_small(
    experiment: Experiment, root: Pictures, file: str, sha256: str, fold: int | None
) -> CaseReading | None:
    """Read a case as `read_case` does, with a picture of at most SIZE_PX."""

    def shrink() -> CaseReading | None:
        reading = _read_case(experiment, root, file, sha256, fold)
        if reading is None:
            return None
        small = np.asarray(overlays.to_thumbnail(reading.picture, SIZE_PX))
        return replace(reading, picture=small)

    return _cache("small_readings", (experiment.digest, sha256, fold), shrink, bool)


def has_small(experiment: Experiment, sha256: str, fold: int | None) -> bool:
    """Return whether `read_small` has this case in its cache."""
    return (experiment.digest, sha256, fold) in loaders.memory("small_readings")


def explain_absence(root: Pictures | None, file: str, sha256: str) -> str:
    """Return why a case has no picture here: "missing" or "differs"; "" if it has one."""
    if root is None:
        return "missing"
    if isinstance(root, Dataset):
        return "" if sha256 in _name_files(root) else "missing"
    data = read_file(root, file, sha256)
    return data if isinstance(data, str) else ""


def read_case(
    experiment: Experiment, root: Pictures, file: str, sha256: str, fold: int | None
) -> CaseReading | None:
    """Read a case's picture; None if its file is missing or differs.

    Args:
        fold: the fold that tested the slice, whose networks read it; None: the served networks read it.

    Raises:
        StrokeError: the networks cannot read it.
    """

    def read() -> CaseReading | None:
        return _read_case(experiment, root, file, sha256, fold)

    return _cache("case_readings", (experiment.digest, sha256, fold), read, bool)


def read_held_out(experiment: Experiment, data: bytes, sha256: str, fold: int) -> CaseReading:
    """Read a held-out slice from the bytes of its file with the networks of the fold that tested it.

    Raises:
        StrokeError: the networks cannot read it.
    """

    def read() -> CaseReading:
        return _read_held_out(experiment, read_scan(data, ""), fold)

    found: CaseReading = _cache("case_readings", (experiment.digest, sha256, fold), read, bool)
    return found


def to_case(reading: Reading) -> CaseReading:
    """Return the first slice of a scan that the served networks read.

    Raises:
        StrokeError: they did not.
    """
    if reading.refusal is not None:
        raise reading.refusal
    assert reading.findings is not None
    models = reading.findings.slices[0].models
    return CaseReading(
        reading.picture(0),
        {name: model.probability for name, model in models.items()},
        {name: model.heat for name, model in models.items()},
    )


def _read_case(
    experiment: Experiment, root: Pictures, file: str, sha256: str, fold: int | None
) -> CaseReading | None:
    if isinstance(root, Dataset):
        name = _name_files(root).get(sha256)
        if name is None:
            return None
        if fold is not None:
            return _read_held_out(experiment, read_slice(root, name), fold)
        # A slice of a data set is read even if the gate refuses it.
        reading = session.read_slice_of(experiment, root, name, sha256)
    else:
        data = read_file(root, file, sha256)
        if isinstance(data, str):
            return None
        if fold is not None:
            return _read_held_out(experiment, read_scan(data, ""), fold)
        reading = session.read_upload(experiment, Upload(file, data))
    return to_case(reading)


def _read_held_out(experiment: Experiment, scan: Scan, fold: int) -> CaseReading:
    recipe, piece = experiment.recipe, scan.slices[0]
    gray = to_gray(piece.pixels, scan.unit, recipe.window)
    found = session.held_out_reader(experiment).read(gray, fold)
    return CaseReading(
        show_picture(cut_picture(piece, scan.unit, recipe), recipe.window),
        {name: finding.probability for name, finding in found.items()},
        {name: finding.heat for name, finding in found.items()},
    )


@lru_cache(maxsize=2)
def _name_files(dataset: Dataset) -> dict[str, str]:
    return dict(zip(dataset.table["sha256"], dataset.table["file"], strict=True))


def _render_slice(dataset: Dataset, sha256: str) -> Thumbnail:
    try:
        pixels = read_pixels(dataset, _name_files(dataset)[sha256])
    except (KeyError, ScanError):
        return Thumbnail("", "missing")
    return Thumbnail(overlays.to_address(overlays.to_thumbnail(pixels, SIZE_PX)))


def _shrink(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        # A JPEG decodes several times faster at reduced size.
        if picture.format == "JPEG" and picture.mode in ("L", "RGB") and not picture.getexif():
            picture.draft("L", (SIZE_PX, SIZE_PX))
            gray = picture.convert("L")
            gray.thumbnail((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)
            return gray
    return overlays.to_thumbnail(read_scan(data, "").slices[0].pixels, SIZE_PX)


def _cache(kind: str, key: Hashable, make: Callable[[], Any], is_worth: Callable[[Any], bool]) -> Any:
    """Return the cached value of this key, or make it; the oldest are removed when there are too many."""
    cached = loaders.memory(kind)
    # Other sessions may remove it at any moment.
    if (found := cached.get(key)) is not None:
        return found
    made = make()
    if is_worth(made):
        with _CHANGING:
            cached[key] = made
            while len(cached) > _MAX_ENTRIES[kind]:
                del cached[next(iter(cached))]
    return made
