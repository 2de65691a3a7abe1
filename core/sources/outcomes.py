"""Count the outcomes that readers see: those of all networks together, from stored predictions alone.

Slices and studies are decided as `core.reading` decides them, each slice as if read alone: a slice that does
not count is not judged, and a warning of the gate makes a slice uncertain (a study, if more than half of its
slices have one). Home's table holds no warnings. Every group of slices of one patient or study is decided as
a study, even if it is a single slice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.evaluation import Band, patient_level
from core.experiments import Experiment
from core.reading import Outcome, combine_outcomes, decide, make_study_rules
from core.sources.source_thresholds import HOME, split_own
from core.validation import list_validations

if TYPE_CHECKING:
    import pandas as pd


class OutcomeCount(NamedTuple):
    """The outcomes of the slices, or of the patients or studies, of one source that are labeled alike.

    Attributes:
        level: "slice" or "patient".
        source: HOME (its test rows), or the name of a validation (its kept part). Of an experiment on several
            sources also `name_own(source)`, the test rows of each.
        positive: whether they have the finding.
        n: their number.
        outcomes: outcome -> their number.
        called: framework -> how many of them are at or above its threshold, whatever is said of them.
    """

    level: str
    source: str
    positive: bool
    n: int
    outcomes: Mapping[Outcome, int]
    called: Mapping[str, int]

    @property
    def at_home(self) -> bool:
        """Return whether these are the experiment's own slices or patients, not those of a validation."""
        return self.source == HOME or self.source.startswith(name_own(""))


class _Rule(NamedTuple):
    threshold: float
    band: Band | None


def name_own(source: str) -> str:
    """Return the name of one of the experiment's own sources, apart from a validation of the same name."""
    return f"{HOME}, {source}"


def count_outcomes(experiment: Experiment) -> list[OutcomeCount]:
    """Return the counts of home's test rows, and of the kept part of each validation, slices first.

    Those of home are followed by those of each own source if there are several. A level without patients, or
    without a threshold for them, is left out; so is a class without rows.

    Raises:
        ExperimentError: a table is damaged.
    """
    tables = dict(_list_tables(experiment))
    slices = {
        name: _Rule(experiment.threshold(name), experiment.review_band(name))
        for name in experiment.frameworks
    }
    found = [one for name, table in tables.items() for one in _count_slices(name, table, slices)]
    studies = {name: _Rule(rule.threshold, rule.band) for name, rule in make_study_rules(experiment).items()}
    if set(studies) == set(slices):
        for name, table in tables.items():
            known = table[table["patient"].notna() & (table["patient"] != "")]
            found += _count_studies(name, known, studies) if len(known) else ()
    return found


def _list_tables(experiment: Experiment) -> Iterator[tuple[str, pd.DataFrame]]:
    """Yield name and rows of each source, with calibrated probabilities and the columns counted, warned."""
    home = experiment.calibrated_predictions().query("part == 'test'")
    yield HOME, home.assign(counted=home.get("counted", 1), warned=False)
    own = split_own(experiment)
    for name, table in own.items() if len(own) > 1 else ():
        rows = table[table["part"] == "test"]
        yield name_own(name), rows.assign(counted=rows.get("counted", 1), warned=False)
    for validation in list_validations(experiment):
        if not validation.is_current or validation.name == HOME:
            continue
        read = validation.predictions()
        kept = read[read["label"].notna() & (read["part"] == "kept")]
        calibrated = {
            name: experiment.recalibration(name).apply(kept[name]) for name in experiment.frameworks
        }
        if len(kept):
            labels = kept["label"].astype(int)
            yield validation.name, kept.assign(label=labels, warned=kept["gate"] == "warn", **calibrated)


def _count_slices(source: str, table: pd.DataFrame, rules: Mapping[str, _Rule]) -> Iterator[OutcomeCount]:
    scores = {name: table[name].to_numpy(np.float64) for name in rules}
    judged = table["counted"].to_numpy() == 1
    positive, warned = table["label"].to_numpy() == 1, table["warned"].to_numpy(bool)
    yield from _count("slice", source, positive, scores, rules, judged=judged, warned=warned)


def _count_studies(source: str, table: pd.DataFrame, rules: Mapping[str, _Rule]) -> Iterator[OutcomeCount]:
    studies = table.groupby(table["patient"].astype(str))
    names = np.unique(table["patient"].to_numpy(dtype=str))
    positive = studies["label"].max().reindex(names).to_numpy() == 1
    counted = table[table["counted"] == 1]
    share = counted.groupby(counted["patient"].astype(str))["warned"].mean().reindex(names, fill_value=0.0)
    judged, scores = np.zeros(names.size, bool), {}
    for name in rules:
        _, own, scored = patient_level(table, name)
        judged = np.isin(names, scored)
        scores[name] = np.full(names.size, -np.inf)
        scores[name][np.searchsorted(names, scored)] = own
    warned = share.to_numpy() > 0.5
    yield from _count("patient", source, positive, scores, rules, judged=judged, warned=warned)


def _count(
    level: str,
    source: str,
    positive: NDArray[np.bool_],
    scores: Mapping[str, NDArray[np.float64]],
    rules: Mapping[str, _Rule],
    *,
    judged: NDArray[np.bool_],
    warned: NDArray[np.bool_],
) -> Iterator[OutcomeCount]:
    answers = [
        [decide(float(score), rule.threshold, rule.band) for score in scores[name]]
        for name, rule in rules.items()
    ]
    outcomes: list[Outcome] = [
        "not_judged" if not is_judged else "uncertain" if is_warned else combine_outcomes(each)
        for each, is_judged, is_warned in zip(zip(*answers, strict=True), judged, warned, strict=True)
    ]
    for wanted in (True, False):
        own = positive == wanted
        if not own.any():
            continue
        counts = Counter(outcome for outcome, is_own in zip(outcomes, own, strict=True) if is_own)
        called = {name: int((scores[name][own] >= rule.threshold).sum()) for name, rule in rules.items()}
        yield OutcomeCount(level, source, wanted, int(own.sum()), counts, called)
