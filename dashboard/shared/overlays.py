"""Thumbnails, empty frames and probability scales as pictures; overlays are from core.imaging.heat_maps."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from io import BytesIO
from typing import NamedTuple

import numpy as np
from PIL import Image

from core.frameworks import TITLES
from core.imaging import (
    HEAT_WORDS,
    MAGMA,
    SCALE_MARKS,
    overlay_heat,
    render_color_bar,
    scale_heat,
    to_gray,
)
from dashboard.shared.palette import MARKERS, Palette

__all__ = [
    "HEAT_WORDS",
    "MAGMA",
    "SCALE_MARKS",
    "ScaleRow",
    "overlay_heat",
    "render_color_bar",
    "render_color_scale",
    "render_empty_frame",
    "render_scales",
    "scale_heat",
    "to_address",
    "to_gray",
    "to_thumbnail",
]  # fmt: skip


def render_empty_frame(size: int = 512) -> Image.Image:
    """Return the picture shown before a scan: black, with the faint outline of a head."""
    v, u = np.mgrid[-1 : 1 : size * 1j, -1 : 1 : size * 1j]
    distance = np.hypot(u / 0.68, v / 0.84)
    return to_gray(0.14 * np.clip(1 - np.abs(distance - 1) / 0.035, 0, 1))


BAR_WIDTH, _BAR_HEIGHT = 300, 30


def render_color_scale(palette: Palette) -> str:
    """Return the scale of heat maps as SVG: its colors, and the marks at its ends and its middle."""
    stops = "".join(
        f'<stop offset="{place / 16:.4f}" stop-color="rgb{tuple(MAGMA[round(255 * place / 16)].tolist())}"/>'
        for place in range(17)
    )
    marks = "".join(
        f'<text x="{place}" y="26" text-anchor="{anchor}">{mark}</text>'
        for place, anchor, mark in zip(
            (1, BAR_WIDTH / 2, BAR_WIDTH - 1), ("start", "middle", "end"), SCALE_MARKS, strict=True
        )
    )
    size = f'width="{BAR_WIDTH}" height="{_BAR_HEIGHT}" viewBox="0 0 {BAR_WIDTH} {_BAR_HEIGHT}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'
        f'<defs><linearGradient id="heat">{stops}</linearGradient></defs>'
        f'<rect width="{BAR_WIDTH}" height="10" rx="2" fill="url(#heat)"/>'
        f'<rect x="{BAR_WIDTH / 2 - 0.75}" width="1.5" height="14" fill="{palette.text}"/>'
        f'<g fill="{palette.negative}">{marks}</g></svg>'
    )


def to_thumbnail(pixels: np.ndarray, size: int) -> Image.Image:
    """Return a thumbnail of a slice, (H, W) in [0, 1]; its longer side has at most `size` pixels."""
    picture = to_gray(pixels)
    picture.thumbnail((size, size), Image.Resampling.BILINEAR)
    return picture


def to_address(picture: Image.Image) -> str:
    """Return a small picture as a data URL (JPEG)."""
    target = BytesIO()
    picture.save(target, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode()}"


class ScaleRow(NamedTuple):
    """One network's probability, operating point and review band (None without one)."""

    framework: str
    probability: float
    threshold: float
    band: tuple[float, float] | None = None

    def describe(self) -> str:
        """Return the row in words."""
        review = f", review band {self.band[0]:.2f} to {self.band[1]:.2f}" if self.band else ""
        point = f"threshold {self.threshold:.2f}{review}"
        return f"{TITLES[self.framework]}: {self.probability:.2f}, {point}"


_SCALE_LEFT, _SCALE_SPAN, _SCALE_WIDTH, _ROW = 84, 372, 520, 50


def render_scales(rows: Sequence[ScaleRow], palette: Palette) -> str:
    """Return the probabilities of the networks as SVG, each on a scale from 0 to 1.

    A scale is tinted from the operating point upward, where the network decides for the positive class. The
    review band is hatched.
    """
    height = _ROW * len(rows)
    scales = "".join(_render_row(row, place * _ROW, palette) for place, row in enumerate(rows))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_SCALE_WIDTH}" height="{height}" '
        f'viewBox="0 0 {_SCALE_WIDTH} {height}" font-family="sans-serif">'
        '<defs><pattern id="review" width="5" height="5" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)">'
        f'<rect width="2" height="5" fill="{palette.review}"/></pattern></defs>{scales}</svg>'
    )


def _render_row(row: ScaleRow, top: int, palette: Palette) -> str:
    left, span = _SCALE_LEFT, _SCALE_SPAN
    at, cut = left + span * row.probability, left + span * row.threshold
    color = palette.of_framework(row.framework)
    middle = top + 15
    shape = (
        f'<circle cx="{at:.1f}" cy="{middle}" r="8"'
        if MARKERS[row.framework] == "circle"
        else f'<rect x="{at - 7.5:.1f}" y="{middle - 7.5}" width="15" height="15"'
    )
    review, note = "", ""
    if row.band:
        low, high = (left + span * edge for edge in row.band)
        review = (
            f'<rect x="{low:.1f}" y="{middle - 11}" width="{high - low:.1f}" height="22" rx="2" '
            f'fill="url(#review)" stroke="{palette.review}"/>'
        )
        note = f" · review band {row.band[0]:.2f}–{row.band[1]:.2f}"
    return (
        f'<text x="0" y="{middle + 5}" font-size="14" font-weight="600" fill="{color}">'
        f"{TITLES[row.framework]}</text>"
        f'<rect x="{left}" y="{middle - 4}" width="{span}" height="8" rx="4" fill="{palette.grid}"/>'
        f'<rect x="{cut:.1f}" y="{middle - 4}" width="{left + span - cut:.1f}" height="8" rx="4" '
        f'fill="{palette.positive}" fill-opacity="0.35"/>{review}'
        f'<line x1="{cut:.1f}" x2="{cut:.1f}" y1="{middle - 13}" y2="{middle + 13}" '
        f'stroke="{palette.text}" stroke-width="2"/>'
        f'{shape} fill="{color}" stroke="{palette.surface}" stroke-width="2"/>'
        f'<g font-size="12" fill="{palette.negative}">'
        f'<text x="{left - 12}" y="{middle + 4}" text-anchor="end">0</text>'
        f'<text x="{left + span + 12}" y="{middle + 4}">1</text>'
        f'<text x="{left}" y="{middle + 28}">threshold {row.threshold:.2f}{note}</text></g>'
        f'<text x="{_SCALE_WIDTH}" y="{middle + 6}" font-size="17" font-weight="600" text-anchor="end" '
        f'fill="{palette.text}">{row.probability:.2f}</text>'
    )
