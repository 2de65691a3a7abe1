"""The layers of the networks, once, as data: PyTorch and Keras both build from this description."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from core.errors import StrokeError
from core.imaging import Augmentation, Recipe
from core.models import trunk


@dataclass(frozen=True)
class Trunk:
    """Frozen, pretrained layers that come before all that is trained; see `core.models.trunk`."""

    name: str = "efficientnet-lite0"


@dataclass(frozen=True)
class Convolution:
    """Square convolution, zero-padded by half its kernel, optional batch normalisation, then ReLU."""

    filters: int
    kernel: int = 3
    stride: int = 1
    normalise: bool = False


@dataclass(frozen=True)
class SeparableConvolution:
    """One square filter for each channel, zero-padded, then a 1x1 convolution, normalisation and ReLU."""

    filters: int
    kernel: int = 3


@dataclass(frozen=True)
class Normalisation:
    """Each channel to mean 0 and variance 1 over the training part: `adapt` fixes that before training."""


@dataclass(frozen=True)
class MaxPooling:
    """Maximum over non-overlapping squares of `size` pixels."""

    size: int = 2


@dataclass(frozen=True)
class Dropout:
    """Random zeroing of a share `rate` of the channels while training."""

    rate: float


# What a training may set anew without another architecture.
SCHEDULE = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience")

# Of the soft maximum, log(mean(exp(s x))) / s: between the mean (0) and the maximum (infinity).
SHARPNESS = 4.0

Layer = Trunk | Convolution | SeparableConvolution | Normalisation | MaxPooling | Dropout


@dataclass(frozen=True)
class Architecture:
    """A convolutional network, and the schedule that trains it.

    Its head has one of two forms, so that Grad-CAM can be written down without automatic differentiation:

    flatten   Flatten -> dropout -> Dense(hidden) -> ReLU -> dropout -> Dense(1)
    evidence  dropout -> 1x1 convolution to one logit per place -> soft maximum over all places, of
              sharpness SHARPNESS: one place with strong evidence is enough, as one hemorrhage is
              (multiple-instance learning; Pinheiro and Collobert, CVPR 2015, for the log-sum-exp)

    Args:
        name: short, for commands and cards.
        title: for people.
        summary: one sentence on what it is for.
        recipe: the preprocessing that it is made for.
        features: the layers up to the feature map that Grad-CAM explains. A `Trunk` can only be the first.
        pooling: "flatten" or "evidence".
        hidden: width of the dense layer; 0 with "evidence".
        dropout: the head's dropout rate.
        members: how many networks of this form stand side by side on the trunk, alike but for their random
            first weights and dropout; each is trained on its own loss, and the mean of their logits counts
            (deep ensemble: Lakshminarayanan et al., NeurIPS 2017).
        epochs, batch_size, learning_rate, weight_decay: the schedule (cosine decay).
        patience: training stops when the validation loss has not improved for so many epochs, and the best
            epoch counts; 0: all epochs are trained and the last counts.
    """

    name: str
    title: str
    summary: str
    recipe: Recipe
    features: tuple[Layer, ...]
    pooling: Literal["flatten", "evidence"]
    hidden: int
    dropout: float
    epochs: int
    batch_size: int
    learning_rate: float
    weight_decay: float
    patience: int
    augmentation: Augmentation = field(default_factory=Augmentation)
    members: int = 1

    @property
    def has_trunk(self) -> bool:
        """Whether frozen layers come first."""
        return isinstance(self.features[0], Trunk)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape (h, w, c) of what the trained layers take: an image, or the trunk's feature map."""
        if not self.has_trunk:
            return self.recipe.shape
        side = self.recipe.size // trunk.STRIDE
        return side, side, trunk.N_FEATURES

    @property
    def trained_layers(self) -> tuple[Layer, ...]:
        """`features` without the trunk."""
        return self.features[1:] if self.has_trunk else self.features

    @property
    def n_vector(self) -> int:
        """Length of the vector that a slice becomes: the hidden layer, or the maximum of each feature."""
        return self.members * (self.hidden if self.pooling == "flatten" else self.feature_shape[2])

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Shape (h, w, k) of the feature map that Grad-CAM explains."""
        size, _, n_features = self.input_shape
        for layer in self.trained_layers:
            if isinstance(layer, MaxPooling):
                size //= layer.size
            elif isinstance(layer, Convolution):
                size, n_features = -(-size // layer.stride), layer.filters
            elif isinstance(layer, SeparableConvolution):
                n_features = layer.filters
        return size, size, n_features

    def describe(self) -> list[dict[str, Any]]:
        """The layers as plain values, for a card."""
        rows = [{"layer": type(layer).__name__, **asdict(layer)} for layer in self.features]
        head: list[dict[str, Any]] = [
            {"layer": "Pooling", "kind": "flatten"},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": self.hidden, "activation": "relu"},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": 1, "activation": "sigmoid"},
        ]
        evidence: list[dict[str, Any]] = [
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Convolution", "filters": 1, "kernel": 1, "stride": 1, "normalise": False},
            {"layer": "Pooling", "kind": "soft maximum", "sharpness": SHARPNESS},
            {"layer": "Mean", "members": self.members, "activation": "sigmoid"},
        ]
        return rows + (head if self.pooling == "flatten" else evidence)


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
            title="Evidence map on the framed head",
            summary="Made for the honest task: the head is framed and its gray normalised, pretrained "
            "features stand for each place of it, and the strongest local evidence counts.",
            recipe=Recipe(size=256, channels="gray", framing="head", intensity="tissue"),
            features=(
                Trunk(),
                Normalisation(),
                Dropout(0.1),
                Convolution(48, kernel=1, normalise=True),
                SeparableConvolution(48),
            ),
            pooling="evidence",
            hidden=0,
            dropout=0.3,
            members=4,
            epochs=14,
            batch_size=32,
            learning_rate=2e-3,
            weight_decay=1e-2,
            patience=0,
            augmentation=Augmentation(
                flip=True,
                rotation_degrees=15,
                translation=0.06,
                zoom=0.12,
                brightness=0.06,
                contrast=0.25,
                noise=0.05,
                blur=1.0,
                planted=0.75,
                views=3,
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
