"""Scans and heat maps as pictures: numpy and Pillow, no plotting library."""

from __future__ import annotations

import numpy as np
from PIL import Image
from plotly.colors import hex_to_rgb, sequential

from dashboard.palette import Palette

# Below this much heat nothing is laid over the anatomy; up to _FULL the map fades in. The colour of a pixel
# always tells its heat, the fading only how much of the slice shows through.
_FULL = 0.5


def _interpolate(colors: list[str]) -> np.ndarray:
    """(256, 3) uint8: the colours of a scale, evenly spread and joined linearly."""
    anchors = np.array([hex_to_rgb(color) for color in colors], dtype=np.float64)
    places = np.linspace(0, len(anchors) - 1, 256)
    steps = np.arange(len(anchors))
    return (
        np.stack([np.interp(places, steps, anchors[:, c]) for c in range(3)], axis=1).round().astype(np.uint8)
    )


MAGMA = _interpolate(sequential.Magma)


def to_gray(frame: np.ndarray) -> Image.Image:
    """Draw a frame, (H, W) in [0, 1], as a gray picture of the same size."""
    return Image.fromarray(_to_bytes(frame), mode="L")


def lay_heat(frame: np.ndarray, heat: np.ndarray, opacity: float) -> Image.Image:
    """Lay a heat map over the frame it was computed on.

    Args:
        frame: (H, W) gray values in [0, 1].
        heat: (h, w) in [0, 1], of any size; it is stretched smoothly over the frame.
        opacity: in [0, 1]; 0 shows the bare frame.

    Returns:
        An RGB picture of size (W, H). Where heat is 0 it is the frame, unchanged.

    Raises:
        ValueError: opacity is outside [0, 1].
    """
    if not 0 <= opacity <= 1:
        raise ValueError(f"opacity is a share between 0 and 1, not {opacity}")
    gray = _to_bytes(frame)
    height, width = gray.shape
    heat_image = Image.fromarray(np.ascontiguousarray(heat, dtype=np.float32))
    heat = np.clip(np.asarray(heat_image.resize((width, height), Image.Resampling.BICUBIC)), 0, 1)
    alpha = (opacity * _fade(heat))[..., None]
    color = MAGMA[np.rint(heat * 255).astype(np.uint8)].astype(np.float32)
    mixed = gray[..., None] * (1 - alpha) + color * alpha
    return Image.fromarray(np.rint(mixed).astype(np.uint8), mode="RGB")


def draw_color_bar(width: int = 512, height: int = 14) -> Image.Image:
    """The colours of heat, from 0 at the left to 1 at the right, as an RGB picture."""
    ramp = np.rint(np.linspace(0, 255, width)).astype(np.uint8)
    return Image.fromarray(np.tile(MAGMA[ramp], (height, 1, 1)), mode="RGB")


def draw_empty_frame(size: int = 512) -> Image.Image:
    """Where a scan will stand: black, with the faint outline of a head."""
    v, u = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    distance = np.hypot(u / 0.68, v / 0.84)
    return to_gray(0.14 * np.clip(1 - np.abs(distance - 1) / 0.035, 0, 1))


def to_thumbnail(pixels: np.ndarray, size: int) -> Image.Image:
    """A thumbnail of a slice, (H, W) in [0, 1], with its longer side `size` pixels."""
    picture = to_gray(pixels)
    picture.thumbnail((size, size), Image.Resampling.BILINEAR)
    return picture


def _fade(heat: np.ndarray) -> np.ndarray:
    """Share of the map's full opacity at each heat: rises evenly from 0, full from _FULL on."""
    return np.minimum(1, heat / _FULL)


def _to_bytes(values: np.ndarray) -> np.ndarray:
    """Values in [0, 1] as uint8; a frame already in bytes is left as it is."""
    values = np.asarray(values)
    if values.dtype == np.uint8:
        return values
    return np.rint(np.clip(values, 0, 1) * 255).astype(np.uint8)


def draw_scale(
    probability: float,
    threshold: float,
    framework: str,
    palette: Palette,
    band: tuple[float, float] | None = None,
) -> str:
    """One network's probability on a scale from 0 to 1, as SVG.

    From the operating point up the scale is tinted: there the network decides for the positive class. A line
    below it spans the review band.
    """
    left, span = 8, 384
    at, cut = left + span * probability, left + span * threshold
    color = palette.of_framework(framework)
    shape = (
        f'<circle cx="{at:.1f}" cy="16" r="8"'
        if framework == "pytorch"
        else f'<rect x="{at - 7.5:.1f}" y="8.5" width="15" height="15"'
    )
    anchor = "start" if threshold < 0.12 else "end" if threshold > 0.88 else "middle"
    ends = "".join(
        f'<text x="{left + span * end}" y="46" text-anchor="{side}">{end}</text>'
        for end, side in ((0, "start"), (1, "end"))
        if abs(threshold - end) > 0.2
    )
    low, high = (left + span * edge for edge in band or (0.0, 0.0))
    review = (
        f'<rect x="{low:.1f}" y="25" width="{high - low:.1f}" height="4" rx="2" fill="{palette.review}"/>'
        if band
        else ""
    )
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" width="400" height="52" viewBox="0 0 400 52">'
        f'<rect x="{left}" y="12" width="{span}" height="8" rx="4" fill="{palette.grid}"/>'
        f'<rect x="{cut:.1f}" y="12" width="{left + span - cut:.1f}" height="8" rx="4" '
        f'fill="{palette.positive}"'
        ' fill-opacity="0.35"/>'
        f'<line x1="{cut:.1f}" x2="{cut:.1f}" y1="4" y2="28" stroke="{palette.text}" stroke-width="2"/>'
        f"{review}"
        f'{shape} fill="{color}" stroke="{palette.surface}" stroke-width="2"/>'
        f'<g font-family="sans-serif" font-size="14" fill="{palette.negative}">{ends}'
        f'<text x="{cut:.1f}" y="46" text-anchor="{anchor}">from {threshold:.2f}</text></g></svg>'
    )
