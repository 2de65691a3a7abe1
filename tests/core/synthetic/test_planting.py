"""Planted hemorrhages are at plausible places, brighter than brain, and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.imaging.preprocessing import Recipe, to_frame
from core.synthetic import planting
from core.synthetic.phantoms import render_phantom
from core.synthetic.planting import find_interior, plant_hemorrhage

SIZE = 128
KINDS = ("extra-axial", "intraparenchymal", "csf")


def framed(position: float = 0.5, seed: int = 1, size: int = SIZE) -> np.ndarray:
    """Return a framed head without a lesion."""
    phantom = render_phantom(np.random.default_rng(seed), lesion=False, size=256, position=position)
    return to_frame(phantom.pixels, Recipe(size=size, channels="gray", framing="head", intensity="unit"))


def skull(size: int = SIZE, gap: int = 0, brain: float = 0.4) -> np.ndarray:
    """Return a ring of bone around uniform gray in air, with a gap of `gap` rows on its right."""
    rows, columns = np.mgrid[:size, :size] - (size - 1) / 2
    radius = np.hypot(rows, columns) / size
    head = np.where(radius < 0.38, brain, np.where(radius < 0.45, 1.0, 0.0))
    head[(np.abs(rows) < gap / 2) & (columns > 0) & (radius >= 0.38)] = 0.0
    return head.astype(np.float32)


def planted_many(frame: np.ndarray, n: int = 30) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the results of n attempts to plant a hemorrhage."""
    attempts = (plant_hemorrhage(frame, np.random.default_rng([0, k])) for k in range(n))
    return [result for result in attempts if result is not None]


def only(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Plant only this kind."""
    monkeypatch.setattr(planting, "_SHARES", {name: float(name == kind) for name in KINDS})


def depth_in_disc(mask: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return the distance of the mask's pixels from the bone of `skull`, as shares of the frame."""
    rows, columns = np.nonzero(mask)
    return 0.38 - np.hypot(rows - (size - 1) / 2, columns - (size - 1) / 2) / size


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


def test_most_attempts_plant_a_lesion() -> None:
    """At least two thirds of the attempts give a visible lesion."""
    assert 20 <= len(planted_many(framed()))


@pytest.mark.parametrize("position", [0.3, 0.5, 0.8])
def test_blood_lies_inside_the_skull_and_is_brighter(position: float) -> None:
    """Every mask is in the interior, has at least 10 pixels, and its gray rises by 0.03 or more."""
    frame = framed(position)
    interior = find_interior(frame)
    for planted, mask in planted_many(frame):
        assert not (mask & ~interior).any()
        assert 10 <= mask.sum()
        rise = (planted - frame)[mask]
        # Pixels clipped at white may rise less.
        assert 0.03 - 1e-6 <= rise[planted[mask] < 1].min()
        assert np.float32 == planted.dtype
        assert 0 <= planted.min() <= planted.max() <= 1


def test_nothing_changes_outside_the_interior_or_far_from_blood() -> None:
    """Outside the interior, and farther than 24 of 128 pixels from the mask, the frame is unchanged."""
    frame = framed()
    interior = find_interior(frame)
    for planted, mask in planted_many(frame):
        changed = planted != frame
        assert not (changed & ~interior).any()
        away = ndimage.distance_transform_edt(~mask)
        assert away[np.abs(planted - frame) > 0.005].max() < 24


def test_the_slice_s_noise_stays_in_the_blood() -> None:
    """The noise in a lesion is that of the original slice."""
    rng = np.random.default_rng(0)
    frame = skull() + np.where(skull() == np.float32(0.4), 0.03 * rng.standard_normal((SIZE, SIZE)), 0)
    frame = frame.clip(0, 1).astype(np.float32)
    planted, mask = max(planted_many(frame, 40), key=lambda result: result[1].sum())
    correlation = np.corrcoef(planted[mask], frame[mask])[0, 1]
    assert 0.6 < correlation
    assert frame[mask].std() == pytest.approx(planted[mask].std(), rel=0.5)


def test_black_and_bright_specks_stay_within_the_range() -> None:
    """Blood on nearly white specks and edema on black ones stay in [0, 1]."""
    frame = skull()
    specks = find_interior(frame) & (np.random.default_rng(0).random(frame.shape) < 0.04)
    frame[specks] = np.where(np.random.default_rng(1).random(int(specks.sum())) < 0.5, 0.0, 0.89)
    results = [planted for planted, _ in planted_many(frame, 60)]
    assert 20 < len(results)
    assert (0, 1) == (min(planted.min() for planted in results), max(planted.max() for planted in results))


def test_the_same_state_plants_the_same() -> None:
    """One seed gives one lesion, another seed another; the input frame is unchanged."""
    frame = framed()
    before = frame.copy()
    first, again, other = (plant_hemorrhage(frame, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert first is not None
    assert again is not None
    assert other is not None
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    np.testing.assert_array_equal(before, frame)


def test_extra_axial_blood_lies_along_the_bone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nine tenths of an extra-axial lesion are within 12 % of the frame from the bone, which it touches."""
    only(monkeypatch, "extra-axial")
    results = planted_many(skull())
    assert 15 <= len(results)
    for _, mask in results:
        depth = depth_in_disc(mask)
        assert np.quantile(depth, 0.9) < 0.12
        assert depth.min() < 0.04


def test_blood_in_the_brain_may_lie_deep_and_have_a_dark_rim(monkeypatch: pytest.MonkeyPatch) -> None:
    """Some lesions are far from the bone; about half have a dark rim."""
    only(monkeypatch, "intraparenchymal")
    frame = skull()
    results = planted_many(frame)
    assert max(depth_in_disc(mask).min() for _, mask in results) > 0.15
    rims = [(frame - planted)[~mask].max() > 0.005 for planted, mask in results]
    assert 0.25 < np.mean(rims) < 0.75


def test_blood_in_fluid_fills_the_dark_spaces_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """In uniform brain with one dark ventricle, the ventricle is filled with blood brighter than brain."""
    only(monkeypatch, "csf")
    frame = skull()
    ventricle = np.zeros(frame.shape, dtype=bool)
    ventricle[50:70, 58:68] = True
    frame[ventricle] = 0.2
    results = planted_many(frame, 10)
    assert 10 == len(results)
    for planted, mask in results:
        assert not (mask & ~ndimage.binary_dilation(ventricle, iterations=2)).any()
        assert 0.4 < np.median(planted[mask])


def test_no_fluid_no_blood_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pixels darker than the brain, this kind plants nothing."""
    only(monkeypatch, "csf")
    assert plant_hemorrhage(skull(), np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "frame",
    [
        np.zeros((SIZE, SIZE), np.float32),
        np.ones((SIZE, SIZE), np.float32),
        skull(gap=20),
        framed(position=0.05),
    ],
    ids=["air", "bone", "open skull", "neck"],
)
def test_a_slice_without_an_interior_gets_nothing(frame: np.ndarray) -> None:
    """Air, bone alone, an open skull and the neck give None."""
    assert all(plant_hemorrhage(frame, np.random.default_rng(seed)) is None for seed in range(3))


def test_a_small_interior_gets_nothing() -> None:
    """An interior of less than 5 % of the frame is found, but nothing is planted."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = np.hypot(rows, columns)
    frame = np.where(radius < 15, 0.4, np.where(radius < 50, 1.0, 0.0)).astype(np.float32)
    assert 0 < find_interior(frame).mean() < 0.05
    assert all(plant_hemorrhage(frame, np.random.default_rng(seed)) is None for seed in range(5))
