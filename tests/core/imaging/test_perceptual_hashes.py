"""Perceptual hashes of pictures."""

from __future__ import annotations

import numpy as np
from PIL import Image

from core.datasets.audit import NEAR_DUPLICATE_BITS
from core.imaging.perceptual_hashes import HASH_BITS, count_differing_bits, hash_picture
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
