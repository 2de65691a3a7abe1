"""The architectures as data: PyTorch and Keras build their layers from the same description."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from core.errors import StrokeError
from core.imaging import Augmentation, Recipe
from core.models.backbone import Backbone, get_backbone
from core.models.layers import (
    Convolution,
    FrozenBackbone,
    Layer,
    MaxPooling,
    MirroredDifference,
    SeparableConvolution,
    describe_layer,
    parse_layer,
)

# The settings of the training schedule, as the protocol on a card holds them.
SCHEDULE = ("epochs", "batch_size", "learning_rate", "weight_decay", "patience")

# The s of the soft maximum log(mean(exp(s x))) / s: near 0 it is the mean, near infinity the maximum.
SHARPNESS = 4.0
# Cards list the loss of cells among the layers, after the pooling; without one there is no such row.
_CELL_LOSS = "CellLoss"
_STRONGEST = "mean of the strongest"


@dataclass(frozen=True)
class Architecture:
    """A convolutional network and its training schedule.

    The head has one of two forms. For both, Grad-CAM has a closed form (no automatic differentiation):

    flatten   Flatten -> dropout -> Dense(hidden) -> ReLU -> dropout -> Dense(1)
    evidence  dropout -> 1x1 convolution to one logit per position, the evidence map -> one logit for the
              slice: strong evidence at few positions is enough (multiple-instance learning).
              It is the mean of the `strongest` positions, or their soft maximum of sharpness SHARPNESS
              (log-sum-exp; Pinheiro and Collobert, CVPR 2015)

    With the mean of the strongest, the heat map is no Grad-CAM but the evidence itself: the probability of
    each position.

    Args:
        name: short, for commands and cards.
        title: the name for people to read.
        summary: one sentence on its purpose.
        recipe: the preprocessing of its input.
        features: the layers up to the feature map that Grad-CAM explains. Only the first may be a backbone.
        pooling: "flatten" or "evidence".
        hidden: width of the dense layer; 0 with "evidence".
        dropout: the head's dropout rate.
        epochs, batch_size, learning_rate, weight_decay: the schedule (cosine decay).
        patience: training stops after this many epochs without a lower validation loss, and the best epoch is
            used; 0: all epochs are trained and the last is used.
        augmentation: random changes of the training images.
        members: number of networks of this form on the same backbone. They differ in their random initial
            weights and dropout, and each has its own loss; the mean of their logits is used (deep ensemble:
            Lakshminarayanan et al., NeurIPS 2017).
        cell_weight: weight of the loss of single cells, the positions of the evidence map, where outlines of
            the finding tell which of them show it; see `core.models.CNN.train_epoch`. 0: outlines are not
            used.
        cell_positive_weight: weight of a cell with the finding, relative to one without.
        slice_weight: weight of the loss of whole slices; 0: only cells are learned from, which needs an
            outline on every slice with the finding.
        rough_outlines: outlines border or surround the lesion, as those of the edema around a hemorrhage:
            cells in and beside them count as unknown, all others as free of it.
        strongest: with "evidence", the number of positions whose mean is the slice's logit; 0: soft maximum.
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
    cell_weight: float = 0.0
    cell_positive_weight: float = 1.0
    slice_weight: float = 1.0
    rough_outlines: bool = False
    strongest: int = 0

    def __post_init__(self) -> None:
        if (self.cell_weight or self.strongest) and self.pooling != "evidence":
            raise ValueError("only an evidence map has cells")
        if not self.cell_weight and self.slice_weight != 1:
            raise ValueError("without a loss of cells, slices have the weight 1")

    @property
    def backbone(self) -> Backbone | None:
        """Return the frozen first layers, or None."""
        first = self.features[0]
        return get_backbone(first.name) if isinstance(first, FrozenBackbone) else None

    @property
    def has_backbone(self) -> bool:
        """Return whether the first layers are a frozen backbone."""
        return isinstance(self.features[0], FrozenBackbone)

    @property
    def input_shape(self) -> tuple[int, int, int]:
        """Return the input shape (h, w, c) of the trained layers: an image, or the backbone's feature map."""
        if self.backbone is None:
            return self.recipe.shape
        side = self.recipe.size // self.backbone.stride
        return side, side, self.backbone.n_features

    @property
    def trained_layers(self) -> tuple[Layer, ...]:
        """Return `features` without the backbone."""
        return self.features[1:] if self.has_backbone else self.features

    @property
    def n_vector(self) -> int:
        """Return the length of a slice's feature vector: hidden layers, or the maximum of each feature."""
        return self.members * (self.hidden if self.pooling == "flatten" else self.feature_shape[2])

    @property
    def feature_shape(self) -> tuple[int, int, int]:
        """Return the shape (h, w, k) of the feature map that Grad-CAM explains."""
        size, _, n_features = self.input_shape
        for layer in self.trained_layers:
            if isinstance(layer, MaxPooling):
                size //= layer.size
            elif isinstance(layer, Convolution):
                size, n_features = -(-size // layer.stride), layer.filters
            elif isinstance(layer, SeparableConvolution):
                n_features = layer.filters
            elif isinstance(layer, MirroredDifference):
                n_features *= 2
        return size, size, n_features

    def describe(self) -> list[dict[str, Any]]:
        """Return the layers as plain values, for a card; `architecture_of` reads them."""
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
            {"layer": "Pooling", "kind": _STRONGEST, "count": self.strongest}
            if self.strongest
            else {"layer": "Pooling", "kind": "soft maximum", "sharpness": SHARPNESS},
        ]
        if self.cell_weight:
            weights = {
                "weight": self.cell_weight,
                "positive_weight": self.cell_positive_weight,
                "slice_weight": self.slice_weight,
                "rough_outlines": self.rough_outlines,
            }
            evidence.append({"layer": _CELL_LOSS, **weights})
        mean = [{"layer": "Mean", "members": self.members, "activation": "sigmoid"}]
        if self.pooling == "flatten":
            return rows + head + (mean if self.members > 1 else [])
        return rows + evidence + mean


