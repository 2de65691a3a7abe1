"""Architectures as data: shapes, names, and reading one from a card."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest

from core.errors import StrokeError
from core.imaging.preprocessing import Recipe
from core.models.architecture import (
    SCHEDULE,
    Architecture,
    architecture_of,
)
from core.models.architectures import ARCHITECTURES, get_architecture
from core.models.layers import (
    Convolution,
    Dropout,
    FrozenBackbone,
    MaxPooling,
    Normalisation,
    SeparableConvolution,
    describe_layer,
)

ROOT = Path(__file__).parents[3]


def test_feature_shape_of_the_architectures() -> None:
    """The feature map has the size computed by hand from strides, poolings and the backbone's stride."""
    assert (7, 7, 64) == get_architecture("plain").feature_shape
    assert (16, 16, 48) == get_architecture("framed").feature_shape
    assert (24, 24, 48) == get_architecture("evidence").feature_shape
    assert (24, 24, 48) == get_architecture("outlined").feature_shape


def test_feature_shape_rounds_as_the_frameworks_do() -> None:
    """A strided convolution rounds up, a pooling down, and dropout changes nothing."""
    odd = replace(
        get_architecture("plain"), recipe=Recipe(size=45, channels="gray"), features=(Dropout(0.1),)
    )
    assert (45, 45, 1) == odd.feature_shape
    assert (23, 23, 8) == replace(odd, features=(Convolution(8, kernel=5, stride=2),)).feature_shape
    assert (22, 22, 1) == replace(odd, features=(MaxPooling(2), Dropout(0.1))).feature_shape
    assert (11, 11, 8) == replace(odd, features=(Convolution(8, stride=2), MaxPooling(2))).feature_shape


def test_an_unknown_name_lists_the_known_ones() -> None:
    """The error for a misspelt architecture lists all names."""
    with pytest.raises(StrokeError) as error:
        get_architecture("resnet")
    assert "resnet" in str(error.value)
    assert all(name in str(error.value) for name in ARCHITECTURES)


def make_card(architecture: Architecture, **protocol: Any) -> dict[str, Any]:
    """Return the part of a card that describes a network, written as JSON and read again."""
    card = {
        "protocol": {
            "architecture": architecture.name,
            "augmentation": asdict(architecture.augmentation),
            **{name: getattr(architecture, name) for name in SCHEDULE},
            **protocol,
        },
        "recipe": architecture.recipe.to_dict(),
        "layers": architecture.describe(),
    }
    found: dict[str, Any] = json.loads(json.dumps(card))
    return found


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_card_gives_the_architecture_back(name: str) -> None:
    """Protocol, recipe and layers, written as JSON and read again, give an equal architecture."""
    assert ARCHITECTURES[name] == architecture_of(make_card(ARCHITECTURES[name]))


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("pooling", ["flatten", "evidence"])
def test_a_card_is_enough(pooling: Any, members: int) -> None:
    """An architecture that is registered nowhere is read from its card, with either head."""
    features = (Normalisation(), Convolution(4, stride=2), SeparableConvolution(6), Dropout(0.2))
    hidden = 5 if pooling == "flatten" else 0
    own = replace(
        ARCHITECTURES["plain"], name="third", features=features, pooling=pooling, hidden=hidden,
        members=members, dropout=0.4,
    )  # fmt: skip
    assert own == architecture_of(make_card(own))


@pytest.mark.parametrize("name", ["seed-random-split", "folder-by-patient", "hemorrhage-by-patient"])
def test_published_cards_are_read(name: str) -> None:
    """The layers of the experiments that come with the program are built from their cards alone."""
    card = json.loads((ROOT / "trained_models" / name / "experiment.json").read_text())
    assert card["layers"] == architecture_of(card).describe()


def test_the_card_s_schedule_is_used() -> None:
    """Epochs, batch size and learning rate of a protocol replace the architecture's; nothing else changes."""
    plain = ARCHITECTURES["plain"]
    chosen = {"epochs": 3, "batch_size": 7, "learning_rate": 0.02}
    assert replace(plain, **chosen) == architecture_of(make_card(plain, **chosen))
    assert set(chosen) <= set(SCHEDULE)


@pytest.mark.parametrize(
    "change",
    [
        {"layers": []},
        {"layers": [{"layer": "Attention"}, *ARCHITECTURES["plain"].describe()]},
        {"layers": [{"layer": "MaxPooling", "size": 2, "mode": "new"}, *ARCHITECTURES["plain"].describe()]},
        {"layers": ARCHITECTURES["plain"].describe()[:-1]},
        {"layers": [*ARCHITECTURES["framed"].describe()[:-2], {"layer": "Pooling", "kind": "mean"}]},
        {"recipe": {"channels": "cmyk"}},
        {"recipe": {**Recipe().to_dict(), "size": 7}},
        {"protocol": {"architecture": "plain"}},
    ],
)
def test_a_card_with_an_unknown_part_is_refused(change: dict[str, Any]) -> None:
    """Layers that cannot be built, an invalid recipe and a missing schedule each raise a StrokeError."""
    with pytest.raises(StrokeError):
        architecture_of({**make_card(ARCHITECTURES["plain"]), **change})


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_description_names_every_layer(name: str) -> None:
    """The card's list holds the feature layers in order, then the layers of the head."""
    architecture = ARCHITECTURES[name]
    rows = architecture.describe()
    assert list(map(describe_layer, architecture.features)) == rows[: len(architecture.features)]
    cells = ["CellLoss"] if architecture.cell_weight else []
    head = {
        "flatten": ["Pooling", "Dropout", "Dense", "Dropout", "Dense"],
        "evidence": ["Dropout", "Convolution", "Pooling", *cells, "Mean"],
    }[architecture.pooling]
    assert head == [row["layer"] for row in rows[len(architecture.features) :]]
    assert "sigmoid" == rows[-1]["activation"]


def test_a_card_calls_a_backbone_a_trunk() -> None:
    """Published cards say "Trunk", so this key stays."""
    assert {"layer": "Trunk", "name": "efficientnet-lite0"} == describe_layer(FrozenBackbone())
