"""Preprocessing: from a slice's pixels to a network's input, the same in training and in serving."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Annotated, Any, Literal

import numpy as np
from PIL import Image
from pydantic import Field, ModelWrapValidatorHandler, ValidationError, WrapValidator, model_validator
from pydantic.dataclasses import dataclass

from core.errors import ScanError, StrokeError, explain_refusal
from core.imaging.intensity import AIR, normalise_brain, normalise_tissue
from core.scans import LEARNED, Window

Channels = Literal["gray", "rgb"]
Framing = Literal["whole", "head"]
Intensity = Literal["unit", "tissue", "brain"]

# The grays of a plain margin differ by less, including JPEG artefacts and uneven paper.
_PLAIN = 0.15
_WINDOW = {"level_hu", "width_hu"}
_FARTHEST_HU = 32768
# The head is searched on a small copy: this is fast, and enough for its outline.
_SEARCH_SIZE = 160


def _check_only(value: object, check: Callable[[object], object]) -> object:
    check(value)
    return value


# Pydantic would turn a card's 40 into 40.0; unconverted, a card written again has the same bytes.
_UNCONVERTED = WrapValidator(_check_only)


@dataclass(frozen=True, config={"strict": True, "extra": "forbid"})
class Recipe:
    """The preprocessing of a slice.

    Args:
        size: height and width of the input, in pixels.
        channels: "gray" (1 channel), or "rgb" (the gray value three times).
        framing: "whole" takes the whole slice; "head" crops a square around the largest bright object, so
            that head holder, field of view and zoom matter less.
        intensity: "unit" keeps the gray values in [0, 1]; "tissue" moves the median of the soft tissue to
            0.5 and scales by its median absolute deviation, so that the window matters less; "brain" does
            so with the brain inside the skull, and blackens all outside the head.
        level_hu, width_hu: center and width of the window that turns Hounsfield units into gray values: the
            window of the training pictures. Not used for slices that are gray already.
    """

    size: Annotated[int, Field(ge=32, le=1024)] = 224
    channels: Channels = "rgb"
    framing: Framing = "whole"
    intensity: Intensity = "unit"
    level_hu: Annotated[float, Field(ge=-_FARTHEST_HU, le=_FARTHEST_HU), _UNCONVERTED] = LEARNED.center_hu
    width_hu: Annotated[float, Field(ge=1, le=_FARTHEST_HU), _UNCONVERTED] = LEARNED.width_hu

    @model_validator(mode="wrap")
    @classmethod
    def _explain(cls, values: Any, check: ModelWrapValidatorHandler[Recipe]) -> Recipe:
        try:
            return check(values)
        except ValidationError as error:
            field, rule, found = explain_refusal(error)
            raise StrokeError(f"A recipe's {field} {rule}", found=found) from error

    @property
    def window(self) -> Window:
        """Return the window that turns Hounsfield units into gray values."""
        return Window(self.level_hu, self.width_hu)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Return the shape (h, w, c) of one prepared image."""
        return self.size, self.size, {"gray": 1, "rgb": 3}[self.channels]

    def to_dict(self) -> dict[str, Any]:
        """Return the recipe as plain values, for a card."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Recipe:
        """Return the recipe that a card describes.

        Raises:
            StrokeError: a value is missing, unknown or out of range.
        """
        known = set(asdict(cls()))
        # Older cards name no window: they used the default.
        if not known - _WINDOW <= set(values) <= known:
            raise StrokeError(
                f"A recipe must have exactly {', '.join(sorted(known))}", found=", ".join(sorted(values))
            )
        return cls(**values)


def prepare(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Turn one slice into one input image.

    Args:
        pixels: (H, W) float32 gray values in [0, 1].
        recipe: the preprocessing.

    Returns:
        (size, size, c) float32 in [0, 1]. Every value is a multiple of 1/255, so prepared images are stored
        as uint8 without loss.

    Raises:
        ScanError: the pixels are not two-dimensional, not finite or outside [0, 1].
    """
    return prepare_frame(to_frame(pixels, recipe), recipe)


