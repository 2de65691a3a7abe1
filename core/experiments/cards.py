"""The format of an experiment's card (`experiment.json`), and its validation.

Format 1, as far as the program relies on it (a card may hold more fields):

    {"format": 1, "name": str, "created": UTC time (ISO 8601), "summary": one sentence,
     "protocol": {"labels": "folder"|"slice", "split": "random"|"patient", "folds": int >= 1, "seed": int,
                  "architecture": str, "frameworks": [str, ...], ...},
     "recipe": see core.imaging.preprocessing.Recipe,
     "classes": {"negative": str, "positive": str, "meaning": what a positive slice shows},
     "finding": {"key": "hemorrhage"|"ischemia", "name": str, "counts": what counts as one}, null for folder
                labels; older cards lack it: slice labels are those of hemorrhage then,
     "dataset": {"fingerprint": SHA-256, "n_slices": int, ...},
     "operating_points": {framework: {"slice": {rule: threshold or null}, "patient": {...}}}, on calibrated
                         probabilities,
     "default_operating_point": a rule,
     "version": int >= 1, of the networks; 1 where it is missing,
     "calibration": see core.evaluation.recalibration,                      optional: none in older cards
     "review_bands": {framework: {level: {rule: [low, high] or null}}},     optional: none in older cards
     "sources": where the thresholds of the rule "sources" come from, see core.sources.source_thresholds;
                optional,
     "threshold_slices": of the slices in thresholds.csv: {"served": `Experiment.networks_digest`, "sources"};
                optional,
     "left_out": figures of networks trained without a source, see core.sources.left_out; optional,
     "served": how the served network relates to the measured ones,
     "parity": {framework: {"max_difference": float, "n_slices": int}},
     "training": {framework: {"seconds": float, "n_parameters": int}},
     "limits": [str, ...], "versions": {library: version},
     "files": {path below the folder, with forward slashes: SHA-256}}
"""

from __future__ import annotations

import json
import re
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from core.errors import ExperimentError, StrokeError, explain_refusal
from core.experiments.tables import TABLES
from core.frameworks import FRAMEWORKS
from core.imaging import Recipe

FORMAT = 1

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,79}")
_HASH = re.compile(r"[0-9a-f]{64}")


def check_name(name: str, what: str = "experiment") -> str:
    """Return `name`; raise an ExperimentError unless it is valid for `what` and its folder."""
    if not _NAME.fullmatch(name):
        raise ExperimentError(
            f"The {what}'s name must have at most 80 characters (lower-case letters, digits, dots, hyphens, "
            "underscores) and start with a letter or a digit",
            found=repr(name)[:100],
            remedy=f'choose a name such as "my-{what}"',
        )
    return name


def check_path(path: str) -> str:
    """Return `path`; raise an ExperimentError unless it is a file inside the experiment's folder."""
    parts = path.split("/")
    # On Windows, a colon marks a drive or a stream, and a backslash separates folders.
    if any(part in ("", ".", "..") for part in parts) or "\\" in path or ":" in path or "\0" in path:
        raise ExperimentError(
            "A file of the experiment would be outside its folder",
            found=repr(path)[:100],
            remedy="do not use this experiment: its experiment.json was not written by this program",
        )
    return path


def list_required_files(card: dict[str, Any]) -> list[str]:
    """Return the files that every experiment must have."""
    models = [str(PurePosixPath(framework) / "model.onnx") for framework in card["protocol"]["frameworks"]]
    return [*TABLES, *models]


def _check_frameworks(names: list[Any]) -> list[Any]:
    if not names or any(name not in FRAMEWORKS or names.count(name) > 1 for name in names):
        raise ValueError(f"should be one or more of {', '.join(FRAMEWORKS)}, each once")
    return names


def _check_hash(digest: str) -> str:
    if not _HASH.fullmatch(digest):
        raise ValueError("should be a SHA-256, 64 hexadecimal digits")
    return digest


def _check_band(band: list[float]) -> list[float]:
    if len(band) != 2 or band[0] > band[1]:
        raise ValueError("should be two numbers, the lower one first")
    return band


def _check_classes(classes: _Classes) -> _Classes:
    if classes.negative == classes.positive:
        raise ValueError("should have two different names")
    return classes


class _Form(BaseModel):
    # Built when the first card is read. Other fields may hold anything.
    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)


