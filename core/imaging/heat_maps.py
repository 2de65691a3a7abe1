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

# The meaning of the scale of colors at its ends and its middle; and what heat maps are, in words.
SCALE_MARKS = ("far below", "at threshold", "far above")
HEAT_WORDS = (
    "A heat map estimates which places raised the network's probability. It does not outline a lesion, and "
    "may be wrong; if it was measured how often, the model card says so. The color of its strongest place "
    "shows the slice's probability relative to the decision threshold of slices: dark is far below, the "
    "middle of the scale is at the threshold, bright is far above. The scale is the same for all slices and "
    "both networks. A dark map excludes nothing."
)


def scale_heat(heat: NDArray, probability: float, threshold: float) -> NDArray[np.float32]:
    """Return a heat map on the one scale on which heat maps of all slices and networks are shown.

    Args:
        heat: (h, w), 0 or more; only its proportions count.
        probability: of the slice, from the network that the heat map is of; in [0, 1].
        threshold: the decision threshold for this probability, in [0, 1].

    Returns:
        (h, w) in [0, 1]. Its maximum is `measure_strength(probability, threshold)`; a map without heat
        stays 0.

    >>> scale_heat(np.array([[0.0, 0.2]]), 0.3, 0.3).tolist()
    [[0.0, 0.5]]
    """
    return stretch_heat(heat) * np.float32(measure_strength(probability, threshold))


def stretch_heat(heat: NDArray) -> NDArray[np.float32]:
    """Return a heat map divided by its maximum; a map without heat stays 0."""
    values: NDArray[np.float32] = np.asarray(heat, dtype=np.float32)
    highest = values.max(initial=np.float32(0))
    return np.divide(values, highest if highest > 0 else np.float32(1), dtype=np.float32)


def measure_strength(probability: float, threshold: float) -> float:
    """Return the odds of a probability as their share of these odds and those of the threshold, in [0, 1].

    It is 0.5 at the threshold, and increases with the probability.

    >>> [round(measure_strength(p, 0.1), 2) for p in (0.0, 0.02, 0.1, 0.5, 1.0)]
    [0.0, 0.16, 0.5, 0.9, 1.0]
    """
    odds, at_threshold = probability * (1 - threshold), threshold * (1 - probability)
    return odds / (odds + at_threshold) if odds + at_threshold > 0 else 0.5


def to_gray(frame: NDArray) -> Image.Image:
    """Return a frame, (H, W) in [0, 1] or uint8, as a gray picture of the same size."""
    return Image.fromarray(_to_bytes(frame), mode="L")


def overlay_heat(frame: NDArray, heat: NDArray, opacity: float) -> Image.Image:
    """Overlay a heat map on the frame it was computed from.

    Args:
        frame: (H, W) gray values in [0, 1], or uint8.
        heat: (h, w) in [0, 1], of any size, from `scale_heat`; it is resized to the frame by bicubic
            interpolation.
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
    """Return the colors of heat, from 0 at the left to 1 at the right, as an RGB picture.

    SCALE_MARKS name its ends and its middle.
    """
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
