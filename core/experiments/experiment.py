"""Read the card, tables and networks of one experiment; each file is checked against its hash on the card."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError
from core.evaluation import Recalibration, choose_band, recalibrate, served_recalibration
from core.experiments.tables import OPTIONAL_TABLES, TABLES, parse_table, training_hashes
from core.frameworks import FRAMEWORKS
from core.imaging import Recipe
from core.system import sha256_of_file

if TYPE_CHECKING:
    import pandas as pd

    from core.gate import Familiarity


@dataclass(frozen=True, eq=False)
class Experiment:
    """An experiment folder with a valid card and complete files.

    Attributes:
        folder: the folder.
        card: the card as read, see `core.experiments.cards`. Do not change it.
        digest: SHA-256 of the card. The card holds the hash of every file, so the digest identifies the whole
            experiment and serves as a cache key.
    """

    folder: Path
    card: dict[str, Any] = field(repr=False)
    digest: str

    @property
    def name(self) -> str:
        """Return the name, which is also the folder's."""
        return str(self.card["name"])

    @property
    def recipe(self) -> Recipe:
        """Return the recipe that turns slices into input images."""
        return Recipe.from_dict(self.card["recipe"])

    @property
    def classes(self) -> tuple[str, str]:
        """Return the names of the negative and the positive class."""
        return self.card["classes"]["negative"], self.card["classes"]["positive"]

    @property
    def meaning(self) -> str:
        """Return in words what a positive slice shows."""
        return str(self.card["classes"]["meaning"])

    @property
    def frameworks(self) -> tuple[str, ...]:
        """Return the trained frameworks, in the order of FRAMEWORKS."""
        return tuple(name for name in FRAMEWORKS if name in self.card["protocol"]["frameworks"])

    def threshold(self, framework: str, level: str = "slice", rule: str | None = None) -> float:
        """Return the decision threshold of `framework`, a calibrated probability in [0, 1].

        Args:
            framework: one of `frameworks`.
            level: "slice" or "patient".
            rule: the rule that chose it on validation data ("youden", ...); the card's default when None.

        Raises:
            ExperimentError: the card has no such operating point, or it could not be estimated.
        """
        rule = rule or self.card["default_operating_point"]
        points = self.card["operating_points"].get(framework, {}).get(level, {})
        if points.get(rule) is None:
            known = ", ".join(name for name, value in points.items() if value is not None)
            raise ExperimentError(
                f'Experiment "{self.name}" has no operating point "{rule}" for {framework} at {level} level',
                remedy=f"choose one of: {known}" if known else "",
            )
        return float(points[rule])

    def recalibration(self, framework: str) -> Recalibration:
        """Return the recalibration of the served network; the identity if the card holds no fit."""
        return served_recalibration(self.card.get("calibration", {}).get(framework))

    def review_band(
        self, framework: str, level: str = "slice", threshold: float | None = None
    ) -> tuple[float, float] | None:
        """Return the review band (low, high) around a threshold, in calibrated probabilities.

        Args:
            framework, level: see `threshold`.
            threshold: the card's default when None. For a threshold that is not on the card, the band is
                computed from the validation rows, see `core.evaluation.review`.

        Returns:
            None if the card has no bands (older cards), or the level has no validation rows.
        """
        if "review_bands" not in self.card:
            return None
        threshold = self.threshold(framework, level) if threshold is None else threshold
        bands = self.card["review_bands"][framework].get(level, {})
        for rule, known in self.card["operating_points"][framework].get(level, {}).items():
            if known == threshold and bands.get(rule):
                low, high = bands[rule]
                return low, high
        scores = self._validation_scores[framework].get(level)
        return choose_band(scores[1], threshold) if scores and scores[1].size else None

    def predictions(self) -> pd.DataFrame:
        """Read the raw out-of-sample probabilities: a row per slice, fold and part ("test" or "validation").

        Columns: file, patient, number (Int64), label, sha256, fold, part, and for each trained framework the
        probability of the positive class in [0, 1]. `patient` is "" and `number` <NA> where unknown.
        """
        return self._read_table("predictions.csv")

    def calibrated_predictions(self) -> pd.DataFrame:
        """Read the predictions, with calibrated instead of raw probabilities in every part."""
        return recalibrate(self.predictions(), self.card.get("calibration", {}))

    def slices(self) -> pd.DataFrame:
        """Read every slice: labels, and part ("train", "validation", "test") in fold_0, fold_1, ..."""
        return self._read_table("slices.csv")

    def history(self) -> pd.DataFrame:
        """Read losses, accuracies, seconds and best (0 or 1) per framework, fold and epoch (from 1)."""
        return self._read_table("history.csv")

    def robustness(self) -> pd.DataFrame | None:
        """Read the ranking figures on perturbed pictures, see OPTIONAL_TABLES; None if not measured."""
        return self._read_table("robustness.csv") if "robustness.csv" in self.card["files"] else None

    def properties(self) -> pd.DataFrame | None:
        """Read brightness and position in the head of the held-out slices; None if not measured."""
        return self._read_table("properties.csv") if "properties.csv" in self.card["files"] else None

    def features(self) -> pd.DataFrame | None:
        """Read map position and neighbours of each slice, rows as in `slices()`; None if not computed."""
        return self._read_table("features.csv") if "features.csv" in self.card["files"] else None

    def gate(self) -> pd.DataFrame | None:
        """Read the gate's counts (read, warned, refused), see OPTIONAL_TABLES; None if not measured."""
        return self._read_table("gate.csv") if "gate.csv" in self.card["files"] else None

    def familiarity(self) -> Familiarity | None:
        """Read the features that new slices are compared with (core.gate.familiarity); None if absent."""
        return self._familiarity

    def model_path(self, framework: str) -> Path:
        """Return the ONNX file of the served network, after checking its hash.

        Raises:
            ExperimentError: the framework was not trained, or the file is missing or changed.
        """
        if framework not in self.frameworks:
            raise ExperimentError(
                f'Experiment "{self.name}" has no {framework} network',
                remedy=f"choose one of: {', '.join(self.frameworks)}",
            )
        path = f"{framework}/model.onnx"
        check_file(self.folder, path, self.card["files"][path])
        return self.folder / path

    def training_hashes(self) -> frozenset[str]:
        """Return the SHA-256 of every slice in the training or validation part of at least one fold.

        Validation slices count, because they decided which weights were saved and where the threshold is.
        """
        return self._training_hashes

    @cached_property
    def _validation_scores(self) -> dict[str, dict[str, Any]]:
        from core.evaluation import validation_scores

        table = self.calibrated_predictions()
        return {framework: validation_scores(table, framework) for framework in self.frameworks}

    @cached_property
    def _familiarity(self) -> Familiarity | None:
        from core.gate import FAMILIARITY_FILE, unpack_familiarity

        if FAMILIARITY_FILE not in self.card["files"]:
            return None
        try:
            folds = self.card["protocol"]["folds"]
            return unpack_familiarity(self._read_bytes(FAMILIARITY_FILE), self.frameworks, folds)
        except ValueError as error:
            raise damaged_file_error(self.folder, FAMILIARITY_FILE, str(error)) from error

    @cached_property
    def _training_hashes(self) -> frozenset[str]:
        try:
            return training_hashes(self._read_bytes("slices.csv"), self.card["protocol"]["folds"])
        except ValueError as error:
            raise damaged_file_error(self.folder, "slices.csv", str(error)) from error

    def _read_bytes(self, path: str) -> bytes:
        try:
            data = (self.folder / path).read_bytes()
        except OSError as error:
            raise damaged_file_error(self.folder, path, "cannot be read") from error
        if hashlib.sha256(data).hexdigest() != self.card["files"][path]:
            raise damaged_file_error(self.folder, path, _CHANGED)
        return data

    def _read_table(self, path: str) -> pd.DataFrame:
        frameworks = self.frameworks if path == "predictions.csv" else ()
        try:
            columns = (TABLES | OPTIONAL_TABLES)[path] + frameworks
            return parse_table(self._read_bytes(path), columns)
        except ValueError as error:
            raise damaged_file_error(self.folder, path, str(error)) from error


_CHANGED = "differs from its SHA-256 in experiment.json"


def check_file(folder: Path, path: str, digest: str) -> None:
    """Raise an ExperimentError unless the file is inside the folder and has this hash."""
    place = folder / path
    # A link could lead out of the folder; the card covers its own files only.
    if not place.resolve().is_relative_to(folder.resolve()):
        raise damaged_file_error(folder, path, "is a link that leads out of the folder")
    if not place.is_file():
        raise damaged_file_error(folder, path, "is missing")
    if sha256_of_file(place) != digest:
        raise damaged_file_error(folder, path, _CHANGED)


def damaged_file_error(folder: Path, path: str, problem: str) -> ExperimentError:
    """Return the error for a file of an experiment; `problem` continues "the file PATH ..."."""
    return ExperimentError(
        f'Experiment "{folder.name}": the file {path} {problem}', remedy=explain_restore(folder.name)
    )


def explain_restore(name: str) -> str:
    """Return how to restore a damaged experiment, in words."""
    return (
        f'get the folder "{name}" again (if it came with a clone: git restore trained_models/{name}, which '
        "discards all changes in that folder), or train the experiment again"
    )
