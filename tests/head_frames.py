"""Framed heads and skulls, for tests of what is done to frames."""

from __future__ import annotations

import numpy as np

from core.imaging.preprocessing import Recipe, to_frame
from core.synthetic.phantoms import render_phantom

SIZE = 128


def framed(position: float = 0.5, seed: int = 1, size: int = SIZE) -> np.ndarray:
    """Return a framed head without a lesion."""
    phantom = render_phantom(np.random.default_rng(seed), lesion=False, size=256, position=position)
    return to_frame(phantom.pixels, Recipe(size=size, channels="gray", framing="head", intensity="unit"))


def skull(size: int = SIZE, gap: int = 0, brain: float = 0.4) -> np.ndarray:
    """Return a ring of bone around uniform gray in air, with a gap of `gap` rows on its right."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.hypot(rows, columns) / size
    head = np.where(radius < 0.38, brain, np.where(radius < 0.45, 1.0, 0.0))
    head[(np.abs(rows) < gap / 2) & (columns > 0) & (radius >= 0.38)] = 0.0
    return head.astype(np.float32)
