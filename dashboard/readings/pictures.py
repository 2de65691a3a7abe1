"""Pictures of an experiment's cases, each file compared with the hash on record; small ones are kept.

Nothing is shown for a file that is missing or is another one: what the networks said is of the recorded file.
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

SIDE = 208  # px, of a small picture
_MOST = {"thumbnails": 6000, "heat_thumbnails": 1500}  # some 6 KB each
_OPACITY = 0.5


@dataclass(frozen=True)
class Small:
    """A small picture as a data URI; "" where there is none, and why: "missing" or "differs"."""

    uri: str
    reason: str = ""


def find_pictures(named: str) -> Path | None:
    """The folder that holds the class folders: the one named, or the one of this machine; None if none is.

    Raises:
        DatasetError: what lies there is no data set.
    """
    folder = Path(named).expanduser() if named else find_dataset()
    return None if folder is None else find_class_folders(folder)[0]


def read_file(root: Path, file: str, sha256: str) -> bytes | str:
    """The bytes of a case's file, or why there are none: "missing" or "differs"."""
    try:
        data = (root / file).read_bytes()
    except OSError:
        return "missing"
    return data if hashlib.sha256(data).hexdigest() == sha256 else "differs"


def render_small(root: Path | None, file: str, sha256: str) -> Small:
    """The small picture of a case; `root` is None where no data set is on this machine."""
    if root is None:
        return Small("", "missing")

    def draw() -> Small:
        data = read_file(root, file, sha256)
        return Small("", data) if isinstance(data, str) else Small(overlays.to_address(_shrink(data)))

    return _remember("thumbnails", (root, sha256), draw, lambda small: bool(small.uri))


def render_small_heat(experiment: Experiment, root: Path, file: str, sha256: str) -> tuple[str, ...]:
    """The heat map of each network over the slice, small, as data URIs; () where there is no picture.

    Raises:
        StrokeError: the networks cannot read it.
    """

    def draw() -> tuple[str, ...]:
        reading = read_case(experiment, root, file, sha256)
        if reading is None or reading.findings is None:
            return ()
        frame = overlays.to_thumbnail(reading.picture(0), SIDE)
        return tuple(
            overlays.to_address(overlays.overlay_heat(_pixels(frame), model.heat, _OPACITY))
            for model in reading.findings.slices[0].models.values()
        )

    return _remember("heat_thumbnails", (experiment.digest, sha256), draw, bool)


def has_small_heat(experiment: Experiment, sha256: str) -> bool:
    """Whether `render_small_heat` has it ready."""
    return (experiment.digest, sha256) in loaders.memory("heat_thumbnails")


def read_case(experiment: Experiment, root: Path, file: str, sha256: str) -> Reading | None:
    """What the served networks make of a case's picture; None where it is missing or differs."""
    data = read_file(root, file, sha256)
    return None if isinstance(data, str) else session.read_upload(experiment, Upload(file, data))


def _shrink(data: bytes) -> Image.Image:
    with Image.open(BytesIO(data)) as picture:
        # A JPEG can be decoded at a fraction of its size, several times as fast.
        if picture.format == "JPEG" and picture.mode in ("L", "RGB") and not picture.getexif():
            picture.draft("L", (SIDE, SIDE))
            gray = picture.convert("L")
            gray.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
            return gray
    return overlays.to_thumbnail(read_scan(data, "").slices[0].pixels, SIDE)


def _pixels(picture: Image.Image) -> Any:
    import numpy as np

    return np.asarray(picture)


def _remember(kind: str, key: Hashable, make: Callable[[], Any], is_worth: Callable[[Any], bool]) -> Any:
    """What is kept under the key, made where it is not; the oldest goes where there would be too much."""
    kept = loaders.memory(kind)
    if key in kept:
        return kept[key]
    made = make()
    if is_worth(made):
        kept[key] = made
        while len(kept) > _MOST[kind]:
            kept.pop(next(iter(kept)), None)
    return made
