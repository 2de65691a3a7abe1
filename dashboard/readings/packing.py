"""Slices and heat maps packed for the browser, where dashboard/scripts/stack_draw.js draws them.

Two forms: a preview of every slice, small, so that scrolling needs no server; and the slice that is looked
at, whole and exact.
"""

from __future__ import annotations

import base64
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from core.reading import SliceFinding

PREVIEW_SIZE = 256
_QUALITY = 80
# Hounsfield units of a preview's 256 grays, joined linearly: 2.3 HU a gray where the windows for soft tissue
# lie, some 40 in air and bone.
_UNITS, _GRAYS = (-1024, -150, 250, 3071), (0, 24, 200, 255)
_GRAY_OF_HU = np.rint(np.interp(np.arange(_UNITS[0], _UNITS[-1] + 1), _UNITS, _GRAYS)).astype(np.uint8)


def preview_values(*, hounsfield: bool) -> list[int]:
    """What each of a preview's 256 grays stands for: Hounsfield units, or for a scan in gray itself."""
    grays = np.arange(256)
    return [int(value) for value in (np.rint(np.interp(grays, _GRAYS, _UNITS)) if hounsfield else grays)]


def pack_preview(picture: np.ndarray) -> str:
    """A slice, (H, W) int16 in Hounsfield units or uint8 gray, as a small JPEG in base64.

    Its grays stand for what `preview_values` says.
    """
    if picture.dtype == np.int16:
        picture = _GRAY_OF_HU[np.clip(picture, _UNITS[0], _UNITS[-1]) - _UNITS[0]]
    small = Image.fromarray(picture).resize((PREVIEW_SIZE, PREVIEW_SIZE), Image.Resampling.BOX)
    target = BytesIO()
    small.save(target, "JPEG", quality=_QUALITY)
    return _to_text(target.getvalue())


def pack_slice(picture: np.ndarray) -> dict[str, Any]:
    """A slice, (size, size) int16 or uint8, exact: its bytes deflated, all low ones before all high ones."""
    bytes_apart = np.ascontiguousarray(picture).view(np.uint8).reshape(picture.size, -1).T
    return {
        "size": len(picture),
        "bits": 8 * picture.itemsize,
        "pixels": _to_text(zlib.compress(np.ascontiguousarray(bytes_apart).tobytes(), level=1)),
    }


def pack_heat(finding: SliceFinding) -> list[dict[str, Any]]:
    """The heat maps of a slice, a network after the other: (height, width) bytes, 255 being the strongest."""
    return [
        {
            "height": model.heat.shape[0],
            "width": model.heat.shape[1],
            "bytes": _to_text(np.rint(np.clip(model.heat, 0, 1) * 255).astype(np.uint8).tobytes()),
        }
        for model in finding.models.values()
    ]


def pack_colors(colors: np.ndarray) -> str:
    """(256, 3) uint8 colours of heat, in base64."""
    return _to_text(np.ascontiguousarray(colors).tobytes())


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