def prepare_frame(frame: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Turn one framed slice into one input image: the part of `prepare` after the framing.

    Args:
        frame: (size, size) float32 gray values in [0, 1], from `to_frame`.
        recipe: its intensity and channels are used.

    Returns:
        (size, size, c) float32 in [0, 1]; every value is a multiple of 1/255.
    """
    if recipe.intensity == "tissue":
        frame = normalise_tissue(frame)
    elif recipe.intensity == "brain":
        frame = normalise_brain(frame)
    image = np.repeat(frame[..., None], recipe.shape[2], axis=2)
    return np.rint(image * 255).astype(np.float32) / np.float32(255)


def prepare_many(slices: Sequence[np.ndarray], recipe: Recipe) -> np.ndarray:
    """Return n slices of any sizes as (n, size, size, c) float32 in [0, 1]; see `prepare`."""
    images = np.empty((len(slices), *recipe.shape), dtype=np.float32)
    for index, pixels in enumerate(slices):
        images[index] = prepare(pixels, recipe)
    return images


def to_frame(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    """Return the slice framed and resized as for the network, but without intensity normalization.

    Heat maps are aligned with this picture.

    Args:
        pixels: (H, W) float32 gray values in [0, 1].
        recipe: its framing and size are used.

    Returns:
        (size, size) float32 in [0, 1]; 0 (black) where the square frame reaches beyond the slice.

    Raises:
        ScanError: the pixels are not two-dimensional, not finite or outside [0, 1].
    """
    pixels = np.asarray(pixels, dtype=np.float32)
    if recipe.framing == "head" and pixels.ndim == 2:
        # Cut first: where the frame reaches beyond the cut slice, the picture is black.
        pixels = trim_margins(pixels)
    return np.clip(cut_frame(pixels, find_frame(pixels, recipe), recipe.size), 0, 1)


def find_frame(pixels: np.ndarray, recipe: Recipe) -> tuple[int, int, int]:
    """Return top, left and side, in pixels, of the square that `to_frame` cuts out.

    The square may reach beyond the slice. Args and errors as in `to_frame`.
    """
    if pixels.ndim != 2 or min(pixels.shape) < 2:
        raise ScanError("A slice must be a two-dimensional image", found=f"an array of shape {pixels.shape}")
    if not np.isfinite(pixels).all() or pixels.min() < 0 or pixels.max() > 1:
        raise ScanError(
            "A slice's gray values must be between 0 and 1",
            found="not finite" if not np.isfinite(pixels).all() else f"{pixels.min():g} to {pixels.max():g}",
        )
    return find_head(pixels) if recipe.framing == "head" else _whole(pixels.shape)


def cut_frame(
    values: np.ndarray, frame: tuple[int, int, int], size: int, *, beyond: float = 0.0
) -> np.ndarray:
    """Cut a square out of a picture, in gray or Hounsfield units, and resize it.

    Args:
        values: (H, W).
        frame: top, left and side, from `find_frame` of the slice's gray values.
        size: height and width of the result.
        beyond: the value where the square reaches beyond the picture.

    Returns:
        (size, size) float32.
    """
    top, left, side = frame
    height, width = values.shape
    # PIL's box may not reach outside the picture: pad first.
    pad_top, pad_left = max(0, -top), max(0, -left)
    pad_bottom, pad_right = max(0, top + side - height), max(0, left + side - width)
    values = np.asarray(values, dtype=np.float32)
    if pad_top or pad_left or pad_bottom or pad_right:
        values = np.pad(values, ((pad_top, pad_bottom), (pad_left, pad_right)), constant_values=beyond)
        top, left = top + pad_top, left + pad_left
    cut = Image.fromarray(np.ascontiguousarray(values[top : top + side, left : left + side]))
    return np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR), dtype=np.float32)


def trim_margins(pixels: np.ndarray) -> np.ndarray:
    """Cut off a plain bright margin, such as that of a page or a viewer; a black margin stays.

    Args:
        pixels: (H, W) float32 gray values in [0, 1].

    Returns:
        (H', W') float32, a view without the margin; see `find_margins`.
    """
    return pixels[find_margins(pixels)]


def find_margins(pixels: np.ndarray) -> tuple[slice, slice]:
    """Return the rows and columns (slices) of a picture inside its plain bright margin.

    The margin are those outer rows and columns that have a single gray brighter than air. It is the whole
    picture when nothing else would be left. Args as in `trim_margins`.
    """
    height, width = pixels.shape
    top, bottom, left, right = 0, height, 0, width

    def is_plain(line: np.ndarray) -> bool:
        return bool(line.min() > AIR and line.max() - line.min() < _PLAIN)

    while bottom - top > 2 and right - left > 2:
        before = top, bottom, left, right
        top += is_plain(pixels[top, left:right])
        bottom -= is_plain(pixels[bottom - 1, left:right])
        left += is_plain(pixels[top:bottom, left])
        right -= is_plain(pixels[top:bottom, right - 1])
        if before == (top, bottom, left, right):
            return slice(top, bottom), slice(left, right)
    return slice(0, height), slice(0, width)


def find_head(pixels: np.ndarray) -> tuple[int, int, int]:
    """Find the square around the head.

    The head is the largest connected bright object after a morphological opening, which removes thin objects
    such as a head holder.

    Args:
        pixels: (H, W) float32 gray values in [0, 1].

    Returns:
        Top, left and side of the square in pixels, with a margin of 4 % on each side of the head; it may
        reach beyond the picture. The square around the whole picture when nothing in it is bright.
    """
    from scipy import ndimage

    height, width = pixels.shape
    scale = max(height, width) / _SEARCH_SIZE
    small = np.asarray(
        Image.fromarray(pixels).resize(
            (max(2, round(width / scale)), max(2, round(height / scale))), Image.Resampling.BOX
        )
    )
    objects, n_objects = ndimage.label(ndimage.binary_opening(small > AIR, iterations=2))
    if n_objects == 0:
        return _whole((height, width))
    sizes = np.bincount(objects.ravel())
    sizes[0] = 0
    rows, columns = ndimage.find_objects(objects)[sizes.argmax() - 1]
    y_scale, x_scale = height / small.shape[0], width / small.shape[1]
    top, bottom = rows.start * y_scale, rows.stop * y_scale
    left, right = columns.start * x_scale, columns.stop * x_scale
    side = max(bottom - top, right - left) * 1.08
    return round((top + bottom - side) / 2), round((left + right - side) / 2), max(2, round(side))


def _whole(shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the smallest centered square around the whole picture, so that nothing is stretched."""
    height, width = shape
    side = max(height, width)
    return (height - side) // 2, (width - side) // 2, side
