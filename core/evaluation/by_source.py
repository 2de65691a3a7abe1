"""Figures of each source of an experiment's own data, out of sample and at the served thresholds.

`measure_sources` returns {"sources": [GROUP, ...]} for an experiment on several sources, else {"reason"}:

    GROUP: {"source": its name, "n", "positives", "n_patients": null if all are unknown,
            "models": {framework: {"threshold", "auroc", "average_precision", "recall", "specificity",
                                   "auroc_across": FIGUREs}}}

"auroc_across" ranks the positive slices of all sources against this source's negative ones: for a source of
one class there is no other AUROC. It also rises if the networks know the sources apart. A figure that needs a
class with fewer than MIN_ROWS slices is null, with the reason. FIGURE is that of core.evaluation.summary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from core.evaluation.intervals import Bootstrap, without_value
from core.evaluation.levels import measure_ranking
from core.evaluation.patients import unit_names
from core.evaluation.points import measure_point
from core.evaluation.sources import MIN_ROWS
from core.evaluation.summary import Evaluable, evaluate_experiment

if TYPE_CHECKING:
    import pandas as pd

RATES = ("recall", "specificity")
_ONE_SOURCE = "its data are of one source"
_NEEDS = {"recall": (1,), "specificity": (0,), "auroc": (0, 1), "average_precision": (0, 1)}
_CLASSES = {0: "negative", 1: "positive"}


class BySource(Evaluable, Protocol):
    """The parts of an experiment used here."""

    def threshold(self, framework: str) -> float: ...

    def calibrated_predictions(self) -> pd.DataFrame: ...

    def slices(self) -> pd.DataFrame: ...


def list_sources(slices: pd.DataFrame) -> list[str]:
    """Return the names of the sources in the table slices.csv, sorted; [] if it names none.

    >>> import pandas as pd
    >>> list_sources(pd.DataFrame({"source": ["b", "a", "b"]}))
    ['a', 'b']
    """
    return sorted(slices["source"].fillna("").unique()) if "source" in slices else []


def measure_sources(experiment: BySource, n_resamples: int = 2000, seed: int = 0) -> dict[str, Any]:
    """Return the figures of each source in the format of this module's docstring.

    Args:
        experiment: one whose slices.csv may name sources.
        n_resamples, seed: of the bootstrap.

    Raises:
        ExperimentError: a table cannot be read.
    """
    slices = experiment.slices()
    names = list_sources(slices)
    if len(names) < 2:
        return {"reason": _ONE_SOURCE}
    table = experiment.calibrated_predictions()
    table = table[table["part"] == "test"]
    table = table.assign(source=table["file"].map(slices.set_index("file")["source"]).fillna(""))
    thresholds = {name: experiment.threshold(name) for name in experiment.frameworks}
    positives = table[table["label"] == 1]
    return {
        "sources": [
            {"source": name, **measure_group(own, thresholds, positives, n_resamples=n_resamples, seed=seed)}
            for name in names
            for own in [table[table["source"] == name]]
        ]
    }


@dataclass(frozen=True)
class _OneSource:
    """An experiment with the predictions of one of its sources alone."""

    experiment: BySource
    source: str

    @property
    def name(self) -> str:
        return self.experiment.name

    @property
    def card(self) -> dict[str, Any]:
        return self.experiment.card

    @property
    def frameworks(self) -> Sequence[str]:
        return self.experiment.frameworks

    def predictions(self) -> pd.DataFrame:
        table, slices = self.experiment.predictions(), self.experiment.slices()
        return table[table["file"].map(slices.set_index("file")["source"]) == self.source]


def evaluate_source(
    experiment: BySource, source: str, n_resamples: int = 2000, seed: int = 0
) -> dict[str, Any]:
    """Return the record of an experiment (`evaluate_experiment`) on one of its sources alone.

    Args:
        experiment: one whose slices.csv names sources.
        source: the name of one of them.
        n_resamples, seed: of the bootstrap.

    Raises:
        EvaluationError: the predictions are unusable.
        ExperimentError: a table cannot be read.
    """
    return evaluate_experiment(_OneSource(experiment, source), n_resamples, seed)


def measure_group(
    table: pd.DataFrame,
    thresholds: Mapping[str, float],
    positives: pd.DataFrame | None = None,
    *,
    n_resamples: int = 2000,
    seed: int = 0,
) -> dict[str, Any]:
    """Return a GROUP without its name.

    Args:
        table: slices with label (0 or 1), calibrated probabilities, and patient ("" where unknown).
        thresholds: framework -> decision threshold; its keys are the columns that are measured.
        positives: the positive slices of all sources, for "auroc_across"; None leaves it out.
        n_resamples, seed: of the bootstrap.
    """
    labels = table["label"].to_numpy(int)
    lacking = {
        label: f"not estimable: it needs at least {MIN_ROWS} {words} slices; there are {n}"
        for label, words in _CLASSES.items()
        if (n := int(np.count_nonzero(labels == label))) < MIN_ROWS
    }
    bootstrap = Bootstrap.over(unit_names(table), len(table), n_resamples=n_resamples, seed=seed)
    models: dict[str, dict[str, Any]] = {}
    for name, threshold in thresholds.items():
        scores = table[name].to_numpy(np.float64)
        ranking, _ = measure_ranking(labels, scores, bootstrap)
        point, _ = measure_point(labels, scores, threshold, bootstrap)
        found = {**ranking, **{rate: point[rate] for rate in RATES}}
        for key, needed in _NEEDS.items():
            if reasons := [lacking[label] for label in needed if label in lacking]:
                found[key] = without_value(reasons[0])
        models[name] = {"threshold": threshold, **found}
    if positives is not None:
        across = _rank_across(table, positives, list(thresholds), n_resamples, seed)
        models = {name: {**found, "auroc_across": across[name]} for name, found in models.items()}
    return {
        "n": len(table),
        "positives": int(labels.sum()),
        "n_patients": _count_patients(table),
        "models": models,
    }


def _rank_across(
    table: pd.DataFrame, positives: pd.DataFrame, frameworks: Sequence[str], n_resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Return for each network the AUROC of all sources' positives against this source's negatives."""
    import pandas as pd

    negatives = table[table["label"] == 0]
    for words, rows in (("negative", negatives), ("positive", positives)):
        if len(rows) < MIN_ROWS:
            reason = f"not estimable: it needs at least {MIN_ROWS} {words} slices; there are {len(rows)}"
            return dict.fromkeys(frameworks, without_value(reason))
    both = pd.concat([negatives, positives], ignore_index=True)
    bootstrap = Bootstrap.over(unit_names(both), len(both), n_resamples=n_resamples, seed=seed)
    return {
        name: measure_ranking(both["label"].to_numpy(int), both[name].to_numpy(np.float64), bootstrap)[0][
            "auroc"
        ]
        for name in frameworks
    }


def _count_patients(table: pd.DataFrame) -> int | None:
    names = set(table["patient"].fillna("").astype(str).str.strip()) - {""} if "patient" in table else set()
    return len(names) or None
