"""Calibrate an experiment for one site: a recalibration and thresholds from a stored validation.

A site calibration is chosen by the validation's name and used in place of the card's calibration; the card
never changes. It is the file site.json in the validation's folder:

    {"schema": "site/1", "name": of the validation, "experiment": name, "created": date, UTC,
     "version": of the experiment (1 in older ones, which lack it),
     "served": `Experiment.served_digest`; with another digest it is refused,
     "predictions": SHA-256 of the predictions.csv it rests on,
     "finding": the finding that was labeled,
     "rests_on": {"n", "positives", "negatives": slices, "n_patients": null if unknown,
                  "unit": what is dealt into folds and resampled: "patients", "slices", or both,
                  "left_out": {"kept_aside", "unknown_label", "refused": slices}},
     "default_operating_point": the card's default rule, or Youden's where that is the rule of all sources,
     "calibration", "operating_points", "review_bands": in the form of the card,
     "without": {framework: {"calibration"|"patient": why there is none}}: "calibration": the card's is kept;
                "patient": studies get no verdict,
     "cross_fitted": {framework: {"slice": CHANGE, "patient": CHANGE or {"reason"}}}}

    CHANGE: {"n", "positives", "before", "after", "difference": {rate: FIGURE}, at the default rule,
             and for slices "calibration": {"before", "after": CALIBRATION}}

"before" is what the card decides, "after" what a fit to the other patients decides, "difference" is after
minus before. FIGURE and CALIBRATION are those of core.evaluation.summary.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import ExperimentError, explain_refusal
from core.evaluation import (
    DEFAULT_RULE,
    SOURCES_RULE,
    Band,
    Recalibration,
    choose_band,
    served_recalibration,
)
from core.experiments import Experiment, check_writable
from core.reading import check_site
from core.validation import cross_fit
from core.validation.store import Validation, list_validations, open_validation

if TYPE_CHECKING:
    from core.validation.cross_fit import Floats, SiteRows

SCHEMA = "site/1"
FILE_NAME = "site.json"


@dataclass(frozen=True, eq=False)
class SiteCalibration:
    """A stored site calibration; a `core.reading.Site`.

    Attributes:
        validation: the validation that it rests on.
        details: the contents of site.json, see this module's docstring. Do not change them.
    """

    validation: Validation
    details: dict[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        """Return the name by which it is chosen, that of its validation."""
        return self.validation.name

    @property
    def experiment(self) -> str:
        """Return the name of the experiment it was made with."""
        return str(self.details["experiment"])

    @property
    def served(self) -> str:
        """Return the `served_digest` of the experiment it was made with."""
        return str(self.details["served"])

    @property
    def version(self) -> int:
        """Return the version of the experiment it was made with."""
        return int(self.details.get("version", 1))

    @property
    def operating_points(self) -> dict[str, dict[str, dict[str, float | None]]]:
        """Return {framework: {level: {rule: threshold}}}; level "patient" is missing without a fit."""
        points: dict[str, dict[str, dict[str, float | None]]] = self.details["operating_points"]
        return points

    def recalibration(self, framework: str) -> Recalibration:
        """Return the recalibration of raw probabilities."""
        return served_recalibration(self.details["calibration"][framework])

    def threshold(self, framework: str, level: str = "slice", rule: str | None = None) -> float:
        """Return a threshold on the probabilities recalibrated for this site, in [0, 1].

        Raises:
            ExperimentError: there is none for this level or rule.
        """
        rule = rule or self.details["default_operating_point"]
        found = self.operating_points.get(framework, {}).get(level, {}).get(rule)
        if found is None:
            raise ExperimentError(
                f'The site calibration "{self.name}" has no operating point "{rule}" for {framework} at '
                f"{level} level",
                found=self.details["without"].get(framework, {}).get(level, ""),
                remedy="use the thresholds of the model card",
            )
        return found

    def review_band(
        self, framework: str, level: str = "slice", threshold: float | None = None
    ) -> Band | None:
        """Return the review band around a threshold; of one that no rule chose, from the site's slices."""
        threshold = self.threshold(framework, level) if threshold is None else threshold
        bands = self.details["review_bands"][framework].get(level, {})
        for rule, known in self.operating_points[framework].get(level, {}).items():
            if known == threshold and bands.get(rule):
                low, high = bands[rule]
                return low, high
        return choose_band(self._score(framework, level), threshold)

    @cached_property
    def _rows(self) -> SiteRows:
        return cross_fit.select_rows(self.validation.predictions())

    def _score(self, framework: str, level: str) -> Floats:
        fitted, table = self.recalibration(framework), self._rows.table
        if level == "patient":
            return cross_fit.score_studies(table, framework, fitted)[1]
        return fitted.apply(table[framework].to_numpy(np.float64))


