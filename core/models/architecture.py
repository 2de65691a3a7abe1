"""The layers of the networks, once, as data: PyTorch and Keras both build from this description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import StrokeError
from core.imaging import Augmentation, Recipe
from core.models.backbone import Backbone, get_backbone
from core.models.layers import (
    Convolution,
    Dropout,
    FrozenBackbone,
    Layer,
    MaxPooling,
    Normalisation,
    SeparableConvolution,
    describe_layer,
    parse_layer,
)

# What a training may set anew without another architecture.
SCHEDULE = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience")

# Of the soft maximum, log(mean(exp(s x))) / s: between the mean (0) and the maximum (infinity).
SHARPNESS = 4.0


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
        features: the layers up to the feature map that Grad-CAM explains. A backbone can only be
            the first.
        pooling: "flatten" or "evidence".
        hidden: width of the dense layer; 0 with "evidence".
        dropout: the head's dropout rate.
        members: how many networks of this form stand side by side on the backbone, alike but for their random
            first weights and dropout; each is trained on its own loss, and the mean of their logits counts
            (deep ensemble: Lakshminarayanan et al., NeurIPS 2017).
        epochs, batch_size, learning_rate, weight_decay: the schedule (cosine decay).
        patience: training stops when the validation loss has not improved for so many epochs, and the best
            epoch counts; 0: all epochs are trained and the last counts.
    """

    name: str
    title: str = field(compare=False)
    summary: str = field(compare=False)
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
    def backbone(self) -> Backbone | None:
        """Return the frozen layers that come first, if any."""
        first = self.features[0]
        return get_backbone(first.name) if isinstance(first, FrozenBackbone) else None

    @property
    def has_backbone(self) -> bool:
        """Return whether frozen layers come first."""
        return isinstance(self.features[0], FrozenBackbone)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Shape (h, w, c) of what the trained layers take: an image, or the backbone's feature map."""
        if self.backbone is None:
            return self.recipe.shape
        side = self.recipe.size // self.backbone.stride
        return side, side, self.backbone.n_features

    @property
    def trained_layers(self) -> tuple[Layer, ...]:
        """`features` without the backbone."""
        return self.features[1:] if self.has_backbone else self.features

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
        """Return the layers as plain values, for a card; `architecture_of` is the way back."""
        rows = [describe_layer(layer) for layer in self.features]
        one = {"activation": "sigmoid"} if self.members == 1 else {}
        head: list[dict[str, Any]] = [
            {"layer": "Pooling", "kind": "flatten"},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": self.hidden, "activation": "relu"},
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Dense", "units": 1, **one},
        ]
        evidence: list[dict[str, Any]] = [
            {"layer": "Dropout", "rate": self.dropout},
            {"layer": "Convolution", "filters": 1, "kernel": 1, "stride": 1, "normalise": False},
            {"layer": "Pooling", "kind": "soft maximum", "sharpness": SHARPNESS},
        ]
        mean = [{"layer": "Mean", "members": self.members, "activation": "sigmoid"}]
        if self.pooling == "flatten":
            return rows + head + (mean if self.members > 1 else [])
        return rows + evidence + mean


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
                FrozenBackbone(),
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


def architecture_of(card: dict[str, Any]) -> Architecture:
    """Return the architecture that a card, or the plan of a training, describes.

    All of it comes from the card, nothing from what is registered today: a card is enough to build a network.

    Args:
        card: with "protocol", "recipe" and "layers", see `Architecture.describe`.

    Raises:
        StrokeError: the card names an unknown recipe, or its layers are not of a form that can be built.
    """
    protocol, rows = card["protocol"], card.get("layers", [])
    try:
        features, head = _parse_layers(rows)
        found = Architecture(
            name=protocol["architecture"],
            title=protocol["architecture"],
            summary="",
            recipe=Recipe.from_dict(card["recipe"]),
            features=features,
            augmentation=Augmentation(**protocol["augmentation"]),
            **head,
            **{name: protocol[name] for name in SCHEDULE},
        )
        told = found.describe()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _refuse(protocol, f"{type(error).__name__}: {error}") from error
    # Whatever a row says that was not understood would be lost without a word.
    if told != rows:
        raise _refuse(protocol, f"{rows}")
    return found


def _parse_layers(rows: list[dict[str, Any]]) -> tuple[tuple[Layer, ...], dict[str, Any]]:
    """Return the features, and what the rows of the head say."""
    *rest, last = rows
    members = last["members"] if last["layer"] == "Mean" else 1
    rows = rest if last["layer"] == "Mean" else rows
    if rows[-1]["layer"] == "Pooling":
        n_head, head = 3, {"pooling": "evidence", "hidden": 0, "dropout": rows[-3]["rate"]}
    else:
        n_head, head = 5, {"pooling": "flatten", "hidden": rows[-3]["units"], "dropout": rows[-4]["rate"]}
    return tuple(map(parse_layer, rows[:-n_head])), {**head, "members": members}


def _refuse(protocol: dict[str, Any], found: str) -> StrokeError:
    return StrokeError(
        f"The layers that the card of a network {protocol.get('architecture')!r} lists cannot be built",
        found=found[:200],
        remedy="use the version of this program that wrote the card",
    )
