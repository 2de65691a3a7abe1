"""The smoke check's images."""

from __future__ import annotations

from hashlib import sha256

import numpy as np
import pytest

from core.exchange.smoke import N_IMAGES, sample_images


@pytest.mark.parametrize("shape", [(32, 32, 1), (224, 224, 3), (96, 96, 2)])
def test_images_have_the_form_that_is_asked_for(shape: tuple[int, int, int]) -> None:
    """Bytes of that shape, every image another one, dark outside and gray inside."""
    images = sample_images(shape)
    assert ((N_IMAGES, *shape), np.uint8) == (images.shape, images.dtype)
    assert N_IMAGES == len({image.tobytes() for image in images})
    assert not images[:, 0, 0].any()
    assert images[:, shape[0] // 2, shape[1] // 2].all()


def test_images_are_the_same_for_ever() -> None:
    """Archives that were exported earlier rest on them."""
    assert "5bccd04e9e0ea09f" == sha256(sample_images((32, 32, 1)).tobytes()).hexdigest()[:16]
