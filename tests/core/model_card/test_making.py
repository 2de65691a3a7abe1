"""Preprocessing, layers, training and checks."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from core import preprocessing
from core.experiments import update_card
from core.model_card import making
from core.model_card.facts import Facts
from core.models.architecture import ARCHITECTURES
from tests.core.model_card.conftest import cells


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (making.CHANNELS, preprocessing.Channels),
        (making.FRAMING, preprocessing.Framing),
        (making.INTENSITY, preprocessing.Intensity),
    ],
)
def test_every_choice_of_a_recipe_has_words(words: dict[str, str], kinds: object) -> None:
    """Each value that a recipe can have is told in words."""
    assert set(get_args(kinds)) == set(words)


def test_layers_are_read_off_the_card(facts: Facts) -> None:
    """Every layer of the card stands in the table in order, of whatever kind; without a list it says so."""
    assert "**not available**" in making.describe_networks(facts)
    layers = [*ARCHITECTURES["framed"].describe(), {"layer": "Something[new]", "depth": None, "wide": True}]
    described = making.describe_networks(_with(facts, layers=layers))
    rows = [line for line in described.splitlines() if line.startswith("| ")][2:]
    assert len(layers) == len(rows)
    assert ["1", "Convolution"] == cells(described, "1")[:2]
    assert "filters 16, kernel 3, stride 1, normalise yes" == cells(described, "1")[2]
    assert [str(len(layers)), r"Something\[new\]", "depth none, wide yes"] == cells(
        described, str(len(layers))
    )


def test_pretrained_layers_are_told(facts: Facts) -> None:
    """Layers that the card calls pretrained or frozen are named; otherwise all weights are drawn."""
    assert [] == making.list_pretrained(facts)
    assert "drawn at random" in making.describe_initial_weights(facts)
    changed = _with(facts, layers=[{"layer": "Trunk", "weights": "ImageNet"}, {"layer": "Dense", "units": 1}])
    assert ["Trunk"] == making.list_pretrained(changed)
    assert "Trunk come pretrained" in making.describe_initial_weights(changed)


def test_training_tells_the_whole_protocol(facts: Facts) -> None:
    """Every entry of the protocol, every library and the epochs of the history are in the text."""
    text = making.describe_training(facts)
    for key in facts.protocol:
        assert key.replace("_", " ") == cells(text, key.replace("_", " "))[0]
    assert "flip yes, rotation degrees 10" == cells(text, "augmentation")[1]
    assert facts.card["versions"]["numpy"] == cells(text, "numpy")[1]
    kept = facts.history[(facts.history["framework"] == "keras") & (facts.history["best"] == 1)]["epoch"]
    low, high = kept.min(), kept.max()
    shown = str(low) if low == high else f"{low} to {high}"
    assert ["Keras", "3", "5", shown, "2"] == cells(text, "Keras")


def test_checks_tell_parity_and_digest(facts: Facts) -> None:
    """Parity of each framework and the digest of the card are told."""
    text = making.describe_checks(facts)
    assert ["PyTorch", "8", "0.0e+00"] == cells(text, "PyTorch")
    assert facts.experiment.digest in text


def _with(facts: Facts, **changes: object) -> Facts:
    return replace(facts, experiment=update_card(facts.experiment, changes))