def architecture_of(card: dict[str, Any]) -> Architecture:
    """Return the architecture that a card, or the plan of a training run, describes.

    Only the card is used, never ARCHITECTURES: a later change there does not affect a trained network.

    Args:
        card: with "protocol", "recipe" and "layers", see `Architecture.describe`.

    Raises:
        StrokeError: the card's recipe is invalid, or its layers cannot be built.
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
        described = found.describe()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise _refuse(protocol, f"{type(error).__name__}: {error}") from error
    # Refuse a row with an unknown entry rather than ignore the entry.
    if described != rows:
        raise _refuse(protocol, f"{rows}")
    return found


def _parse_layers(rows: list[dict[str, Any]]) -> tuple[tuple[Layer, ...], dict[str, Any]]:
    """Return the features, and the head's settings as arguments of `Architecture`."""
    *rest, last = rows
    members = last["members"] if last["layer"] == "Mean" else 1
    rows = rest if last["layer"] == "Mean" else rows
    cells = {}
    if rows[-1]["layer"] == _CELL_LOSS:
        *rows, row = rows
        cells = {
            "cell_weight": row["weight"],
            "cell_positive_weight": row["positive_weight"],
            "slice_weight": row["slice_weight"],
            "rough_outlines": row["rough_outlines"],
        }
    if rows[-1]["layer"] == "Pooling":
        n_head, head = 3, {"pooling": "evidence", "hidden": 0, "dropout": rows[-3]["rate"]}
        if rows[-1]["kind"] == _STRONGEST:
            head["strongest"] = rows[-1]["count"]
    else:
        n_head, head = 5, {"pooling": "flatten", "hidden": rows[-3]["units"], "dropout": rows[-4]["rate"]}
    return tuple(map(parse_layer, rows[:-n_head])), {**head, **cells, "members": members}


def _refuse(protocol: dict[str, Any], found: str) -> StrokeError:
    return StrokeError(
        f"The layers of the architecture {protocol.get('architecture')!r} in experiment.json cannot be built",
        found=found[:200],
        remedy="use the version of this program that wrote it",
    )
