"""One experiment: its card, and its tables and networks, compared with the hash on the card when read."""

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
    """An experiment folder whose card and files were found whole.

    Attributes:
        folder: where it lies.
        card: the card as it was read; see `core.experiments.cards`. Not to be changed.
        digest: SHA-256 of the card. As the card holds the hash of every file, it stands for the whole
            experiment, and serves as a key for caches.
    """

    folder: Path
    card: dict[str, Any] = field(repr=False)
    digest: str

    @property
    def name(self) -> str:
        """Its name, which is also its folder's."""
        return str(self.card["name"])

    @property
    def recipe(self) -> Recipe:
        """How slices become input images."""
        return Recipe.from_dict(self.card["recipe"])

    @property
    def classes(self) -> tuple[str, str]:
        """Names of the negative and the positive class."""
        return self.card["classes"]["negative"], self.card["classes"]["positive"]

    @property
    def meaning(self) -> str:
        """What a positive slice shows, in words."""
        return str(self.card["classes"]["meaning"])

    @property
    def frameworks(self) -> tuple[str, ...]:
        """The frameworks trained, in the order of FRAMEWORKS."""
        return tuple(name for name in FRAMEWORKS if name in self.card["protocol"]["frameworks"])

    def threshold(self, framework: str, level: str = "slice", rule: str | None = None) -> float:
        """The probability from which on `framework` decides for the positive class.

        Args:
            framework: one of `frameworks`.
            level: "slice" or "patient".
            rule: how it was chosen on validation data ("youden", ...); the card's default when None.

        Raises:
            ExperimentError: the card has no such operating point, or it could not be estimated.
        """
        rule = rule or self.card["default_operating_point"]
        points = self.card["operating_points"].get(framework, {}).get(level, {})
        if points.get(rule) is None:
            known = ", ".join(name for name, value in points.items() if value is not None)
            raise ExperimentError(
                f'Experiment "{self.name}" has no operating point "{rule}" for {framework} on {level} level',
                remedy=f"choose one of: {known}" if known else "",
            )
        return float(points[rule])

    def recalibration(self, framework: str) -> Recalibration:
        """What the served network's probabilities go through; the identity where the card holds no fit."""
        return served_recalibration(self.card.get("calibration", {}).get(framework))

    def review_band(
        self, framework: str, level: str = "slice", threshold: float | None = None
    ) -> tuple[float, float] | None:
        """The band (low, high) of calibrated probabilities around a threshold that need review.

        Args:
            framework, level: as `threshold` takes them.
            threshold: the card's default one when None. For one that is not on the card, the band is chosen
                anew, on the validation rows; see `core.evaluation.review`.

        Returns:
            None where the card has no bands (an older one), or the level no validation rows.
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
        """Raw out-of-sample probabilities: one row per slice, fold and part ("test" or "validation").

        Columns file, patient, number (Int64), label, sha256, fold, part, and for each framework trained the
        probability of the positive class in [0, 1]. `patient` is "" and `number` <NA> where unknown.
        """
        return self._read_table("predictions.csv")

    def calibrated_predictions(self) -> pd.DataFrame:
        """The predictions with calibrated probabilities in the place of the raw ones, in every part."""
        return recalibrate(self.predictions(), self.card.get("calibration", {}))

    def slices(self) -> pd.DataFrame:
        """Every slice with its labels and its part ("train", "validation", "test") in fold_0, fold_1, ..."""
        return self._read_table("slices.csv")

    def history(self) -> pd.DataFrame:
        """One row per framework, fold and epoch (from 1): losses, accuracies, seconds, best (0 or 1)."""
        return self._read_table("history.csv")

    def robustness(self) -> pd.DataFrame | None:
        """Ranking figures under perturbed pictures, see OPTIONAL_TABLES; None when they were not measured."""
        return self._read_table("robustness.csv") if "robustness.csv" in self.card["files"] else None

    def properties(self) -> pd.DataFrame | None:
        """Brightness and place in the head of the held-out slices; None when they were not measured."""
        return self._read_table("properties.csv") if "properties.csv" in self.card["files"] else None

    def features(self) -> pd.DataFrame | None:
        """The map and the neighbours of every slice, row by row as in `slices()`; None if not computed."""
        return self._read_table("features.csv") if "features.csv" in self.card["files"] else None

    def gate(self) -> pd.DataFrame | None:
        """What the gate reads, warns of and refuses, see OPTIONAL_TABLES; None when it was not measured."""
        return self._read_table("gate.csv") if "gate.csv" in self.card["files"] else None

    def familiarity(self) -> Familiarity | None:
        """What the networks are familiar with; None when it was not measured."""
        return self._familiarity

    def model_path(self, framework: str) -> Path:
        """The served network's ONNX file, its hash checked.

        Raises:
            ExperimentError: the framework was not trained, or the file is missing or changed.
        """
        if framework not in self.frameworks:
            raise ExperimentError(
                f'Experiment "{self.name}" holds no {framework} model',
                remedy=f"choose one of: {', '.join(self.frameworks)}",
            )
        path = f"{framework}/model.onnx"
        check_file(self.folder, path, self.card["files"][path])
        return self.folder / path

    def training_hashes(self) -> frozenset[str]:
        """SHA-256 of every file that had a part in making the served networks, in at least one fold.

        Validation slices count: they decided which weights were kept and where the threshold lies.
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
            raise damaged(self.folder, FAMILIARITY_FILE, str(error)) from error

    @cached_property
    def _training_hashes(self) -> frozenset[str]:
        try:
            return training_hashes(self._read_bytes("slices.csv"), self.card["protocol"]["folds"])
        except ValueError as error:
            raise damaged(self.folder, "slices.csv", str(error)) from error

    def _read_bytes(self, path: str) -> bytes:
        try:
            data = (self.folder / path).read_bytes()
        except OSError as error:
            raise damaged(self.folder, path, "cannot be read") from error
        if hashlib.sha256(data).hexdigest() != self.card["files"][path]:
            raise damaged(self.folder, path, "differs from its hash on the card")
        return data

    def _read_table(self, path: str) -> pd.DataFrame:
        frameworks = self.frameworks if path == "predictions.csv" else ()
        try:
            columns = (TABLES | OPTIONAL_TABLES)[path] + frameworks
            return parse_table(self._read_bytes(path), columns)
        except ValueError as error:
            raise damaged(self.folder, path, str(error)) from error


def check_file(folder: Path, path: str, digest: str) -> None:
    """Raise an ExperimentError unless the file lies inside the folder and has this hash."""
    place = folder / path
    # A link could lead out of the folder: the card speaks for its own files only.
    if not place.resolve().is_relative_to(folder.resolve()):
        raise damaged(folder, path, "is a link that leads out of the folder")
    if not place.is_file():
        raise damaged(folder, path, "is missing")
    if sha256_of_file(place) != digest:
        raise damaged(folder, path, "differs from its hash on the card")


def damaged(folder: Path, path: str, what: str) -> ExperimentError:
    """The error that names a file of an experiment and what is wrong with it."""
    return ExperimentError(f'Experiment "{folder.name}": the file {path} {what}', remedy=restore(folder.name))


def restore(name: str) -> str:
    """How to get a damaged experiment back."""
    return f'get the folder "{name}" again (in a clone: git restore trained_models), or train it again'
