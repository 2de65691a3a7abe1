"""Augmentation: random changes of training images, the same for every framework.

Each change is one that a real scan may show: the head turned, shifted or larger, another window, more noise,
less sharpness. None of them changes the label (hemorrhage or none).
"""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from core.errors import StrokeError

# Gray up to this byte (2 % of the range) is air, and stays as it is.
_NOTHING = 5
_NOISY, _BLURRED = 1 / 4, 1 / 6


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image.

    Every value is at least 0, and 0 switches the change off. Each image gets its own random value, uniform
    between the bounds.

    Args:
        flip: mirror left to right half of the time.
        rotation_degrees: turn by up to this many degrees either way.
        translation: shift by up to this share of the side, either way, horizontally and vertically.
        zoom: scale by 1 - zoom to 1 + zoom; below 1.
        brightness: add up to this much gray either way (the range of gray is 1).
        contrast: scale the distance from gray 0.5, where tissue normalization puts the median of the soft
            tissue, by 1 - contrast to 1 + contrast; at most 1.
        noise: a quarter of the images get Gaussian noise of standard deviation 0 to this (the range of gray
            is 1).
        blur: one image in six gets a Gaussian blur of standard deviation 0 to this, in pixels.
        planted: number of copies with a planted lesion that are added to the training slices, as a share
            of these (see `core.synthetic.planting`); ignored by `augment_many`.
        views: number of augmented copies of each slice whose backbone features are computed once, for all
            epochs; 0: the unchanged slice alone. Ignored by `augment_many`, and without a backbone, where
            each epoch has new random changes.

    Raises:
        StrokeError: a value is out of range.
    """

    flip: bool = True
    rotation_degrees: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0
    noise: float = 0.0
    blur: float = 0.0
    planted: float = 0.0
    views: int = 0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            highest = {"zoom": 0.9, "contrast": 1.0}.get(field.name, math.inf)
            # A card is JSON: its value may be a string.
            if not isinstance(value, int | float) or not 0 <= value <= highest or math.isinf(value):
                limit = "at least 0" if highest == math.inf else f"between 0 and {highest:g}"
                raise StrokeError(f"An augmentation's {field.name} must be {limit}", found=repr(value))

    @property
    def moves(self) -> bool:
        """Return whether any change moves pixels."""
        return self.flip or any((self.rotation_degrees, self.translation, self.zoom))


def augment_many(
    images: NDArray[np.uint8],
    augmentation: Augmentation,
    seed: int,
    *,
    numbers: NDArray[np.integer] | None = None,
    n_threads: int = 1,
) -> NDArray[np.uint8]:
    """Change each image at random.

    The changes of an image depend only on the seed and its number, not on its batch or on the threads.
    Switching one kind of change off leaves the random values of the others as they are.

    Args:
        images: (n, h, w, c) uint8 prepared images; c is 1 (gray) or 3 (gray three times). See
            `core.imaging.preprocessing.Recipe`.
        augmentation: what may change, and by how much.
        seed: at least 0; each epoch has its own.
        numbers: (n,) integers of at least 0: the index of each image in the whole set. None: its index in
            `images`.
        n_threads: images changed at the same time.

    Returns:
        (n, h, w, c) uint8. Areas from beyond the picture are black; brightness, contrast and noise change
        only gray above 2 %, that is, not the air. `images` itself when no change is switched on.

    Raises:
        StrokeError: the images are not uint8 of this shape, or there are more or fewer numbers than images.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.shape[3] not in (1, 3) or images.dtype != np.uint8:
        raise StrokeError(
            "Images to augment must be uint8 of shape (n, h, w, 1 or 3)",
            found=f"{images.dtype} {images.shape}",
        )
    if numbers is None:
        numbers = np.arange(len(images))
    if len(numbers) != len(images):
        raise StrokeError(
            "Each image needs one number", found=f"{len(images)} images and {len(numbers)} numbers"
        )
    changes = (augmentation.brightness, augmentation.contrast, augmentation.noise, augmentation.blur)
    if not augmentation.moves and not any(changes):
        return images
    augmented = np.empty_like(images)

    def augment(index: int) -> None:
        rng = np.random.default_rng([seed, int(numbers[index])])
        augmented[index] = _augment_one(images[index], augmentation, rng)

    if n_threads == 1:
        for index in range(len(images)):
            augment(index)
    else:
        with ThreadPoolExecutor(n_threads) as pool:
            list(pool.map(augment, range(len(images))))
    return augmented


