"""The protocol: valid settings, and the values it puts on a card."""

from __future__ import annotations

import json
from typing import Any

import pytest

from core.errors import StrokeError
from core.frameworks import FRAMEWORKS
from core.models.architecture import SCHEDULE
from core.models.architectures import get_architecture
from core.training.protocol import Protocol


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"labels": "file"}, "labels"),
        ({"split": "hospital"}, "split"),
        ({"frameworks": ()}, r"frameworks should be one or more of .*\(\(\)"),
        ({"frameworks": ("pytorch", "jax")}, "jax"),
        ({"folds": 0}, "folds"),
        ({"folds": 21}, "folds should be .* 20 .21"),
        ({"folds": "5"}, "folds"),
        ({"layers": 3}, "layers"),
        ({"epochs": 0}, "epochs"),
        ({"batch_size": 0}, "batch_size"),
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"learning_rate": float("nan")}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"augmentation": "wild"}, "augmentation"),
        ({"architecture": "resnet"}, "resnet"),
        ({"finding": "stroke"}, "finding"),
        ({"labels": "folder", "finding": "ischemia"}, "Folder labels name no finding.*ischemia"),
    ],
)
def test_an_unfit_protocol_is_refused(change: dict[str, Any], word: str) -> None:
    """Each setting of the wrong range or type raises a StrokeError that names it."""
    with pytest.raises(StrokeError, match=word):
        Protocol(**change)


def test_a_protocol_writes_out_every_setting() -> None:
    """Settings not given are the architecture's own; frameworks are in a fixed order."""
    own = Protocol(architecture="framed").to_dict()
    framed = get_architecture("framed")
    assert {name: getattr(framed, name) for name in SCHEDULE} == {name: own[name] for name in SCHEDULE}
    assert framed.augmentation.rotation_degrees == own["augmentation"]["rotation_degrees"]
    chosen = Protocol(epochs=2, batch_size=5, learning_rate=0.1, frameworks=("keras", "pytorch")).to_dict()
    assert [2, 5, 0.1] == [chosen[name] for name in ("epochs", "batch_size", "learning_rate")]
    assert list(FRAMEWORKS) == chosen["frameworks"]
    assert json.loads(json.dumps(chosen)) == chosen


@pytest.mark.parametrize(("strength", "factor"), [("light", 0.5), ("usual", 1.0), ("strong", 1.5)])
def test_augmentation_has_a_strength(strength: str, factor: float) -> None:
    """The architecture's values are multiplied, except flip, planted copies and views."""
    own = get_architecture("framed").augmentation
    found = Protocol(augmentation=strength).to_dict()["augmentation"]
    assert factor * own.rotation_degrees == found["rotation_degrees"]
    assert factor * own.noise == found["noise"]
    assert (own.flip, own.planted, own.views) == (found["flip"], found["planted"], found["views"])


def test_no_augmentation_changes_nothing() -> None:
    """With "none" slices are not changed or flipped, and there are no views."""
    found = Protocol(augmentation="none").to_dict()["augmentation"]
    assert not any(found[name] for name in found if name != "planted")


def test_a_card_names_the_finding_of_slice_labels() -> None:
    """Hemorrhage unless another is chosen; folder labels have none."""
    assert "hemorrhage" == Protocol().to_dict()["finding"]
    assert "ischemia" == Protocol(finding="ischemia").to_dict()["finding"]
    assert "" == Protocol(labels="folder").to_dict()["finding"]
