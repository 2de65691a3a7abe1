"""Preprocessing: shapes, values, framing, and what must not change the result."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from core.errors import ScanError, StrokeError
from core.imaging.preprocessing import (
    Recipe,
    cut_frame,
    find_frame,
    find_head,
    prepare,
    prepare_frame,
    prepare_many,
    to_frame,
    trim_margins,
)
from core.scans.windows import Window
from core.synthetic.phantoms import render_phantom

FRAMED = Recipe(size=96, channels="gray", framing="head", intensity="unit")


def phantom(size: int = 256) -> np.ndarray:
    """A head without a lesion, always the same."""
    return render_phantom(np.random.default_rng(3), lesion=False, size=size).pixels


def disc(height: int, width: int, row: float, column: float, radius: float, gray: float = 0.5) -> np.ndarray:
    """A flat gray disc on black air."""
    rows, columns = np.mgrid[:height, :width]
    inside = (rows - row) ** 2 + (columns - column) ** 2 <= radius**2
    return np.where(inside, np.float32(gray), np.float32(0))


@pytest.mark.parametrize(("channels", "n_channels"), [("gray", 1), ("rgb", 3)])
@pytest.mark.parametrize("framing", ["whole", "head"])
@pytest.mark.parametrize("intensity", ["unit", "tissue", "brain"])
@pytest.mark.parametrize("shape", [(256, 256), (40, 333), (190, 70)])
def test_prepared_images_have_the_recipe_s_form(
    channels: Any, n_channels: int, framing: Any, intensity: Any, shape: tuple[int, int]
) -> None:
    """Any slice becomes (size, size, c) float32, whole multiples of 1/255 between 0 and 1."""
    recipe = Recipe(size=48, channels=channels, framing=framing, intensity=intensity)
    pixels = np.random.default_rng(0).random(shape, dtype=np.float32)
    image = prepare(pixels, recipe)
    assert (48, 48, n_channels) == recipe.shape == image.shape
    assert np.float32 == image.dtype
    as_bytes = np.rint(image * 255)
    assert 0 <= as_bytes.min() <= as_bytes.max() <= 255
    np.testing.assert_array_equal(as_bytes.astype(np.uint8) / np.float32(255), image)


def test_rgb_is_gray_three_times() -> None:
    """Each of the three channels of "rgb" equals that of "gray"."""
    gray = prepare(phantom(), Recipe(size=64, channels="gray"))
    np.testing.assert_array_equal(np.repeat(gray, 3, axis=2), prepare(phantom(), Recipe(size=64)))


def test_prepare_many_is_prepare_on_each() -> None:
    """Slices of different sizes are stacked in one array, each equal to that of `prepare`."""
    slices = [phantom(256), phantom(128)[:100], phantom(64)]
    images = prepare_many(slices, FRAMED)
    assert (3, 96, 96, 1) == images.shape
    for image, pixels in zip(images, slices, strict=True):
        np.testing.assert_array_equal(prepare(pixels, FRAMED), image)
    assert (0, 96, 96, 1) == prepare_many([], FRAMED).shape


@pytest.mark.parametrize("seed", range(4))
def test_find_head_frames_a_phantom(seed: int) -> None:
    """The square holds the phantom's bright pixels with a small margin, centered on the longer side."""
    pixels = render_phantom(np.random.default_rng(seed), lesion=False, size=256).pixels
    rows, columns = np.nonzero(pixels > 0.5)
    top, left, side = find_head(pixels)
    assert top <= rows.min()
    assert rows.max() < top + side
    assert left <= columns.min()
    assert columns.max() < left + side
    longest = max(np.ptp(rows), np.ptp(columns)) + 1
    assert longest <= side <= 1.2 * longest


def test_find_head_measures_a_disc() -> None:
    """A disc of radius 60 at (120, 170) gives a square of 1.08 times its diameter around its center."""
    top, left, side = find_head(disc(256, 320, 120, 170, 60))
    assert 1.08 * 121 == pytest.approx(side, abs=5)
    assert 120 == pytest.approx(top + side / 2, abs=2.5)
    assert 170 == pytest.approx(left + side / 2, abs=2.5)


def test_find_head_ignores_a_thin_head_holder() -> None:
    """A bright arc or line of the head-holder, touching or not, does not widen the frame."""
    pixels = disc(256, 256, 110, 128, 70)
    expected = find_head(pixels)
    apart, touching = pixels.copy(), pixels.copy()
    apart[235:237, 5:250] = 1.0
    touching[178:183, 5:250] = 1.0
    assert expected == find_head(apart)
    assert expected == pytest.approx(find_head(touching), abs=6)


def test_find_head_takes_the_largest_object() -> None:
    """Of two thick objects the larger is the head."""
    pixels = np.maximum(disc(256, 256, 90, 90, 60), disc(256, 256, 220, 220, 20, gray=1.0))
    top, left, side = find_head(pixels)
    assert (90, 90) == pytest.approx((top + side / 2, left + side / 2), abs=2.5)


