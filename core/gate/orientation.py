"""Tell by how many quarter turns an axial head CT picture is turned, and turn it upright where that is sure.

A small neural network (one hidden layer) scores how upright a picture is. The picture is framed to the head,
reduced to 32 x 32 pixels, its gray normalised as for the networks, and its edges are measured. It is scored
in its four positions, each also mirrored, so that the answer depends neither on the position a picture comes
in nor on mirroring, which a picture cannot tell. `python -m tests.make_orientation FOLDER` makes the weights,
upright_weights.npz, and their figures.

Slices through the neck or the vertex look alike in several positions; they get low probabilities, and a
picture of one stays as it lies. The slices of one scan are turned as one. Scans that tell how the head lies
(`Scan.is_oriented`), and single slices in Hounsfield units, are never turned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.imaging import Recipe, prepare
from core.scans import Scan, to_gray, turn_scan
from core.system import map_parallel

WEIGHTS_FILE = Path(__file__).with_name("upright_weights.npz")
SMALL = Recipe(size=32, channels="gray", framing="head", intensity="tissue")
QUARTERS_DEG = (0, 90, 180, 270)

# Probability from which a turn is sure, and from which an unsure one is said. Set on sources that were left
# out: beyond it, wrong turns were of heads tilted by half a right angle and more, and of slices of the neck.
SURE, LIKELY = 0.998, 0.95
# Of a long scan, only this many slices, evenly spaced, are looked at.
_MOST_SLICES = 24
_N_DIRECTIONS = 8

TURNED = (
    "{} turned {} before reading, so that the face is at the top; the program judged this from the picture."
)
_WAYS = {90: "90° counterclockwise", 180: "180°", 270: "90° clockwise"}
MAY_BE_TURNED = (
    "The picture may be turned by 90° or 180°. It was read as it is, but the networks were trained on"
    " pictures with the face at the top."
)

# The (768, h) and (h,) weights of the hidden layer, and the (h,) weights of the score.
Weights = tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True)
class Turning:
    """The direction in which the head of a picture, or of the slices of a scan, lies.

    Attributes:
        degrees: most likely turn that makes it upright, counterclockwise: 0, 90, 180 or 270.
        probability: of this turn, in [0, 1].
    """

    degrees: int
    probability: float

    @property
    def is_sure(self) -> bool:
        """Return whether the turn is sure."""
        return self.probability >= SURE


def tell_turning(pictures: Sequence[NDArray[np.float32]]) -> Turning:
    """Tell how the head lies in slices that lie alike.

    Args:
        pictures: one or more (H, W) float32 display gray in [0, 1].

    Raises:
        ScanError: a picture is not valid; see `core.imaging.prepare`.
    """
    scores = np.stack(list(map_parallel(lambda one: score_turns(prepare(one, SMALL)[..., 0]), pictures)))
    return combine(scores)


def combine(scores: NDArray[np.float64]) -> Turning:
    """Return the turning on which n slices agree best.

    Args:
        scores: (n, 4), from `score_turns`. Slices of one head err alike, so n of them count as the square
            root of n.
    """
    total = scores.sum(axis=0) / np.sqrt(len(scores))
    chances = np.exp(total - total.max())
    best = int(total.argmax())
    return Turning(QUARTERS_DEG[best], float(chances[best] / chances.sum()))


def score_turns(small: NDArray[np.float32], weights: Weights | None = None) -> NDArray[np.float64]:
    """Return (4,) log-probabilities that a picture is upright after 0, 90, 180 and 270 degrees.

    Args:
        small: (32, 32), prepared with `SMALL`.
        weights: those of the file by default.
    """
    images = np.stack([np.rot90(small, quarter) for quarter in range(4)])
    features = measure_edges(np.concatenate([images, images[:, :, ::-1]]))
    inner, inner_offsets, outer = weights or _load_weights()
    hidden = np.maximum(features @ inner + inner_offsets, 0)
    scores = (hidden @ outer).reshape(2, 4).mean(axis=0).astype(np.float64)
    scores -= scores.max()
    return np.asarray(scores - np.log(np.exp(scores).sum()))


def measure_edges(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (n, 768) features of (n, 32, 32) pictures.

    They are the square roots of the mean rise of gray in eight directions, in 8 x 8 cells (histograms of
    oriented gradients, Dalal and Triggs, CVPR 2005), and the mean gray in 16 x 16 cells.
    """
    down, right = np.zeros_like(images), np.zeros_like(images)
    down[:, 1:-1, 1:-1] = images[:, 2:, 1:-1] - images[:, :-2, 1:-1]
    right[:, 1:-1, 1:-1] = images[:, 1:-1, 2:] - images[:, 1:-1, :-2]
    angles = 2 * np.pi * np.arange(_N_DIRECTIONS) / _N_DIRECTIONS
    parts = [
        np.sqrt(
            _average(np.maximum(right * np.float32(np.cos(angle)) + down * np.float32(np.sin(angle)), 0), 4)
        )
        for angle in angles
    ]
    return np.concatenate([*parts, _average(images, 2)], axis=1)


def _average(images: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """Return the mean of each cell of this side, as (n, cells)."""
    n, height, width = images.shape
    cells = images.reshape(n, height // side, side, width // side, side)
    return np.asarray(cells.mean(axis=(2, 4)).reshape(n, -1), dtype=np.float32)


def turn_upright(scan: Scan) -> tuple[Scan, int, str]:
    """Turn a scan upright where that is sure.

    Returns:
        The scan; the degrees counterclockwise by which it was turned; and a sentence on a head that may be
        turned but is left as it lies, else "". A turn is said in the scan's warnings.
    """
    # Scanners store heads upright, so a single slice in Hounsfield units is not enough to doubt it.
    is_of_scanner = scan.unit == "hu" and len(scan.slices) == 1
    if scan.is_oriented or scan.technical.marks or is_of_scanner:
        return scan, 0, ""
    step = max(1, -(-len(scan.slices) // _MOST_SLICES))
    turning = tell_turning([to_gray(piece.pixels, scan.unit) for piece in scan.slices[::step]])
    if turning.degrees == 0:
        return scan, 0, ""
    if not turning.is_sure:
        return scan, 0, MAY_BE_TURNED if turning.probability >= LIKELY else ""
    what = "The picture was" if len(scan.slices) == 1 else "The pictures were"
    said = TURNED.format(what, _WAYS[turning.degrees])
    return replace(turn_scan(scan, turning.degrees), warnings=(*scan.warnings, said)), turning.degrees, ""


@cache
def _load_weights() -> Weights:
    with np.load(WEIGHTS_FILE) as file:
        inner, offsets, outer = (file[name].astype(np.float32) for name in ("inner", "offsets", "outer"))
    return inner, offsets, outer