class _Protocol(_Form):
    labels: str
    split: str
    folds: Annotated[int, Field(ge=1)]
    seed: int
    architecture: str
    frameworks: Annotated[list[Any], AfterValidator(_check_frameworks)]


class _Classes(_Form):
    negative: str
    positive: str
    meaning: str


class _Finding(_Form):
    key: Literal["hemorrhage", "ischemia"]
    name: str
    counts: str


class _Dataset(_Form):
    fingerprint: str
    n_slices: int


class _Fit(_Form):
    slope: Annotated[float, Field(gt=0)]
    intercept: float


class _FoldFit(_Fit):
    fold: int


class _Calibration(_Form):
    folds: list[_FoldFit]
    served: _Fit | None


class _Card(_Form):
    name: Annotated[str, AfterValidator(check_name)]
    created: str
    summary: str
    protocol: _Protocol
    recipe: Annotated[dict[str, Any], AfterValidator(Recipe.from_dict)]
    classes: Annotated[_Classes, AfterValidator(_check_classes)]
    finding: _Finding | None = None
    dataset: _Dataset
    operating_points: dict[str, dict[str, dict[str, float | None]]]
    default_operating_point: str
    version: Annotated[int, Field(ge=1)] = 1
    calibration: dict[str, _Calibration] = {}
    review_bands: dict[
        str, dict[str, dict[str, Annotated[list[float], AfterValidator(_check_band)] | None]]
    ] = {}
    served: str
    parity: dict[str, Any]
    training: dict[str, Any]
    limits: list[Any]
    versions: dict[str, Any]
    files: dict[Annotated[str, AfterValidator(check_path)], Annotated[str, AfterValidator(_check_hash)]]


def parse_card(text: bytes) -> dict[str, Any]:
    """Return the card in `text` after validation, with all its fields unchanged.

    Raises:
        ExperimentError: the card is not valid; the message names the field and the value found.
    """
    try:
        card = json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ExperimentError("experiment.json is not valid JSON", found=str(error)) from error
    if not isinstance(card, dict):
        raise ExperimentError("experiment.json is not a JSON object", found=type(card).__name__)
    if card.get("format") != FORMAT:
        raise ExperimentError(
            f"experiment.json is not in format {FORMAT}",
            found=f"format {card['format']!r}" if "format" in card else "it states no format",
            remedy="use the version of this program that wrote it, or train the experiment again",
        )
    try:
        form = _Card.model_validate(card)
    except ValidationError as error:
        raise _refuse(*explain_refusal(error)) from error
    except StrokeError as error:
        # Raised by the check of the recipe, the name or a path.
        raise ExperimentError(
            f"experiment.json is not usable: {error.problem}", found=error.found, remedy=error.remedy
        ) from error
    _check_frameworks_complete(form)
    for path in list_required_files(card):
        if path not in form.files:
            raise ExperimentError(f'experiment.json does not list "{path}"')
    return card


def _refuse_constant(word: str) -> float:
    raise ValueError(f"{word} is not a JSON number")


def _refuse(field: str, expected: str, found: str = "") -> ExperimentError:
    return ExperimentError(f'experiment.json: "{field}" {expected}', found=found, remedy="correct this field")


def _check_frameworks_complete(form: _Card) -> None:
    """Raise an ExperimentError if an entry of a framework is missing: threshold, calibration or bands."""
    rule = form.default_operating_point
    for framework in form.protocol.frameworks:
        if form.operating_points.get(framework, {}).get("slice", {}).get(rule) is None:
            field = f"operating_points.{framework}.slice.{rule}"
            raise _refuse(field, "should be a number, the threshold of the default operating point")
        if "calibration" in form.model_fields_set:
            fits = form.calibration.get(framework)
            # No list of `n_folds` elements is built: a hostile card may state a billion folds.
            n_folds = form.protocol.folds if fits and fits.served else 0
            fitted = [fit.fold for fit in fits.folds] if fits else []
            if not fits or len(fitted) != n_folds or fitted != list(range(len(fitted))):
                raise _refuse(
                    f"calibration.{framework}",
                    "should have a calibration for each fold and for the served network, or none",
                )
        if "review_bands" in form.model_fields_set and framework not in form.review_bands:
            raise _refuse(f"review_bands.{framework}", "is missing")
