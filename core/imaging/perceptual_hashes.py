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


def count_differing_bits(
    one: NDArray[np.unsignedinteger], others: NDArray[np.unsignedinteger]
) -> NDArray[np.int64]:
    """Return the number of bits (n,) in which a hash (k,) differs from each of others (n, k), of one type.

    >>> count_differing_bits(np.uint8([3]), np.uint8([[3], [0]])).tolist()
    [0, 2]
    """
    return np.bitwise_count(one ^ others).sum(axis=1, dtype=np.int64)


def turn_hashes(hashes: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the hashes of pictures that are turned by 90 degrees or mirrored, from those of the pictures.

    The bits say which cosine coefficients are above their median, nearly their signs. Mirroring a picture
    negates every second column or row of the coefficients, and swapping its axes swaps theirs. Because the
    median is not exactly 0, a few bits of 256 are wrong.

    Args:
        hashes: (n, HASH_BITS / 8) uint8.

    Returns:
        (8, n, HASH_BITS / 8) uint8; the first are the hashes as they are.
    """
    bits = np.unpackbits(hashes, axis=1).reshape(-1, HASH_SIDE, HASH_SIDE)
    odd = np.arange(HASH_SIDE, dtype=np.uint8) % 2
    turned = [
        picture ^ (down * odd)[:, None] ^ across * odd
        for picture in (bits, bits.transpose(0, 2, 1))
        for down in (0, 1)
        for across in (0, 1)
    ]
    return np.packbits(np.stack(turned).reshape(len(turned), -1, HASH_BITS), axis=2)
