"""An experiment's card (`experiment.json`): its form, and the check that a card has it.

Format 1, the part that the program relies on (cards may say more):

    {"format": 1, "name": str, "created": UTC time (ISO 8601), "summary": one sentence,
     "protocol": {"labels": "folder"|"slice", "split": "random"|"patient", "folds": int >= 1, "seed": int,
                  "architecture": str, "frameworks": [str, ...], ...},
     "recipe": see core.imaging.preprocessing.Recipe,
     "classes": {"negative": str, "positive": str, "meaning": what a positive slice shows},
     "dataset": {"fingerprint": SHA-256, "n_slices": int, ...},
     "operating_points": {framework: {"slice": {rule: threshold or null}, "patient": {...}}}, on calibrated
                         probabilities,
     "default_operating_point": a rule,
     "calibration": see core.evaluation.recalibration,                      optional: none in older cards
     "review_bands": {framework: {level: {rule: [low, high] or null}}},     optional: none in older cards
     "served": how the served network relates to the measured ones,
     "parity": {framework: {"max_difference": float, "n_slices": int}},
     "training": {framework: {"seconds": float, "n_parameters": int}},
     "limits": [str, ...], "versions": {library: version},
     "files": {path below the folder, with forward slashes: SHA-256}}
"""

from __future__ import annotations

import json
import math
import re
from pathlib import PurePosixPath
from typing import Any

from core.errors import ExperimentError, StrokeError
from core.experiments.tables import TABLES
from core.frameworks import FRAMEWORKS
from core.imaging import Recipe

FORMAT = 1

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_HASH = re.compile(r"[0-9a-f]{64}")
_FIELDS: dict[str, type | tuple[type, ...]] = {
    "name": str,
    "created": str,
    "summary": str,
    "protocol": dict,
    "protocol.labels": str,
    "protocol.split": str,
    "protocol.folds": int,
    "protocol.seed": int,
    "protocol.architecture": str,
    "protocol.frameworks": list,
    "recipe": dict,
    "recipe.size": int,
    "recipe.channels": str,
    "recipe.framing": str,
    "recipe.intensity": str,
    "classes": dict,
    "classes.negative": str,
    "classes.positive": str,
    "classes.meaning": str,
    "dataset": dict,
    "dataset.fingerprint": str,
    "dataset.n_slices": int,
    "operating_points": dict,
    "default_operating_point": str,
    "served": str,
    "parity": dict,
    "training": dict,
    "limits": list,
    "versions": dict,
    "files": dict,
}


def parse_card(text: bytes) -> dict[str, Any]:
    """The card in `text`, checked.

    Raises:
        ExperimentError: what is not as the format says, and where.
    """
    try:
        card = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ExperimentError("experiment.json is not valid JSON", came=str(error)) from error
    if not isinstance(card, dict):
        raise ExperimentError("experiment.json does not hold an object", came=type(card).__name__)
    if card.get("format") != FORMAT:
        raise ExperimentError(
            f"experiment.json is not of format {FORMAT}",
            came=f"format {card['format']!r}" if "format" in card else "it names no format",
            remedy="use the version of this program that wrote it, or train the experiment again",
        )
    for field, kind in _FIELDS.items():
        _check_field(card, field, kind)
    check_name(card["name"])
    _check_protocol(card)
    _check_operating_points(card)
    _check_calibration(card)
    _check_review_bands(card)
    for path, digest in card["files"].items():
        check_path(path)
        if not isinstance(digest, str) or not _HASH.fullmatch(digest):
            raise ExperimentError(f'experiment.json has no SHA-256 for "{path}"', came=repr(digest)[:80])
    for path in required_files(card):
        if path not in card["files"]:
            raise ExperimentError(f'experiment.json does not list "{path}"')
    return card


def check_name(name: str) -> None:
    """Raise an ExperimentError unless `name` can be an experiment's name and its folder's."""
    if not _NAME.fullmatch(name):
        raise ExperimentError(
            "An experiment's name has up to 80 small letters, digits, dots, hyphens and underscores, "
            "and starts with a letter or a digit",
            came=repr(name)[:100],
            remedy='choose a name such as "my-experiment"',
        )


