"""The smoke check's images."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from core.exchange.smoke import N_IMAGES, make_test_images


@pytest.mark.parametrize("shape", [(32, 32, 1), (224, 224, 3), (96, 96, 2)])
def test_images_have_the_given_shape(shape: tuple[int, int, int]) -> None:
    """Images are uint8 of the given shape, all different, dark outside and gray inside."""
    images = make_test_images(shape)
    assert ((N_IMAGES, *shape), np.uint8) == (images.shape, images.dtype)
    assert N_IMAGES == len({image.tobytes() for image in images})
    assert not images[:, 0, 0].any()
    assert images[:, shape[0] // 2, shape[1] // 2].all()


def test_images_never_change() -> None:
    """The images have a fixed hash, because exported archives record probabilities for them."""
    assert "5bccd04e9e0ea09f" == sha256(make_test_images((32, 32, 1)).tobytes()).hexdigest()[:16]