def test_find_head_of_air_is_the_whole_picture() -> None:
    """If nothing is bright the frame is the smallest square around the whole picture."""
    assert (-20, 0, 100) == find_head(np.zeros((60, 100), dtype=np.float32))


@pytest.mark.parametrize("gray", [0.5, 1.0])
def test_a_plain_bright_margin_is_cut_off(gray: float) -> None:
    """A margin of one gray, of a different width on each side, is cut off exactly; a black one stays."""
    picture = np.pad(np.pad(phantom(128), 5), ((3, 20), (0, 7)), constant_values=gray)
    np.testing.assert_array_equal(np.pad(phantom(128), 5), trim_margins(picture))
    np.testing.assert_array_equal(to_frame(np.pad(phantom(128), 5), FRAMED), to_frame(picture, FRAMED))
    tight = phantom(128)[:, 12:-12]
    bordered = np.pad(tight, 4, constant_values=gray)
    np.testing.assert_array_equal(to_frame(tight, FRAMED), to_frame(bordered, FRAMED))


def test_a_frame_cuts_hounsfield_units_at_the_same_place() -> None:
    """The frame found on the gray cuts Hounsfield units at the same place, with air beyond the slice."""
    gray = phantom(128)[:, 20:]
    frame = find_frame(gray, FRAMED)
    np.testing.assert_allclose(
        to_frame(gray, FRAMED), (cut_frame(gray * 80 - 5, frame, 96, beyond=-5) + 5) / 80, atol=1e-5
    )


def test_a_plain_picture_keeps_its_size() -> None:
    """If all is one gray, nothing is cut off."""
    plain = np.full((20, 30), 0.7, np.float32)
    assert (20, 30) == trim_margins(plain).shape


def test_whole_framing_keeps_a_margin() -> None:
    """A recipe with the framing "whole" does not cut off the margin."""
    recipe = Recipe(size=64, channels="gray", framing="whole", intensity="unit")
    assert 1 == to_frame(np.pad(phantom(128), 20, constant_values=1), recipe)[0, 0]


def test_framed_picture_does_not_depend_on_the_field_of_view() -> None:
    """Shifting, padding and scaling the head change the framed picture by less than 3 % on average."""
    pixels = phantom()
    frame = to_frame(pixels, FRAMED)
    changed = {
        "shifted": np.roll(np.pad(pixels, 40), (25, -18), axis=(0, 1)),
        "padded": np.pad(pixels, ((0, 130), (60, 0))),
        "scaled": phantom(400),
    }
    # The same head rendered larger has other noise; compare its outline and its bright skull.
    for name, other in changed.items():
        difference = np.abs(to_frame(other, FRAMED) - frame).mean()
        assert difference < 0.03, name
    assert np.abs(to_frame(changed["padded"], Recipe(size=96, channels="gray")) - frame).mean() > 0.1


def test_a_shift_by_whole_search_pixels_changes_nothing() -> None:
    """A head that moves by whole pixels of the search grid is framed to the very same picture."""
    small = np.pad(phantom(64), 48)
    moved = np.roll(small, (16, -24), axis=(0, 1))
    np.testing.assert_array_equal(to_frame(small, FRAMED), to_frame(moved, FRAMED))


def test_tissue_normalisation_cancels_a_linear_window() -> None:
    """Another linear window (no tissue clipped) gives the same picture within 2/255 where tissue is."""
    rng = np.random.default_rng(5)
    tissue = np.clip(0.45 + 0.06 * rng.standard_normal((128, 128)), 0.3, 0.6).astype(np.float32)
    recipe = Recipe(size=128, channels="gray", intensity="tissue")
    plain = prepare(tissue, recipe)
    windowed = prepare(1.2 * tissue - 0.1, recipe)
    assert 0.5 == pytest.approx(float(np.median(plain)), abs=1 / 255)
    np.testing.assert_allclose(windowed, plain, atol=2 / 255)
    unit = Recipe(size=128, channels="gray")
    assert np.abs(prepare(1.2 * tissue - 0.1, unit) - prepare(tissue, unit)).max() > 10 / 255


def test_tissue_normalisation_leaves_pictures_without_tissue() -> None:
    """A slice of air and bone alone keeps its gray values."""
    pixels = disc(64, 64, 32, 32, 20, gray=1.0)
    expected = prepare(pixels, Recipe(size=64, channels="gray"))
    np.testing.assert_array_equal(
        expected, prepare(pixels, Recipe(size=64, channels="gray", intensity="tissue"))
    )


def test_frame_has_the_gray_values_of_the_slice() -> None:
    """`to_frame` does not normalize: heat maps are shown on the slice's own gray values."""
    tissue = Recipe(size=96, channels="rgb", framing="head", intensity="tissue")
    frame = to_frame(phantom(), tissue)
    assert (96, 96) == frame.shape
    np.testing.assert_array_equal(to_frame(phantom(), FRAMED), frame)


