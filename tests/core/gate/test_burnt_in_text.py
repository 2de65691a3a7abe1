"""Burnt-in text is found beside the head, in the sizes that scanners and viewers write."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from core.gate.burnt_in_text import holds_text
from core.synthetic.phantoms import render_phantom

SIZE = 512


@pytest.fixture(scope="module")
def head() -> Image.Image:
    """A synthetic head CT slice as an 8-bit picture."""
    pixels = render_phantom(np.random.default_rng(0), lesion=True, size=SIZE).pixels
    return Image.fromarray(np.rint(pixels * 255).astype(np.uint8))


def write(picture: Image.Image, text: str, place: tuple[int, int], size: int, fill: int = 200) -> np.ndarray:
    """Return the picture with text, float32 in [0, 1]."""
    with_text = picture.copy()
    ImageDraw.Draw(with_text).multiline_text(place, text, fill=fill, font=ImageFont.load_default(size))
    return np.asarray(with_text, dtype=np.float32) / 255


@pytest.mark.parametrize("size", [10, 12, 16, 22])
@pytest.mark.parametrize("text", ["DOE^JOHN 1970-01-01", "Smith, A.", "WL 40 WW 120", "12/05/2019 14:33"])
def test_words_beside_the_head_are_found(head: Image.Image, text: str, size: int) -> None:
    """Names, dates and settings in a corner are found at 2 to 4 % of the picture's height."""
    assert holds_text(write(head, text, (8, 6), size))


def test_a_block_of_many_lines_is_found(head: Image.Image) -> None:
    """Close lines of text are not mistaken for one large object."""
    assert holds_text(write(head, "\n".join(["DOE^JOHN", "1970-01-01", "CT HEAD", "120 kV"] * 2), (6, 6), 13))


def test_words_are_found_in_a_large_picture(head: Image.Image) -> None:
    """Text is found in a picture of 2048 pixels."""
    assert holds_text(write(head.resize((2048, 2048)), "DOE^JOHN 1970", (20, 20), 60))


@pytest.mark.parametrize("seed", range(5))
def test_a_head_holds_no_words(seed: int) -> None:
    """Skull and noise are not mistaken for letters."""
    rng = np.random.default_rng(seed)
    pixels = render_phantom(rng, lesion=bool(seed % 2), size=SIZE).pixels
    noisy = np.clip(pixels + rng.normal(0, 0.05, pixels.shape), 0, 1).astype(np.float32)
    assert [False] * 3 == [holds_text(picture) for picture in (pixels, noisy, np.zeros_like(pixels))]


def test_other_marks_are_not_text(head: Image.Image) -> None:
    """An orientation letter, a scale of equal strokes and scattered dots are not text."""
    marked = head.copy()
    draw = ImageDraw.Draw(marked)
    draw.text((8, SIZE // 2), "R", fill=220, font=ImageFont.load_default(16))
    for step in range(10):
        draw.line((SIZE - 12, 100 + 30 * step, SIZE - 4, 100 + 30 * step), fill=220)
    for place in ((20, 20), (60, 44), (33, 90), (80, 12), (10, 70)):
        draw.ellipse((*place, place[0] + 6, place[1] + 6), fill=220)
    assert not holds_text(np.asarray(marked, dtype=np.float32) / 255)


def test_pieces_on_a_slope_are_not_text(head: Image.Image) -> None:
    """Pieces of equal size side by side, but on a slope, are not text."""
    marked = head.copy()
    draw = ImageDraw.Draw(marked)
    for step in range(8):
        left, top = 10 + 11 * step, 60 - 5 * step
        draw.rectangle((left, top, left + 5, top + 9), outline=220)
    assert not holds_text(np.asarray(marked, dtype=np.float32) / 255)
