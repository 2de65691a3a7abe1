"""The layers as data: shapes, names, and the way back from a card."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from core.errors import StrokeError
from core.imaging.preprocessing import Recipe
from core.models.architecture import (
    ARCHITECTURES,
    SCHEDULE,
    Convolution,
    Dropout,
    MaxPooling,
    architecture_of,
    get_architecture,
)
from core.training.protocol import Protocol


def test_feature_shape_of_the_architectures() -> None:
    """The feature map's size is worked out by hand from strides, poolings and the trunk's stride."""
    assert (7, 7, 64) == get_architecture("plain").feature_shape
    assert (16, 16, 48) == get_architecture("framed").feature_shape


def test_feature_shape_rounds_as_the_frameworks_do() -> None:
    """A strided convolution rounds up, a pooling down, and dropout changes nothing."""
    odd = replace(
        get_architecture("plain"), recipe=Recipe(size=45, channels="gray"), features=(Dropout(0.1),)
    )
    assert (45, 45, 1) == odd.feature_shape
    assert (23, 23, 8) == replace(odd, features=(Convolution(8, kernel=5, stride=2),)).feature_shape
    assert (22, 22, 1) == replace(odd, features=(MaxPooling(2), Dropout(0.1))).feature_shape
    assert (11, 11, 8) == replace(odd, features=(Convolution(8, stride=2), MaxPooling(2))).feature_shape


def test_an_unknown_name_lists_those_there_are() -> None:
    """Whoever misspells an architecture reads the names of all."""
    with pytest.raises(StrokeError) as error:
        get_architecture("resnet")
    assert "resnet" in str(error.value)
    assert all(name in str(error.value) for name in ARCHITECTURES)


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_card_gives_the_architecture_back(name: str) -> None:
    """Protocol and recipe, written as JSON and read again, describe the very same architecture."""
    protocol = json.loads(json.dumps(Protocol(architecture=name).to_dict()))
    recipe = json.loads(json.dumps(ARCHITECTURES[name].recipe.to_dict()))
    assert ARCHITECTURES[name] == architecture_of(protocol, recipe)


def test_a_card_s_own_schedule_counts() -> None:
    """Epochs, batch size and learning rate of a protocol replace the architecture's own, and only they."""
    protocol = Protocol(architecture="plain", epochs=3, batch_size=7, learning_rate=0.02).to_dict()
    found = architecture_of(protocol, Recipe(size=64).to_dict())
    expected = replace(
        ARCHITECTURES["plain"], recipe=Recipe(size=64), epochs=3, batch_size=7, learning_rate=0.02
    )
    assert expected == found
    assert set(SCHEDULE) <= set(protocol)


@pytest.mark.parametrize(
    ("protocol", "recipe"),
    [({"architecture": "resnet"}, {}), ({}, {"channels": "cmyk"}), ({}, {"size": 7})],
)
def test_a_card_with_an_unknown_part_is_refused(protocol: dict[str, Any], recipe: dict[str, Any]) -> None:
    """An unknown architecture or recipe of a card raises a StrokeError."""
    with pytest.raises(StrokeError):
        architecture_of({**Protocol().to_dict(), **protocol}, {**Recipe().to_dict(), **recipe})


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_a_description_names_every_layer(name: str) -> None:
    """The card's list holds each feature layer with its values, then the layers of the head."""
    architecture = ARCHITECTURES[name]
    rows = architecture.describe()
    first, head = {
        "plain": (["Convolution", 16], ["Pooling", "Dropout", "Dense", "Dropout", "Dense"]),
        "framed": (["Trunk", None], ["Dropout", "Convolution", "Pooling", "Mean"]),
    }[name]
    assert first == [rows[0]["layer"], rows[0].get("filters")]
    assert head == [row["layer"] for row in rows[len(architecture.features) :]]
    assert "sigmoid" == rows[-1]["activation"]
    assert rows == json.loads(json.dumps(rows))