def check_path(path: str) -> None:
    """Raise an ExperimentError unless `path` can only mean a file inside the experiment's folder."""
    parts = path.split("/")
    # A colon would be a drive or a stream on Windows, a backslash a separator there.
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or ":" in path or "\0" in path:
        raise ExperimentError(
            "experiment.json names a file outside its folder",
            came=repr(path)[:100],
            remedy="do not use this experiment: its card was not written by this program",
        )


def required_files(card: dict[str, Any]) -> list[str]:
    """The files without which an experiment can be neither shown nor served."""
    models = [str(PurePosixPath(framework) / "model.onnx") for framework in card["protocol"]["frameworks"]]
    return [*TABLES, *models]


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is no JSON number")


def _check_field(card: dict[str, Any], field: str, kind: type | tuple[type, ...]) -> None:
    value: Any = card
    for key in field.split("."):
        if key not in value:
            raise ExperimentError(f'experiment.json lacks "{field}"')
        value = value[key]
    if not isinstance(value, kind) or isinstance(value, bool):
        raise ExperimentError(f'experiment.json has no usable "{field}"', came=repr(value)[:80])


def _check_protocol(card: dict[str, Any]) -> None:
    frameworks = card["protocol"]["frameworks"]
    unknown = [framework for framework in frameworks if framework not in FRAMEWORKS]
    if not frameworks or unknown or len(set(frameworks)) < len(frameworks):
        raise ExperimentError(
            f"experiment.json names frameworks other than {' and '.join(FRAMEWORKS)}",
            came=repr(frameworks)[:80],
        )
    if card["protocol"]["folds"] < 1:
        raise ExperimentError("experiment.json needs at least one fold", came=str(card["protocol"]["folds"]))
    if card["classes"]["negative"] == card["classes"]["positive"]:
        raise ExperimentError("experiment.json gives both classes one name", came=card["classes"]["positive"])
    try:
        Recipe.from_dict(card["recipe"])
    except StrokeError as error:
        raise ExperimentError("experiment.json holds no usable recipe", came=str(error)) from error


def _check_operating_points(card: dict[str, Any]) -> None:
    rule = card["default_operating_point"]
    for framework in card["protocol"]["frameworks"]:
        levels = card["operating_points"].get(framework)
        if not isinstance(levels, dict) or not all(isinstance(points, dict) for points in levels.values()):
            raise ExperimentError(f"experiment.json has no operating points for {framework}")
        for level, points in levels.items():
            for name, threshold in points.items():
                if threshold is not None and not _is_number(threshold):
                    raise ExperimentError(
                        f'experiment.json: {level} operating point "{name}" of {framework} is no number',
                        came=repr(threshold)[:80],
                    )
        if levels.get("slice", {}).get(rule) is None:
            raise ExperimentError(
                f'experiment.json has no slice-level operating point "{rule}" for {framework}, its default'
            )


def _check_calibration(card: dict[str, Any]) -> None:
    for framework in card["protocol"]["frameworks"] if "calibration" in card else ():
        try:
            entry = card["calibration"][framework]
            fits = [*entry["folds"], *([entry["served"]] if entry["folds"] else [])]
            folds = [fit["fold"] for fit in entry["folds"]]
            usable = all(_is_number(fit["slope"]) and _is_number(fit["intercept"]) for fit in fits)
            usable &= all(fit["slope"] > 0 for fit in fits)
            usable &= folds == list(range(card["protocol"]["folds"])) or (not folds and not entry["served"])
        except (KeyError, TypeError, IndexError):
            usable = False
        if not usable:
            raise ExperimentError(f"experiment.json has no usable calibration for {framework}")


def _check_review_bands(card: dict[str, Any]) -> None:
    for framework in card["protocol"]["frameworks"] if "review_bands" in card else ():
        try:
            found = [
                band for rules in card["review_bands"][framework].values() for band in rules.values() if band
            ]
            usable = all(_is_number(low) and _is_number(high) and low <= high for low, high in found)
        except (KeyError, TypeError, AttributeError, ValueError):
            usable = False
        if not usable:
            raise ExperimentError(f"experiment.json has no usable review bands for {framework}")


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
