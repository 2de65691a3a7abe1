"""Lesions covered by the other half of the head."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import ndimage

from core.imaging import cover_lesion, find_axis
from core.synthetic import render_phantom

SIZE = 192
ROWS, COLUMNS = np.indices((SIZE, SIZE)) - (SIZE - 1) / 2
HEAD = ((ROWS / 80) ** 2 + (COLUMNS / 64) ** 2 < 1).astype(np.float32)
HEAD = np.where(ndimage.binary_erosion(HEAD, iterations=8), 0.4 * HEAD, HEAD)
LESION = (ROWS - 10) ** 2 + (COLUMNS - 30) ** 2 < 144
WIDTH, SEAM = 0.04, 0.02


@pytest.mark.parametrize("degrees", [-25, 0, 8, 30])
@pytest.mark.parametrize("shift", [0, 12])
def test_the_axis_is_found(degrees: int, shift: int) -> None:
    """The axis of a turned and shifted head is found within 2 degrees and 2 pixels."""
    turned = ndimage.rotate(HEAD, degrees, reshape=False, order=1)
    moved = np.clip(ndimage.shift(turned, (0, shift), order=1), 0, 1).astype(np.float32)
    axis = find_axis(moved)
    assert degrees == pytest.approx(np.rad2deg(axis.angle), abs=2)
    # The distance of the head's middle from the axis.
    middle = (SIZE - 1) / 2
    along = (middle + shift - axis.column) * np.cos(axis.angle) - (middle - axis.row) * np.sin(axis.angle)
    assert 0 == pytest.approx(along, abs=2)


@pytest.mark.parametrize("degrees", [0, 20])
def test_a_covered_slice_looks_as_without_its_lesion(degrees: int) -> None:
    """The symmetric head comes back, also where it is turned; nothing else changes."""
    with_lesion = np.where(LESION, 0.8, HEAD).astype(np.float32)
    pixels, plain = (ndimage.rotate(one, degrees, reshape=False, order=1) for one in (with_lesion, HEAD))
    outline = ndimage.rotate(LESION.astype(np.float32), degrees, reshape=False, order=1) > 0.5
    covered = cover_lesion(pixels, outline, find_axis(pixels), width=WIDTH, seam=SEAM)
    assert 0.3 < (pixels - plain)[outline].mean()
    assert 0.02 > np.abs(covered - plain)[outline].mean()
    far = ndimage.distance_transform_edt(~outline) > 20
    np.testing.assert_array_equal(pixels[far], covered[far])


def test_the_covering_fades_out() -> None:
    """Within the width all is covered, beyond width and seam nothing; between lies a mixture."""
    flat = np.where(COLUMNS < 0, np.minimum(HEAD, 0.3), HEAD).astype(np.float32)
    outline = np.abs(ROWS) + np.abs(COLUMNS - 20) < 8
    axis = find_axis(HEAD)
    covered = cover_lesion(flat, outline, axis, width=0.05, seam=0.05)
    row = covered[SIZE // 2, SIZE // 2 + 20 :]
    # The frame has about 173 pixels, the outline a radius of 8: covered to 16, untouched from 26 on.
    assert 0.3 == pytest.approx(float(row[14]), abs=0.01)
    assert 0.3 < row[20] < 0.4
    assert 0.4 == pytest.approx(float(row[28]), abs=1e-6)


def test_a_lesion_on_both_sides_cannot_be_covered() -> None:
    """None is returned where the mirror image shows the lesion too, or nothing is outlined."""
    axis = find_axis(HEAD)
    both = LESION | LESION[:, ::-1]
    assert cover_lesion(HEAD, both, axis, width=WIDTH, seam=SEAM) is None
    assert cover_lesion(HEAD, np.zeros_like(LESION), axis, width=WIDTH, seam=SEAM) is None


def test_a_lesion_is_not_mirrored_to_the_other_half() -> None:
    """Beside a lesion that touches the middle, the other half keeps its gray."""
    lesion = (ROWS - 10) ** 2 + (COLUMNS - 14) ** 2 < 144
    pixels = np.where(lesion, 0.8, HEAD).astype(np.float32)
    covered = cover_lesion(pixels, lesion, find_axis(HEAD), width=WIDTH, seam=SEAM)
    np.testing.assert_allclose(covered[lesion | lesion[:, ::-1]], 0.4, atol=1e-3)


def test_phantoms_lose_their_lesion() -> None:
    """The covered lesion of a phantom has the gray of brain."""
    phantom = render_phantom(np.random.default_rng(7), lesion=True, size=192)
    axis = find_axis(phantom.pixels)
    covered = cover_lesion(phantom.pixels, phantom.mask, axis, width=WIDTH, seam=SEAM)
    assert covered[phantom.mask].mean() < phantom.pixels[phantom.mask].mean() - 0.1
