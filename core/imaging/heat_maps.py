"""Pictures of slices and heat maps, made with numpy and Pillow alone."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageColor

# Magma, a perceptually uniform color map, as ten colors with linear interpolation between them.
_STEPS = (
    "#000004", "#180f3d", "#440f76", "#721f81", "#9e2f7f", "#cd4071", "#f1605d", "#fd9668", "#feca8d",
    "#fcfdbf",
)  # fmt: skip
# The map's opacity rises from heat 0 up to this heat. The color always shows the heat; the opacity only
# decides how much of the slice shows through.
_FULL = 0.5


def _interpolate(colors: tuple[str, ...]) -> NDArray[np.uint8]:
    """Return a color map (256, 3) uint8: the colors evenly spaced, with linear interpolation."""
    anchors = np.array([ImageColor.getrgb(color) for color in colors], dtype=np.float64)
    places = np.linspace(0, len(anchors) - 1, 256)
    steps = np.arange(len(anchors))
    return (
        np.stack([np.interp(places, steps, anchors[:, c]) for c in range(3)], axis=1).round().astype(np.uint8)
    )


MAGMA = _interpolate(_STEPS)


def to_gray(frame: NDArray) -> Image.Image:
    """Return a frame, (H, W) in [0, 1] or uint8, as a gray picture of the same size."""
    return Image.fromarray(_to_bytes(frame), mode="L")


def overlay_heat(frame: NDArray, heat: NDArray, opacity: float) -> Image.Image:
    """Overlay a heat map on the frame it was computed from.

    Args:
        frame: (H, W) gray values in [0, 1], or uint8.
        heat: (h, w) in [0, 1], of any size; it is resized to the frame by bicubic interpolation.
        opacity: in [0, 1]; 0 shows the frame alone.

    Returns:
        An RGB picture of size (W, H). Where heat is 0 the frame is unchanged.

    Raises:
        ValueError: opacity is outside [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity must be between 0 and 1, not {opacity}")
    gray = _to_bytes(frame)
    height, width = gray.shape
    heat_image = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
    heat = np.clip(np.asarray(heat_image.resize((width, height), Image.Resampling.BICUBIC)), 0, 1)
    alpha = (opacity * _fade(heat))[..., None]
    color = MAGMA[np.rint(heat * 255).astype(np.uint8)].astype(np.float32)
    mixed = gray[..., None] * (1 - alpha) + color * alpha
    return Image.fromarray(np.rint(mixed).astype(np.uint8), mode="RGB")


def render_color_bar(width: int = 512, height: int = 14) -> Image.Image:
    """Return the colors of heat, from 0 at the left to 1 at the right, as an RGB picture."""
    ramp = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    return Image.fromarray(np.tile(MAGMA[ramp], (height, 1, 1)), mode="RGB")


def _fade(heat: NDArray) -> NDArray:
    """Return the share of the full opacity at each heat: linear from 0, full from _FULL upwards."""
    return np.minimum(1, heat / _FULL)


def _to_bytes(values: NDArray) -> NDArray[np.uint8]:
    """Return values in [0, 1] as uint8; uint8 is returned unchanged."""
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)
