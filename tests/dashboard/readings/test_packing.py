"""Slices and heat maps packed for the browser."""

from __future__ import annotations

import base64
import io
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from dashboard.readings.packing import PREVIEW_SIZE, list_preview_values, pack_heat, pack_preview, pack_slice


def _open_preview(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


def _render_ramp(low: int, high: int, kind: type = np.int16) -> np.ndarray:
    return np.tile(np.rint(np.linspace(low, high, 512)), (512, 1)).astype(kind)


def test_a_slice_in_full_is_exact() -> None:
    """Every Hounsfield unit is recovered from the low and the high bytes, also negative ones."""
    picture = np.random.default_rng(0).integers(-1024, 3071, (512, 512)).astype(np.int16)
    packed = pack_slice(picture)
    low, high = np.frombuffer(zlib.decompress(base64.b64decode(packed["pixels"])), np.uint8).reshape(2, -1)
    assert (512, 16) == (packed["size"], packed["bits"])
    np.testing.assert_array_equal(picture.ravel(), (low | high.astype(np.uint16) << 8).astype(np.int16))


def test_a_slice_in_gray_is_exact() -> None:
    """The bytes of a gray slice are unchanged."""
    picture = np.random.default_rng(0).integers(0, 256, (64, 64)).astype(np.uint8)
    packed = pack_slice(picture)
    assert (64, 8) == (packed["size"], packed["bits"])
    assert picture.tobytes() == zlib.decompress(base64.b64decode(packed["pixels"]))


@pytest.mark.parametrize(("low", "high", "most"), [(-100, 200, 5), (-1000, 3000, 80)])
def test_a_preview_keeps_hounsfield_units(low: int, high: int, most: int) -> None:
    """A preview is within 5 HU for soft tissue, and within 80 HU elsewhere."""
    small = _open_preview(pack_preview(_render_ramp(low, high)))
    assert (PREVIEW_SIZE, PREVIEW_SIZE) == small.shape
    units = np.array(list_preview_values(hounsfield=True))[small]
    expected = np.linspace(low, high, 512).reshape(PREVIEW_SIZE, 2).mean(axis=1)
    assert np.abs(units - expected).max() <= most


def test_values_beyond_the_range_of_a_preview_are_clipped() -> None:
    """Values below air and above dense bone become the darkest and the brightest gray."""
    picture = np.full((512, 512), -3000, np.int16)
    picture[:, 256:] = 20_000
    small = _open_preview(pack_preview(picture))
    assert small[0, 0] <= 2
    assert small[0, -1] >= 253


def test_a_gray_preview_has_its_own_values() -> None:
    """Each gray of a scan without Hounsfield units has itself as value."""
    assert list(range(256)) == list_preview_values(hounsfield=False)
    small = _open_preview(pack_preview(_render_ramp(0, 255, np.uint8)))
    assert np.abs(small.astype(int) - np.linspace(0, 255, PREVIEW_SIZE)).max() <= 4


def test_heat_maps_are_in_the_order_of_the_networks() -> None:
    """Each map is packed row by row in bytes, 0 to 255, with its height and width."""
    maps = {"pytorch": np.array([[0, 0.5, 1]], np.float32), "keras": np.array([[1], [0]], np.float32)}
    models = {name: SimpleNamespace(heat=heat) for name, heat in maps.items()}
    packed = pack_heat(SimpleNamespace(models=models))
    assert [(1, 3), (2, 1)] == [(one["height"], one["width"]) for one in packed]
    assert [[0, 128, 255], [255, 0]] == [list(base64.b64decode(one["bytes"])) for one in packed]
