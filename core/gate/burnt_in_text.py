"""Detect text burnt into a picture, such as a patient's name, a date or scanner settings.

The text is not read; letters are recognized by shape. A line of text is a row of small bright pieces of
similar height, away from the head. Text that touches the head is not found.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging import AIR

# Larger pictures are reduced to this side in pixels; letters remain large enough.
_LARGEST = 768
# Height of letters as a share of the picture's height. Smaller pieces may be noise, larger ones are objects.
_LOWEST, _HIGHEST = 0.009, 0.07
_LEAST_PX = 5
# In units of a letter's height: its width, and the gap to the next letter (spaces included).
_NARROWEST, _WIDEST, _GAP = 0.12, 1.6, 1.6
_LETTERS = 4
_BRIGHT = 0.35
_SEARCH = 160


def holds_text(pixels: NDArray[np.float32]) -> bool:
    """Return whether a line of at least four letters is found away from the head.

    Args:
        pixels: (H, W) float32 display gray in [0, 1]. Only bright letters on a dark background are found, as
            written by scanners and viewers.
    """
    height, width = pixels.shape
    scale = _LARGEST / max(height, width)
    if scale < 1:
        small = (round(width * scale), round(height * scale))
        pixels = np.asarray(Image.fromarray(pixels).resize(small, Image.Resampling.BOX))
    return any(len(line) >= _LETTERS for line in _to_lines(_find_letters(pixels)))


def _find_letters(pixels: NDArray[np.float32]) -> list[tuple[int, int, int, int]]:
    """Return (top, bottom, left, right) of each bright piece away from the head that may be a letter."""
    from scipy import ndimage

    height = len(pixels)
    lowest, highest = max(_LEAST_PX, _LOWEST * height), _HIGHEST * height
    pieces, n_pieces = ndimage.label((pixels > _BRIGHT) & ~_find_objects(pixels), np.ones((3, 3)))
    letters = []
    sizes = np.bincount(pieces.ravel(), minlength=n_pieces + 1)
    for number, place in enumerate(ndimage.find_objects(pieces), start=1):
        rows, columns = place
        tall, wide = rows.stop - rows.start, columns.stop - columns.start
        filled = sizes[number] / (tall * wide)
        # A filled rectangle is part of a scale bar, a thin one part of a line.
        if lowest <= tall <= highest and _NARROWEST * tall <= wide <= _WIDEST * tall and 0.15 < filled < 0.95:
            letters.append((rows.start, rows.stop, columns.start, columns.stop))
    return letters


def _find_objects(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return a mask of objects too large to be letters (head, head holder), with a margin."""
    from scipy import ndimage

    height, width = pixels.shape
    scale = max(height, width) / _SEARCH
    size = (max(2, round(width / scale)), max(2, round(height / scale)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    # Opening removes text, which is thin, even several close lines of it.
    mask = ndimage.binary_dilation(ndimage.binary_opening(small > AIR, iterations=2), iterations=3)
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def _to_lines(letters: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Group letters into horizontal lines, each from left to right."""
    lines: list[list[tuple[int, int, int, int]]] = []
    for letter in sorted(letters, key=lambda one: one[2]):
        for line in lines:
            if _follows(line[-1], letter):
                line.append(letter)
                break
        else:
            lines.append([letter])
    return [line for line in lines if _shares_baseline(line)]


def _follows(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    tall, other_tall = one[1] - one[0], other[1] - other[0]
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return (
        0.55 * tall <= other_tall <= tall / 0.55
        and shared >= 0.5 * min(tall, other_tall)
        and -1 <= other[2] - one[3] <= _GAP * max(tall, other_tall)
    )


def _shares_baseline(line: list[tuple[int, int, int, int]]) -> bool:
    """Return whether the letters share a baseline, unlike scattered pieces."""
    tall = float(np.median([bottom - top for top, bottom, _, _ in line]))
    steps = [abs(other[1] - one[1]) for one, other in pairwise(line)]
    return not steps or float(np.median(steps)) <= max(1.0, 0.15 * tall)