def list_sites(experiment: Experiment) -> list[SiteCalibration]:
    """Return the site calibrations that can be used with the experiment as it is now, sorted by name.

    Those of an earlier version and damaged ones are not listed; `open_site` says what is wrong with one.
    """
    found = []
    for validation in list_validations(experiment):
        if (validation.folder / FILE_NAME).is_file():
            try:
                found.append(_read(experiment, validation))
            except ExperimentError:
                continue
    return found


def open_site(experiment: Experiment, name: str) -> SiteCalibration:
    """Read the site calibration of this name.

    Raises:
        ExperimentError: there is none (code "unknown_site" or "unknown_validation"), it is of another
            experiment or version (see `core.reading.check_site`), or it is damaged (code "damaged_site").
    """
    validation = open_validation(experiment, name)
    if not (validation.folder / FILE_NAME).is_file():
        known = ", ".join(site.name for site in list_sites(experiment))
        make = f"make one: stroke-ct calibrate {experiment.name} {name}"
        raise ExperimentError(
            f'The validation "{name}" of experiment "{experiment.name}" has no site calibration',
            remedy=f"choose one of: {known}; or {make}" if known else make,
            code="unknown_site",
        )
    return _read(experiment, validation)


def delete_site(experiment: Experiment, name: str) -> None:
    """Delete the site calibration of this name; its validation stays.

    Raises:
        ExperimentError: there is none (code "unknown_validation"), or it came with the installed program.
    """
    validation = open_validation(experiment, name)
    check_site_writable(experiment, validation)
    (validation.folder / FILE_NAME).unlink(missing_ok=True)


def choose_rule(experiment: Experiment) -> str:
    """Return the default rule of a site calibration, which one source alone must allow to choose."""
    rule = str(experiment.card["default_operating_point"])
    return DEFAULT_RULE if rule == SOURCES_RULE else rule


def check_site_writable(experiment: Experiment, validation: Validation) -> None:
    """Raise an ExperimentError if the validation came with the installed program."""
    if validation.folder.is_relative_to(experiment.folder):
        check_writable(experiment)


class _Form(BaseModel):
    # Built when the first file is read. Other fields may hold anything.
    model_config = ConfigDict(strict=True, allow_inf_nan=False, defer_build=True)


class _Fit(_Form):
    slope: Annotated[float, Field(gt=0)]
    intercept: float


class _Calibration(_Form):
    served: _Fit


class _Site(_Form):
    schema_: Annotated[Literal["site/1"], Field(alias="schema")]
    experiment: str
    served: str
    predictions: str
    rests_on: dict[str, Any]
    default_operating_point: str
    calibration: dict[str, _Calibration]
    operating_points: dict[str, dict[str, dict[str, float]]]
    review_bands: dict[str, dict[str, dict[str, Annotated[list[float], Field(min_length=2, max_length=2)]]]]
    without: dict[str, dict[str, str]]


def _read(experiment: Experiment, validation: Validation) -> SiteCalibration:
    def damaged(problem: str) -> ExperimentError:
        return ExperimentError(
            f'The site calibration "{validation.name}" is damaged',
            found=problem,
            remedy=f"make it again: stroke-ct calibrate {validation.details['experiment']} {validation.name}",
            code="damaged_site",
        )

    try:
        details = json.loads((validation.folder / FILE_NAME).read_bytes())
        _Site.model_validate(details)
    except ValidationError as error:
        raise damaged(" ".join(explain_refusal(error))) from error
    except (OSError, ValueError, RecursionError) as error:
        raise damaged(f"{FILE_NAME} cannot be read as JSON") from error
    if details["predictions"] != validation.details["predictions"]:
        raise damaged("it rests on other predictions than those of its validation")
    site = SiteCalibration(validation, details)
    check_site(site, experiment)
    rule = details["default_operating_point"]
    for framework in experiment.frameworks:
        parts = (details[key] for key in ("calibration", "operating_points", "review_bands", "without"))
        if any(framework not in part for part in parts) or rule not in site.operating_points[framework].get(
            "slice", {}
        ):
            raise damaged(f"it lacks a part of the {framework} network")
    return site
