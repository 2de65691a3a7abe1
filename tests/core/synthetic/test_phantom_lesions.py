"""Lesions of phantoms: masks, and the dark patch of an ischemic stroke."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.synthetic import phantom_lesions
from core.synthetic.phantoms import HIGHEST_LESION, Phantom, render_phantom

LESIONS = ("hemorrhage", "ischemia")


def render(lesion, seed: int, position: float = 0.5, size: int = 128) -> Phantom:
    return render_phantom(np.random.default_rng(seed), lesion=lesion, size=size, position=position)


def test_true_means_hemorrhage():
    """`lesion=True` gives the picture and mask of "hemorrhage"."""
    first, second = render(True, 3), render("hemorrhage", 3)
    np.testing.assert_array_equal(first.pixels, second.pixels)
    np.testing.assert_array_equal(first.mask, second.mask)


@pytest.mark.parametrize("size", [32, 64, 256])
@pytest.mark.parametrize("position", [0.0, 0.29, 0.3, 0.5, HIGHEST_LESION])
@pytest.mark.parametrize("lesion", LESIONS)
def test_a_mask_holds_the_lesion(lesion, position, size):
    """At every allowed position a lesion has a mask, a radius, and a center inside the picture."""
    for seed in range(10):
        phantom = render(lesion, seed, position, size)
        assert ((size, size), np.bool_) == (phantom.mask.shape, phantom.mask.dtype)
        assert phantom.mask.any()
        assert phantom.lesion_radius > 0
        assert all(0 < value < size for value in phantom.lesion_center)


def test_no_lesion_no_mask():
    """Without a lesion the mask is empty."""
    assert not render(False, 0).mask.any()


@pytest.mark.parametrize("position", [0.45, 0.6, 0.8])
def test_blood_is_bright_in_its_mask(position):
    """The mask of a hemorrhage is brighter than gray matter; its surroundings are not."""
    for seed in range(8):
        phantom = render("hemorrhage", seed, position)
        around = ndimage.binary_dilation(phantom.mask, iterations=10) & ~ndimage.binary_dilation(
            phantom.mask, iterations=4
        )
        assert 0.65 < phantom.pixels[phantom.mask].mean()
        assert np.median(phantom.pixels[around]) < 0.55


@pytest.mark.parametrize("position", [0.2, 0.36, 0.45, 0.6, 0.75])
def test_ischemia_darkens_its_mask_and_nothing_else(position):
    """Inside the mask brain is about 4 to 14 HU darker; away from it, hardly a pixel changes."""
    for seed in range(8):
        with_lesion, without = render("ischemia", seed, position), render(False, seed, position)
        darker_hu = 120 * (without.pixels - with_lesion.pixels)
        assert 3.5 < darker_hu[with_lesion.mask].mean() < 14.5
        away = ~ndimage.binary_dilation(with_lesion.mask, iterations=8)
        assert (darker_hu[away] != 0).mean() < 0.01


def test_ischemia_effaces_gray_and_white_matter():
    """Smoothed gray varies less inside the mask of a large lesion than it did there without."""
    ratios = []
    for seed in range(30):
        with_lesion, without = render("ischemia", seed), render(False, seed)
        inside = ndimage.binary_erosion(with_lesion.mask, iterations=4)
        if inside.sum() > 150:
            spreads = (ndimage.gaussian_filter(one.pixels, 2)[inside].std() for one in (with_lesion, without))
            ratios.append(next(spreads) / next(spreads))
    assert 8 <= len(ratios)
    assert np.median(ratios) < 0.85


def test_ischemia_has_soft_edges_and_keeps_ventricles():
    """At its edge the darkness falls off over several pixels, and fluid inside the brain stays as it is."""
    for seed in range(10):
        with_lesion, without = render("ischemia", seed, 0.6, 256), render(False, seed, 0.6, 256)
        changed = np.abs(without.pixels - with_lesion.pixels) > 1e-6
        rim = changed & ~with_lesion.mask
        assert 0.02 < rim.sum() / with_lesion.mask.sum()
        assert not changed[:, 118:138][100:150].all()


def test_territories_of_all_arteries_occur_on_both_sides(monkeypatch):
    """Lesions lie left and right, in front, at the back and beside; lacunes are small and deep."""
    centers = np.array([render("ischemia", seed).lesion_center for seed in range(60)]) / 128 - 0.5
    assert (centers[:, 1] < -0.1).sum() > 10 < (centers[:, 1] > 0.1).sum()
    assert centers[:, 0].min() < -0.15
    assert 0.15 < centers[:, 0].max()
    monkeypatch.setattr(phantom_lesions, "_TERRITORIES", {})
    lacunes = [render("ischemia", seed) for seed in range(20)]
    assert max(lacune.mask.mean() for lacune in lacunes) < 0.006
    assert all(np.hypot(*(np.array(one.lesion_center) / 128 - 0.5)) < 0.2 for one in lacunes)


def test_the_same_seed_gives_the_same_lesion():
    """The same state of the generator gives the same picture, another state another lesion."""
    first, again, other = (render("ischemia", seed) for seed in (4, 4, 5))
    np.testing.assert_array_equal(first.pixels, again.pixels)
    assert not np.array_equal(first.mask, other.mask)
