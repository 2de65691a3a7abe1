"""Augmentation: the effect of each change, and what the random values depend on."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from core.errors import StrokeError
from core.imaging.augmentation import Augmentation, augment_many, move_masks
from core.imaging.preprocessing import Recipe, prepare
from core.synthetic.phantoms import render_phantom

EVERYTHING = Augmentation(
    flip=True,
    rotation_degrees=20,
    translation=0.08,
    zoom=0.2,
    brightness=0.1,
    contrast=0.3,
    noise=0.05,
    blur=1.5,
)


def only(**changes: float) -> Augmentation:
    """An augmentation of these changes and no flip."""
    return Augmentation(**{"flip": False, **changes})  # type: ignore[arg-type]


def phantoms(n: int = 6, channels: Any = "gray") -> np.ndarray:
    """Prepared heads without a lesion: (n, 64, 64, c) uint8."""
    recipe = Recipe(size=64, channels=channels, framing="head")
    heads = (render_phantom(np.random.default_rng(k), lesion=False, size=96).pixels for k in range(n))
    return np.stack([np.rint(prepare(head, recipe) * 255).astype(np.uint8) for head in heads])


def squares(n: int = 40, gray: int = 200) -> np.ndarray:
    """The same bright square, right of the center, on air: (n, 64, 64, 1) uint8."""
    images = np.zeros((n, 64, 64, 1), np.uint8)
    images[:, 26:38, 36:48] = gray
    return images


def centers(images: np.ndarray) -> np.ndarray:
    """(n, 2) row and column of the center of brightness."""
    weight = images[..., 0].astype(float)
    rows, columns = np.mgrid[: images.shape[1], : images.shape[2]]
    total = weight.sum((1, 2))
    return np.stack([(weight * rows).sum((1, 2)), (weight * columns).sum((1, 2))], axis=1) / total[:, None]


def test_the_same_seed_gives_the_same_changes() -> None:
    """Two runs with one seed are equal; another seed changes every image differently."""
    images = phantoms()
    first = augment_many(images, EVERYTHING, seed=3)
    np.testing.assert_array_equal(first, augment_many(images, EVERYTHING, seed=3))
    other = augment_many(images, EVERYTHING, seed=4)
    assert all(not np.array_equal(a, b) for a, b in zip(first, other, strict=True))


def test_images_of_one_set_are_changed_differently() -> None:
    """Forty copies of one image become forty different images."""
    augmented = augment_many(squares(), EVERYTHING, seed=0)
    assert 40 == len(np.unique(augmented.reshape(40, -1), axis=0))


def test_an_image_s_change_depends_only_on_seed_and_number() -> None:
    """Batches, another order and threads give the same images as the whole set."""
    images = phantoms()
    expected = augment_many(images, EVERYTHING, seed=7)
    order = np.array([4, 0, 5, 2])
    np.testing.assert_array_equal(
        expected[order], augment_many(images[order], EVERYTHING, seed=7, numbers=order)
    )
    np.testing.assert_array_equal(expected, augment_many(images, EVERYTHING, seed=7, n_threads=3))


def test_one_change_does_not_affect_the_random_values_of_another() -> None:
    """The shifts are the same whether or not brightness and contrast change too."""
    alone = augment_many(squares(), only(translation=0.2), seed=1)
    with_gray = augment_many(squares(), only(translation=0.2, brightness=0.1, contrast=0.1), seed=1)
    np.testing.assert_allclose(centers(with_gray), centers(alone), atol=0.1)


@pytest.mark.parametrize("channels", ["gray", "rgb"])
def test_augmented_images_have_the_form_of_the_images(channels: Any) -> None:
    """Shape and dtype stay, and the images passed in are not changed."""
    images = phantoms(channels=channels)
    before = images.copy()
    augmented = augment_many(images, EVERYTHING, seed=0)
    assert (images.shape, np.uint8) == (augmented.shape, augmented.dtype)
    np.testing.assert_array_equal(before, images)
    assert (0, *images.shape[1:]) == augment_many(images[:0], EVERYTHING, seed=0).shape


def test_nothing_to_change_returns_the_images() -> None:
    """Without a change the same array is returned; planted and views change no image."""
    images = phantoms(2)
    assert augment_many(images, only(planted=1.0, views=4), seed=0) is images


def test_rgb_stays_gray_three_times() -> None:
    """Every change, noise too, is equal in the three channels, and equal to that of one gray channel."""
    gray, rgb = (augment_many(phantoms(12, c), EVERYTHING, seed=0) for c in ("gray", "rgb"))
    np.testing.assert_array_equal(np.repeat(gray, 3, axis=3), rgb)


def test_flip_mirrors_half_of_the_images_exactly() -> None:
    """Flipped images are exact mirror images, the others unchanged; about half are flipped."""
    images = np.repeat(phantoms(1), 40, axis=0)
    augmented = augment_many(images, Augmentation(flip=True), seed=0)
    flipped = np.array([np.array_equal(image, images[0, :, ::-1]) for image in augmented])
    same = np.array([np.array_equal(image, images[0]) for image in augmented])
    np.testing.assert_array_equal(~flipped, same)
    assert 10 < flipped.sum() < 30


def test_rotation_turns_about_the_centre_both_ways() -> None:
    """The square keeps its distance from the center and is turned by angles that fill the bounds."""
    y, x = (centers(augment_many(squares(), only(rotation_degrees=30), seed=0)) - 31.5).T
    np.testing.assert_allclose(np.hypot(y, x), 10, atol=0.1)
    angles = np.degrees(np.arctan2(y, x))
    assert -30.5 < angles.min() < -20
    assert 20 < angles.max() < 30.5


def test_translation_shifts_both_ways_in_both_directions() -> None:
    """The square moves by up to the share of the side, up and down, left and right."""
    shift = centers(augment_many(squares(), only(translation=0.2), seed=0)) - [31.5, 41.5]
    assert np.abs(shift).max() < 0.2 * 64 + 0.1
    assert (shift.min(0) < -8).all()
    assert (shift.max(0) > 8).all()
    assert abs(np.corrcoef(shift.T)[0, 1]) < 0.5


def test_zoom_scales_about_the_centre() -> None:
    """The square's distance from the center and its area grow and shrink together, within the bounds."""
    zoomed = augment_many(squares(), only(zoom=0.3), seed=0)
    scale = (centers(zoomed)[:, 1] - 31.5) / 10
    assert 0.69 < scale.min() < 0.8
    assert 1.2 < scale.max() < 1.31
    np.testing.assert_allclose(zoomed.sum((1, 2, 3)) / squares(1).sum(), scale**2, rtol=0.08)


