"""Fit the gate's regression on the networks' features (`core.gate.head_ct`), and test it on what is left out.

It learns from head CT, one folder a source, and from other images; of public sets only from the development
part. Further examples are made: heads cropped to the head, other images cropped and with more contrast, and
coronal and sagittal planes of volumes, as images that are not axial head CT.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from core.errors import ExperimentError
from core.experiments import OPTIONAL_TABLES, Experiment, add_files
from core.gate import (
    CLEARLY_UNLIKE,
    FAMILIARITY_FILE,
    UNLIKE,
    HeadCt,
    pack_familiarity,
    turn_upright,
)
from core.imaging import find_head, prepare
from core.measurements.gate_figures import KINDS, OF_SOURCE
from core.measurements.gate_images import Images, name_source, open_images
from core.scans import Refused, Scan, Window, to_gray, window_hu
from core.serving import BATCH_SIZE, ServedModel, predict_together

LEFT_OUT = "left_out"
# Files of one source, or lines of its manifest, evenly spaced; more change little.
_MOST = 400
# Kinds of examples: head CT of several sources, other images, and planes that are not axial.
_HEAD, _OTHER, _PLANE = "head_ct", "other", "plane"
_N_PARTS = 3
_STRENGTH = 0.001
# One in so many heads is also cropped, by this share of the head on each side.
_ONE_IN, _CUT = 4, 0.04
_CONTRAST = 1.7
# Places of coronal and sagittal planes in a volume, and the fewest slices of one.
_PLANES, _LEAST_SLICES = (0.35, 0.45, 0.55, 0.65), 10


@dataclass(frozen=True, eq=False)
class _Example:
    """A picture, its kind, its source (of head CT), its part (of other images), and whether it was made."""

    pixels: NDArray[np.float32]
    kind: str
    source: str = ""
    part: int = 0
    made: bool = False


@dataclass(frozen=True, eq=False)
class _Labels:
    """Kinds, sources and parts of n examples, each (n,)."""

    kinds: NDArray[np.str_]
    sources: NDArray[np.str_]
    parts: NDArray[np.int64]

    def select(self, rows: NDArray[np.bool_]) -> _Labels:
        """Return those of some rows."""
        return _Labels(self.kinds[rows], self.sources[rows], self.parts[rows])


def learn_gate(
    experiment: Experiment,
    head_ct: Sequence[Path],
    other: Sequence[Path],
    on_slice: Callable[[int, int], None] | None = None,
) -> tuple[Experiment, pd.DataFrame]:
    """Fit the regression, store it with the experiment, and test it on what was left out.

    Args:
        experiment: with reference values for familiarity, where the weights are stored.
        head_ct: folders of head CT, one a source; each counts alike.
        other: folders of other images.
        on_slice: called with the number of examples that the networks have read, and their total.

    Returns:
        The experiment, and rows of gate.csv (images: LEFT_OUT): how slices of each source would be judged
        by the features alone had the source been left out of the fit, and each third of the other images.

    Raises:
        ExperimentError: the experiment has no reference values; or there are fewer than two sources of head
            CT or two other images, so that nothing is left to learn from (code "too_few").
        DatasetError: a manifest cannot be used.
    """
    known = experiment.familiarity()
    if known is None:
        raise ExperimentError(
            f'Experiment "{experiment.name}" holds no features that new slices are compared with',
            remedy=f"run: stroke-ct features {experiment.name}",
        )
    given = {name_source(path) for path in head_ct}
    _check_sources(given, given)  # before minutes of reading
    unreadable = Counter[str]()
    window = experiment.recipe.window
    examples = [one for source in head_ct for one in _list_heads(source, window, unreadable)]
    examples += _list_others(other, window, unreadable)
    labels = _Labels(
        np.array([one.kind for one in examples], np.str_),
        np.array([one.source for one in examples], np.str_),
        np.array([one.part for one in examples], np.int64),
    )
    heads = sorted(set(labels.sources[labels.kinds == _HEAD]))
    _check_sources(given, set(heads))
    if len(set(labels.parts[labels.kinds == _OTHER])) < 2:
        raise ExperimentError(
            "The gate learns from at least two other images",
            found=f"{int((labels.kinds == _OTHER).any())} that can be read",
            remedy="give more images that are not head CT, with --other",
            code="too_few",
        )
    features = _read_features(experiment, examples, on_slice)
    found = HeadCt(_fit(features, labels))
    scores = np.full(len(examples), np.nan)
    for source in heads:
        left_out = (labels.kinds == _HEAD) & (labels.sources == source)
        scores[left_out] = _score_left_out(features, labels, left_out)
    for part in range(_N_PARTS):
        left_out = (labels.kinds != _HEAD) & (labels.parts == part)
        if left_out.any():
            scores[left_out] = _score_left_out(features, labels, left_out)
    counted = ~np.array([one.made for one in examples])
    stored = add_files(experiment, {FAMILIARITY_FILE: pack_familiarity(replace(known, head_ct=found))})
    return stored, _count(scores[counted], labels.select(counted), unreadable)


def _check_sources(given: set[str], found: set[str]) -> None:
    """Raise an ExperimentError unless there are two sources of head CT, and a slice of each."""
    empty = sorted(given - found)
    if len(given) >= 2 and not empty:
        return
    names = ", ".join(sorted(given)) or "none"
    raise ExperimentError(
        "The gate learns from at least two sources of head CT: each is judged after learning from the others",
        found=f"no slice that can be read in: {', '.join(empty)}" if empty else f"sources by folder: {names}",
        remedy="give each source as a folder of its own, or a manifest, with its own --head-ct",
        code="too_few",
    )


def _count(scores: NDArray, labels: _Labels, unreadable: Counter[str]) -> pd.DataFrame:
    heads = sorted(set(labels.sources[labels.kinds == _HEAD]))
    what = (
        "This tests only the part of the check that uses the networks' features. It was fitted several "
        f"times, each time without one of {len(heads)} sources of head CT or one third of the images "
        "that are not head CT, and tested on what was left out. It also learned from altered images, which "
        "are not counted here: head CT cropped to the outline of the head; cropped or high-contrast other "
        "images; and coronal and sagittal planes of volumes, as images that are not head CT."
    )
    rows = []
    kinds = {kind: labels.kinds == kind for kind in KINDS}
    for kind, wanted in (kinds | {f"{OF_SOURCE}{name}": labels.sources == name for name in heads}).items():
        own = scores[wanted]
        read, refuse = int((own >= UNLIKE).sum()), int((own < CLEARLY_UNLIKE).sum())
        n_between = len(own) - read - refuse
        rows.append([LEFT_OUT, what, kind, len(own), read, n_between, refuse, unreadable[kind]])
    return pd.DataFrame(rows, columns=list(OPTIONAL_TABLES["gate.csv"]))


def _score_left_out(features: dict[str, NDArray], labels: _Labels, left_out: NDArray[np.bool_]) -> NDArray:
    kept = {name: one[~left_out] for name, one in features.items()}
    regression = HeadCt(_fit(kept, labels.select(~left_out)))
    return regression.scores({name: one[left_out] for name, one in features.items()})


def _fit(features: dict[str, NDArray], labels: _Labels) -> dict[str, NDArray[np.float32]]:
    """Return the weights for each framework; every source of a kind counts alike, and so do both kinds."""
    from sklearn.linear_model import LogisticRegression

    is_head = labels.kinds == _HEAD
    both = np.stack([labels.kinds, labels.sources], axis=1)
    groups, places, sizes = np.unique(both, axis=0, return_inverse=True, return_counts=True)
    n_heads = int((groups[:, 0] == _HEAD).sum())
    counts = 1 / sizes[places] / np.where(is_head, n_heads, len(groups) - n_heads)
    weights = {}
    for framework, own in features.items():
        mean, deviation = own.mean(axis=0), own.std(axis=0)
        scale = np.where(deviation > 0, deviation, np.inf)
        model = LogisticRegression(C=_STRENGTH, max_iter=500)
        model.fit((own - mean) / scale, is_head, sample_weight=counts * len(own) / 2)
        slopes = model.coef_[0] / scale
        weights[framework] = np.append(slopes, model.intercept_[0] - slopes @ mean).astype(np.float32)
    return weights


def _read_features(
    experiment: Experiment, examples: Sequence[_Example], on_slice: Callable[[int, int], None] | None
) -> dict[str, NDArray]:
    networks = {name: ServedModel(experiment.model_path(name)) for name in experiment.frameworks}
    parts: dict[str, list[NDArray]] = {name: [] for name in networks}
    for start in range(0, len(examples), BATCH_SIZE):
        batch = examples[start : start + BATCH_SIZE]
        images = np.stack([prepare(one.pixels, experiment.recipe) for one in batch])
        for name, answer in predict_together(networks, images).items():
            parts[name].append(answer.features)
        if on_slice:
            on_slice(start + len(batch), len(examples))
    return {name: np.concatenate(own) for name, own in parts.items()}


def _list_heads(folder: Path, window: Window, unreadable: Counter[str]) -> Iterator[_Example]:
    """Yield a source's slices, some of them again cropped, and planes of its volumes as other images."""
    source = name_source(folder)
    number = 0
    for scan in _open(folder, unreadable, _HEAD, f"{OF_SOURCE}{source}"):
        for pixels in _show(turn_upright(scan)[0], window):
            number += 1
            yield _Example(pixels, _HEAD, source)
            if number % _ONE_IN == 0:
                yield _Example(_crop(pixels, _CUT), _HEAD, source, made=True)
        for place, plane in enumerate(_cut_planes(scan, window)):
            yield _Example(plane, _PLANE, part=place % _N_PARTS, made=True)


