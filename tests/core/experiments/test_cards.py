"""The format of an experiment's card."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from core.errors import ExperimentError
from core.experiments import Experiment, read_experiment
from core.experiments.cards import check_name, check_path, parse_card
from tests.builders import write_tiny_experiment

Change = Callable[[dict[str, Any]], object]


def test_a_written_card_is_valid(tiny: Experiment) -> None:
    """The card of a published experiment is valid and returned unchanged."""
    assert tiny.card == parse_card(json.dumps(tiny.card).encode())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda card: card.update(format=2), "not in format 1 .*format 2"),
        (lambda card: card.pop("format"), "states no format"),
        (lambda card: card.pop("classes"), '"classes" is missing'),
        (lambda card: card["classes"].pop("meaning"), r'"classes\.meaning" is missing'),
        (lambda card: card.update(finding={"key": "stroke", "name": "", "counts": ""}), r'"finding\.key"'),
        (lambda card: card["protocol"].update(folds="5"), r'"protocol\.folds" should be .*5'),
        (lambda card: card["protocol"].update(folds=True), r'"protocol\.folds" should be .*True'),
        (lambda card: card["protocol"].update(folds=0), r'"protocol\.folds" should be .* to 1 \(0'),
        (lambda card: card["protocol"].update(frameworks=["jax"]), 'frameworks" should be one or more of'),
        (lambda card: card["protocol"].update(frameworks=[]), 'frameworks" should be one or more of'),
        (
            lambda card: card["protocol"].update(frameworks=[["keras"]]),
            'frameworks" should be one or more of',
        ),
        (lambda card: card["recipe"].update(size=7), r"recipe's size should be .*\(7"),
        (lambda card: card["recipe"].update(more=1), "A recipe must have exactly"),
        (lambda card: card["classes"].update(positive=card["classes"]["negative"]), "two different names"),
        (
            lambda card: card["operating_points"].pop("keras"),
            r'"operating_points\.keras\.slice\.youden" should be a number',
        ),
        (lambda card: card["operating_points"]["keras"]["slice"].pop("youden"), "default operating point"),
        (
            lambda card: card["operating_points"]["keras"]["slice"].update(youden=None),
            "default operating point",
        ),
        (
            lambda card: card["operating_points"]["keras"]["slice"].update(f1="0.5"),
            r'"operating_points\.keras\.slice\.f1" should be a valid number',
        ),
        (lambda card: card["calibration"].pop("keras"), "calibration.keras.* each fold"),
        (
            lambda card: card["calibration"]["keras"]["served"].update(slope=-1),
            r"served\.slope.* than 0 \(-1",
        ),
        (lambda card: card["calibration"]["keras"].update(served=None), "calibration.keras.* each fold"),
        (lambda card: card["calibration"]["keras"].update(folds=[]), "calibration.keras.* each fold"),
        (lambda card: card["calibration"]["keras"]["folds"].pop(), "calibration.keras.* each fold"),
        (
            lambda card: card["calibration"]["keras"]["folds"][0].update(slope="1"),
            r"folds\.0\.slope.* number",
        ),
        (lambda card: card["review_bands"].pop("keras"), r"review_bands\.keras.* is missing"),
        (lambda card: card["review_bands"].update(keras=3), r"review_bands\.keras.* dictionary \(3"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=[0.4]), r"slice\.f1.* the lower"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=[0.4, 0.3]), r"slice\.f1.* the lower"),
        (lambda card: card["review_bands"]["keras"]["slice"].update(f1=["a", "b"]), r"slice\.f1.* number"),
        (lambda card: card.update(name="../other"), "lower-case letters"),
        (lambda card: card["files"].update({"../secret": "0" * 64}), "outside its folder"),
        (lambda card: card["files"].update({"more.csv": "abc"}), r'"files\.more\.csv" should be a SHA-256'),
        (lambda card: card["files"].pop("keras/model.onnx"), 'not list "keras/model.onnx"'),
    ],
)
def test_an_invalid_field_is_named(models: Path, change: Change, message: str) -> None:
    """A card with one invalid field is refused, and the error names it."""
    card = copy.deepcopy(write_tiny_experiment(models, calibrated=True).card)
    change(card)
    with pytest.raises(ExperimentError, match=message):
        parse_card(json.dumps(card).encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("created", 2026),
        ("summary", None),
        ("protocol", []),
        ("protocol.labels", 3),
        ("protocol.folds", 2.5),
        ("protocol.seed", "0"),
        ("protocol.frameworks", "keras"),
        ("classes.positive", ["Hemorrhage"]),
        ("dataset.fingerprint", 7),
        ("dataset.n_slices", "many"),
        ("operating_points.keras.patient.f1", True),
        ("default_operating_point", {}),
        ("calibration.keras.served.slope", 0),
        ("review_bands.keras.slice.youden", [0.9, 0.1]),
        ("parity", 1),
        ("limits", "none"),
        ("files.slices.csv", 5),
    ],
)
def test_the_error_of_a_field_is_complete(models: Path, field: str, value: object) -> None:
    """The error names the folder, the file, the field, the value found and what to do."""
    experiment = write_tiny_experiment(models, calibrated=True)
    card = copy.deepcopy(experiment.card)
    *outer, last = ["files", "slices.csv"] if field == "files.slices.csv" else field.split(".")
    place = card
    for key in outer:
        place = place[key]
    place[last] = value
    (experiment.folder / "experiment.json").write_text(json.dumps(card))
    with pytest.raises(ExperimentError) as caught:
        read_experiment(experiment.folder)
    message = str(caught.value)
    assert message.startswith(f'Folder "{experiment.name}": experiment.json: "{field}" ')
    assert repr(value) == caught.value.found
    assert f"({value!r}); correct this field, or get the folder" in message


def test_additional_fields_are_preserved(tiny: Experiment) -> None:
    """A card may hold additional fields at any depth; they are returned."""
    card = copy.deepcopy(tiny.card)
    card["note"] = {"of": ["ours"]}
    card["protocol"]["weather"] = None
    card["dataset"]["n_rooms"] = 3
    assert card == parse_card(json.dumps(card).encode())


def test_older_cards_are_valid(models: Path) -> None:
    """A card without calibration and review bands, or with the reason why there is none, is valid."""
    card = copy.deepcopy(write_tiny_experiment(models, calibrated=True).card)
    card["calibration"]["keras"] = {"method": "platt", "served": None, "folds": [], "reason": "why"}
    card["review_bands"]["keras"]["slice"]["f1"] = None
    assert card == parse_card(json.dumps(card).encode())
    del card["calibration"], card["review_bands"]
    assert card == parse_card(json.dumps(card).encode())


def test_a_card_with_nan_is_refused(tiny: Experiment) -> None:
    """A card with NaN is refused, although Python's JSON reader accepts it."""
    text = json.dumps({**tiny.card, "training": {"keras": {"seconds": float("nan")}}})
    with pytest.raises(ExperimentError, match=r"not valid JSON \(NaN"):
        parse_card(text.encode())


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b"[1]", b"[" * 100_000])
def test_other_bytes_are_refused(text: bytes) -> None:
    """Bytes that are not a JSON object raise an ExperimentError."""
    with pytest.raises(ExperimentError, match=r"experiment\.json"):
        parse_card(text)


@pytest.mark.parametrize("path", ["/etc/passwd", "../a", "a/../b", "", "a//b", "./a", "C:/a", "a\\b", "a\0b"])
def test_paths_stay_in_the_folder(path: str) -> None:
    """Absolute paths, parents, drives and backslashes are refused."""
    with pytest.raises(ExperimentError, match="outside its folder"):
        check_path(path)


@pytest.mark.parametrize("name", ["", ".hidden", "a/b", "A", "a b", "..", "a" * 81, "é"])
def test_names_are_safe_as_folders(name: str) -> None:
    """Only lower-case letters, digits, dots, hyphens and underscores are valid, and no leading dot."""
    with pytest.raises(ExperimentError, match="choose a name"):
        check_name(name)
