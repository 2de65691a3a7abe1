"""The layers of the networks, once, as data: PyTorch and Keras both build from this description."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from core.errors import StrokeError
from core.preprocessing import Recipe


@dataclass(frozen=True)
class Convolution:
    """Square convolution, zero-padded by half its kernel, optional batch normalisation, then ReLU."""

    filters: int
    kernel: int = 3
    stride: int = 1
    normalise: bool = False


@dataclass(frozen=True)
class MaxPooling:
    """Maximum over non-overlapping squares of `size` pixels."""

    size: int = 2


@dataclass(frozen=True)
class Dropout:
    """Random zeroing of a share `rate` of the values while training."""

    rate: float


# What a training may set anew without another architecture.
SCHEDULE = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience")

Layer = Convolution | MaxPooling | Dropout


@dataclass(frozen=True)
class Augmentation:
    """Random changes of a training image, drawn anew each time it is seen.

    Args:
        flip: mirror left to right half of the time.
        rotation_degrees: turn by up to this many degrees either way.
        translation: shift by up to this share of the side, either way and in both directions.
        zoom: scale by 1 - zoom to 1 + zoom.
        brightness: add up to this much gray either way (the range of gray is 1).
        contrast: scale the distance from the mean gray by 1 - contrast to 1 + contrast.
    """

    flip: bool = True
    rotation_degrees: float = 0.0
    translation: float = 0.0
    zoom: float = 0.0
    brightness: float = 0.0
    contrast: float = 0.0


@dataclass(frozen=True)
class Architecture:
    """A convolutional network with one output, and the schedule that trains it.

    The head is always: pooling -> dropout -> Dense(hidden) -> ReLU -> dropout -> Dense(1). Its fixed form
    lets Grad-CAM be written down without automatic differentiation (see `core.models.grad_cam`).

    Args:
        name: short, for commands and cards.
        title: for people.
        summary: one sentence on what it is for.
        recipe: the preprocessing that it is made for.
        features: the layers up to the feature map that Grad-CAM explains.
        pooling: "flatten" keeps every position; "average+max" joins the mean and the maximum of each feature
            over all positions.
        hidden: width of the dense layer.
        dropout: its dropout rate.
        epochs, batch_size, learning_rate, weight_decay, patience: the schedule (cosine decay; training stops
            when the validation loss has not improved for `patience` epochs).
    """

    name: str
    title: str
    summary: str
    recipe: Recipe
    features: tuple[Layer, ...]
    pooling: Literal["flatten", "average+max"]
    hidden: int
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    augmentation: Augmentation = field(default_factory=Augmentation)

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Shape (h, w, k) of the feature map that Grad-CAM explains."""
        size, n_features = self.recipe.size, self.recipe.shape[2]
        for layer in self.features:
            if isinstance(layer, MaxPooling):
                size //= layer.size
            elif isinstance(layer, Convolution):
                size, n_features = -(-size // layer.stride), layer.filters
        return size, size, n_features

    def describe(self) -> list[dict[str, Any]]:
        """The layers as plain values, for a card."""
        rows = [{"layer": type(layer).__name__, **asdict(layer)} for layer in self.features]
        return [
            *rows,
            {"layer": "Pooling", "kind": self.pooling},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": self.hidden, "activation": "relu"},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": 1, "activation": "sigmoid"},
        ]


ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture
    for architecture in (
        Architecture(
            name="plain",
            title="Plain CNN on the whole picture",
            summary="The network of the published 97 %: four convolutions and a dense layer, 224x224 RGB.",
            recipe=Recipe(size=224, channels="rgb", framing="whole", intensity="unit"),
            features=(
                Convolution(16, kernel=5, stride=2, normalise=True),
                MaxPooling(2),
                Convolution(32, normalise=True),
                MaxPooling(2),
                Convolution(48, normalise=True),
                MaxPooling(2),
                Convolution(64, normalise=True),
                MaxPooling(2),
            ),
            pooling="flatten",
            hidden=48,
            dropout=0.2,
            epochs=14,
            batch_size=32,
            learning_rate=1e-3,
            weight_decay=0.0,
            patience=5,
            # Neither mirrored nor turned: the published networks know their patients by such detail.
            augmentation=Augmentation(flip=False, brightness=0.03, contrast=0.05),
        ),
        Architecture(
            name="framed",
            title="CNN on the framed head",
            summary="Made for the honest task: the head is framed and its gray normalised, left is compared "
            "with right, and the strongest local evidence counts.",
            recipe=Recipe(size=128, channels="mirror", framing="head", intensity="tissue"),
            features=(
                Convolution(16, normalise=True),
                MaxPooling(2),
                Convolution(32, normalise=True),
                MaxPooling(2),
                Convolution(48, normalise=True),
                MaxPooling(2),
                Convolution(64, normalise=True),
                Convolution(64, normalise=True),
            ),
            pooling="average+max",
            hidden=32,
            dropout=0.4,
            epochs=14,
            batch_size=32,
            learning_rate=2e-3,
            weight_decay=1e-3,
            patience=6,
            augmentation=Augmentation(
                flip=True, rotation_degrees=15, translation=0.06, zoom=0.1, brightness=0.05, contrast=0.2
            ),
        ),
    )
}


def get_architecture(name: str) -> Architecture:
    """The architecture of this name.

    Raises:
        StrokeError: there is none; the message lists those there are.
    """
    if name not in ARCHITECTURES:
        raise StrokeError(
            f"There is no architecture {name!r}", remedy=f"choose one of {', '.join(ARCHITECTURES)}"
        )
    return ARCHITECTURES[name]


def architecture_of(protocol: dict[str, Any], recipe: dict[str, Any]) -> Architecture:
    """The architecture of a card: the layers by name, the recipe and schedule as the card says.

    Raises:
        StrokeError: the card names an unknown architecture or recipe.
    """
    return replace(
        get_architecture(protocol["architecture"]),
        recipe=Recipe.from_dict(recipe),
        augmentation=Augmentation(**protocol["augmentation"]),
        **{name: protocol[name] for name in SCHEDULE},
    )