def test_brightness_adds_the_same_gray_everywhere_but_in_air() -> None:
    """The square moves by up to 10 % of the range either way; air stays black."""
    augmented = augment_many(squares(gray=120), only(brightness=0.1), seed=0).astype(int)
    inside = augmented[:, 26:38, 36:48]
    np.testing.assert_array_equal(inside.min((1, 2, 3)), inside.max((1, 2, 3)))
    shift = inside[:, 0, 0, 0] - 120
    assert -26 <= shift.min() < -15
    assert 15 < shift.max() <= 26
    np.testing.assert_array_equal(inside.sum((1, 2, 3)), augmented.sum((1, 2, 3)))


def test_contrast_scales_the_distance_from_middle_gray() -> None:
    """Gray 187.5 - 60 and 127.5 + 60 stay equally far from 127.5, by 1 - contrast to 1 + contrast."""
    images = np.maximum(squares(gray=188), squares(gray=67)[:, :, ::-1])
    augmented = augment_many(images, only(contrast=0.4), seed=0).astype(int)
    bright, dark = augmented[:, 30, 40, 0], augmented[:, 30, 22, 0]
    np.testing.assert_allclose(bright + dark, 255, atol=1)
    factor = (bright - dark) / 121
    assert 0.59 < factor.min() < 0.75
    assert 1.25 < factor.max() < 1.41
    assert 0 == augmented[:, :20].max()


