"""The layers that a network may have, as data and as rows of a card."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class FrozenBackbone:
    """The backbone of this name: frozen, pretrained layers before the trained ones."""

    name: str = "efficientnet-lite0"


@dataclass(frozen=True)
class Convolution:
    """Square convolution, zero-padded by half its kernel, optional batch normalization, then ReLU."""

    filters: int
    kernel: int = 3
    stride: int = 1
    normalise: bool = False


@dataclass(frozen=True)
class SeparableConvolution:
    """One square filter for each channel, zero-padded, then a 1x1 convolution, normalization and ReLU."""

    filters: int
    kernel: int = 3


@dataclass(frozen=True)
class Normalisation:
    """Scaling of each channel to mean 0 and variance 1 over training slices; `adapt` sets it, once."""


@dataclass(frozen=True)
class MaxPooling:
    """Maximum over non-overlapping squares of `size` pixels."""

    size: int = 2


@dataclass(frozen=True)
class Dropout:
    """Random zeroing of a share `rate` of the channels while training."""

    rate: float


@dataclass(frozen=True)
class MirroredDifference:
    """The map, and the map minus its left-right mirror image: twice the channels.

    A lesion is seen by comparing the two halves of the brain.
    """


Layer = (
    FrozenBackbone
    | Convolution
    | SeparableConvolution
    | Normalisation
    | MaxPooling
    | Dropout
    | MirroredDifference
)

# The layers' names on cards. The first cards called the frozen backbone "Trunk".
_LAYERS: dict[str, type[Layer]] = {
    "Trunk": FrozenBackbone,
    **{
        kind.__name__: kind
        for kind in (
            Convolution,
            SeparableConvolution,
            Normalisation,
            MaxPooling,
            Dropout,
            MirroredDifference,
        )
    },
}
_WORDS = {kind: word for word, kind in _LAYERS.items()}


def describe_layer(layer: Layer) -> dict[str, Any]:
    """Return a layer as a row of a card.

    >>> describe_layer(MaxPooling(2))
    {'layer': 'MaxPooling', 'size': 2}
    """
    return {"layer": _WORDS[type(layer)], **asdict(layer)}


def parse_layer(row: dict[str, Any]) -> Layer:
    """Return the layer that a row of a card describes.

    Raises:
        KeyError, TypeError: the row describes no known layer.
    """
    return _LAYERS[row["layer"]](**{key: value for key, value in row.items() if key != "layer"})
