"""Read the card, tables and networks of one experiment; each file is checked against its hash on the card."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.errors import ExperimentError
from core.evaluation import Recalibration, choose_band, recalibrate, served_recalibration
from core.experiments.files import CHANGED, check_file, damaged_file_error
from core.experiments.tables import OPTIONAL_TABLES, TABLES, parse_table, training_hashes
from core.frameworks import FRAMEWORKS
from core.imaging import Recipe

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

    @property
    def finding(self) -> str:
        """Return what the networks look for, as a word in a sentence: "hemorrhage", "ischemia", "stroke"."""
        return self.finding_key or self.classes[1].lower()

    @property
    def finding_key(self) -> str:
        """Return the key of the finding, "hemorrhage" or "ischemia"; "" for folder labels."""
        is_older = "finding" not in self.card and self.card["protocol"]["labels"] == "slice"
        return "hemorrhage" if is_older else str((self.card.get("finding") or {}).get("key", ""))

    @property
    def version(self) -> int:
        """Return the number of this version, from 1: that of a successor is one higher."""
        return int(self.card.get("version", 1))

    @property
    def networks_digest(self) -> str:
        """Return the SHA-256 of all that a stored validation depends on: recipe, networks, gate and turning.

        The gate says which slices are refused and count, and pictures are turned before they are read.
        Calibration and thresholds are applied to validations anew, so they do not matter.
        """
        from core.gate import FAMILIARITY_FILE, digest_gate

        gate = {"program": digest_gate(), "learned": self.card["files"].get(FAMILIARITY_FILE)}
        return _digest({**self._describe_networks(), "gate": gate})

    @property
    def served_digest(self) -> str:
        """Return the SHA-256 of all that decides: recipe, networks, calibration, thresholds, review bands.

        Unlike `digest`, it stays the same when tables are added or words on the card change.
        """
        card = self.card
        served = {key: card[key] for key in ("operating_points", "default_operating_point")}
        fits = [self.recalibration(name) for name in self.frameworks]
        served["calibration"] = [[fit.slope, fit.intercept] for fit in fits]
        return _digest(self._describe_networks() | served | {"review_bands": card.get("review_bands")})

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
        points = self.card["operating_points"][framework].get(level, {})
        # Several rules may have chosen the same threshold, with different bands.
        for rule in (self.card["default_operating_point"], *points):
            if points.get(rule) == threshold and bands.get(rule):
                low, high = bands[rule]
                return low, high
        scores = self._validation_scores[framework].get(level)
        return choose_band(scores[1], threshold) if scores and scores[1].size else None

    def predictions(self) -> pd.DataFrame:
        """Read the raw out-of-sample probabilities: a row per slice, fold and part ("test" or "validation").

        Columns: file, patient, number (Int64), label, sha256, fold, part, and for each trained framework the
        probability of the positive class in [0, 1]. `patient` is "" and `number` <NA> where unknown. If the
        experiment knows which slices show brain, also `counted` (1 or 0): whether a study's score counts it.
        Training stores it; in experiments trained before, it comes with the properties.
        """
        table, properties = self._read_table("predictions.csv"), self.properties()
        if properties is None or "brain_visible" not in properties:
            return table
        visible = properties.set_index("file")["brain_visible"]
        return table.assign(counted=table["file"].map(visible).fillna(1).astype(int))

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
        return self._read_optional("robustness.csv")

    def properties(self) -> pd.DataFrame | None:
        """Read brightness and position in the head of the held-out slices; None if not measured."""
        return self._read_optional("properties.csv")

    def features(self) -> pd.DataFrame | None:
        """Read map position and neighbors of each slice, rows as in `slices()`; None if not computed."""
        return self._read_optional("features.csv")

    def gate(self) -> pd.DataFrame | None:
        """Read the gate's counts (read, warned, refused), see OPTIONAL_TABLES; None if not measured."""
        return self._read_optional("gate.csv")

    def study_scores(self) -> pd.DataFrame | None:
        """Read the comparison of ways to score a study, see OPTIONAL_TABLES; None if none was made."""
        return self._read_optional("study_scores.csv")

    def localisation(self) -> pd.DataFrame | None:
        """Read where the networks look, measured on outlines, see OPTIONAL_TABLES; None if not measured."""
        return self._read_optional("localisation.csv")

    def shortcut(self) -> pd.DataFrame | None:
        """Read whether the networks know the lesion or the hospital, likewise; None if not measured."""
        return self._read_optional("shortcut.csv")

    def seeds(self) -> pd.DataFrame | None:
        """Read the figures of the same training with several seeds, likewise; None if not gathered."""
        return self._read_optional("seeds.csv")

    def threshold_slices(self) -> pd.DataFrame | None:
        """Read slices from elsewhere that helped to choose the thresholds, likewise; None if none did."""
        return self._read_optional("thresholds.csv")

    def left_out(self) -> pd.DataFrame | None:
        """Read raw probabilities of networks that never met a slice's source, likewise; None if none."""
        return self._read_optional("left_out.csv")

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
        """Return the SHA-256 of every slice that a network was trained on or chosen by."""
        return self._training_hashes

    def _describe_networks(self) -> dict[str, Any]:
        networks = {name: self.card["files"][f"{name}/model.onnx"] for name in self.frameworks}
        return {"recipe": self.card["recipe"], "networks": networks}

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
            return unpack_familiarity(self.read_bytes(FAMILIARITY_FILE), self.frameworks, folds)
        except ValueError as error:
            raise damaged_file_error(self.folder, FAMILIARITY_FILE, str(error)) from error

    @cached_property
    def _training_hashes(self) -> frozenset[str]:
        try:
            return training_hashes(self.read_bytes("slices.csv"), self.card["protocol"]["folds"])
        except ValueError as error:
            raise damaged_file_error(self.folder, "slices.csv", str(error)) from error

    def read_bytes(self, path: str) -> bytes:
        """Return the contents of a file on the card, checked against its hash."""
        try:
            data = (self.folder / path).read_bytes()
        except OSError as error:
            raise damaged_file_error(self.folder, path, "cannot be read") from error
        if hashlib.sha256(data).hexdigest() != self.card["files"][path]:
            raise damaged_file_error(self.folder, path, CHANGED)
        return data

    def _read_optional(self, path: str) -> pd.DataFrame | None:
        return self._read_table(path) if path in self.card["files"] else None

    def _read_table(self, path: str) -> pd.DataFrame:
        raw = ("predictions.csv", "thresholds.csv", "left_out.csv")
        frameworks = self.frameworks if path in raw else ()
        try:
            columns = (TABLES | OPTIONAL_TABLES)[path] + frameworks
            return parse_table(self.read_bytes(path), columns)
        except ValueError as error:
            raise damaged_file_error(self.folder, path, str(error)) from error


def _digest(parts: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode("ascii")).hexdigest()
