"""Heat map overlays, thumbnails and probability scales."""

from __future__ import annotations

import base64
from io import BytesIO
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from dashboard.shared import overlays
from dashboard.shared.palette import DARK, LIGHT


def test_no_heat_leaves_the_frame_as_it_is() -> None:
    """At heat 0 the picture is the gray frame, at any opacity."""
    frame = np.linspace(0, 1, 64, dtype=np.float32).reshape(8, 8)
    laid = np.asarray(overlays.overlay_heat(frame, np.zeros((4, 4), np.float32), 1.0))
    gray = np.rint(frame * 255).astype(np.uint8)
    assert (laid == gray[..., None]).all()


def test_opacity_zero_shows_the_bare_frame() -> None:
    """At opacity 0 no heat map is visible."""
    frame = np.full((8, 8), 0.5, np.float32)
    laid = np.asarray(overlays.overlay_heat(frame, np.ones((2, 2), np.float32), 0.0))
    assert (laid == 128).all()


def test_full_heat_has_the_top_color_of_the_bar() -> None:
    """Heat 1 at full opacity is the right end of the color bar."""
    laid = np.asarray(overlays.overlay_heat(np.zeros((8, 8)), np.ones((2, 2), np.float32), 1.0))
    bar = np.asarray(overlays.render_color_bar())
    assert (laid[4, 4] == bar[0, -1]).all()


def test_both_models_share_one_scale() -> None:
    """The color of a heat value does not depend on the rest of the map."""
    low = np.zeros((8, 8), np.float32)
    low[:] = 0.6
    mixed = low.copy()
    mixed[:, 6:] = 1.0
    one = np.asarray(overlays.overlay_heat(np.zeros((8, 8)), low, 0.7))
    other = np.asarray(overlays.overlay_heat(np.zeros((8, 8)), mixed, 0.7))
    assert (one[0, 0] == other[0, 0]).all()


def test_heat_lies_where_it_was_computed() -> None:
    """A hot corner of a coarse map colors the same corner of a finer frame, and no other."""
    heat = np.zeros((4, 4), np.float32)
    heat[0, 3] = 1
    laid = np.asarray(overlays.overlay_heat(np.full((64, 64), 0.5), heat, 1.0)).astype(int)
    colored = np.abs(laid - 128).sum(axis=2)
    assert colored[4, 60] > 100
    assert 0 == colored[60, 4] == colored[4, 4] == colored[60, 60]


def test_the_scale_of_colors_rises_in_lightness() -> None:
    """Magma is perceptually even: each color is at least as light as the one before."""
    lightness = overlays.MAGMA.astype(float) @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(lightness) >= -0.5).all()
    assert lightness[-1] - lightness[0] > 200


@pytest.mark.parametrize("opacity", [-0.1, 1.1])
def test_an_opacity_that_is_no_share_is_refused(opacity: float) -> None:
    """Values outside [0, 1] raise."""
    with pytest.raises(ValueError, match="between 0 and 1"):
        overlays.overlay_heat(np.zeros((8, 8)), np.zeros((2, 2), np.float32), opacity)


_SVG = "{http://www.w3.org/2000/svg}"


@pytest.mark.parametrize("threshold", [0.0, 0.05, 0.5, 0.97, 1.0])
@pytest.mark.parametrize("palette", [LIGHT, DARK])
def test_the_scales_are_sound_svg_at_every_threshold(threshold: float, palette) -> None:
    """Both rows parse as XML, name probability and operating point, and each has one mark of its own form."""
    rows = [overlays.ScaleRow("pytorch", 0.3, threshold), overlays.ScaleRow("keras", 0.8, threshold)]
    root = ElementTree.fromstring(overlays.render_scales(rows, palette))
    words = [text.text for text in root.iter(f"{_SVG}text")]
    assert 2 == words.count(f"threshold {threshold:.2f}")
    assert {"PyTorch", "Keras", "0.30", "0.80"} <= set(words)
    for framework, shape in (("pytorch", "circle"), ("keras", "rect")):
        color = palette.of_framework(framework)
        assert 1 == sum(node.get("fill") == color for node in root.iter(f"{_SVG}{shape}"))


def test_the_scale_hatches_the_review_band() -> None:
    """The band is one hatched bar of its width, also given in words; without a band there is neither."""
    for band, expected, told in (((0.25, 0.75), ["186.0"], "review band 0.25–0.75"), (None, [], "")):
        drawn = overlays.render_scales([overlays.ScaleRow("keras", 0.3, 0.5, band)], LIGHT)
        root = ElementTree.fromstring(drawn)
        bars = [node.get("width") for node in root.iter(f"{_SVG}rect") if node.get("fill") == "url(#review)"]
        assert expected == bars
        assert told in drawn
        assert bool(band) == ("review band" in drawn)


def test_a_row_says_in_words_what_it_draws() -> None:
    """A row in words names network, probability, operating point and band."""
    row = overlays.ScaleRow("pytorch", 0.876, 0.1, (0.05, 0.2))
    assert "PyTorch: 0.88, threshold 0.10, review band 0.05 to 0.20" == row.describe()


def test_a_data_address_holds_the_picture() -> None:
    """The address is a JPEG in base64 that opens with the picture's size."""
    head, _, body = overlays.to_address(overlays.to_gray(np.full((20, 30), 0.5))).partition(",")
    assert "data:image/jpeg;base64" == head
    assert (30, 20) == Image.open(BytesIO(base64.b64decode(body))).size


def test_a_thumbnail_keeps_the_shape_of_the_slice() -> None:
    """The longer side has the requested size, and the aspect ratio is kept."""
    assert (100, 50) == overlays.to_thumbnail(np.zeros((200, 400)), 100).size
