"""Perturbed slices: each change is what its name and amount say."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from core.errors import StrokeError
from core.imaging.perturbations import PERTURBATIONS, UNCHANGED, Perturbation, perturb


def change(pixels: np.ndarray, name: str, amount: float, seed: int = 0) -> np.ndarray:
    """The pixels after one change."""
    return perturb(pixels, Perturbation(name, amount), np.random.default_rng(seed))


@pytest.fixture
def gray() -> np.ndarray:
    """(80, 100) smooth gray values between 0.2 and 0.7, as an 8-bit file holds them."""
    rng = np.random.default_rng(0)
    smooth = ndimage.gaussian_filter(rng.random((80, 100)), 4)
    smooth = 0.2 + 0.5 * (smooth - smooth.min()) / np.ptp(smooth)
    return (np.rint(smooth * 255) / 255).astype(np.float32)


@pytest.fixture
def dot() -> np.ndarray:
    """(101, 101) black with a bright square of 5 x 5 around row 50, column 80."""
    pixels = np.zeros((101, 101), np.float32)
    pixels[48:53, 78:83] = 1
    return pixels


def centre(pixels: np.ndarray) -> tuple[float, float]:
    """Row and column of the center of mass."""
    row, column = ndimage.center_of_mass(pixels)
    return float(row), float(column)


@pytest.mark.parametrize("perturbation", PERTURBATIONS, ids=lambda one: one.title)
def test_every_change_gives_a_slice(gray: np.ndarray, perturbation: Perturbation) -> None:
    """The result has the same shape, other values and 8-bit gray in [0, 1]; the input is not changed."""
    before = gray.copy()
    after = perturb(gray, perturbation, np.random.default_rng(0))
    np.testing.assert_array_equal(before, gray)
    assert (gray.shape, np.float32) == (after.shape, after.dtype)
    assert 0 <= after.min() <= after.max() <= 1
    np.testing.assert_allclose(np.rint(after * 255), after * 255, atol=1e-4)
    assert not np.array_equal(gray, after)


def test_unchanged_is_unchanged() -> None:
    """ "none" keeps values that no 8-bit file could hold."""
    pixels = np.random.default_rng(0).random((8, 8), dtype=np.float32)
    np.testing.assert_array_equal(pixels, perturb(pixels, UNCHANGED, np.random.default_rng(0)))


def test_noise_has_its_sigma_and_follows_its_seed(gray: np.ndarray) -> None:
    """The noise has mean 0 and the given standard deviation, and depends on the generator's seed."""
    noise = change(gray, "noise", 0.05) - gray
    assert 0 == pytest.approx(noise.mean(), abs=0.002)
    assert 0.05 == pytest.approx(noise.std(), rel=0.05)
    np.testing.assert_array_equal(noise, change(gray, "noise", 0.05) - gray)
    assert not np.array_equal(noise, change(gray, "noise", 0.05, seed=1) - gray)


def test_blur_is_gaussian(dot: np.ndarray) -> None:
    """The result is close to scipy's Gaussian filter of the same sigma."""
    expected = ndimage.gaussian_filter(dot, 2.0)
    np.testing.assert_allclose(expected, change(dot, "blur", 2.0), atol=0.03)


def test_rotation_turns_about_the_centre(dot: np.ndarray) -> None:
    """The rotation is counterclockwise: a point 30 pixels right of the center goes up by 30 sin 15°."""
    for degrees in (15, -15):
        row, column = centre(change(dot, "rotation", degrees))
        angle = np.deg2rad(degrees)
        assert (50 - 30 * np.sin(angle), 50 + 30 * np.cos(angle)) == pytest.approx((row, column), abs=0.6)


def test_brightness_multiplies(gray: np.ndarray) -> None:
    """Every gray value changes by 20 % of itself; values above white become white."""
    np.testing.assert_allclose(0.8 * gray, change(gray, "brightness", -0.2), atol=1 / 255)
    np.testing.assert_allclose(1.2 * gray, change(gray, "brightness", 0.2), atol=1 / 255)
    white = change(np.full((4, 4), 0.9, np.float32), "brightness", 0.2)
    np.testing.assert_array_equal(np.ones((4, 4)), white)


def test_contrast_keeps_the_mean(gray: np.ndarray) -> None:
    """Every value's distance from the mean changes by 20 %."""
    for amount in (-0.2, 0.2):
        expected = gray.mean() + (1 + amount) * (gray - gray.mean())
        np.testing.assert_allclose(expected, change(gray, "contrast", amount), atol=1.5 / 255)


def test_jpeg_equals_a_file_written_and_read(gray: np.ndarray) -> None:
    """The result equals a JPEG file of quality 30, written and read again."""
    file = io.BytesIO()
    Image.fromarray(np.rint(gray * 255).astype(np.uint8)).save(file, "JPEG", quality=30)
    np.testing.assert_allclose(np.asarray(Image.open(file)) / 255, change(gray, "jpeg", 30), atol=1e-6)


def test_translation_shifts_right_and_down(gray: np.ndarray) -> None:
    """The slice moves by a tenth of height and width; the uncovered area is black."""
    expected = np.zeros_like(gray)
    expected[8:, 10:] = gray[:-8, :-10]
    np.testing.assert_allclose(expected, change(gray, "translation", 0.1), atol=1e-6)
    expected = np.zeros_like(gray)
    expected[:-8, :-10] = gray[8:, 10:]
    np.testing.assert_allclose(expected, change(gray, "translation", -0.1), atol=1e-6)


def test_scale_is_about_the_centre(dot: np.ndarray) -> None:
    """Distances from the center grow by the factor, areas by its square; a smaller picture gets a margin."""
    for factor in (0.9, 1.1):
        scaled = change(dot, "scale", factor)
        assert (50, 50 + 30 * factor) == pytest.approx(centre(scaled), abs=0.3)
        assert 25 * factor**2 == pytest.approx(scaled.sum(), rel=0.1)
    white = change(np.ones((100, 100), np.float32), "scale", 0.9)
    assert 0.81 == pytest.approx(white.mean(), abs=0.02)


def test_titles_are_distinct() -> None:
    """No two titles are equal, and they hold sign and unit."""
    titles = [one.title for one in (UNCHANGED, *PERTURBATIONS)]
    assert len(titles) == len(set(titles))
    assert {"unchanged", "rotation -15°", "brightness +20 %", "JPEG quality 30", "scale 0.9"} <= set(titles)


def test_an_unknown_change_is_named() -> None:
    """An unknown name is refused with the list of known names."""
    with pytest.raises(StrokeError, match=r"no perturbation 'flip'.*rotation"):
        Perturbation("flip", 1.0)
