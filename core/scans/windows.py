"""Hounsfield units -> display gray, by named windows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """The span of Hounsfield units shown from black to white.

    Attributes:
        level_hu: the value shown as middle gray.
        width_hu: the span from black to white, above 0.
    """

    level_hu: float
    width_hu: float


# The usual windows of head CT (radiologists say them as width/level: 80/40, 200/75, 40/40, 2800/600).
WINDOWS = {
    "brain": Window(40, 80),
    "subdural": Window(75, 200),
    "stroke": Window(40, 40),
    "bone": Window(600, 2800),
}

# The window burnt into the pictures that the networks learned from: that of the scripts which come with
# CT-ICH (Hssayeni et al., Data 2020, 5(1):14). `python -m core window` compares it with others.
LEARNED = Window(40, 120)


def window_hu(pixels_hu: NDArray[Any], window: Window = LEARNED) -> NDArray[np.float32]:
    """Map Hounsfield units to display gray.

    Args:
        pixels_hu: any shape, in Hounsfield units.
        window: what is shown from black to white.

    Returns:
        The same shape, float32 in [0, 1].
    """
    low = window.level_hu - window.width_hu / 2
    gray = (np.asarray(pixels_hu, dtype=np.float32) - np.float32(low)) / np.float32(window.width_hu)
    return np.clip(gray, 0, 1, out=gray)