def test_a_quarter_of_the_images_get_noise() -> None:
    """Some images get noise of mean 0 inside the square, within the bound; the rest stay unchanged."""
    images = squares(400, gray=120)
    augmented = augment_many(images, only(noise=0.05), seed=0).astype(int)
    deviation = augmented[:, 26:38, 36:48].std((1, 2, 3))
    assert 70 < (deviation > 0).sum() < 130
    assert 0.04 * 255 < deviation.max() < 0.06 * 255
    assert 120 == pytest.approx(augmented[:, 26:38, 36:48].mean(), abs=0.2)
    np.testing.assert_array_equal(augmented[:, :20], images[:, :20])


def test_blur_softens_one_image_in_six() -> None:
    """Some squares get soft edges and keep their sum and place; the rest stay untouched."""
    images = squares(300)
    augmented = augment_many(images, only(blur=2.0), seed=0)
    soft = np.array([not np.array_equal(image, images[0]) for image in augmented])
    assert 30 < soft.sum() < 70
    steepest = np.abs(np.diff(augmented[soft][:, 30, :, 0].astype(int))).max(1)
    assert steepest.min() < 70
    np.testing.assert_allclose(augmented.sum((1, 2, 3)) / images[0].sum(), 1, atol=0.02)
    np.testing.assert_allclose(centers(augmented), centers(images), atol=0.05)


def test_air_stays_black() -> None:
    """Air and the corners uncovered by a rotation are 0; gray of 2 % keeps its value."""
    images = np.repeat(squares(1), 40, axis=0)
    augmented = augment_many(images, EVERYTHING, seed=2)
    assert 0 == augmented[:, :8].max() == augmented[:, 56:].max() == augmented[:, :, :6].max()
    faint = np.full((40, 64, 64, 1), 5, np.uint8)
    gray = Augmentation(flip=False, brightness=0.1, contrast=0.3, noise=0.05)
    np.testing.assert_array_equal(faint, augment_many(faint, gray, seed=0))
    full = np.full((40, 64, 64, 1), 255, np.uint8)
    assert (
        0
        == augment_many(full, only(rotation_degrees=30, contrast=0.3, brightness=0.1), seed=0)[:, 0, 0].min()
    )


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"rotation_degrees": -1}, "rotation_degrees"),
        ({"zoom": 1.0}, "zoom"),
        ({"contrast": 1.5}, "contrast"),
        ({"noise": float("nan")}, "noise"),
        ({"blur": float("inf")}, "blur"),
        ({"views": "2"}, "views"),
    ],
)
def test_unfit_augmentations_are_refused(change: dict[str, Any], word: str) -> None:
    """A value out of range or of the wrong kind is named."""
    with pytest.raises(StrokeError, match=word):
        Augmentation(**change)


@pytest.mark.parametrize(
    "images", [np.zeros((2, 8, 8)), np.zeros((2, 8, 8, 1)), np.zeros((1, 8, 8, 2), np.uint8)]
)
def test_unfit_images_are_refused(images: np.ndarray) -> None:
    """Images of another dtype or shape are refused."""
    with pytest.raises(StrokeError, match="uint8 of shape"):
        augment_many(images, EVERYTHING, seed=0)


def test_numbers_that_do_not_match_the_images_are_refused() -> None:
    """Each image needs its number."""
    with pytest.raises(StrokeError, match="one number"):
        augment_many(phantoms(3), EVERYTHING, seed=0, numbers=np.arange(2))


def test_masks_move_with_their_images() -> None:
    """A mask of the square is moved as the square is, whatever happens to the grays."""
    images, numbers = squares(24), np.arange(24) * 10**15
    still = replace(EVERYTHING, brightness=0, contrast=0, noise=0, blur=0)
    moved = augment_many(images, still, seed=3, numbers=numbers)[..., 0] >= 100
    masks = move_masks(images[..., 0] > 0, EVERYTHING, seed=3, numbers=numbers)
    assert (masks != moved).sum((1, 2)).max() <= 1
    assert (masks != move_masks(images[..., 0] > 0, EVERYTHING, seed=3)).any()


def test_masks_stay_where_nothing_moves() -> None:
    """Without a change of place the same masks are returned; a blank mask stays blank."""
    masks = squares(3)[..., 0] > 0
    assert move_masks(masks, only(brightness=0.2, noise=0.1), seed=0) is masks
    assert not move_masks(np.zeros_like(masks), EVERYTHING, seed=0).any()
