"""Pictures made in memory."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image

Encode = Callable[..., bytes]


@pytest.fixture
def gray() -> np.ndarray:
    """(40, 48) uint8 with every gray from 0 to 255 and no symmetry."""
    return (np.arange(40 * 48).reshape(40, 48) % 256).astype(np.uint8)


@pytest.fixture
def encode() -> Encode:
    """Return encode(values or Pillow image, format, **options), which gives the file's bytes."""

    def write(picture: np.ndarray | Image.Image, format_name: str = "PNG", **options: Any) -> bytes:
        image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
        stream = io.BytesIO()
        image.save(stream, format_name, **options)
        return stream.getvalue()

    return write
