"""The pictures of an experiment's cases; each file must match its recorded hash. Thumbnails are cached.

A file that is missing or differs is not shown: the probabilities belong to the recorded file.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image

from core.datasets import find_class_folders, find_dataset
from core.experiments import Experiment
from core.scans import read_scan
from dashboard.readings import session
from dashboard.readings.reading import Reading
from dashboard.readings.uploads import Upload
from dashboard.shared import loaders, overlays

SIZE_PX = 208  # of a thumbnail
_MAX_ENTRIES = {"thumbnails": 6000, "heat_thumbnails": 1500}  # about 6 KB each
_OPACITY = 0.5


@dataclass(frozen=True)
class Thumbnail:
    """A small picture as a data URI; if it is "", the reason is "missing" or "differs"."""

    uri: str
    reason: str = ""


def find_picture_folder(chosen: str) -> Path | None:
    """Return the folder with the class folders: the chosen one or, if "", this machine's; None if absent.

    Raises:
        DatasetError: the folder is not a data set.
    """
    folder = Path(chosen).expanduser() if chosen else find_dataset()
    return None if folder is None else find_class_folders(folder)[0]


def read_file(root: Path, file: str, sha256: str) -> bytes | str:
    """Return the bytes of a case's file, or why there are none: "missing" or "differs" (from `sha256`)."""
    try:
        data = (root / file).read_bytes()
    except OSError:
        return "missing"
    return data if hashlib.sha256(data).hexdigest() == sha256 else "differs"


def render_thumbnail(root: Path | None, file: str, sha256: str) -> Thumbnail:
    """Return the thumbnail of a case; `root` is None if no data set is on this machine."""
    if root is None:
        return Thumbnail("", "missing")

    def render() -> Thumbnail:
        data = read_file(root, file, sha256)
        return Thumbnail("", data) if isinstance(data, str) else Thumbnail(overlays.to_address(_shrink(data)))

    return _cache("thumbnails", (root, sha256), render, lambda thumbnail: bool(thumbnail.uri))


def render_heat_thumbnails(experiment: Experiment, root: Path, file: str, sha256: str) -> tuple[str, ...]:
    """Return thumbnails of the slice with each network's heat map, as data URIs; () if there is no picture.

    Raises:
        StrokeError: the networks cannot read it.
    """

    def render() -> tuple[str, ...]:
        reading = read_case(experiment, root, file, sha256)
        if reading is None or reading.findings is None:
            return ()
        frame = overlays.to_thumbnail(reading.picture(0), SIZE_PX)
        return tuple(
            overlays.to_address(overlays.overlay_heat(_pixels(frame), model.heat, _OPACITY))
            for model in reading.findings.slices[0].models.values()
        )

    return _cache("heat_thumbnails", (experiment.digest, sha256), render, bool)


def has_heat_thumbnails(experiment: Experiment, sha256: str) -> bool:
    """Return whether `render_heat_thumbnails` has this case in its cache."""
    return (experiment.digest, sha256) in loaders.memory("heat_thumbnails")


def read_case(experiment: Experiment, root: Path, file: str, sha256: str) -> Reading | None:
    """Read a case's picture with the served networks; None if its file is missing or differs."""
    data = read_file(root, file, sha256)
    return None if isinstance(data, str) else session.read_upload(experiment, Upload(file, data))


def _shrink(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        # A JPEG decodes several times faster at reduced size.
        if picture.format == "JPEG" and picture.mode in ("L", "RGB") and not picture.getexif():
            picture.draft("L", (SIZE_PX, SIZE_PX))
            gray = picture.convert("L")
            gray.thumbnail((SIZE_PX, SIZE_PX), Image.Resampling.BILINEAR)
            return gray
    return overlays.to_thumbnail(read_scan(data, "").slices[0].pixels, SIZE_PX)


def _pixels(picture: Image.Image) -> Any:
    import numpy as np

    return np.asarray(picture)


def _cache(kind: str, key: Hashable, make: Callable[[], Any], is_worth: Callable[[Any], bool]) -> Any:
    """Return the cached value of this key, or make it; the oldest are removed when there are too many."""
    cached = loaders.memory(kind)
    if key in cached:
        return cached[key]
    made = make()
    if is_worth(made):
        cached[key] = made
        while len(cached) > _MAX_ENTRIES[kind]:
            cached.pop(next(iter(cached)), None)
    return made
