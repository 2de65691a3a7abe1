"""Perceptual hashes: pictures that look alike differ in few bits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from core.errors import MissingExtraError

HASH_SIDE = 16
HASH_BITS = HASH_SIDE**2


def hash_picture(gray: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return the (HASH_BITS / 8,) uint8 perceptual hash of a picture (h, w) in [0, 1].

    Raises:
        MissingExtraError: the package ImageHash is not installed.
    """
    try:
        import imagehash
    except ImportError as error:
        raise MissingExtraError(
            "Finding near-duplicates needs the package ImageHash",
            remedy="install it with: pip install ImageHash",
        ) from error
    picture = Image.fromarray(np.rint(gray * 255).astype(np.uint8))
    return np.packbits(imagehash.phash(picture, hash_size=HASH_SIDE).hash.ravel())


def count_differing_bits(one: NDArray[np.uint8], others: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the number of bits (n,) in which a hash differs from each of others (n, HASH_BITS / 8).

    >>> count_differing_bits(np.uint8([3]), np.uint8([[3], [0]])).tolist()
    [0, 2]
    """
    return np.bitwise_count(one ^ others).sum(axis=1, dtype=np.int64)
