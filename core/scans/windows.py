"""Named windows, and the mapping of Hounsfield units to display gray."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """The range of Hounsfield units shown from black to white.

    Attributes:
        center_hu: value shown as middle gray.
        width_hu: width of the range, above 0.
    """

    center_hu: float
    width_hu: float


# The usual windows of head CT, as Window(center, width).
WINDOWS = {
    "brain": Window(40, 80),
    "subdural": Window(75, 200),
    "stroke": Window(40, 40),
    "bone": Window(600, 2800),
}

# The window of the training pictures, from the scripts published with CT-ICH (Hssayeni et al., Data 2020,
# 5(1):14). `python -m core window` compares it with others.
LEARNED = Window(40, 120)


def window_hu(pixels_hu: NDArray[Any], window: Window = LEARNED) -> NDArray[np.float32]:
    """Map Hounsfield units to display gray.

    Args:
        pixels_hu: array of any shape, in Hounsfield units.
        window: range shown from black to white; values outside are clipped.

    Returns:
        The same shape, float32 in [0, 1].
    """
    low = window.center_hu - window.width_hu / 2
    gray = (np.asarray(pixels_hu, dtype=np.float32) - np.float32(low)) / np.float32(window.width_hu)
    return np.clip(gray, 0, 1, out=gray)