def _list_others(folders: Sequence[Path], window: Window, unreadable: Counter[str]) -> Iterator[_Example]:
    """Yield other images, each again cropped and with more contrast; all of one image are in one part."""
    scans = (scan for folder in folders for scan in _open(folder, unreadable, _OTHER))
    for number, scan in enumerate(scans):
        part = number % _N_PARTS
        for pixels in _show(scan, window):
            cropped = _crop(pixels, _CUT)
            yield _Example(pixels, _OTHER, part=part)
            yield _Example(cropped, _OTHER, part=part, made=True)
            for one in (pixels, cropped):
                yield _Example(np.clip(one * _CONTRAST, 0, 1), _OTHER, part=part, made=True)


def _open(folder: Path, unreadable: Counter[str], *keys: str) -> Iterator[Scan]:
    """Yield the scans of a folder; files that cannot be read are counted under each of `keys`."""
    images: Images = open_images(folder, False, lambda: None, most=_MOST)
    for scan in images.scans:
        if isinstance(scan, Refused):
            unreadable.update(keys)
        else:
            yield scan


def _show(scan: Scan, window: Window) -> Iterator[NDArray[np.float32]]:
    """Yield the slices as the networks get them, in gray, but empty ones."""
    for piece in scan.slices:
        pixels = to_gray(piece.pixels, scan.unit, window)
        if np.ptp(pixels) > 0:
            yield pixels


