"""Normalization of gray: the inside of the skull, and what the window must not change."""

from __future__ import annotations

import numpy as np
import pytest

from core.imaging.intensity import find_interior, normalise_brain
from core.imaging.preprocessing import Recipe, prepare
from core.scans.windows import Window, window_hu
from core.synthetic.phantoms import render_phantom
from tests.head_frames import framed, skull

# The whole slice: the head's frame also depends on the window, by a few pixels.
BRAIN = Recipe(size=256, channels="gray", intensity="brain", level_hu=40, width_hu=80)


def in_hounsfield_units(seed: int, position: float, lesion: bool) -> np.ndarray:
    """Return a phantom in Hounsfield units, with air and bone beyond its window."""
    pixels = render_phantom(np.random.default_rng(seed), lesion=lesion, position=position).pixels
    return np.select([pixels <= 0, pixels >= 1], [-1000, 900], 120 * pixels - 20).astype(np.float32)


def test_the_interior_is_enclosed_by_bone() -> None:
    """The interior is nearly all of a disc in a ring of bone, without bone or air."""
    frame = skull()
    interior = find_interior(frame)
    assert not interior[frame != np.float32(0.4)].any()
    assert 0.95 * (frame == np.float32(0.4)).sum() < interior.sum()


def test_small_gaps_of_the_skull_are_bridged_and_large_ones_are_not() -> None:
    """A gap of 3 pixels of 128 closes; one of 8 leaves no interior."""
    assert 0.9 * find_interior(skull()).sum() < find_interior(skull(gap=3)).sum()
    assert not find_interior(skull(gap=8)).any()


@pytest.mark.parametrize("brain", [0.1, 0.8])
def test_an_interior_needs_the_brain_s_gray(brain: float) -> None:
    """Air or very bright matter inside bone is not part of the interior."""
    assert not find_interior(skull(brain=brain)).any()


def test_two_halves_of_the_interior_are_both_found() -> None:
    """Both regions on either side of a wall of bone are found."""
    frame = skull()
    frame[60:68][frame[60:68] > 0] = 1.0
    interior = find_interior(frame)
    assert interior[:58].sum() == pytest.approx(interior[70:].sum(), rel=0.05)
    assert interior[:58].sum() > 0.1 * frame.size


@pytest.mark.parametrize("size", [128, 192, 256])
def test_the_interior_does_not_depend_on_the_frame_s_size(size: int) -> None:
    """The interior covers the same share of the frame at every size."""
    assert find_interior(framed()).mean() == pytest.approx(find_interior(framed(size=size)).mean(), abs=0.02)


@pytest.mark.parametrize("lesion", [False, True])
@pytest.mark.parametrize("position", [0.45, 0.6, 0.75])
@pytest.mark.parametrize("window", [Window(40, 80), Window(40, 120), Window(35, 100)])
def test_a_burnt_in_window_hardly_matters(window: Window, position: float, lesion: bool) -> None:
    """A slice in Hounsfield units and 8-bit pictures of it differ by less than 0.03 in the brain."""
    for seed in range(3):
        pixels_hu = in_hounsfield_units(seed, position, lesion)
        read = prepare(window_hu(pixels_hu, BRAIN.window), BRAIN)
        picture = np.rint(window_hu(pixels_hu, window) * 255).astype(np.uint8)
        burnt_in = prepare(picture.astype(np.float32) / 255, BRAIN)
        brain = find_interior(window_hu(pixels_hu))
        assert 0.15 < brain.mean()
        assert np.abs(burnt_in - read)[brain].mean() < 0.03
        assert 0.05 < read[brain].std()


@pytest.mark.parametrize("size", [128, 192, 384])
def test_the_brain_is_in_the_middle_of_the_range(size: int) -> None:
    """The median of the brain becomes about 0.5, at every size."""
    frame = framed(size=size)
    assert 0.5 == pytest.approx(np.median(normalise_brain(frame)[find_interior(frame)]), abs=0.03)


def test_the_brain_s_contrast_does_not_depend_on_noise() -> None:
    """Two halves of the brain differ as much after normalization, with little noise and with much."""
    frame, rng = skull(384), np.random.default_rng(0)
    frame[:, 192:] += 0.04 * (frame[:, 192:] == np.float32(0.4))
    noise = rng.standard_normal(frame.shape).astype(np.float32) * (frame < 0.5) * (frame > 0)
    differences = []
    for deviation in (0.01, 0.09):
        image = normalise_brain(frame + np.float32(deviation) * noise)
        differences.append(np.median(image[120:260, 204:264]) - np.median(image[120:260, 120:180]))
    assert 0.15 < differences[0]
    assert differences[0] == pytest.approx(differences[1], rel=0.15)


@pytest.mark.parametrize(("spread", "full_range"), [(0.002, 0.15), (0.04, 0.4), (0.12, 0.8)])
def test_the_scale_is_bounded(spread: float, full_range: float) -> None:
    """10 deviations of the brain become the full range; a deviation counts as 0.015 to 0.08."""
    frame = skull(192)
    sign = np.where(np.arange(192) < 96, -1, 1)[:, None]
    frame += np.float32(spread) * sign * (frame == np.float32(0.4))
    image = normalise_brain(frame.astype(np.float32))
    gained = image[130, 96] - image[62, 96]
    assert 2 * spread / full_range == pytest.approx(gained, rel=0.02)


def test_all_outside_the_head_is_black() -> None:
    """A head holder becomes black, and changes nothing else."""
    frame = framed(size=192)
    held = frame.copy()
    held[-3:-1] = 0.6
    image = normalise_brain(held)
    assert 0 == image[-3:-1, :40].max()
    np.testing.assert_array_equal(normalise_brain(frame)[:-8], image[:-8])


@pytest.mark.parametrize("frame", [skull(192, gap=30), skull(192, brain=0.85)], ids=["open", "bright"])
def test_without_a_closed_skull_soft_tissue_is_measured(frame: np.ndarray) -> None:
    """In an open skull, or one with no brain's gray, the median of the soft tissue becomes 0.5."""
    assert not find_interior(frame).any()
    assert 0.5 == pytest.approx(float(np.median(normalise_brain(frame)[80:110, 80:110])), abs=0.01)


@pytest.mark.parametrize("size", [32, 192])
def test_a_black_slice_stays_black(size: int) -> None:
    """Without a head, all is 0."""
    assert 0 == normalise_brain(np.zeros((size, size), np.float32)).max()
    assert 0 == normalise_brain(np.full((size, size), 0.05, np.float32)).max()
