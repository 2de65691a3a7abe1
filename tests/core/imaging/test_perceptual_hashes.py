"""Perceptual hashes of pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from core.audit.audit import NEAR_DUPLICATE_BITS
from core.imaging.perceptual_hashes import HASH_BITS, count_differing_bits, hash_picture, turn_hashes
from core.synthetic import render_phantom
from tests.builders import render_head


def test_a_smaller_copy_is_a_near_duplicate_and_another_picture_is_not() -> None:
    """The hash at half the size differs in few bits, that of the picture turned upside down in many."""
    head = render_head(0.5)
    head[40:50, 20:30] = 1.0
    smaller = np.asarray(Image.fromarray(head).resize((32, 32), Image.Resampling.BOX))
    others = np.stack([hash_picture(smaller), hash_picture(head[::-1].copy())])
    assert HASH_BITS == 8 * others.shape[1]
    same, turned = count_differing_bits(hash_picture(head), others)
    assert same <= NEAR_DUPLICATE_BITS < turned


@pytest.mark.parametrize("quarters", range(4))
@pytest.mark.parametrize("mirrored", [False, True])
def test_the_hash_of_a_turned_picture_follows_from_its_own(quarters: int, mirrored: bool) -> None:
    """One of the eight hashes is close to that of the turned picture; the first is the picture's own."""
    picture = render_phantom(np.random.default_rng(3), lesion=True, size=128).pixels
    turned = np.ascontiguousarray(np.rot90(picture[:, ::-1] if mirrored else picture, quarters))
    hashes = turn_hashes(hash_picture(picture)[None])[:, 0]
    nearest, *others = np.sort(count_differing_bits(hash_picture(turned), hashes))
    assert nearest <= 16
    assert min(others) > 32
    assert (hash_picture(picture) == hashes[0]).all()
