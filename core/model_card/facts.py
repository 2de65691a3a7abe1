"""The facts behind a model card: the experiment's card and tables, and the record of its evaluation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from core.datasets import KNOWN_DATASET
from core.evaluation import complete_record, evaluate_experiment, patient_names
from core.experiments import Experiment
from core.frameworks import TITLES
from core.validation import list_validations, make_record

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Validated:
    """A stored validation: the title of its data, and its record, validate/1."""

    title: str
    record: dict[str, Any]


@dataclass(frozen=True, eq=False)
class Facts:
    """One experiment's record, read once.

    Attributes:
        experiment: the subject of the card.
        record: all its figures, see core.evaluation.summary, with subgroups and robustness.
        slices: all slices with their labels and their partition in each fold.
        tested: the held-out slices with calibrated probabilities.
        history: of the training.
        validated: the validations on scans from elsewhere.
    """

    experiment: Experiment
    record: dict[str, Any]
    slices: pd.DataFrame
    tested: pd.DataFrame
    history: pd.DataFrame
    validated: tuple[Validated, ...] = ()

    @property
    def card(self) -> dict[str, Any]:
        """Return the experiment's card."""
        return self.experiment.card

    @property
    def protocol(self) -> dict[str, Any]:
        """Return the card's protocol."""
        return dict(self.card["protocol"])

    @property
    def titles(self) -> dict[str, str]:
        """Return framework -> title, the name shown to people."""
        return {framework: TITLES[framework] for framework in self.experiment.frameworks}

    @property
    def is_known(self) -> bool:
        """Return whether the data set is the published one, whose source and readers are known."""
        return bool(self.card["dataset"]["fingerprint"] == KNOWN_DATASET["fingerprint"])

    @property
    def shows_evidence(self) -> bool:
        """Return whether a heat map is the probability of each place, not Grad-CAM."""
        return any("count" in layer for layer in self.card.get("layers") or () if layer["layer"] == "Pooling")

    @property
    def sources(self) -> list[dict[str, Any]]:
        """Return the sources of a manifest, as the card holds them; [] for class folders."""
        return list(self.card["dataset"].get("sources", []))

    @property
    def knows_patients(self) -> bool:
        """Return whether every slice names its patient."""
        return patient_names(self.slices) is not None

    @property
    def knows_slices(self) -> bool:
        """Return whether every slice has its own label in addition to its folder's."""
        return bool(self.slices["slice_label"].notna().all())

    @property
    def folds(self) -> list[str]:
        """Return the columns of `slices` that hold the partitions, one for each fold."""
        return [f"fold_{fold}" for fold in range(self.protocol["folds"])]

    @property
    def shared(self) -> float | None:
        """Return the share of test slices with their patient in training, among those of known patients.

        None if all patients are unknown. A slice of an unknown patient counts as a patient of its own.
        """
        known = self.slices[self.slices["patient"] != ""]
        if known.empty:
            return None
        n_test = n_shared = 0
        for fold in self.folds:
            tested = known.loc[known[fold] == "test", "patient"]
            trained = known.loc[known[fold] == "train", "patient"]
            n_test += len(tested)
            n_shared += int(tested.isin(trained).sum())
        return n_shared / n_test if n_test else None

    def has_table(self, table: str) -> bool:
        """Return whether the experiment has this optional table."""
        return table in self.card["files"]

    def level(self, framework: str, level: str = "slice") -> dict[str, Any]:
        """Return the figures of one network per "slice" or per "patient": a LEVEL of the record."""
        return dict(self.record["models"][framework][level])

    def errors(self, framework: str) -> tuple[np.ndarray, np.ndarray]:
        """Return masks (n,) of false negatives and false positives among the held-out slices."""
        positive = self.tested["label"].to_numpy() == 1
        called = self.tested[framework].to_numpy() >= self.experiment.threshold(framework)
        return positive & ~called, ~positive & called


def gather_facts(experiment: Experiment, n_resamples: int = 2000) -> Facts:
    """Read an experiment's tables and evaluate it; the same record always gives the same facts.

    Raises:
        ExperimentError: a table is missing, damaged or of the wrong form.
        EvaluationError: the predictions are unusable.
    """
    predictions = experiment.calibrated_predictions()
    record = evaluate_experiment(experiment, n_resamples=n_resamples)
    return Facts(
        experiment=experiment,
        record=complete_record(record, experiment),
        slices=experiment.slices(),
        tested=predictions[predictions["part"] == "test"].reset_index(drop=True),
        history=experiment.history(),
        validated=tuple(gather_validations(experiment, record, n_resamples)),
    )


def gather_validations(
    experiment: Experiment, home: Mapping[str, Any], n_resamples: int
) -> Iterator[Validated]:
    """Yield the labeled validations of the experiment as it is now, with their records.

    Args:
        experiment: the experiment.
        home: its record, evaluate/2.
        n_resamples: bootstrap resamples behind the intervals.

    Raises:
        ExperimentError: a table of a validation is damaged.
    """
    for validation in list_validations(experiment):
        if validation.is_current and validation.n_labeled:
            record = make_record(experiment, validation, n_resamples, home=home)
            yield Validated(_name_data(record), record)


def _name_data(record: Mapping[str, Any]) -> str:
    """Return the title of a validation's only source, else the validation's name."""
    sources = record["data"]["sources"]
    title = sources[0]["title"] or sources[0]["name"] if len(sources) == 1 else ""
    return str(title or record["name"])
