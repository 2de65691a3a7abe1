"""Values that cannot be Hounsfield units are restored where the cause is certain, and refused otherwise."""

from __future__ import annotations

import numpy as np
import pytest

from core.errors import ScanError
from core.scans import hounsfield
from core.scans.hounsfield import is_shifted_ct, settle
from tests.scan_files import render_hu


def render_slices(n_slices: int = 3) -> list[np.ndarray]:
    """Return (64, 64) int16 slices of a head in noisy air."""
    slices = [render_hu(seed) for seed in range(n_slices)]
    for seed, hu in enumerate(slices):
        hu[hu == -1000] += np.random.default_rng(seed).integers(-9, 10, int((hu == -1000).sum()), np.int16)
    return slices


def check(expected: list[np.ndarray], settled: hounsfield.Settled) -> None:
    """Assert that the slices are the expected ones in Hounsfield units."""
    assert "hu" == settled.unit
    for one, other in zip(expected, settled.pixels, strict=True):
        np.testing.assert_allclose(one, other)


def test_hounsfield_units_stay_as_they_are() -> None:
    """A head in air is not changed, copied or remarked on."""
    slices = render_slices()
    settled = settle(slices)
    assert ((), ()) == (settled.remarks, settled.doubts)
    assert all(one is other for one, other in zip(slices, settled.pixels, strict=True))


@pytest.mark.parametrize(("step", "sentence"), [(1024, hounsfield.ADDED), (-1024, hounsfield.TAKEN_TWICE)])
def test_a_step_of_1024_is_undone(step: int, sentence: str) -> None:
    """A missing intercept, or one applied twice, is undone and said, and results need review."""
    slices = render_slices()
    settled = settle([hu + np.int16(step) for hu in slices])
    check(slices, settled)
    assert ((sentence,), (sentence,)) == (settled.remarks, settled.doubts)


def test_constant_air_is_moved_too() -> None:
    """Air that was clipped before the intercept was applied twice is recognized in a stack."""
    slices = [np.maximum(hu, -1000) for hu in render_slices(5)]
    check(slices, settle([hu - np.int16(1024) for hu in slices]))


def test_one_slice_with_a_step_is_moved_alone() -> None:
    """A slice without its intercept is moved, the others beside it are not."""
    slices = render_slices()
    settled = settle([slices[0], slices[1] + np.int16(1024), slices[2]])
    check(slices, settled)
    assert (hounsfield.ADDED,) == settled.doubts


def test_the_tip_of_a_head_in_padding_is_no_step() -> None:
    """A slice with much air, little brain and padding all around is not changed."""
    rows, columns = np.ogrid[-31.5:32, -31.5:32]
    radius = np.hypot(rows, columns)
    hu = np.where(radius < 5, 40, np.where(radius < 26, -1000, -2048)).astype(np.int16)
    hu += np.random.default_rng(0).integers(-3, 4, hu.shape, np.int16) * (radius < 26)
    check([np.maximum(hu, -1024)], settle([hu.copy()]))


def test_padding_at_minus_2048_is_no_step() -> None:
    """A scanned circle within constant padding is not taken for an intercept applied twice."""
    slices = render_slices()
    rows, columns = np.ogrid[-31.5:32, -31.5:32]
    outside = np.hypot(rows, columns) > 27
    for hu in slices:
        hu[outside] = -2048
    settled = settle(slices)
    check([np.maximum(hu, -1024) for hu in slices], settled)
    assert () == settled.remarks


@pytest.mark.parametrize(
    "change",
    [
        lambda hu: (hu + 1000.0) / 1000,
        lambda hu: hu * 10.0,
        lambda hu: hu * 2.0,
        lambda hu: hu * 0.5,
        lambda hu: hu * 0.1,
        lambda hu: hu.astype(np.int16).byteswap(),
        lambda hu: np.random.default_rng(0).uniform(-1024, 40_000, hu.shape),
        lambda hu: np.where(hu < 100, hu + 1000.0, hu * 0.5 + 1050),
    ],
    ids=["relative", "x10", "x2", "x0.5", "x0.1", "swapped bytes", "noise", "electron density"],
)
def test_other_scales_are_refused(change) -> None:
    """Values on another scale are refused, with their range and what is expected."""
    with pytest.raises(ScanError, match="cannot be Hounsfield units") as caught:
        settle([change(hu).astype(np.float32) for hu in render_slices()])
    assert ("not_hounsfield", True) == (caught.value.code, "air should be at -1000" in caught.value.found)


@pytest.mark.parametrize("full", [255, 4095])
def test_display_gray_is_gray(full: int) -> None:
    """Whole values that fill a scale from black to white are divided by its end."""
    gray = [np.rint(np.clip(hu / 80, 0, 1) * full).astype(np.int16) for hu in render_slices()]
    settled = settle(gray)
    assert ("gray", (hounsfield.DISPLAY_GRAY.format(full),)) == (settled.unit, settled.remarks)
    np.testing.assert_allclose(gray[0] / full, settled.pixels[0], rtol=1e-6)


def test_constant_surroundings_become_air() -> None:
    """Padding of 0 is shown as air and said, but zeros inside the head are kept."""
    slices = render_slices()
    expected = [hu.copy() for hu in slices]
    rows, columns = np.ogrid[-31.5:32, -31.5:32]
    for hu, right in zip(slices, expected, strict=True):
        hu[np.hypot(rows, columns) > 32], right[np.hypot(rows, columns) > 32] = 0, -1024
        hu[30:34, 30:34] = right[30:34, 30:34] = 0
    settled = settle(slices)
    check(expected, settled)
    assert (1, ()) == (len(settled.remarks), settled.doubts)


def test_a_brain_without_its_skull_is_read() -> None:
    """A brain on a background of 0 keeps its values; the background becomes air."""
    slices = render_slices()
    for hu in slices:
        hu[(hu < -100) | (hu > 500)] = 0
    settled = settle(slices)
    assert (slices[0][32, 32], -1024) == (settled.pixels[0][32, 32], settled.pixels[0][0, 0])


@pytest.mark.parametrize("value", [-1000, -2000])
def test_only_air_is_left_alone(value: int) -> None:
    """Slices above the head hold nothing to judge by."""
    assert () == settle([np.full((40, 40), value, np.int16) + np.eye(40, dtype=np.int16)]).remarks


def test_a_shifted_head_is_told_from_other_volumes() -> None:
    """Without a unit, values are taken as CT plus 1024 only if nearly all tissue is brain."""
    slices = render_slices()
    for hu in slices:
        hu[hu > 500] = 1500
        hu[2:40, :][hu[2:40, :] > 1000] = 40
    assert is_shifted_ct([hu + np.int16(1024) for hu in slices])
    assert not is_shifted_ct([np.abs(hu) for hu in slices])
