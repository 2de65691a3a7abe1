"""Pack slices and heat maps for the browser, where dashboard/scripts/stack_draw.js draws them.

Every slice is sent as a small preview, so scrolling needs no server. The slice on screen is sent in full.
"""

from __future__ import annotations

import base64
import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from core.imaging import stretch_heat
from core.reading import SliceFinding

PREVIEW_SIZE = 256
_QUALITY = 80
# Hounsfield units of a preview's 256 grays, interpolated linearly: 2.3 HU per gray for soft tissue, coarser
# for air and bone.
_UNITS, _GRAYS = (-1024, -150, 250, 3071), (0, 24, 200, 255)
_GRAY_OF_HU = np.rint(np.interp(np.arange(_UNITS[0], _UNITS[-1] + 1), _UNITS, _GRAYS)).astype(np.uint8)


def list_preview_values(*, hounsfield: bool) -> list[int]:
    """Return the value of each of a preview's 256 grays: Hounsfield units, or the gray itself."""
    grays = np.arange(256)
    return [int(value) for value in (np.rint(np.interp(grays, _GRAYS, _UNITS)) if hounsfield else grays)]


def pack_preview(picture: np.ndarray) -> str:
    """Return a slice, (H, W) int16 in Hounsfield units or uint8 gray, as a small JPEG in base64.

    `list_preview_values` gives the value of each gray.
    """
    if picture.dtype == np.int16:
        picture = _GRAY_OF_HU[np.clip(picture, _UNITS[0], _UNITS[-1]) - _UNITS[0]]
    small = Image.fromarray(picture).resize((PREVIEW_SIZE, PREVIEW_SIZE), Image.Resampling.BOX)
    target = BytesIO()
    small.save(target, "JPEG", quality=_QUALITY)
    return _to_text(target.getvalue())


def pack_slice(picture: np.ndarray) -> dict[str, Any]:
    """Return a slice, (size, size) int16 or uint8, without loss: low bytes, then high bytes, deflated."""
    bytes_apart = np.ascontiguousarray(picture).view(np.uint8).reshape(picture.size, -1).T
    return {
        "size": len(picture),
        "bits": 8 * picture.itemsize,
        "pixels": _to_text(zlib.compress(np.ascontiguousarray(bytes_apart).tobytes(), level=1)),
    }


def pack_heat(finding: SliceFinding) -> list[dict[str, Any]]:
    """Return the heat maps of a slice in the order of its networks, as bytes: 255 is the strongest place.

    The browser scales each by its network's strength on the slice, see `core.imaging.scale_heat`: it
    depends on the operating point, which the visitor may change.
    """
    return [
        {
            "height": model.heat.shape[0],
            "width": model.heat.shape[1],
            "bytes": _to_text(np.rint(stretch_heat(model.heat) * 255).astype(np.uint8).tobytes()),
        }
        for model in finding.models.values()
    ]


def pack_colors(colors: np.ndarray) -> str:
    """Return (256, 3) uint8 colors in base64."""
    return _to_text(np.ascontiguousarray(colors).tobytes())


def _to_text(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