@pytest.mark.parametrize("channels", ["gray", "rgb"])
@pytest.mark.parametrize("intensity", ["unit", "tissue", "brain"])
def test_preparing_is_framing_then_preparing_the_frame(channels: Any, intensity: Any) -> None:
    """`prepare` is `to_frame` followed by `prepare_frame`, which alone normalizes and forms channels."""
    recipe = Recipe(size=96, channels=channels, framing="head", intensity=intensity)
    frame = to_frame(phantom(), recipe)
    image = prepare_frame(frame, recipe)
    np.testing.assert_array_equal(prepare(phantom(), recipe), image)
    assert recipe.shape == image.shape
    unit = np.rint(frame * 255).astype(np.float32) / np.float32(255)
    assert (intensity == "unit") == np.array_equal(unit, image[..., 0])


def test_whole_framing_never_stretches() -> None:
    """A disc in a wide or tall slice stays round, and the area beyond the slice is black."""
    recipe = Recipe(size=100, channels="gray")
    for shape in ((200, 400), (400, 200)):
        pixels = disc(*shape, shape[0] / 2, shape[1] / 2, 80)
        rows, columns = np.nonzero(to_frame(pixels, recipe) > 0.25)
        assert 40 == pytest.approx(np.ptp(rows) + 1, abs=1)
        assert 40 == pytest.approx(np.ptp(columns) + 1, abs=1)
    frame = to_frame(np.ones((200, 400), dtype=np.float32), recipe)
    assert 0 == frame[:24].max() == frame[76:].max()
    assert 1 == frame[26:74].min()


@pytest.mark.parametrize(
    ("pixels", "found"),
    [
        (np.zeros((4, 4, 3)), "shape (4, 4, 3)"),
        (np.zeros(16), "shape (16,)"),
        (np.zeros((1, 16)), "shape (1, 16)"),
        (np.full((8, 8), np.nan), "not finite"),
        (np.full((8, 8), 1.5), "1.5"),
        (np.full((8, 8), -0.25), "-0.25"),
    ],
)
def test_unfit_pixels_are_refused(pixels: np.ndarray, found: str) -> None:
    """Pixels that are not a finite picture in [0, 1] raise a ScanError that says what was found."""
    for change in (prepare, to_frame):
        with pytest.raises(ScanError) as error:
            change(pixels, FRAMED)
        assert found in str(error.value)


def test_a_recipe_survives_its_dictionary() -> None:
    """`from_dict` undoes `to_dict`."""
    recipe = Recipe(
        size=72, channels="gray", framing="head", intensity="tissue", level_hu=35.0, width_hu=80.0
    )
    assert recipe == Recipe.from_dict(recipe.to_dict())


def test_a_recipe_is_written_as_it_was_read() -> None:
    """A whole number of Hounsfield units stays one: a card that is written again has the same bytes."""
    values = {**FRAMED.to_dict(), "level_hu": 40, "width_hu": 120.0}
    assert json.dumps(values) == json.dumps(Recipe.from_dict(values).to_dict())


def test_a_recipe_with_an_unknown_setting_is_refused() -> None:
    """A misspelt setting is named, not left out."""
    with pytest.raises(StrokeError, match="color"):
        Recipe(color=1)


def test_a_card_without_a_window_means_the_one_that_was_always_used() -> None:
    """Older cards name none: center 40, width 120."""
    values = FRAMED.to_dict()
    del values["level_hu"], values["width_hu"]
    assert Window(40, 120) == Recipe.from_dict(values).window


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"size": 31}, "31"),
        ({"size": 1025}, "1025"),
        ({"channels": "mirror"}, "channels"),
        ({"framing": "neck"}, "framing"),
        ({"intensity": "log"}, "intensity"),
        ({"color": 1}, "color"),
        ({"size": "96"}, "size"),
        ({"size": 96.5}, "size"),
        ({"size": True}, "size"),
        ({"channels": ["gray"]}, "channels"),
        ({"width_hu": 0}, "width_hu"),
        ({"level_hu": "40"}, "level_hu"),
        ({"width_hu": float("nan")}, "width_hu"),
    ],
)
def test_unfit_recipes_are_refused(change: dict[str, Any], word: str) -> None:
    """A value of a card's recipe that is unknown, out of range or of the wrong kind is named."""
    with pytest.raises(StrokeError) as error:
        Recipe.from_dict({**FRAMED.to_dict(), **change})
    assert word in str(error.value)


def test_a_recipe_with_a_missing_value_is_refused() -> None:
    """A missing value is not replaced by a default."""
    values = FRAMED.to_dict()
    del values["framing"]
    with pytest.raises(StrokeError, match="framing"):
        Recipe.from_dict(values)
