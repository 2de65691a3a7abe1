"""Words that were written into a picture: the name of a patient, a date, settings of the scanner.

Nothing is read: letters are told by their shape alone. A line of text is several small bright pieces of about
one height, side by side, away from the head. Words that touch the head are not found.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.imaging import AIR

# A larger picture is made smaller: letters stay large enough.
_LARGEST = 768
# Of the picture's height: letters are that high. Below, noise looks alike; above, it is an object.
_LOWEST, _HIGHEST = 0.009, 0.07
_LEAST_PX = 5
# Letters by their height: width, and the gap to the next one (spaces between words included).
_NARROWEST, _WIDEST, _GAP = 0.12, 1.6, 1.6
_LETTERS = 4
_BRIGHT = 0.35
_SEARCH = 160


def holds_text(pixels: NDArray[np.float32]) -> bool:
    """Whether a line of at least four letters stands beside the head.

    Args:
        pixels: (H, W) float32 display gray in [0, 1]. Letters brighter than what lies around them are found,
            as scanners and viewers write them.
    """
    height, width = pixels.shape
    scale = _LARGEST / max(height, width)
    if scale < 1:
        small = (round(width * scale), round(height * scale))
        pixels = np.asarray(Image.fromarray(pixels).resize(small, Image.Resampling.BOX))
    return any(len(line) >= _LETTERS for line in _to_lines(_find_letters(pixels)))


def _find_letters(pixels: NDArray[np.float32]) -> list[tuple[int, int, int, int]]:
    """Top, bottom, left and right of each bright piece beside the head that may be a letter."""
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
        # A full rectangle is a part of a scale, a thin one of a line; "I" and "l" alone make no word.
        if lowest <= tall <= highest and _NARROWEST * tall <= wide <= _WIDEST * tall and 0.15 < filled < 0.95:
            letters.append((rows.start, rows.stop, columns.start, columns.stop))
    return letters


def _find_objects(pixels: NDArray[np.float32]) -> NDArray[np.bool_]:
    """What is too large for a letter, with a margin: the head, and whatever it lies on."""
    from scipy import ndimage

    height, width = pixels.shape
    scale = max(height, width) / _SEARCH
    size = (max(2, round(width / scale)), max(2, round(height / scale)))
    small = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BOX))
    # Words are thin: they are worn away, however many lines of them stand together.
    mask = ndimage.binary_dilation(ndimage.binary_opening(small > AIR, iterations=2), iterations=3)
    return np.asarray(Image.fromarray(mask).resize((width, height), Image.Resampling.NEAREST))


def _to_lines(letters: list[tuple[int, int, int, int]]) -> list[list[tuple[int, int, int, int]]]:
    """Letters that stand side by side on one line, from left to right."""
    lines: list[list[tuple[int, int, int, int]]] = []
    for letter in sorted(letters, key=lambda one: one[2]):
        for line in lines:
            if _follows(line[-1], letter):
                line.append(letter)
                break
        else:
            lines.append([letter])
    return [line for line in lines if _is_level(line)]


def _follows(one: tuple[int, int, int, int], other: tuple[int, int, int, int]) -> bool:
    tall, other_tall = one[1] - one[0], other[1] - other[0]
    shared = min(one[1], other[1]) - max(one[0], other[0])
    return (
        0.55 * tall <= other_tall <= tall / 0.55
        and shared >= 0.5 * min(tall, other_tall)
        and -1 <= other[2] - one[3] <= _GAP * max(tall, other_tall)
    )


def _is_level(line: list[tuple[int, int, int, int]]) -> bool:
    """Whether the letters stand on one level, as those of words do and scattered bits do not."""
    tall = float(np.median([bottom - top for top, bottom, _, _ in line]))
    steps = [abs(other[1] - one[1]) for one, other in pairwise(line)]
    return not steps or float(np.median(steps)) <= max(1.0, 0.15 * tall)
