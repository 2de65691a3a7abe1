"""Planted lesions are at plausible places, brighter or darker than brain, and change nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.imaging import find_interior
from core.synthetic import planting
from core.synthetic.planting import plant_hemorrhage, plant_ischemia
from tests.head_frames import SIZE, framed, skull

KINDS = ("extra-axial", "intraparenchymal", "csf")


def planted_many(
    frame: np.ndarray, n: int = 30, plant=plant_hemorrhage
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the results of n attempts to plant a lesion."""
    attempts = (plant(frame, np.random.default_rng([0, k])) for k in range(n))
    return [result for result in attempts if result is not None]


def only(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Plant only this kind."""
    monkeypatch.setattr(planting, "_SHARES", {name: float(name == kind) for name in KINDS})


def only_ischemia(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Plant only this kind of ischemic lesion."""
    kinds = ("cortical", "deep", "lacunar")
    monkeypatch.setattr(planting, "_SHARES_OF_ISCHEMIA", {name: float(name == kind) for name in kinds})


def depth_in_disc(mask: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Return the distance of the mask's pixels from the bone of `skull`, as shares of the frame."""
    rows, columns = np.nonzero(mask)
    return 0.38 - np.hypot(rows - (size - 1) / 2, columns - (size - 1) / 2) / size


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


@pytest.mark.parametrize("plant", [plant_hemorrhage, plant_ischemia])
def test_the_same_state_plants_the_same(plant) -> None:
    """One seed gives one lesion, another seed another; the input frame is unchanged."""
    frame = framed()
    before = frame.copy()
    first, again, other = (plant(frame, np.random.default_rng(seed)) for seed in (1, 1, 2))
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
@pytest.mark.parametrize("plant", [plant_hemorrhage, plant_ischemia])
def test_a_slice_without_an_interior_gets_nothing(frame: np.ndarray, plant) -> None:
    """Air, bone alone, an open skull and the neck give None."""
    assert all(plant(frame, np.random.default_rng(seed)) is None for seed in range(3))


@pytest.mark.parametrize("plant", [plant_hemorrhage, plant_ischemia])
def test_a_small_interior_gets_nothing(plant) -> None:
    """An interior of less than 5 % of the frame is found, but nothing is planted."""
    rows, columns = np.mgrid[:SIZE, :SIZE] - (SIZE - 1) / 2
    radius = np.hypot(rows, columns)
    frame = np.where(radius < 15, 0.4, np.where(radius < 50, 1.0, 0.0)).astype(np.float32)
    assert 0 < find_interior(frame).mean() < 0.05
    assert all(plant(frame, np.random.default_rng(seed)) is None for seed in range(5))


@pytest.mark.parametrize("position", [0.36, 0.5, 0.8])
def test_ischemia_is_darker_and_inside_the_skull(position: float) -> None:
    """Masks lie in the interior; in them gray falls by 0.01 to 0.15 on average; away nothing changes."""
    frame = framed(position)
    interior = find_interior(frame)
    results = planted_many(frame, plant=plant_ischemia)
    assert 20 <= len(results)
    for planted, mask in results:
        assert not (mask & ~interior).any()
        assert 10 <= mask.sum()
        assert 0.01 < (frame - planted)[mask].mean() < 0.15
        assert not ((planted != frame) & ~interior).any()
        away = ndimage.distance_transform_edt(~mask)
        assert np.abs(planted - frame)[away > 24].max() < 0.03
        assert np.float32 == planted.dtype
        assert 0 <= planted.min() <= planted.max() <= 1


def test_ischemia_keeps_the_noise_and_loses_gray_and_white_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a lesion the noise is that of the slice, and two grays of brain differ by at most 0.65 as much."""
    only_ischemia(monkeypatch, "cortical")
    rng = np.random.default_rng(0)
    brain = skull() == np.float32(0.4)
    stripes = 0.02 * np.sign(np.sin(np.arange(SIZE) / 4))
    frame = skull() + np.where(brain, stripes + 0.02 * rng.standard_normal((SIZE, SIZE)), 0)
    frame = frame.clip(0, 1).astype(np.float32)
    for planted, mask in planted_many(frame, 20, plant_ischemia):
        bright, dark = (mask & (sign * stripes > 0) for sign in (1, -1))
        if min(bright.sum(), dark.sum()) < 100:
            continue
        assert planted[bright].mean() - planted[dark].mean() < 0.9 * (
            frame[bright].mean() - frame[dark].mean()
        )
        assert 0.8 < np.corrcoef(planted[bright], frame[bright])[0, 1]


def test_cortical_ischemia_reaches_the_skull_on_one_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """A cortical lesion begins at the bone, and hardly any of it crosses the middle of the head."""
    only_ischemia(monkeypatch, "cortical")
    results = planted_many(skull(), plant=plant_ischemia)
    assert 20 <= len(results)
    shares = []
    for _, mask in results:
        assert depth_in_disc(mask).min() < 0.04
        shares.append(mask[:, : SIZE // 2].sum() / mask.sum())
    assert max(min(share, 1 - share) for share in shares) < 0.1
    assert 0.2 < np.mean(shares) < 0.8


def test_lacunes_are_small_and_deep(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lacune covers less than 1.5 % of the frame and is not at the skull; a deep patch may be larger."""
    only_ischemia(monkeypatch, "lacunar")
    lacunes = [mask for _, mask in planted_many(skull(), plant=plant_ischemia)]
    assert max(mask.mean() for mask in lacunes) < 0.015
    assert min(depth_in_disc(mask).min() for mask in lacunes) > 0.03
    only_ischemia(monkeypatch, "deep")
    assert max(mask.mean() for _, mask in planted_many(skull(), plant=plant_ischemia)) > 0.02


def test_ischemia_leaves_ventricles(monkeypatch: pytest.MonkeyPatch) -> None:
    """A dark ventricle in the depth keeps its gray, and is not part of the mask."""
    only_ischemia(monkeypatch, "deep")
    frame = skull()
    ventricle = np.zeros(frame.shape, dtype=bool)
    ventricle[44:84, 56:72] = True
    frame[ventricle] = 0.15
    inside = ndimage.binary_erosion(ventricle, iterations=3)
    for planted, mask in planted_many(frame, 20, plant_ischemia):
        assert not mask[inside].any()
        np.testing.assert_allclose(frame[inside], planted[inside], atol=1e-3)
