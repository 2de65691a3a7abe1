"""Perturbations for measuring robustness: noise, blur, another position or size, other gray values, JPEG.

They change a slice's pixels before preprocessing, as if the file itself were different. Brightness and
contrast are the factors of torchvision's `adjust_brightness` and `adjust_contrast`: of the gray value, and of
its distance from the picture's mean.
"""

from __future__ import annotations

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageEnhance, ImageFilter

from core.errors import StrokeError

_WORDS = {
    "none": "unchanged",
    "noise": "noise, SD {percent:g} % of the gray range",
    "blur": "blur, SD {amount:g} pixels",
    "rotation": "rotation {amount:+g}°",
    "brightness": "brightness {percent:+g} %",
    "contrast": "contrast {percent:+g} %",
    "jpeg": "JPEG quality {amount:g}",
    "translation": "translation {percent:+g} %",
    "scale": "scale {amount:g}",
}


@dataclass(frozen=True)
class Perturbation:
    """One kind of change and its amount.

    Args:
        name: the kind of change.
        amount: its size, by kind:
            "noise": standard deviation of Gaussian noise, as a share of the gray range;
            "blur": standard deviation of a Gaussian, in pixels of the file;
            "rotation": degrees, counterclockwise;
            "brightness", "contrast": relative change, -0.2 for 20 % less;
            "jpeg": quality of one more JPEG compression, 1 to 95;
            "translation": shift to the right and down, as a share of width and height;
            "scale": factor of the size, about the picture's center;
            "none": ignored.

    Raises:
        StrokeError: the name is unknown.
    """

    name: str
    amount: float

    def __post_init__(self) -> None:
        if self.name not in _WORDS:
            raise StrokeError(
                f"There is no perturbation {self.name!r}", remedy=f"choose one of {', '.join(_WORDS)}"
            )

    @property
    def title(self) -> str:
        """Return the change in words, for a plot or a table."""
        return _WORDS[self.name].format(amount=self.amount, percent=100 * self.amount)


UNCHANGED = Perturbation("none", 0.0)
PERTURBATIONS = (
    Perturbation("noise", 0.05),
    Perturbation("noise", 0.1),
    Perturbation("blur", 2.0),
    Perturbation("blur", 4.0),
    Perturbation("rotation", -15.0),
    Perturbation("rotation", 15.0),
    Perturbation("brightness", -0.2),
    Perturbation("brightness", 0.2),
    Perturbation("contrast", -0.2),
    Perturbation("contrast", 0.2),
    Perturbation("jpeg", 30.0),
    Perturbation("translation", -0.1),
    Perturbation("translation", 0.1),
    Perturbation("scale", 0.9),
    Perturbation("scale", 1.1),
)


def perturb(
    pixels: NDArray[np.float32], perturbation: Perturbation, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return the slice after the change, of the same size.

    Pixels moved out of the picture are lost; uncovered areas are black. The result holds multiples of 1/255,
    as an 8-bit file would; only "none" returns the pixels unchanged.

    Args:
        pixels: (H, W) float32 in [0, 1].
        perturbation: the change.
        rng: used for "noise" alone.

    Returns:
        (H, W) float32 in [0, 1].
    """
    name, amount = perturbation.name, perturbation.amount
    if name == "none":
        return pixels
    if name == "noise":
        noisy = pixels + np.float32(amount) * rng.standard_normal(pixels.shape, dtype=np.float32)
        return _to_unit(_to_bytes(np.clip(noisy, 0, 1)))
    picture = Image.fromarray(_to_bytes(pixels))
    return _to_unit(np.asarray(_change(picture, name, amount)))


def _change(picture: Image.Image, name: str, amount: float) -> Image.Image:
    if name == "blur":
        return picture.filter(ImageFilter.GaussianBlur(amount))
    if name == "rotation":
        return picture.rotate(amount, Image.Resampling.BILINEAR)
    if name == "brightness":
        return ImageEnhance.Brightness(picture).enhance(1 + amount)
    if name == "contrast":
        return ImageEnhance.Contrast(picture).enhance(1 + amount)
    if name == "jpeg":
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=round(amount))
        return Image.open(file)
    if name == "translation":
        # By whole pixels, to measure the effect of position without that of interpolation.
        right, down = round(amount * picture.width), round(amount * picture.height)
        return picture.transform(
            picture.size, Image.Transform.AFFINE, (1, 0, -right, 0, 1, -down), Image.Resampling.NEAREST
        )
    step = 1 / amount
    left, top = picture.width / 2 * (1 - step), picture.height / 2 * (1 - step)
    return picture.transform(
        picture.size, Image.Transform.AFFINE, (step, 0, left, 0, step, top), Image.Resampling.BILINEAR
    )


def _to_bytes(pixels: NDArray[np.float32]) -> NDArray[np.uint8]:
    return np.rint(pixels * 255).astype(np.uint8)


def _to_unit(gray: NDArray[np.uint8]) -> NDArray[np.float32]:
    return gray.astype(np.float32) / np.float32(255)