def _crop(pixels: NDArray[np.float32], share: float) -> NDArray[np.float32]:
    """Return the picture cropped to its largest object, less a share of its size on each side."""
    top, left, side = find_head(pixels)
    # The square of `find_head` has a margin of 4 % of the object.
    cut = round(side * (share + 0.04))
    rows = slice(max(0, top + cut), max(2, top + side - cut))
    columns = slice(max(0, left + cut), max(2, left + side - cut))
    cropped = pixels[rows, columns]
    return cropped if min(cropped.shape) >= 2 else pixels


def _cut_planes(scan: Scan, window: Window) -> Iterator[NDArray[np.float32]]:
    """Yield coronal and sagittal planes of a volume in Hounsfield units, with square pixels."""
    spacing, apart = scan.technical.spacing_mm, scan.technical.slice_spacing_mm
    if scan.unit != "hu" or len(scan.slices) < _LEAST_SLICES or not spacing or not apart:
        return
    volume = np.stack([window_hu(piece.pixels, window) for piece in scan.slices[::-1]])
    for axis in (1, 2):
        for place in _PLANES:
            plane = np.take(volume, int(volume.shape[axis] * place), axis=axis)
            size = (plane.shape[1], round(len(plane) * apart / spacing[1]))
            resized = Image.fromarray(np.ascontiguousarray(plane)).resize(size, Image.Resampling.BILINEAR)
            yield np.clip(np.asarray(resized), 0, 1)
