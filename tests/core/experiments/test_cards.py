"""The form of an experiment's card."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ExperimentError
from core.experiments import Experiment
from core.experiments.cards import check_name, check_path, parse_card
from tests.builders import write_tiny_experiment

Change = Callable[[dict[str, Any]], object]


def test_a_written_card_is_of_the_form(tiny: Experiment) -> None:
    """The card of a published experiment passes, and comes back unchanged."""
    assert tiny.card == parse_card(json.dumps(tiny.card).encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(format=2), "not of format 1 .*format 2"),
        (lambda card: card.pop("format"), "names no format"),
        (lambda card: card.pop("classes"), 'lacks "classes"'),
        (lambda card: card["classes"].pop("meaning"), r'lacks "classes\.meaning"'),
        (lambda card: card["protocol"].update(folds="5"), r'no usable "protocol\.folds"'),
        (lambda card: card["protocol"].update(folds=True), r'no usable "protocol\.folds"'),
        (lambda card: card["protocol"].update(folds=0), "at least one fold"),
        (lambda card: card["protocol"].update(frameworks=["jax"]), "frameworks other than"),
        (lambda card: card["protocol"].update(frameworks=[]), "frameworks other than"),
        (lambda card: card["protocol"].update(frameworks=[["keras"]]), "frameworks other than"),
        (lambda card: card["recipe"].update(size=7), "no usable recipe"),
        (lambda card: card["recipe"].update(more=1), "no usable recipe"),
        (lambda card: card["classes"].update(positive=card["classes"]["negative"]), "one name"),
        (lambda card: card["operating_points"].pop("keras"), "no operating points for keras"),
        (lambda card: card["operating_points"]["keras"]["slice"].pop("youden"), "its default"),
        (lambda card: card["operating_points"]["keras"]["slice"].update(youden=None), "its default"),
        (lambda card: card["operating_points"]["keras"]["slice"].update(f1="0.5"), "is no number"),
        (lambda card: card["calibration"].pop("keras"), "no usable calibration for keras"),
        (
            lambda card: card["calibration"]["keras"]["served"].update(slope=-1),
            "no usable calibration for keras",
        ),
        (lambda card: card["calibration"]["keras"].update(served=None), "no usable calibration for keras"),
        (lambda card: card["calibration"]["keras"].update(folds=[]), "no usable calibration for keras"),
        (lambda card: card["calibration"]["keras"]["folds"].pop(), "no usable calibration for keras"),
        (lambda card: card["calibration"]["keras"]["folds"][0].update(slope="1"), "no usable calibration"),
        (lambda card: card["review_bands"].update(keras=3), "no usable review bands for keras"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=[0.4]), "no usable review bands"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=[0.4, 0.3]), "no usable review bands"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=["a", "b"]), "no usable review bands"),
        (lambda card: card.update(name="../other"), "small letters"),
        (lambda card: card["files"].update({"../secret": "0" * 64}), "outside its folder"),
        (lambda card: card["files"].update({"more.csv": "abc"}), 'no SHA-256 for "more.csv"'),
        (lambda card: card["files"].pop("keras/model.onnx"), 'not list "keras/model.onnx"'),
    ],
)
def test_what_is_wrong_is_named(models: Path, change: Change, message: str) -> None:
    """A card with one thing changed is refused, and the error says which."""
    card = copy.deepcopy(write_tiny_experiment(models, calibrated=True).card)
    change(card)
    with pytest.raises(ExperimentError, match=message):
        parse_card(json.dumps(card).encode())


def test_cards_may_lack_what_came_later(models: Path) -> None:
    """A card without calibration and review bands, or with the reason why there is none, is a card."""
    card = copy.deepcopy(write_tiny_experiment(models, calibrated=True).card)
    card["calibration"]["keras"] = {"method": "platt", "served": None, "folds": [], "reason": "why"}
    card["review_bands"]["keras"]["slice"]["f1"] = None
    assert card == parse_card(json.dumps(card).encode())
    del card["calibration"], card["review_bands"]
    assert card == parse_card(json.dumps(card).encode())


def test_nan_is_no_value_of_a_card(tiny: Experiment) -> None:
    """Python's JSON reader takes NaN; a card with it is refused."""
    text = json.dumps({**tiny.card, "training": {"keras": {"seconds": float("nan")}}})
    with pytest.raises(ExperimentError, match=r"not valid JSON \(NaN"):
        parse_card(text.encode())


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[1]", b"[" * 100_000])
def test_what_is_no_card_is_refused(text: bytes) -> None:
    """Bytes that are no JSON object are an ExperimentError, whatever they are."""
    with pytest.raises(ExperimentError, match=r"experiment\.json"):
        parse_card(text)


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../b", "", "a//b", "./a", "C:/a", "a\\b", "a\0b"])
def test_paths_stay_in_the_folder(path: str) -> None:
    """Absolute paths, parents, drives and backslashes are refused."""
    with pytest.raises(ExperimentError, match="outside its folder"):
        check_path(path)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "A", "a b", "..", "a" * 81, "é"])
def test_names_are_safe_as_folders(name: str) -> None:
    """Only small letters, digits, dots, hyphens and underscores, and no dot in front."""
    with pytest.raises(ExperimentError, match="choose a name"):
        check_name(name)