def move_masks(
    masks: NDArray[np.bool_],
    augmentation: Augmentation,
    seed: int,
    *,
    numbers: NDArray[np.integer] | None = None,
) -> NDArray[np.bool_]:
    """Move masks as `augment_many` moves the images of the same seed and numbers; grays do not matter.

    Args:
        masks: (n, h, w) bool.
        augmentation, seed, numbers: see `augment_many`.

    Returns:
        (n, h, w) bool; False beyond the picture. `masks` itself when no change moves pixels.
    """
    if not augmentation.moves:
        return masks
    moved = np.zeros_like(masks)
    for index, mask in enumerate(masks):
        if mask.any():
            rng = np.random.default_rng([seed, index if numbers is None else int(numbers[index])])
            affine, _ = _sample_changes(augmentation, mask.shape, rng)
            # Bilinear on bytes: True where at least half of the pixel is covered.
            plane = _move(Image.fromarray(mask.astype(np.uint8) * 255), affine)
            moved[index] = np.asarray(plane) > 127
    return moved


class _Grays(NamedTuple):
    """Sampled changes of gray, in units of a byte, and the radius of a blur in pixels."""

    shift: float
    factor: float
    deviation: float
    radius: float


_Affine = tuple[float, float, float, float, float, float]


def _sample_changes(
    augmentation: Augmentation, shape: tuple[int, ...], rng: np.random.Generator
) -> tuple[_Affine, _Grays]:
    """Sample the changes of one image of this (height, width)."""
    # Sample all values, used or not, so that switching one change off does not shift the others' values.
    flip, is_noisy, noise, is_blurred, blur = rng.random(5).tolist()
    turn, right, down, zoom, brightness, contrast = rng.uniform(-1, 1, 6).tolist()
    affine = _affine(
        shape[0],
        shape[1],
        flip=augmentation.flip and flip < 0.5,
        angle=math.radians(augmentation.rotation_degrees * turn),
        shift=(augmentation.translation * down, augmentation.translation * right),
        scale=1 + augmentation.zoom * zoom,
    )
    grays = _Grays(
        shift=255 * augmentation.brightness * brightness,
        factor=1 + augmentation.contrast * contrast,
        deviation=255 * augmentation.noise * noise if is_noisy < _NOISY else 0.0,
        radius=augmentation.blur * blur if is_blurred < _BLURRED else 0.0,
    )
    return affine, grays


def _augment_one(
    image: NDArray[np.uint8], augmentation: Augmentation, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Return an image (h, w, c) uint8 after its changes as (h, w, 1) uint8: its channels are equal."""
    affine, grays = _sample_changes(augmentation, image.shape[:2], rng)
    # The channels of "rgb" are equal: one of them is enough.
    plane = Image.fromarray(np.ascontiguousarray(image[..., 0]))
    if augmentation.moves:
        plane = _move(plane, affine)
    if grays.radius:
        plane = plane.filter(ImageFilter.GaussianBlur(grays.radius))
    if grays.shift or grays.factor != 1:
        plane = plane.point(_gray_table(grays.factor, grays.shift))
    pixels = np.asarray(plane)
    if grays.deviation:
        noisy = pixels + np.float32(grays.deviation) * rng.standard_normal(pixels.shape, dtype=np.float32)
        pixels = np.where(pixels > _NOTHING, np.rint(noisy.clip(0, 255)), pixels).astype(np.uint8)
    return pixels[..., None]


def _move(plane: Image.Image, affine: _Affine) -> Image.Image:
    return plane.transform(plane.size, Image.Transform.AFFINE, affine, Image.Resampling.BILINEAR, fillcolor=0)


def _affine(
    height: int, width: int, *, flip: bool, angle: float, shift: tuple[float, float], scale: float
) -> _Affine:
    """Return PIL's coefficients (a, b, c, d, e, f), which map a point of the result to one of the source.

    The result is the source mirrored, then turned about the center, scaled, and shifted (down, right).
    """
    cosine, sine = math.cos(angle) / scale, math.sin(angle) / scale
    sign = -1 if flip else 1
    y, x = height / 2, width / 2
    to_y, to_x = y + shift[0] * height, x + shift[1] * width
    a, b = sign * cosine, sign * sine
    return a, b, x - a * to_x - b * to_y, -sine, cosine, y + sine * to_x - cosine * to_y


def _gray_table(factor: float, shift: float) -> list[int]:
    """Return the new gray of each byte: contrast about the middle, then brightness; air stays as it is."""
    gray = np.arange(256)
    changed = np.rint(np.clip(127.5 + factor * (gray - 127.5) + shift, 0, 255)).astype(int)
    return np.where(gray <= _NOTHING, gray, changed).tolist()
