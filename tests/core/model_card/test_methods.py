"""Preprocessing, layers, training and checks."""

from __future__ import annotations

from dataclasses import replace
from typing import get_args

import pytest

from core.experiments import update_card
from core.imaging import preprocessing
from core.model_card import methods
from core.model_card.facts import Facts
from core.models.architectures import ARCHITECTURES
from tests.core.model_card.conftest import cells


@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        (methods.CHANNELS, preprocessing.Channels),
        (methods.FRAMING, preprocessing.Framing),
        (methods.INTENSITY, preprocessing.Intensity),
    ],
)
def test_every_choice_of_a_recipe_has_words(words: dict[str, str], kinds: object) -> None:
    """Each value of a recipe has words."""
    assert set(get_args(kinds)) == set(words)


def test_layers_are_read_off_the_card(facts: Facts) -> None:
    """Every layer of the card is in the table in order, of any kind; without a list the text says so."""
    assert "**not available**" in methods.describe_networks(facts)
    layers = [
        {"layer": "Convolution", "filters": 16, "kernel": 3, "normalise": True},
        {"layer": "Something[new]", "depth": None, "rate": 0.25},
    ]
    text = methods.describe_networks(_with(facts, layers=layers))
    assert ["1", "Convolution", "filters 16, kernel 3, batch normalization yes"] == cells(text, "1")
    assert ["2", r"Something\[new\]", "depth none, rate 0.25"] == cells(text, "2")


@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_layers_of_every_architecture_are_listed(facts: Facts, name: str) -> None:
    """Each architecture's own description makes a table with a row for each layer."""
    layers = ARCHITECTURES[name].describe()
    text = methods.describe_networks(_with(facts, layers=layers))
    assert layers[-1]["layer"] == cells(text, str(len(layers)))[1]


def test_pretrained_layers_are_named(facts: Facts) -> None:
    """A backbone is named with its settings; without one all weights are random."""
    assert [] == methods.list_pretrained(facts)
    assert "Initial weights: random, from seed 0." == methods.describe_initial_weights(facts)
    changed = _with(facts, layers=[{"layer": "Trunk", "name": "some-net"}, {"layer": "Dense", "units": 1}])
    assert ["Backbone (name some-net)"] == methods.list_pretrained(changed)
    assert "Backbone (name some-net) pretrained elsewhere" in methods.describe_initial_weights(changed)


def test_the_kept_epoch_follows_from_patience(facts: Facts) -> None:
    """With patience the best epoch is kept, without it the last."""
    assert "lowest validation loss are kept" in methods.describe_training(facts)
    patient = _with(facts, protocol={**facts.protocol, "patience": 0})
    assert "weights of the last epoch are kept" in methods.describe_training(patient)


def test_planted_hemorrhages_are_described(facts: Facts) -> None:
    """Synthetic positives are described if the networks trained on them, and only then."""
    assert "Synthetic" not in methods.describe_training(facts)
    planted = _with(facts, protocol={**facts.protocol, "augmentation": {"planted": 0.75}})
    assert "there are 75.0 % as many of them as training slices" in methods.describe_training(planted)


def test_an_older_record_says_what_is_not_recorded(facts: Facts) -> None:
    """Without patience on the card, or marks in the history, the kept epoch is not recorded."""
    protocol = {key: value for key, value in facts.protocol.items() if key != "patience"}
    older = replace(_with(facts, protocol=protocol), history=facts.history.drop(columns="best"))
    text = methods.describe_training(older)
    assert "It is not recorded which epoch was kept." in text
    assert "not recorded" == cells(text, "Keras")[3]


def test_training_tells_the_whole_protocol(facts: Facts) -> None:
    """Every entry of the protocol, every library and the epochs of the history are in the text."""
    text = methods.describe_training(facts)
    titles = {"n_threads": "CPU threads", "patience": "patience (0: no early stopping)"}
    for key in facts.protocol:
        title = titles.get(key, key.replace("_", " "))
        assert title == cells(text, title)[0]
    assert "flip yes, rotation degrees 10" == cells(text, "augmentation")[1]
    assert facts.card["versions"]["numpy"] == cells(text, "numpy")[1]
    kept = facts.history[(facts.history["framework"] == "keras") & (facts.history["best"] == 1)]["epoch"]
    low, high = kept.min(), kept.max()
    shown = str(low) if low == high else f"{low} to {high}"
    assert ["Keras", "3", "5", shown, "2"] == cells(text, "Keras")


def test_checks_tell_parity_and_digest(facts: Facts) -> None:
    """Parity of each framework and the digest of the card are given."""
    text = methods.describe_checks(facts)
    assert ["PyTorch", "8", "0.0e+00"] == cells(text, "PyTorch")
    assert facts.experiment.digest in text


def _with(facts: Facts, **changes: object) -> Facts:
    return replace(facts, experiment=update_card(facts.experiment, changes))
